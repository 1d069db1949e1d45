"""The steps from a model to numbers, bare or cached: the one switch between `Graph` and the algorithms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phasic.arrays import Floats, GraphArrays, Integers
from phasic.initial import Callback, Initial
from phasic.program import Kind, Program, Programs

if TYPE_CHECKING:
    from phasic.replay import Factors
    from phasic.trace import Trace


@dataclass(frozen=True)
class Steps:
    """What a graph calls; each field may be a bare function or one that looks its result up.

    Attributes
    ----------
    explore : callable
        ``(callback, initial, parameters, vectorized, compiled, programs) -> GraphArrays``: the states
        that a callback reaches. `compiled` and `programs` say how to come by them, and take no part in
        them.
    record : callable
        ``(offsets, targets) -> Trace``: the plan of elimination, from structure alone.
    moments : callable
        ``(arrays, weights, order, rewards, factors) -> list of float``: the first `order` raw moments.
        ``factors()`` gives the factors of `arrays` at `weights`: a means to the result that takes no
        part in its value, and is called only when there is something to compute.
    """

    explore: Callable[[Callback, Initial, Mapping[str, Any], bool, bool | None, Programs | None], GraphArrays]
    record: Callable[[Integers, Integers], Trace]
    moments: Callable[[GraphArrays, Floats, int, Floats | None, Callable[[], Factors]], list[float]]


def explore(
    callback: Callback,
    initial: Initial,
    parameters: Mapping[str, Any],
    vectorized: bool = False,
    compiled: bool | None = None,
    programs: Programs | None = None,
) -> GraphArrays:
    """Return the graph that `callback` spans; see `phasic.state_space.explore`."""
    from phasic import state_space

    return state_space.explore(callback, initial, parameters, vectorized, compiled, programs)


def record(offsets: Integers, targets: Integers) -> Trace:
    """Return the plan of elimination of a structure; see `phasic.elimination.record`."""
    from phasic import elimination  # loads numba

    return elimination.record(offsets, targets)


def moments(
    arrays: GraphArrays, weights: Floats, order: int, rewards: Floats | None, factors: Callable[[], Factors]
) -> list[float]:
    """Return the first `order` raw moments; see `phasic.moments.moments`."""
    from phasic import moments as algorithm

    return algorithm.moments(factors(), arrays.alpha, order, rewards, discrete=arrays.discrete)


class KeptPrograms:
    """Compiled callbacks, kept from one process to the next; caching is loaded when one is asked for."""

    def find(self, function: Callable[..., Any], kinds: tuple[Kind, ...]) -> Program | None:
        """Return the program of a callback if it was compiled before."""
        from phasic import layers

        return layers.find_program(function, kinds)

    def make(self, function: Callable[..., Any], kinds: tuple[Kind, ...]) -> Program:
        """Return the program of a callback."""
        from phasic import layers

        return layers.make_program(function, kinds)


PROGRAMS = KeptPrograms()
BARE = Steps(explore=explore, record=record, moments=moments)


def select(cache_graph: bool, cache_trace: bool, cache_moments: bool) -> Steps:
    """Return the steps with the layers that were asked for; without any, nothing of caching is loaded."""
    if not (cache_graph or cache_trace or cache_moments):
        return BARE
    from phasic import layers

    return layers.chosen_steps(cache_graph, cache_trace, cache_moments)
