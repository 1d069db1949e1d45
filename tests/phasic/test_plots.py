"""A picture shows every vertex and edge, with graphviz and without, and nothing makes it crash."""

from __future__ import annotations

import builtins
import shutil
import stat
import sys

import numpy as np
import pytest

from phasic import Graph, GraphError, OptionError, models
from phasic.plots.components import levels

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture
def graph():
    return Graph(models.structured_coalescent(2, 1))


@pytest.fixture
def without_dot(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)


@pytest.fixture
def with_dot(monkeypatch, tmp_path):
    """A stand-in for ``dot`` that copies what it is given."""
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        "import shutil, sys\n"
        "shutil.copy(sys.argv[-1], sys.argv[sys.argv.index('-o') + 1])\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent))


def drawn_texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_without_graphviz_every_vertex_and_edge_is_drawn(graph, without_dot):
    figure = graph.plot()
    texts = drawn_texts(figure)
    assert len(texts) == len(graph) + graph.edges_length()
    assert texts[0] == "S"
    assert texts[1 : len(graph)] == [",".join(map(str, v.state())) for v in graph][1:]
    arrows = [p for p in figure.axes[0].patches if type(p).__name__ == "FancyArrowPatch"]
    assert len(arrows) == graph.edges_length()


def test_with_graphviz_every_vertex_and_edge_is_in_the_document(graph, with_dot):
    source = graph.plot().source
    for vertex in graph:
        for edge in vertex.edges():
            assert f"{vertex.index()} -> {edge.to().index()} [" in source
    assert source.count("peripheries=2") == 2


def test_labels_follow_from_what_the_user_says(graph, without_dot):
    graph.update_weights([2.0, 0.25])
    figure = graph.plot(
        label_fmt=lambda vertex: "<{}|{}>\n{}".format(*vertex.state(), vertex.index()),
        rate_fmt=lambda rate: f"{rate:.2f}!",
    )
    texts = drawn_texts(figure)
    assert "<2|1>\n1" in texts
    assert "0.25!" in texts


@pytest.mark.parametrize("nothing", [False, lambda what: None])
def test_labels_can_be_left_out(graph, without_dot, nothing):
    texts = drawn_texts(graph.plot(label_fmt=nothing, rate_fmt=nothing))
    assert texts == ["S", *[""] * (len(graph) + graph.edges_length() - 1)]


def test_labels_are_text_to_graphviz_whatever_they_contain(graph, with_dot):
    source = graph.plot(label_fmt=lambda vertex: "<b>\\N & {x}").source
    assert "\\\\N" in source
    assert "label=<b>" not in source


def test_framed_vertices_are_told_apart(graph, with_dot):
    source = graph.plot(by_state=lambda state: f"{state.sum()} left").source
    assert [f"{k} left" in source for k in (1, 2, 3)] == [True] * 3
    assert graph.plot(by_index=lambda index: "all").source.count("subgraph") == 1
    assert graph.plot(subgraphfun=lambda state: "all").source.count("subgraph") == 1


def test_frames_are_drawn_without_graphviz(graph, without_dot):
    texts = drawn_texts(graph.plot(by_state=lambda state: f"{state.sum()} left"))
    assert {"1 left", "2 left", "3 left"} <= set(texts)


def test_a_colour_stands_for_a_number(graph, with_dot):
    values = graph.expected_waiting_time()
    source = graph.plot(color_by=values).source
    assert "#440154" in source  # the lowest of viridis
    assert "#fde725" in source  # and the highest


@pytest.mark.parametrize("rankdir", ["LR", "RL", "TB", "BT"])
def test_the_start_is_where_the_direction_says(graph, without_dot, rankdir):
    texts = graph.plot(rankdir=rankdir).axes[0].texts
    start = np.array(texts[0].get_position())
    others = np.array([text.get_position() for text in texts[1 : len(graph)]])
    axis, sign = {"LR": (0, 1), "RL": (0, -1), "TB": (1, -1), "BT": (1, 1)}[rankdir]
    assert (sign * (others - start)[:, axis] > 0).all()


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_a_picture_is_written_where_it_is_wanted(graph, without_dot, tmp_path, suffix):
    path = tmp_path / f"graph.{suffix}"
    graph.plot(str(path))
    assert path.stat().st_size > 1000


def test_graphviz_writes_where_it_is_wanted(graph, with_dot, tmp_path):
    path = tmp_path / "graph.pdf"
    document = graph.plot(str(path))
    assert path.read_text() == document.source
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bin", "graph.pdf"]


def test_a_file_name_without_a_format_is_refused(graph, without_dot, tmp_path):
    with pytest.raises(GraphError, match=r"add \.pdf"):
        graph.plot(str(tmp_path / "graph"))


def test_a_large_graph_is_not_drawn_unless_asked(without_dot, caplog):
    graph = Graph(models.erlang(150))
    assert graph.plot() is None
    assert "max_nodes=152" in caplog.text
    assert len(drawn_texts(graph.plot(max_nodes=152))) == 152 + 151


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"color_by": [1.0]}, "one finite number for each"),
        ({"color_by": [float("nan")] * 8}, "one finite number for each"),
        ({"color_by": range(10), "color_by_lim": (2, 1)}, "color_by_lim"),
        ({"rankdir": "up"}, "rankdir"),
        ({"by_state": str, "by_index": str}, "one of by_state and by_index"),
    ],
)
def test_an_impossible_option_is_refused(graph, without_dot, options, complaint):
    with pytest.raises((GraphError, OptionError), match=complaint):
        graph.plot(**options)


def test_with_nothing_to_draw_with_the_error_says_what_to_install(graph, without_dot, monkeypatch):
    real = builtins.__import__

    def without_matplotlib(name, *args, **kwargs):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name="matplotlib")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(OptionError, match=r"hashcache\[plots\]"):
        graph.plot()


@pytest.mark.parametrize("model", [Graph(1), Graph(models.erlang(1)), Graph(lambda s: [], ipv=[1, 2])])
def test_the_smallest_graphs_have_pictures(model, without_dot):
    assert (
        len(drawn_texts(model.plot(dark=True, rainbow=False, wrap=False)))
        == len(model) + model.edges_length()
    )


def test_components_are_levels_towards_absorption(graph):
    sizes, level = levels(graph)
    assert sizes.sum() == len(graph)
    assert level.tolist() == [0, 0, 1, 2, 3]  # two ends, two lineages, three, the start
    assert sizes.tolist() == [1, 1, 3, 4, 1]


def test_tiles_are_as_wide_as_components_are_large(graph):
    axes = graph.plot_scc_decomp(title=True)
    assert [patch.get_width() for patch in axes.patches] == [1, 1, 3, 4, 1]
    assert axes.get_title() == "5 components in 4 levels, the widest of 4 vertices"
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["L0 (2)", "L1 (1)", "L2 (1)", "L3 (1)"]
    assert "3 (4)" in [text.get_text() for text in axes.texts]


def test_tiles_go_into_axes_that_are_there(graph):
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    assert graph.plot_scc_decomp(ax=axes, show_indices=False) is axes
