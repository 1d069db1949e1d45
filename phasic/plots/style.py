"""How a graph is drawn: sizes, and the colours of nodes and edges."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

from phasic.plots.description import Description, Node

_FILLS = {"start": "#ffffff", "transient": "#eeeeee", "absorbing": "#cccccc"}
_DARK_FILLS = {"start": "#1e1e1e", "transient": "#303030", "absorbing": "#505050"}
_GOLDEN = 0.618033988749895  # steps of it round the circle of hues keep neighbours apart


@dataclass(frozen=True)
class Style:
    """The parameters of `Pictures.plot` that say how, not what."""

    cmap: str
    dark: bool
    constraint: bool
    ranksep: float
    nodesep: float
    rankdir: str
    size: tuple[float, float]
    fontsize: int
    rainbow: bool
    penwidth: float
    taillabel: bool
    seed: int

    @property
    def ink(self) -> str:
        """Colour of texts and frames."""
        return "#e0e0e0" if self.dark else "#202020"


def color_of(node: Node, style: Style) -> str:
    """Return the fill of a node as ``#rrggbb``."""
    if node.value is None:
        return (_DARK_FILLS if style.dark else _FILLS)[node.kind]
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return str(to_hex(colormaps[style.cmap](node.value)))


def text_color_on(fill: str) -> str:
    """Return black or white, whichever can be read on this fill."""
    red, green, blue = (int(fill[place : place + 2], 16) for place in (1, 3, 5))
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else "#ffffff"


def edge_colors(description: Description, style: Style) -> list[str]:
    """Return the colour of every edge; with `rainbow`, those out of one vertex share a hue."""
    if not style.rainbow:
        return [style.ink] * len(description.links)
    colors = []
    for link in description.links:
        hue = (style.seed * 0.1 + link.source * _GOLDEN) % 1.0
        lightness = 0.65 if style.dark else 0.4
        red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, lightness, 0.7))
        colors.append(f"#{red:02x}{green:02x}{blue:02x}")
    return colors
