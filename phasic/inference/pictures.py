"""Pictures of draws from a posterior, whether particles or chains: by parameter, by pairs, and as a fit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.errors import GraphError, OptionError
from phasic.inference.trajectories import Trajectories

if TYPE_CHECKING:
    from phasic.graph import Graph

_DRAWS = 200  # at which to evaluate densities for a band
_LEVELS = (0.05, 0.95)


class Pictures(Trajectories, ABC):
    """Pictures by matplotlib; each method returns the figure, with ``return_fig=True`` its axes too."""

    @abstractmethod
    def intervals(self, level: float = 0.95, method: str = "hpd") -> tuple[Floats, Floats]:
        """Return lower and upper ends of an interval for each parameter."""

    def plot_posterior(
        self,
        true_theta: ArrayLike | None = None,
        param_names: list[str] | None = None,
        bins: int = 20,
        figsize: tuple[float, float] | None = None,
        save_path: str | None = None,
        unconstrained: bool = False,
        return_fig: bool = False,
        ci_method: str = "hpd",
        ci_level: float = 0.95,
    ) -> Any:
        """Return a figure of histograms with means and intervals, and the true values if they are known.

        With ``unconstrained=True`` of what parameters are transformed to.
        """
        from phasic.inference.summaries import interval

        columns = self._columns(self.particles, param_names, unconstrained, hide_fixed=False)
        truth = self._truth(true_theta, columns, unconstrained)
        figure, axes = self._panels(columns.names, figsize)
        for i, axis in enumerate(axes):
            column = columns.values[:, i]
            low, high = interval(column, ci_level, ci_method)
            axis.hist(column, bins=bins, density=True, color="C0", alpha=0.5)
            axis.axvspan(low, high, color="C0", alpha=0.1, label=f"{100 * ci_level:g} %")
            axis.axvline(column.mean(), color="C0", label="mean")
            if truth is not None:
                axis.axvline(truth[i], color="black", linestyle="--", label="true")
            axis.set_yticks([])
        axes[0].legend(fontsize="small")
        return self._done(figure, axes, save_path, return_fig)

    def plot_pairwise(
        self,
        true_theta: ArrayLike | None = None,
        param_names: list[str] | None = None,
        figsize: tuple[float, float] | None = None,
        save_path: str | None = None,
        hide_fixed: bool = True,
        unconstrained: bool = False,
        return_fig: bool = False,
    ) -> Any:
        """Return a figure of each pair of parameters, with histograms on the diagonal."""
        columns = self._columns(self.particles, param_names, unconstrained, hide_fixed)
        truth = self._truth(true_theta, columns, unconstrained)
        figure, axes = self._pairs(columns, figsize)
        for i, row in enumerate(axes):
            for j, axis in enumerate(row):
                if i == j:
                    axis.hist(columns.values[:, i], bins=20, color="C0", alpha=0.5)
                    continue
                few = len(columns.values) < 500
                axis.plot(
                    columns.values[:, j],
                    columns.values[:, i],
                    "o",
                    ms=2 if few else 1,
                    color="C0",
                    alpha=0.6 if few else 0.2,
                )
                if truth is not None:
                    axis.plot(truth[j], truth[i], "+", color="black", ms=10, mew=2)
        return self._done(figure, axes, save_path, return_fig)

    def plot_hdr(
        self,
        alphas: ArrayLike = (0.95, 0.5),
        idx: list[int] | None = None,
        figsize: tuple[float, float] = (5, 4),
        hexgrid: bool = True,
        n: int = 15,
        margin: float = 0.1,
        xlim: tuple[float, float] | None = None,
        ylim: tuple[float, float] | None = None,
        palette: str = "viridis",
        unconstrained: bool = False,
        return_fig: bool = False,
        hide_fixed: bool = True,
        show_hpd: bool = False,
        hpd_alpha: float = 0.95,
        true_theta: ArrayLike | None = None,
        save_path: str | None = None,
    ) -> Any:
        """Return a figure of the densest regions of two parameters, over the log-likelihood.

        Parameters
        ----------
        alphas : sequence of float
            Which shares of the draws regions hold, by a kernel estimate.
        idx : list of int, optional
            The places of the two parameters; by default the first two that are free.
        hexgrid : bool
            Show the log-likelihood on about `n` by `n` places, other parameters at their means.
        margin : float
            How much more than the draws to show.
        show_hpd : bool
            Show the shortest interval of each parameter that holds a share `hpd_alpha`.

        Raises
        ------
        OptionError
            There are not two parameters.
        """
        import matplotlib.pyplot as plt
        from scipy.stats import gaussian_kde

        from phasic.inference.summaries import interval

        columns = self._columns(self.particles, None, unconstrained, hide_fixed and idx is None)
        chosen = list(range(len(columns.names)))[:2] if idx is None else list(idx)
        if len(chosen) != 2:
            raise OptionError(
                f"a region needs two parameters, and there is {len(chosen)}; use plot_posterior"
            )
        values = columns.values[:, chosen]
        figure, axis = plt.subplots(figsize=figsize, layout="constrained")
        room = margin * np.ptp(values, axis=0)
        low, high = values.min(axis=0) - room, values.max(axis=0) + room
        (left, right), (bottom, top) = xlim or (low[0], high[0]), ylim or (low[1], high[1])
        if hexgrid:
            shown = self._likelihood_grid((left, right, bottom, top), n, columns, chosen, unconstrained)
            colours = axis.hexbin(*shown, gridsize=n, cmap=palette, reduce_C_function=np.max, linewidths=0.2)
            figure.colorbar(colours, ax=axis, label="log-likelihood")
        estimate = gaussian_kde(values.T)
        heights = np.sort(estimate(values.T))
        shares = np.sort(np.asarray(alphas, np.float64))[::-1]
        across, up = np.meshgrid(np.linspace(left, right, 80), np.linspace(bottom, top, 80))
        density = estimate(np.stack([across.ravel(), up.ravel()])).reshape(across.shape)
        levels = [heights[int((1.0 - share) * (heights.size - 1))] for share in shares]
        lines = axis.contour(across, up, density, levels=levels, colors="white" if hexgrid else "C0")
        axis.clabel(lines, fmt={level: f"{100 * s:g} %" for level, s in zip(levels, shares, strict=True)})
        if show_hpd:
            axis.axvspan(*interval(values[:, 0], hpd_alpha, "hpd"), color="C1", alpha=0.15)
            axis.axhspan(*interval(values[:, 1], hpd_alpha, "hpd"), color="C1", alpha=0.15)
        truth = self._truth(true_theta, columns, unconstrained)
        if truth is not None:
            axis.plot(*truth[chosen], "+", color="red", ms=10, mew=2)
        axis.set(xlim=(left, right), ylim=(bottom, top))
        axis.set(xlabel=columns.names[chosen[0]], ylabel=columns.names[chosen[1]])
        return self._done(figure, axis, save_path, return_fig)

    def _likelihood_grid(
        self,
        box: tuple[float, float, float, float],
        n: int,
        columns: Any,
        chosen: list[int],
        unconstrained: bool,
    ) -> tuple[Floats, Floats, Floats]:
        """Return places and log-likelihoods, not a number left out."""
        posterior = self.posterior
        first, second = np.meshgrid(np.linspace(box[0], box[1], 2 * n), np.linspace(box[2], box[3], 2 * n))
        centre = columns.values.mean(axis=0) if unconstrained else self.particles.mean(axis=0)
        rows = np.tile(centre, (first.size, 1))
        rows[:, [columns.places[i] for i in chosen]] = np.stack([first.ravel(), second.ravel()], axis=1)
        free = posterior.coordinates.free(rows) if unconstrained else posterior.problem.chosen(rows)
        values = np.array([posterior.problem.log_likelihood(row, gradient=False)[0] for row in free])
        here = np.isfinite(values)
        return first.ravel()[here], second.ravel()[here], values[here]

    def plot_fit(
        self,
        bins: int | str = "auto",
        figsize: tuple[float, float] = (9, 3.2),
        save_path: str | None = None,
        return_fig: bool = False,
    ) -> Any:
        """Return a figure that checks the model: densities and survival under the posterior, over the data.

        The bands hold nine tenths of what draws give. Data are a histogram, and a Kaplan-Meier curve where
        some are censored.

        Raises
        ------
        GraphError
            What was observed is no absorption time.
        """
        import matplotlib.pyplot as plt

        from phasic.inference.fit_pictures import draw_histogram, draw_survival, reach

        seen = self._observed()
        figure, (left, right) = plt.subplots(1, 2, figsize=figsize, layout="constrained")
        graph = self._graph()
        discrete = graph.is_discrete
        times = np.arange(1, int(reach(seen)) + 2) if discrete else np.linspace(0.0, reach(seen), 200)
        rows = self.particles
        rows = rows[np.linspace(0, len(rows) - 1, min(_DRAWS, len(rows))).astype(np.int64)]
        density, survival = [], []
        for row in rows:
            graph.update_weights(row, **self.posterior.problem.weighing.settings())
            density.append(graph.pdf(times))
            survival.append(graph.survival(times))
        if seen.is_plain:
            draw_histogram(left, seen, bins, discrete)
        for axis, found, name in ((left, density, "density"), (right, survival, "survival")):
            low, high = np.quantile(found, _LEVELS, axis=0)
            axis.fill_between(times, low, high, color="C1", alpha=0.3, label="90 % of draws")
            axis.plot(times, np.mean(found, axis=0), color="C1", label="mean of draws")
            axis.set(xlabel="time", ylabel=name)
        draw_survival(right, seen)
        left.legend(fontsize="small")
        right.legend(fontsize="small")
        return self._done(figure, np.array([left, right]), save_path, return_fig)

    def _observed(self) -> Any:
        """Return observations of absorption times."""
        from phasic.observations import Observations

        problem = self.posterior.problem
        parts = getattr(problem, "parts", None)
        if parts is None:
            return Observations.of(problem.times)
        seen = getattr(parts[0], "observations", None)
        if len(parts) > 1 or seen is None or parts[0].rewards is not None:
            raise GraphError("this picture is for absorption times, without rewards")
        return seen

    def _graph(self) -> Graph:
        from phasic.graph import Graph

        return Graph.from_arrays(self.posterior.problem.arrays)
