"""Pictures of a fitted distribution beside the data."""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING, Any

import numpy as np

from phasic.arrays import Floats
from phasic.errors import GraphError
from phasic.inference.survival_curve import kaplan_meier, turnbull
from phasic.observations import Observations

if TYPE_CHECKING:
    from phasic.graph import Graph


def reach(seen: Observations) -> float:
    """Return until when to draw: the last finite end of an observation, and a little more."""
    ends = np.concatenate([seen.low[np.isfinite(seen.low)], seen.high[np.isfinite(seen.high)]])
    return 1.05 * float(ends.max())


def draw_survival(axis: Any, seen: Observations, weights: Floats | None = None) -> None:
    """Draw what the data say of survival.

    The Kaplan-Meier curve, with an interval of 95 % at each place. Where some times are known by intervals
    only, the curve of Turnbull: a band between the earliest and the latest that it can fall.
    """
    if not (seen.exact | (seen.high == np.inf)).all():
        _draw_band(axis, seen, weights)
        return
    times, survival, error = kaplan_meier(seen, weights)
    at = np.concatenate([[0.0], times, [reach(seen) / 1.05]])
    steps = np.concatenate([[1.0], survival, survival[-1:]])
    spread = 1.96 * np.concatenate([[0.0], error, error[-1:]])
    axis.step(at, steps, where="post", color="C0", label="Kaplan-Meier")
    low, high = np.clip(steps - spread, 0.0, 1.0), np.clip(steps + spread, 0.0, 1.0)
    axis.fill_between(at, low, high, step="post", color="C0", alpha=0.2)
    ended = seen.low[seen.high == np.inf]
    if ended.size:
        place = np.searchsorted(times, ended, side="right")
        axis.plot(ended, np.append(1.0, survival)[place], "|", color="C0", ms=6, label="censored")


def _draw_band(axis: Any, seen: Observations, weights: Floats | None) -> None:
    found, until = turnbull(seen, weights), reach(seen)
    # Along the intervals it falls somewhere; between them it stays.
    at = np.minimum(np.concatenate([[0.0], np.column_stack([found.begin, found.end]).ravel()]), until)
    before = np.concatenate([[1.0], found.survival[:-1]])
    low = np.concatenate([[1.0], np.column_stack([found.survival, found.survival]).ravel()])
    high = np.concatenate([[1.0], np.column_stack([before, found.survival]).ravel()])
    axis.fill_between(at, low, high, step="post", color="C0", alpha=0.35, label="Turnbull")
    axis.step(at, low, where="post", color="C0", lw=0.8)
    axis.step(at, high, where="post", color="C0", lw=0.8)


def draw_histogram(
    axis: Any, seen: Observations, bins: int | str, discrete: bool, weights: Floats | None = None
) -> None:
    """Draw the data as a density, or as shares of numbers of steps."""
    if discrete:
        steps, place = np.unique(seen.low, return_inverse=True)
        counts = np.bincount(place, weights, steps.size)
        axis.bar(steps, counts / counts.sum(), width=0.8, color="C0", alpha=0.4, label="data")
    else:
        edges = np.histogram_bin_edges(seen.low, bins if weights is None or bins != "auto" else 20)
        axis.hist(seen.low, bins=edges, weights=weights, density=True, color="C0", alpha=0.4, label="data")


class FitPictures(ABC):
    """Pictures of a fitted distribution; each method returns the figure, or draws into given axes."""

    graph: Graph
    observations: Observations
    weights: Floats | None
    discrete: bool

    def plot_density(self, bins: int | str = "auto", ax: Any = None, save_path: str | None = None) -> Any:
        """Return a figure of the density, or of probabilities of steps, over a histogram of the data.

        Raises
        ------
        GraphError
            Observations are censored or truncated, so no histogram shows them; see `plot_survival`.
        """
        if not self.observations.is_plain:
            raise GraphError(
                "no histogram can show censored or truncated observations; use plot_survival, which can"
            )
        figure, axis = _axes(ax)
        draw_histogram(axis, self.observations, bins, self.discrete, self.weights)
        times = self._times()[1:]
        axis.plot(times, self.graph.pdf(times), ".-" if self.discrete else "-", color="C1", label="fitted")
        axis.set(xlabel=self._name, ylabel="probability" if self.discrete else "density")
        axis.legend()
        return _saved(figure, save_path)

    def plot_survival(self, ax: Any = None, save_path: str | None = None) -> Any:
        """Return a figure of the fitted survival function beside what the data alone say.

        That is the Kaplan-Meier curve; where some times are known by intervals only, the one of Turnbull, as
        a band between the earliest and the latest that it can fall.

        Where data are truncated, both are given survival until the first entry.
        """
        figure, axis = _axes(ax)
        draw_survival(axis, self.observations, self.weights)
        times = self._times()
        survival = self.graph.survival(times)
        entry = max(0.0, float(self.observations.entry.min()))
        shown = np.minimum(1.0, survival / self.graph.survival(entry))
        style = "steps-post" if self.discrete else "default"
        axis.plot(times, shown, color="C1", drawstyle=style, label="fitted")
        axis.set(xlabel=self._name, ylabel="survival", ylim=(0.0, 1.02))
        axis.legend()
        return _saved(figure, save_path)

    @property
    def _name(self) -> str:
        return "steps" if self.discrete else "time"

    def _times(self) -> Floats:
        """Return from zero on until when to draw."""
        until = reach(self.observations)
        return np.arange(np.ceil(until) + 1.0) if self.discrete else np.linspace(0.0, until, 300)


def _axes(ax: Any) -> tuple[Any, Any]:
    if ax is not None:
        return ax.figure, ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(5.0, 3.4), layout="constrained")


def _saved(figure: Any, save_path: str | None) -> Any:
    if save_path is not None:
        figure.savefig(save_path)
    return figure
