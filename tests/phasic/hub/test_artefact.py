"""Artefacts: one byte string each, nothing else is read, and none makes an answer wrong."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import phase_types
from test_hash import renumbered

from phasic import Graph, elimination, models, replay
from phasic.hub.artefact import MAGIC, Artefact
from phasic.hub.errors import ArtefactError, HubError
from phasic.hub.plan import artefact_of, plan_of

EXAMPLE = artefact_of(Graph(models.structured_coalescent(3, 2)).arrays)
DATA = EXAMPLE.to_bytes()


def sealed(content: bytes) -> bytes:
    return content + hashlib.sha256(content).digest()


def with_header(data: bytes = DATA, **changes: object) -> bytes:
    (length,) = struct.unpack_from("<I", data, 8)
    header = {**json.loads(data[12 : 12 + length]), **changes}
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    return sealed(MAGIC + struct.pack("<I", len(text)) + text + data[12 + length : -32])


@settings(max_examples=50)
@given(phase_types(max_states=6))
def test_an_artefact_comes_back_as_it_was(arrays):
    artefact = artefact_of(arrays)
    data = artefact.to_bytes()
    assert Artefact.from_bytes(data) == artefact
    assert artefact_of(arrays).to_bytes() == data


@settings(max_examples=50)
@given(phase_types(max_states=7, cyclic=True))
def test_the_plan_of_a_graph_is_what_recording_gives(arrays):
    plan = plan_of(Artefact.from_bytes(artefact_of(arrays).to_bytes()), arrays)
    assert plan.is_own
    assert plan.trace == elimination.record(arrays.offsets, arrays.targets)


@settings(max_examples=50)
@given(phase_types(max_states=7, cyclic=True, missing=False), st.randoms(use_true_random=False))
def test_a_graph_that_is_numbered_otherwise_gets_the_plan_mapped(arrays, random):
    others = list(range(1, arrays.n_vertices))
    random.shuffle(others)
    same = renumbered(arrays, np.array([0, *others]), np.random.default_rng(random.randrange(2**32)))
    plan = plan_of(artefact_of(arrays), same)
    assert np.array_equal(plan.trace.offsets, same.offsets)
    assert np.array_equal(plan.trace.targets, same.targets)
    if plan.is_own:
        assert plan.trace == elimination.record(same.offsets, same.targets)
    ones = np.ones(same.n_vertices)
    mapped = replay.factorise(plan.trace, same.weights()).solve(ones)
    own = elimination.eliminate(same.offsets, same.targets, same.weights()).solve(ones)
    np.testing.assert_allclose(mapped, own, rtol=1e-13)


@settings(max_examples=50)
@given(phase_types(max_states=7, cyclic=True, missing=False), st.randoms(use_true_random=False))
def test_any_order_inside_components_gives_the_same_numbers(arrays, random):
    artefact = artefact_of(arrays)
    order = artefact.order.tolist()
    for begin, end in zip(artefact.bounds[:-1], artefact.bounds[1:], strict=True):
        part = order[begin:end]
        random.shuffle(part)
        order[begin:end] = part
    plan = plan_of(replace(artefact, order=np.array(order)), arrays)
    ones = np.ones(arrays.n_vertices)
    found = replay.factorise(plan.trace, arrays.weights()).solve(ones)
    own = elimination.eliminate(arrays.offsets, arrays.targets, arrays.weights()).solve(ones)
    np.testing.assert_allclose(found, own, rtol=1e-13)


@settings(max_examples=50)
@given(phase_types(max_states=5), phase_types(max_states=5))
def test_a_plan_fits_its_own_graph_or_none(mine, yours):
    try:
        plan = plan_of(artefact_of(yours), mine)
    except ArtefactError:
        return
    assert np.array_equal(plan.trace.targets, mine.targets)
    assert np.array_equal(plan.trace.offsets, mine.offsets)


def test_components_that_are_joined_or_out_of_order_are_refused():
    arrays = Graph(models.structured_coalescent(3, 2)).arrays
    joined = replace(EXAMPLE, bounds=EXAMPLE.bounds[[0, -1]])
    backwards = replace(EXAMPLE, order=EXAMPLE.order[::-1], bounds=EXAMPLE.bounds[-1] - EXAMPLE.bounds[::-1])
    for changed in (joined, backwards):
        with pytest.raises(ArtefactError):
            plan_of(changed, arrays)


def test_an_order_that_would_fill_the_memory_is_refused_before_it_does(monkeypatch):
    monkeypatch.setattr(elimination, "memory_of_machine", lambda: 240.0)
    with pytest.raises(ArtefactError, match="memory"):
        plan_of(EXAMPLE, Graph(models.structured_coalescent(3, 2)).arrays)


@pytest.mark.parametrize("place", range(0, len(DATA), 7))
def test_a_flipped_bit_is_found(place):
    damaged = bytearray(DATA)
    damaged[place] ^= 1 << place % 8
    with pytest.raises(ArtefactError):
        Artefact.from_bytes(bytes(damaged))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        DATA[:-1],
        DATA + b"\0",
        sealed(DATA[:-33]),
        sealed(DATA[:-32] + bytes(4)),
        sealed(b"\x80PICKLE\n" + DATA[8:-32]),
        sealed(MAGIC + struct.pack("<I", 2**32 - 1) + DATA[12:-32]),
        sealed(MAGIC + struct.pack("<I", 4) + b"[[[[" + DATA[12:-32]),
        with_header(vertices=2**31 - 1, edges=2**31 - 1),
        with_header(vertices=-1),
        with_header(vertices=True),
        with_header(edges=1.0),
        with_header(graph_hash="../" * 20 + "etc."),
        with_header(graph_hash="A" * 64),
        with_header(format=2),
        with_header(order_version=None),
        with_header(more=1),
        with_header(vertices=EXAMPLE.degrees.size + 1, edges=EXAMPLE.targets.size - 1),
    ],
)
def test_what_is_no_artefact_is_refused(data):
    with pytest.raises(ArtefactError):
        Artefact.from_bytes(data)


@st.composite
def altered(draw):
    """Return artefacts with some numbers changed, sealed anew: as somebody would who means harm."""
    content = bytearray(DATA[:-32])
    words, begin = len(content) // 4, len(content) % 4  # numbers as they lie at the end

    def place(first: int = 0) -> slice:
        word = draw(st.integers(first, words - 1))
        return slice(begin + 4 * word, begin + 4 * word + 4)

    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):  # two numbers change places, likely ones of the order
            one, other = place(words - 30), place(words - 30)
            content[one], content[other] = content[other], content[one]
        else:
            number = draw(st.one_of(st.integers(-2, 20), st.integers(-(2**31), 2**31 - 1)))
            content[place()] = struct.pack("<i", number)
    return sealed(bytes(content))


def check_harmless(data: bytes) -> bool:
    """Whatever the bytes: an error of ours, or exactly this artefact and right numbers."""
    arrays = Graph(models.structured_coalescent(3, 2)).arrays
    try:
        artefact = Artefact.from_bytes(data)
        assert artefact.to_bytes() == data
        plan = plan_of(artefact, arrays)
    except HubError:
        return False
    found = replay.factorise(plan.trace, arrays.weights()).solve(np.ones(arrays.n_vertices))
    own = elimination.eliminate(arrays.offsets, arrays.targets, arrays.weights())
    np.testing.assert_allclose(found, own.solve(np.ones(arrays.n_vertices)), rtol=1e-13)
    return True


ANYTHING = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(lambda tail: sealed(MAGIC + tail)),
    st.binary(max_size=len(DATA)).map(lambda head: sealed(head + DATA[len(head) : -32])),
    altered(),
)


@given(ANYTHING)
def test_no_bytes_do_harm(data):
    check_harmless(data)


@pytest.mark.slow
@settings(max_examples=20_000, suppress_health_check=list(HealthCheck), database=None)
@given(ANYTHING)
def test_twenty_thousand_inputs_do_no_harm(data):
    check_harmless(data)
