"""Random changes to a graph, each compared with the same changes to plain dictionaries."""

from __future__ import annotations

import pickle

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from phasic import AbsorptionError, Graph, GraphError

WEIGHTS = st.integers(1, 64).map(lambda k: k / 8.0)  # sums and products are exact


class Changes(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.graph = Graph(1)
        self.states = [0]
        self.start = {}
        self.edges = {}  # (source, target) -> weight, in the order of the graph
        self.theta = 1.0

    def vertices(self, data):
        return (data.draw(st.integers(1, len(self.states) - 1)) for _ in range(2))

    @rule(state=st.integers(-3, 3))
    def find_or_create(self, state):
        known = state in self.states[1:]
        index = self.graph.find_or_create_vertex([state]).index()
        if known:
            assert index == 1 + self.states[1:].index(state)
        else:
            assert index == len(self.states)
            self.states.append(state)

    @rule(state=st.integers(-3, 3))
    def create(self, state):
        assert self.graph.create_vertex([state]).index() == len(self.states)
        self.states.append(state)

    @precondition(lambda self: len(self.states) > 1)
    @rule(data=st.data(), weight=WEIGHTS)
    def add_edge(self, data, weight):
        source, target = self.vertices(data)
        vertex = self.graph.vertex_at(source)
        if source == target or (source, target) in self.edges:
            before = self.graph.clone()
            try:
                vertex.add_edge(self.graph.vertex_at(target), weight)
            except GraphError:
                assert self.graph == before
                return
            raise AssertionError("the edge was accepted")
        vertex.add_edge(self.graph.vertex_at(target), weight)
        self.edges[source, target] = weight

    @precondition(lambda self: len(self.states) > 1)
    @rule(data=st.data(), share=st.sampled_from([0.125, 0.25, 0.5]))
    def add_start(self, data, share):
        target, _ = self.vertices(data)
        if target not in self.start and sum(self.start.values()) + share <= 1.0:
            self.graph.starting_vertex().add_edge(self.graph.vertex_at(target), share)
            self.start[target] = share

    @precondition(lambda self: self.edges)
    @rule(data=st.data(), weight=WEIGHTS)
    def update_weight(self, data, weight):
        source, target = data.draw(st.sampled_from(list(self.edges)))
        [edge] = [e for e in self.graph.vertex_at(source).edges() if e.to().index() == target]
        edge.update_weight(weight)
        self.edges[source, target] = weight

    @precondition(lambda self: self.edges)
    @rule(data=st.data())
    def update_to(self, data):
        source, old = data.draw(st.sampled_from(list(self.edges)))
        _, new = self.vertices(data)
        if new != source and (source, new) not in self.edges:
            [edge] = [e for e in self.graph.vertex_at(source).edges() if e.to().index() == old]
            edge.update_to(self.graph.vertex_at(new))
            self.edges = {(source, new) if k == (source, old) else k: w for k, w in self.edges.items()}

    @rule(theta=WEIGHTS)
    def update_weights(self, theta):
        self.graph.update_weights([theta])
        self.theta = theta

    @precondition(lambda self: self.start)
    @rule()
    def update_ipv(self):
        self.start = {target: share / 2.0 for target, share in self.start.items()}
        self.graph.update_ipv(list(self.start.values()))

    @rule(how=st.sampled_from([Graph.clone, lambda g: pickle.loads(pickle.dumps(g)), lambda g: g]))
    def replace(self, how):
        self.graph = how(self.graph)

    @precondition(lambda self: self.start)
    @rule()
    def ask(self):
        try:
            mean = self.graph.expectation()
        except AbsorptionError:
            return
        assert np.isclose(sum(self.graph.expected_sojourn_time()), mean, rtol=1e-12)

    @invariant()
    def same_content(self):
        assert [v.state().tolist() for v in self.graph] == [[s] for s in self.states]
        seen = {(v.index(), e.to().index()): e.weight() for v in self.graph for e in v.edges()}
        start = {(0, target): share for target, share in self.start.items()}
        assert seen == start | {pair: self.theta * weight for pair, weight in self.edges.items()}
        ordered = sorted(self.edges.items(), key=lambda item: item[0][0])  # stable: order within a vertex
        assert self.graph.weights.tolist() == [self.theta * weight for _, weight in ordered]
        assert self.graph.arrays.targets.tolist() == [target for (_, target), _ in ordered]


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
