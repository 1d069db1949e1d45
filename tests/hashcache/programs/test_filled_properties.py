"""Cached properties that tracing fills: found programs leave the same objects behind, for the next key."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import pytest

from hashcache import Cache
from hashcache.programs import compiled
from hashcache.programs.properties import fill, filled

X = jnp.arange(3.0)


class Model:
    def __init__(self, rate):
        self.rate = rate

    @functools.cached_property
    def scale(self):
        return self.rate * 2.0

    @functools.cached_property
    def never(self):
        raise AssertionError("nobody asked for it")


@functools.partial(jax.tree_util.register_dataclass, data_fields=["x"], meta_fields=["models"])
@dataclass(frozen=True)
class Step:
    x: jax.Array
    models: tuple[Model, ...]  # compared by identity, as JAX compares what is static


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(compiled, "_WORTH_STORING", 0.0)


def two(location, **options):
    """Return two functions of one process that get the same objects."""
    cache = Cache(location)
    return (
        cache.jit(lambda model, x: model.scale * x, verify="never", **options),
        cache.jit(lambda model, x: model.scale + x, verify="never", **options),
    )


def test_the_second_process_finds_all_that_the_first_compiled(location):
    for misses in (1, 0, 0):
        first, second = two(location, static_argnums=0)
        model = Model(3.0)
        assert first(model, X).tolist() == [0.0, 6.0, 12.0]
        assert vars(model) == {"rate": 3.0, "scale": 6.0}  # as JAX alone leaves it
        assert second(model, X).tolist() == [6.0, 7.0, 8.0]
        assert first(model, X).tolist() == [0.0, 6.0, 12.0]
        assert [f.stats()["misses"] for f in (first, second)] == [misses] * 2
        assert sum(first.stats().values()) == 1  # the call after it knows the program


def test_objects_in_the_structure_of_arguments(location):
    for misses in (1, 0):
        cache = Cache(location)
        first = cache.jit(lambda step: step.models[0].scale * step.x, verify="never")
        second = cache.jit(lambda step: step.models[0].scale + step.x, verify="never")
        step = Step(X, (Model(2.0),))
        assert first(step).tolist() == [0.0, 4.0, 8.0]
        assert second(step).tolist() == [4.0, 5.0, 6.0]
        assert "scale" in vars(step.models[0])
        assert [f.stats()["misses"] for f in (first, second)] == [misses] * 2


def two_that_capture(location, model):
    cache = Cache(location)
    return (
        cache.jit(lambda x: model.scale * x, verify="never"),
        cache.jit(lambda x: model.scale + x, verify="never"),
    )


def test_captured_objects(location):
    for misses in (1, 0):
        first, second = two_that_capture(location, Model(5.0))
        assert first(X).tolist() == [0.0, 10.0, 20.0]
        assert second(X).tolist() == [10.0, 11.0, 12.0]
        assert first(X).tolist() == [0.0, 10.0, 20.0]
        assert [f.stats()["misses"] for f in (first, second)] == [misses] * 2


def test_what_was_there_before_is_not_filled_again(location):
    first, _ = two(location, static_argnums=0)
    model = Model(3.0)
    model.scale = 7.0
    assert first(model, X).tolist() == [0.0, 7.0, 14.0]
    late, _ = two(location, static_argnums=0)
    assert late(model, X).tolist() == [0.0, 7.0, 14.0]
    assert "never" not in vars(model)
    assert late.stats() == {"hits": 1, "misses": 0}


def test_a_property_that_fails_now_costs_nobody_the_answer(location, monkeypatch):
    two(location, static_argnums=0)[0](Model(3.0), X)
    with monkeypatch.context() as patch:
        patch.setattr(compiled.Executable, "load", _loading_and_breaking)
        late, model = two(location, static_argnums=0)[0], Model(3.0)
        assert late(model, X).tolist() == [0.0, 6.0, 12.0]
    assert late.stats() == {"hits": 1, "misses": 0}
    assert "scale" not in vars(model)


def _loading_and_breaking(self, tree, load=compiled.Executable.load):
    self.filled = [["static", [[".%s", "gone"]]], ["nowhere", []], *self.filled[:0]]
    return load(self, tree)


def test_places_are_named_by_steps_that_lead_there():
    model = Model(3.0)
    values = {"a": [{"k": model}], "b": {("no", "step"): Model(1.0)}}
    assert filled(values) == set()
    assert model.scale
    assert values["b"]["no", "step"].scale
    (place,) = filled(values)
    fresh = Model(3.0)
    fill({"a": [{"k": fresh}]}, [place])
    assert vars(fresh) == vars(model)
