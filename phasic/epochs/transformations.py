"""Graphs made of a graph with epochs, where that has an exact meaning."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phasic.arrays import Floats
from phasic.epochs.switching import Switching
from phasic.errors import GraphError
from phasic.graph import Graph
from phasic.weighting import linear

if TYPE_CHECKING:
    from phasic.epochs.graph import EpochGraph


def on_another_clock(graph: EpochGraph, rewards: Floats) -> EpochGraph:
    """Return the graph whose time is the reward of this one: one positive number for each epoch.

    Raises
    ------
    GraphError
        States of an epoch have different rewards, or none.
    """
    _require_sums(graph, "transformed")
    arrays, epochs, switching = graph._startable(), graph._epochs, graph._switching
    transient, epoch = np.diff(arrays.offsets) > 0, graph._epoch_of_vertices
    pace = np.ones(epochs.begins.size)
    for k in range(pace.size):
        mine = rewards[transient & (epoch == k)]
        if mine.size and not (mine[0] > 0.0 and (mine == mine[0]).all()):
            raise GraphError(
                f"states of epoch {k} have rewards from {mine.min():g} to {mine.max():g}, so every path "
                f"reaches the next boundary, or its end, at another amount of the reward, and no graph with "
                f"epochs has it for its time; moments(k, rewards), covariance and sample(n, rewards) are "
                f"exact, and one positive reward for all states of an epoch can be transformed"
            )
        pace[k] = mine[0] if mine.size else 1.0
    divisors = np.where(epochs.switch, 1.0, pace[epoch[epochs.sources]])
    made = replace(arrays, coefficients=arrays.coefficients / divisors[:, None])
    ends = np.cumsum(pace[:-1] * np.array(epochs.lengths))
    theta = graph.theta
    if theta is not None:
        theta[switching.places] = 1.0
    return graph._like_this(made, Switching(tuple(ends.tolist()), switching.length), theta)


def killed(graph: EpochGraph, rate: float) -> EpochGraph:
    """Return the graph in which every state is left for an absorbing one at one more rate.

    Raises
    ------
    GraphError
        States become absorbing at a boundary, or the graph cannot have that rate.
    """
    from phasic.laplace import killed as algorithm

    arrays, switching = graph.arrays, graph._switching
    if switching.within is not None:
        raise GraphError("ask the graph that this one was made of for its Laplace transform")
    if any((np.diff(arrays.offsets)[ends] == 0).any() for _, _, ends in graph._epochs.sisters):
        raise GraphError(
            "states become absorbing at a boundary, which is no rate; integrate over cdf for the transform"
        )
    longer, killing = algorithm(arrays, rate)
    made = graph._like_this(longer, replace(switching, within=killing), graph.theta)
    made._joint, made.auxiliary = graph._joint, set(graph.auxiliary)
    return made


def joined(graph: EpochGraph, **options: Any) -> EpochGraph:
    """Return the graph of states joined with counts of events; options as for `Graph.joint_prob_graph`.

    Edges between sisters are joined with counts as all others are, and stay what they are.

    Raises
    ------
    GraphError
        As for that, or weights are no sums over theta.
    """
    _require_sums(graph, "joined with counts")
    plain = Graph.from_arrays(graph._startable())
    plain._theta, plain.indexer = graph.theta, graph.indexer
    found = plain.joint_prob_graph(**options, discrete=False)
    made = graph._like_this(found.arrays, replace(graph._switching), found.theta)
    made._joint = found._joint
    return made


def _require_sums(graph: EpochGraph, what: str) -> None:
    if graph._weighting is not linear or graph._switching.within is not None or graph._joint is not None:
        raise GraphError(
            f"only a graph with epochs whose weights are sums over theta can be {what}; take the graph that "
            f"this one was made of"
        )
