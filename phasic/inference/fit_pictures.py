"""Pictures of a fitted distribution beside the data."""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING, Any

import numpy as np

from phasic.arrays import Floats
from phasic.errors import GraphError
from phasic.observations import Observations

if TYPE_CHECKING:
    from phasic.graph import Graph


def kaplan_meier(seen: Observations) -> tuple[Floats, Floats, Floats]:
    """Return times of absorption, the share that lasts longer than each, and its standard error.

    The product-limit estimate [1]_ with Greenwood's error; those who were seen from some time on count
    from then on.

    Raises
    ------
    GraphError
        An observation is an interval, or censored on the left.

    References
    ----------
    .. [1] E. L. Kaplan and P. Meier, J. Amer. Statist. Assoc. 53 (1958).
    """
    exact = seen.exact
    if not (exact | (seen.high == np.inf)).all():
        raise GraphError("a Kaplan-Meier curve is for exact and right-censored times; some are intervals")
    times, events = np.unique(seen.low[exact], return_counts=True)
    at_risk = np.array([((seen.low >= t) & (seen.entry < t)).sum() for t in times], np.float64)
    survival: Floats = np.cumprod(1.0 - events / at_risk, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = survival * np.sqrt(np.cumsum(events / (at_risk * (at_risk - events))))
    return times, survival, np.asarray(np.where(survival > 0.0, error, 0.0), np.float64)


def reach(seen: Observations) -> float:
    """Return until when to draw: the last finite end of an observation, and a little more."""
    ends = np.concatenate([seen.low[np.isfinite(seen.low)], seen.high[np.isfinite(seen.high)]])
    return 1.05 * float(ends.max())


def draw_survival(axis: Any, seen: Observations) -> None:
    """Draw the Kaplan-Meier curve, with an interval of 95 % at each place."""
    times, survival, error = kaplan_meier(seen)
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


def draw_histogram(axis: Any, seen: Observations, bins: int | str, discrete: bool) -> None:
    """Draw the data as a density, or as shares of numbers of steps."""
    if discrete:
        steps, counts = np.unique(seen.low, return_counts=True)
        axis.bar(steps, counts / counts.sum(), width=0.8, color="C0", alpha=0.4, label="data")
    else:
        axis.hist(seen.low, bins=bins, density=True, color="C0", alpha=0.4, label="data")


class FitPictures(ABC):
    """Pictures of a fitted distribution; each method returns the figure, or draws into given axes."""

    graph: Graph
    observations: Observations

    def plot_density(self, bins: int | str = "auto", ax: Any = None, save_path: str | None = None) -> Any:
        """Return a figure of the density over a histogram of the data.

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
        draw_histogram(axis, self.observations, bins, False)
        times = np.linspace(0.0, reach(self.observations), 300)[1:]
        axis.plot(times, self.graph.pdf(times), color="C1", label="fitted")
        axis.set(xlabel="time", ylabel="density")
        axis.legend()
        return _saved(figure, save_path)

    def plot_survival(self, ax: Any = None, save_path: str | None = None) -> Any:
        """Return a figure of the fitted survival function beside the Kaplan-Meier curve of the data.

        Where data are truncated, both are given survival until the first entry.
        """
        figure, axis = _axes(ax)
        draw_survival(axis, self.observations)
        times = np.linspace(0.0, reach(self.observations), 300)
        survival = self.graph.survival(times)
        entry = max(0.0, float(self.observations.entry.min()))
        axis.plot(times, np.minimum(1.0, survival / self.graph.survival(entry)), color="C1", label="fitted")
        axis.set(xlabel="time", ylabel="survival", ylim=(0.0, 1.02))
        axis.legend()
        return _saved(figure, save_path)


def _axes(ax: Any) -> tuple[Any, Any]:
    if ax is not None:
        return ax.figure, ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(5.0, 3.4), layout="constrained")


def _saved(figure: Any, save_path: str | None) -> Any:
    if save_path is not None:
        figure.savefig(save_path)
    return figure
