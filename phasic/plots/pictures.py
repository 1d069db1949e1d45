"""The pictures that can be asked of a graph."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from phasic.errors import GraphError, OptionError

if TYPE_CHECKING:
    from phasic.graph import Graph
    from phasic.plots.description import LabelFormat, RateFormat

_log = logging.getLogger(__name__)
_DIRECTIONS = ("LR", "RL", "TB", "BT")


class Pictures:
    """Pictures of a graph: its vertices and edges, and its strongly connected components."""

    def plot(
        self,
        filename: str | None = None,
        wrap: bool | int = True,
        label_fmt: LabelFormat = None,
        rate_fmt: RateFormat = None,
        color_by: Sequence[float] | None = None,
        color_by_cmap: str = "viridis",
        color_by_lim: tuple[float, float] | None = None,
        subgraphfun: Callable[..., str] | None = None,
        by_state: Callable[..., str] | None = None,
        by_index: Callable[[int], str] | None = None,
        max_nodes: int = 100,
        dark: bool | None = None,
        constraint: bool = True,
        ranksep: float = 1,
        nodesep: float = 1,
        rankdir: str = "LR",
        size: tuple[float, float] = (7, 7),
        fontsize: int = 12,
        rainbow: bool = True,
        penwidth: float = 1,
        taillabel: bool = False,
        seed: int = 1,
        graph_attr: Mapping[str, str] | None = None,
        node_attr: Mapping[str, str] | None = None,
        edge_attr: Mapping[str, str] | None = None,
    ) -> Any:
        """Return a picture of the graph, which notebooks show.

        It is a ``graphviz.Digraph`` where the package graphviz and its program ``dot`` are installed, and
        a ``matplotlib.figure.Figure`` where they are not.

        Parameters
        ----------
        filename : str, optional
            Write the picture there too; the suffix (``.pdf``, ``.png``, ``.svg``) says in which format.
        wrap : bool or int
            Break states into lines, of at most so many characters if a number.
        label_fmt : callable or False, optional
            ``label_fmt(vertex) -> str``, the text of a vertex, by default its state; False for none.
        rate_fmt : callable or False, optional
            ``rate_fmt(weight) -> str``, the text of an edge, by default its weight; False for none.
        color_by : sequence of float, optional
            A number for each vertex, shown as its colour.
        color_by_cmap : str
            Name of matplotlib's range of colours for that.
        color_by_lim : (float, float), optional
            Numbers at the ends of that range; by default the least and the largest.
        by_state, by_index : callable, optional
            ``by_state(state) -> str`` or ``by_index(index) -> str``: vertices that give the same text are
            framed together. `subgraphfun` is another name of `by_state`.
        max_nodes : int
            More vertices are not drawn; the answer is then None, which is logged.
        dark : bool, optional
            Light lines for a dark background.
        constraint, ranksep, nodesep, rankdir, size, fontsize, penwidth, taillabel, seed
            As attributes of graphviz; `size` is in inches. `rankdir` is LR, RL, TB or BT.
        rainbow : bool
            Give the edges out of each vertex a colour of their own.
        graph_attr, node_attr, edge_attr : mapping, optional
            Further attributes for graphviz.

        Returns
        -------
        graphviz.Digraph, matplotlib.figure.Figure or None

        Raises
        ------
        GraphError
            `color_by` is not one finite number for each vertex.
        OptionError
            Another option has a value that it cannot have, or there is nothing installed to draw with.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> picture = Graph(models.coalescent(4)).plot()
        """
        from phasic.plots.description import describe
        from phasic.plots.style import Style

        graph = cast("Graph", self)
        if rankdir not in _DIRECTIONS:
            raise OptionError(f"rankdir is {rankdir!r}; pass one of {', '.join(_DIRECTIONS)}")
        if by_state is not None and by_index is not None:
            raise OptionError("vertices are framed by state or by index; pass one of by_state and by_index")
        if len(graph) > max_nodes:
            _log.warning(
                "the graph has %d vertices and is not drawn; pass max_nodes=%d to draw it all the same",
                len(graph),
                len(graph),
            )
            return None
        framing = by_state or subgraphfun
        description = describe(graph, wrap, label_fmt, rate_fmt, color_by, color_by_lim, framing, by_index)
        style = Style(
            color_by_cmap,
            bool(dark),
            constraint,
            ranksep,
            nodesep,
            rankdir,
            size,
            fontsize,
            rainbow,
            penwidth,
            taillabel,
            seed,
        )
        if _can_use_graphviz():
            from phasic.plots.dot import digraph

            attributes = {"graph": graph_attr or {}, "node": node_attr or {}, "edge": edge_attr or {}}
            document = digraph(description, style, attributes)
            if filename is not None:
                path = Path(filename)
                document.render(outfile=path, format=_format(path), cleanup=True)
            return document
        try:
            from phasic.plots.drawing import figure

            picture = figure(description, style)
        except ModuleNotFoundError as error:
            raise OptionError(
                f"a picture needs {error.name}; install it with pip install 'hashcache[plots]'"
            ) from None
        if filename is not None:
            picture.savefig(filename, format=_format(Path(filename)))
        return picture

    def plot_scc_decomp(
        self,
        figsize: tuple[float, float] | None = None,
        cmap: str = "viridis",
        show_indices: bool = True,
        annotate_sizes: bool = True,
        title: bool = False,
        ax: Any = None,
    ) -> Any:
        """Draw the strongly connected components as tiles, and return the matplotlib axes.

        A row for each level: the start on top, absorption at the bottom. A tile for each component, as wide
        as it has vertices, on one scale for all rows.

        Parameters
        ----------
        figsize : (float, float), optional
            Inches; no effect with `ax`.
        cmap : str
            Name of matplotlib's range of colours for components.
        show_indices, annotate_sizes : bool
            Write the number of a component, and of its vertices, where there is room.
        title : bool
            Write a summary on top.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> axes = Graph(models.structured_coalescent(2, 2)).plot_scc_decomp()
        """
        from phasic.plots.components import tiles

        return tiles(cast("Graph", self), figsize, cmap, show_indices, annotate_sizes, title, ax)


def _can_use_graphviz() -> bool:
    if shutil.which("dot") is None:
        return False
    try:
        import graphviz  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def _format(path: Path) -> str:
    if not path.suffix:
        raise GraphError(f"the file name {str(path)!r} does not say in which format; add .pdf, .png or .svg")
    return path.suffix[1:]
