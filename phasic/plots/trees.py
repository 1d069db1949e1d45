"""A picture of a genealogy that could have made a sample, for explaining coalescents."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from phasic.errors import OptionError

_BRANCH, _MARKED = "#1f9bbd", "#c8323c"


@dataclass
class _Branch:
    """A node of the tree and the branch above it."""

    below: tuple[_Branch, ...]
    allele: str
    x: float = 0.0
    y: float = 0.0
    mutated: bool = False

    @property
    def size(self) -> int:
        """Number of leaves below."""
        return sum(branch.size for branch in self.below) or 1


def tree_illustration(
    sequence: str,
    explain: bool = True,
    ax: Any = None,
    ton: int | None = None,
    ton_label: bool = True,
    balanced: bool = True,
    figsize: tuple[float, float] = (6, 4),
    seed: int = 42,
) -> tuple[Any, Any]:
    """Return figure and axes with a tree whose leaves carry the letters of `sequence`.

    The most frequent letter is the ancestral one; every other letter came by one mutation, on the branch
    above all leaves that carry it.

    Parameters
    ----------
    sequence : str
        A letter for each leaf.
    explain : bool
        Write letters and mutations; not with `ton`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of `figsize` inches.
    ton : int, optional
        Mark branches with so many leaves below: 1 for singletons.
    ton_label : bool
        Write what is marked.
    balanced : bool
        Split leaves in halves, not at random.
    seed : int
        Of what is random.

    Raises
    ------
    OptionError
        There is no letter.

    Examples
    --------
    >>> figure, axes = tree_illustration("TTTTGGA")
    """
    if not isinstance(sequence, str) or not sequence:
        raise OptionError(f"sequence is {sequence!r}; pass a letter for each leaf, like 'TTGA'")
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=figsize, layout="constrained").add_subplot()
    rng = np.random.default_rng(seed)
    root = _tree(sequence, balanced, rng)
    _place(root, [0], rng)
    _draw(ax, root, ton)
    ancestral = root.allele
    if ton is None and explain:
        _explain(ax, root, ancestral)
    if ton is not None and ton_label:
        text = f"branches with {ton} below" if ton > 1 else "branches with one below"
        ax.set_title(text, color=_MARKED, fontsize=10)
    ax.margins(0.08, 0.12)
    ax.set_axis_off()
    return ax.figure, ax


def _tree(sequence: str, balanced: bool, rng: np.random.Generator) -> _Branch:
    """Return a tree in which the leaves of each derived letter are all there is below some branch."""
    counts = Counter(sequence)
    ancestral = counts.most_common(1)[0][0]
    clades = []
    for letter in counts:
        if letter != ancestral:
            clade = _joined([_Branch((), letter) for _ in range(counts[letter])], letter, balanced, rng)
            clade.mutated = True
            clades.append(clade)
    leaves = [_Branch((), ancestral) for _ in range(counts[ancestral])]
    shares = np.array_split(np.arange(len(leaves)), len(clades) + 1)
    mixed: list[_Branch] = []
    for place, share in enumerate(shares):
        mixed += [*(leaves[i] for i in share), *clades[place : place + 1]]
    return _joined(mixed, ancestral, balanced, rng)


def _joined(branches: list[_Branch], allele: str, balanced: bool, rng: np.random.Generator) -> _Branch:
    if len(branches) == 1:
        return branches[0]
    cut = (len(branches) + 1) // 2 if balanced else int(rng.integers(1, len(branches)))
    parts = branches[:cut], branches[cut:]
    return _Branch(tuple(_joined(part, allele, balanced, rng) for part in parts), allele)


def _place(node: _Branch, leaves: list[int], rng: np.random.Generator) -> None:
    """Place leaves in a row, and every other node over the middle of what is below it."""
    if not node.below:
        node.x, node.y = float(leaves[0]), 0.0
        leaves[0] += 1
        return
    for branch in node.below:
        _place(branch, leaves, rng)
    node.x = float(np.mean([branch.x for branch in node.below]))
    node.y = max(branch.y for branch in node.below) + 1.0 + rng.random() + 0.1 * node.size


def _draw(ax: Any, node: _Branch, ton: int | None) -> None:
    if not node.below:
        ax.plot([node.x], [node.y], "o", color=_BRANCH, markersize=5, zorder=3)
        return
    ax.plot([node.below[0].x, node.below[-1].x], [node.y, node.y], color=_BRANCH, linewidth=1.5)
    for branch in node.below:
        color = _MARKED if branch.size == ton else _BRANCH
        ax.plot([branch.x, branch.x], [branch.y, node.y], color=color, linewidth=1.5)
        _draw(ax, branch, ton)


def _explain(ax: Any, root: _Branch, ancestral: str) -> None:
    beside = {"textcoords": "offset points", "va": "center", "fontsize": 10}
    ax.annotate(f"MRCA: {ancestral}", (root.x, root.y), xytext=(0, 12), ha="center", **beside)
    nodes = [(root, branch) for branch in root.below]
    for above, node in nodes:  # grows
        nodes += [(node, branch) for branch in node.below]
        if not node.below:
            color = "black" if node.allele == ancestral else _MARKED
            ax.annotate(node.allele, (node.x, 0.0), xytext=(0, -12), ha="center", color=color, **beside)
        if node.mutated:
            middle = 0.5 * (node.y + above.y)
            ax.plot([node.x], [middle], "x", color=_MARKED, markersize=7, zorder=4)
            text = f"{ancestral}\N{RIGHTWARDS ARROW}{node.allele}"
            ax.annotate(text, (node.x, middle), xytext=(7, 0), ha="left", color=_MARKED, **beside)
