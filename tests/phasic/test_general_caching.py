"""Functions under the general decorator that take, make or capture graphs, as users write them."""

from __future__ import annotations

PROGRAM = """
import warnings
warnings.simplefilter("error")
import hashcache, phasic

cache = hashcache.Cache()

def coalescent(state):
    n = state[0]
    return [[(n - 1,), RATE * n * (n - 1) / 2]] if n > 1 else []

RATE = 1.0
graph = phasic.Graph(coalescent, ipv=[([5], 1.0)])

@cache
def takes(graph):
    return float(graph.expectation())

@cache
def makes(count):
    return [float(phasic.Graph(coalescent, ipv=[([5], 1.0)]).expectation())] * count

@cache
def captures(power):
    return float(graph.moments(power)[-1])

for _ in range(2):
    assert abs(takes(graph) - 1.6 / RATE) < 1e-12
    makes(2), captures(2)
print([f.stats()["misses"] for f in (takes, makes, captures)])
"""


def test_nothing_is_said_of_graphs_and_the_next_process_finds_all_results(python):
    # Also where phasic is installed as editable, and its code is read as the user's own.
    assert python(PROGRAM) == "[1, 1, 1]\n"
    assert python(PROGRAM) == "[0, 0, 0]\n"
    assert python(PROGRAM.replace("RATE = 1.0", "RATE = 2.0")) == "[1, 1, 1]\n"
