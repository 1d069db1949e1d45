"""Pictures of particles: where they went, and what they look like in the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats


class Pictures(ABC):
    """Pictures by matplotlib; each method returns the figure."""

    history: list[Floats]
    log_density: Floats

    @property
    @abstractmethod
    def particles(self) -> Floats:
        """Particles in the space of theta, float64[n, p]."""

    @abstractmethod
    def intervals(self, level: float = 0.95, method: str = "hpd") -> tuple[Floats, Floats]:
        """Return lower and upper ends of an interval for each parameter."""

    def _names(self, param_names: list[str] | None) -> list[str]:
        return list(param_names or (f"theta[{i}]" for i in range(self.particles.shape[1])))

    def plot_trace(
        self,
        param_names: list[str] | None = None,
        figsize: tuple[float, float] | None = None,
        skip: int = 0,
        max_particles: int | None = None,
        save_path: str | None = None,
    ) -> Any:
        """Return a figure of every particle at every step, one panel for each parameter."""
        steps = np.array(self.history)[skip:, :max_particles]
        figure, axes = self._panels(param_names, figsize)
        for i, axis in enumerate(axes):
            axis.plot(np.arange(skip, skip + len(steps)), steps[:, :, i], color="C0", alpha=0.3, lw=0.8)
            axis.set_xlabel("step")
        return self._saved(figure, save_path)

    def plot_convergence(
        self, figsize: tuple[float, float] = (9, 3), skip: int = 0, save_path: str | None = None
    ) -> Any:
        """Return a figure of mean and standard deviation of the particles, and of the mean log-density."""
        import matplotlib.pyplot as plt

        steps = np.array(self.history)[skip:]
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=figsize, layout="constrained")
        at = np.arange(skip, skip + len(steps))
        for i, name in enumerate(self._names(None)):
            left.plot(at, steps[:, :, i].mean(axis=1), label=name)
            middle.plot(at, steps[:, :, i].std(axis=1))
        right.plot(np.arange(self.log_density.size)[skip:], self.log_density[skip:], color="black")
        titles = ("mean", "standard deviation", "mean log-density")
        for axis, title in zip((left, middle, right), titles, strict=True):
            axis.set_title(title)
            axis.set_xlabel("step")
        left.legend()
        return self._saved(figure, save_path)

    def plot_posterior(
        self,
        true_theta: ArrayLike | None = None,
        param_names: list[str] | None = None,
        bins: int = 20,
        figsize: tuple[float, float] | None = None,
        save_path: str | None = None,
        ci_method: str = "hpd",
        ci_level: float = 0.95,
    ) -> Any:
        """Return a figure of histograms with means and intervals, and the true values if they are known."""
        low, high = self.intervals(ci_level, ci_method)
        truth = None if true_theta is None else np.atleast_1d(np.asarray(true_theta, np.float64))
        figure, axes = self._panels(param_names, figsize)
        for i, axis in enumerate(axes):
            column = self.particles[:, i]
            axis.hist(column, bins=bins, density=True, color="C0", alpha=0.5)
            axis.axvspan(low[i], high[i], color="C0", alpha=0.1)
            axis.axvline(column.mean(), color="C0")
            if truth is not None:
                axis.axvline(truth[i], color="black", linestyle="--")
        return self._saved(figure, save_path)

    def plot_pairwise(
        self,
        true_theta: ArrayLike | None = None,
        param_names: list[str] | None = None,
        figsize: tuple[float, float] | None = None,
        save_path: str | None = None,
    ) -> Any:
        """Return a figure of each pair of parameters, with histograms on the diagonal."""
        import matplotlib.pyplot as plt

        names, particles = self._names(param_names), self.particles
        size = figsize or (2.2 * len(names),) * 2
        figure, axes = plt.subplots(len(names), len(names), figsize=size, squeeze=False, layout="constrained")
        truth = None if true_theta is None else np.atleast_1d(np.asarray(true_theta, np.float64))
        for i, row in enumerate(axes):
            for j, axis in enumerate(row):
                if i == j:
                    axis.hist(particles[:, i], bins=20, color="C0", alpha=0.5)
                else:
                    axis.plot(particles[:, j], particles[:, i], "o", ms=2, color="C0", alpha=0.6)
                    if truth is not None:
                        axis.plot(truth[j], truth[i], "+", color="black", ms=10)
                if i == len(names) - 1:
                    axis.set_xlabel(names[j])
                if j == 0:
                    axis.set_ylabel(names[i])
        return self._saved(figure, save_path)

    def _panels(
        self, param_names: list[str] | None, figsize: tuple[float, float] | None
    ) -> tuple[Any, list[Any]]:
        import matplotlib.pyplot as plt

        names = self._names(param_names)
        size = figsize or (4.0 * len(names), 3.0)
        figure, axes = plt.subplots(1, len(names), figsize=size, squeeze=False, layout="constrained")
        for axis, name in zip(axes[0], names, strict=True):
            axis.set_title(name)
        return figure, list(axes[0])

    @staticmethod
    def _saved(figure: Any, save_path: str | None) -> Any:
        if save_path is not None:
            figure.savefig(save_path)
        return figure


class FitPictures:
    pass
