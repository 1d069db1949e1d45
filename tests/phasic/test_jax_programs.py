"""JAX's cache is switched on by the first use of JAX through phasic and nothing else; off again is off."""

from __future__ import annotations

import json

import pytest

from phasic import Graph, GraphError, jax_programs, settings

pytest.importorskip("jax")

HEAD = (
    "import json, sys, phasic\n"
    "assert 'jax' not in sys.modules\n"
    "graph = phasic.Graph(lambda s: [([s[0] - 1], [1.0])] if s[0] else [], ipv=[1])\n"
    "assert 'jax' not in sys.modules\n"
    "def place():\n"
    "    import jax\n"
    "    return jax.config.jax_compilation_cache_dir\n"
)


def run(python, code: str, **environment: str):
    return json.loads(python(HEAD + code, JAX_PLATFORMS="cpu", **environment))


def test_the_first_use_switches_it_on_and_off_again_is_off(python, location):
    places = run(
        python,
        "places = [place()]\n"
        "phasic.Graph.pmf_from_graph(graph); places.append(place())\n"
        "with phasic.configure(jax_cache=False):\n"
        "    places.append(place()); phasic.Graph.moments_from_graph(graph); places.append(place())\n"
        "places.append(place()); phasic.Graph.moments_from_graph(graph); places.append(place())\n"
        "assert places[-1] == phasic.cache_info()['path']\n"
        "phasic.configure(jax_cache=False); places.append(place())\n"
        "print(json.dumps(places))",
    )
    here = str(location / "jax")
    assert places == [None, here, None, None, None, here, None]


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"JAX_COMPILATION_CACHE_DIR": "/nowhere/of/the/user"}, "/nowhere/of/the/user"),
        ({"JAX_ENABLE_COMPILATION_CACHE": "0"}, None),
    ],
)
def test_what_jax_was_told_is_left_as_it_is(python, environment, place):
    code = "phasic.Graph.pmf_from_graph(graph); print(json.dumps([place(), phasic.cache_info()['path']]))"
    told, shown = run(python, code, **environment)
    assert told == place
    assert place is None or shown == place


def test_what_hashcache_switched_on_is_not_switched_off_by_phasic(python, location):
    code = (
        "import hashcache; hashcache.configure(jax_cache=True); phasic.Graph.pmf_from_graph(graph)\n"
        "phasic.configure(jax_cache=False); print(json.dumps(place()))"
    )
    assert run(python, code) == str(location / "jax")


def test_a_place_that_cannot_be_written_costs_nothing(python, tmp_path):
    (tmp_path / "file").write_text("in the way")
    code = "phasic.Graph.pmf_from_graph(graph); print(json.dumps(place()))"
    assert run(python, code, HASHCACHE_DIR=str(tmp_path / "file")) is None


def test_what_an_optimiser_does_is_neither_traced_nor_compiled_by_the_next_process(python):
    pytest.importorskip("optax")
    code = (
        "import jax, numpy as np; from collections import Counter\n"
        "from phasic.inference.optimisers import Optimiser\n"
        "seen = Counter()\n"
        "jax.monitoring.register_event_duration_secs_listener(lambda event, _, **__: seen.update([event]))\n"
        "walk, x = Optimiser('adam', None, 7), np.arange(6.0).reshape(3, 2)\n"
        "for _ in range(4): x = walk.step(x, np.sin(x))\n"
        "seen = {name.rpartition('/')[2]: n for name, n in seen.items() if '/compile/' in name}\n"
        "print(json.dumps([x.tobytes().hex(), seen]))"
    )
    first, work = run(python, code)
    assert work["backend_compile_duration"] == 2
    assert run(python, code) == [first, {}]


def test_without_it_functions_are_those_of_jax_alone():
    import jax

    with settings.configure(jax_cache=False):
        assert type(jax_programs.jit(lambda x: x)) is type(jax.jit(lambda x: x))


def test_a_graph_that_has_no_function_switches_nothing_on(python):
    with pytest.raises(GraphError):
        Graph.pmf_from_graph(Graph(lambda s: [([s[0] - 1], 1.0)] if s[0] else [], ipv=[1]), discrete=True)
    assert not jax_programs._switched_on


@pytest.mark.slow
def test_the_second_process_of_a_fit_finds_every_layer(python):
    pytest.importorskip("optax")
    code = (
        "import jax; from collections import Counter; seen = Counter()\n"
        "jax.monitoring.register_event_duration_secs_listener(lambda event, _, **__: seen.update([event]))\n"
        "from phasic import layers\n"
        "graph = phasic.Graph(lambda s: [([s[0] - 1], [s[0] * (s[0] - 1) / 2])] if s[0] > 1 else [], ipv=[6],"
        " cache_graph=True, cache_trace=True)\n"
        "graph.update_weights([7.0]); data = graph.sample(200, seed=1)\n"
        "found = graph.svgd(data, n_iterations=20, seed=1, progress=False)\n"
        "stats = [layers.build_graph.stats(), layers.record_trace.stats()]\n"
        "seen = {name.rpartition('/')[2]: n for name, n in seen.items() if '/compile/' in name}\n"
        "print(json.dumps([found.particles.tobytes().hex(), seen, [one['misses'] for one in stats]]))"
    )
    first, _, _ = run(python, code)
    assert run(python, code) == [first, {}, [0, 0]]


def test_what_jax_keeps_is_no_part_of_a_key(python):
    # Where phasic is installed as editable, its modules are read as code of the user's own.
    same = (
        "from hashcache import digest; from phasic import jax_programs as programs\n"
        "before = digest(programs._switched_on); phasic.Graph.pmf_from_graph(graph)\n"
        "print(json.dumps([len(programs._switched_on), digest(programs._switched_on) == before]))"
    )
    assert run(python, same) == [1, True]


def test_a_transform_that_was_given_is_compiled_once_and_again_when_a_global_of_it_changes(python):
    code = (
        "import jax, numpy as np; from collections import Counter; from types import SimpleNamespace\n"
        "from phasic.inference.given import GivenCoordinates\n"
        "seen = Counter()\n"
        "jax.monitoring.register_event_duration_secs_listener(lambda event, _, **__: seen.update([event]))\n"
        "def transform(x): return FACTOR * jax.numpy.exp(x)\n"
        "given = GivenCoordinates(transform, SimpleNamespace(free=[[0], [1]], n_parameters=2))\n"
        "slopes = [given.slope(np.zeros(2)).tolist(), given.log_slope(np.zeros(2))[1].tolist()]\n"
        "print(json.dumps([slopes, sum(n for name, n in seen.items() if '/compile/' in name)]))"
    )
    first, work = run(python, "FACTOR = 2.0\n" + code)
    assert first == [[2.0, 2.0], [1.0, 1.0]]
    assert work > 0
    assert run(python, "FACTOR = 2.0\n" + code) == [first, 0]
    assert run(python, "FACTOR = 3.0\n" + code) == [[[3.0, 3.0], [1.0, 1.0]], work]
