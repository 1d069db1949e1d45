"""Pictures of how draws came about: every step, its mean and spread, and films of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.errors import OptionError

if TYPE_CHECKING:
    from phasic.inference.posterior import Posterior


class Columns(NamedTuple):
    """Some parameters: names, places in theta or among free parameters, and values, float64[..., c]."""

    names: list[str]
    places: list[int]
    values: Floats


class Trajectories(ABC):
    """Pictures of steps; see `phasic.inference.pictures.Pictures`."""

    posterior: Posterior
    history: list[Floats]
    log_density: Floats

    @property
    @abstractmethod
    def particles(self) -> Floats:
        """Draws in the space of theta, float64[n, p]."""

    @property
    @abstractmethod
    def history_unconstrained(self) -> list[Floats]:
        """What `history` was made of: free parameters before the transforms, float64[n, f] each."""

    @property
    @abstractmethod
    def particles_unconstrained(self) -> Floats:
        """Free parameters of the draws before the transforms, float64[n, f]."""

    def plot_trace(
        self,
        param_names: list[str] | None = None,
        figsize: tuple[float, float] | None = None,
        skip: int = 0,
        max_particles: int | None = None,
        save_path: str | None = None,
        unconstrained: bool = False,
        hide_fixed: bool = True,
        return_fig: bool = False,
    ) -> Any:
        """Return a figure of every particle or chain at every step, one panel for each parameter."""
        columns = self._steps(param_names, unconstrained, hide_fixed, skip)
        steps = columns.values[:, :max_particles]
        figure, axes = self._panels(columns.names, figsize)
        many = steps.shape[1] > 10
        for i, axis in enumerate(axes):
            style = {"color": "C0", "alpha": 0.3} if many else {"alpha": 0.8}
            axis.plot(np.arange(skip, skip + len(steps)), steps[:, :, i], lw=0.8, **style)
            axis.set_xlabel("step")
        return self._done(figure, axes, save_path, return_fig)

    def plot_ci(
        self,
        figsize: tuple[float, float] | None = None,
        save_path: str | None = None,
        skip: int = 0,
        unconstrained: bool = False,
        true_theta: ArrayLike | None = None,
        ci: float = 0.95,
        median: bool = False,
        return_fig: bool = False,
        ci_method: str = "hpd",
        hide_fixed: bool = True,
        param_names: list[str] | None = None,
    ) -> Any:
        """Return a figure of the mean at every step, and of an interval that holds a share `ci`."""
        from phasic.inference.summaries import interval

        columns = self._steps(param_names, unconstrained, hide_fixed, skip)
        steps, at = columns.values, np.arange(skip, skip + len(columns.values))
        truth = self._truth(true_theta, columns, unconstrained)
        figure, axes = self._panels(columns.names, figsize)
        for i, axis in enumerate(axes):
            ends = np.array([interval(row, ci, ci_method) for row in steps[:, :, i]])
            axis.fill_between(at, ends[:, 0], ends[:, 1], color="C0", alpha=0.2, label=f"{100 * ci:g} %")
            axis.plot(at, steps[:, :, i].mean(axis=1), color="C0", label="mean")
            if median:
                axis.plot(at, np.median(steps[:, :, i], axis=1), "--", color="C0", label="median")
            if truth is not None:
                axis.axhline(truth[i], color="black", linestyle=":", label="true")
            axis.set_xlabel("step")
        axes[0].legend(fontsize="small")
        return self._done(figure, axes, save_path, return_fig)

    def plot_convergence(
        self,
        figsize: tuple[float, float] = (9, 3),
        save_path: str | None = None,
        skip: int = 0,
        unconstrained: bool = False,
        hide_fixed: bool = True,
        return_fig: bool = False,
    ) -> Any:
        """Return a figure of mean and standard deviation at each step, and of the mean log-density."""
        import matplotlib.pyplot as plt

        columns = self._steps(None, unconstrained, hide_fixed, skip)
        figure, axes = plt.subplots(1, 3, figsize=figsize, layout="constrained")
        left, middle, right = axes
        at = np.arange(skip, skip + len(columns.values))
        for i, name in enumerate(columns.names):
            left.plot(at, columns.values[:, :, i].mean(axis=1), label=name)
            middle.plot(at, columns.values[:, :, i].std(axis=1))
        right.plot(np.arange(self.log_density.size)[skip:], self.log_density[skip:], color="black")
        titles = ("mean", "standard deviation", "mean log-density")
        for axis, title in zip(axes, titles, strict=True):
            axis.set_title(title)
            axis.set_xlabel("step")
        left.legend()
        return self._done(figure, axes, save_path, return_fig)

    def animate(
        self,
        param_idx: int = 0,
        true_theta: ArrayLike | None = None,
        param_name: str | None = None,
        figsize: tuple[float, float] = (8, 3),
        skip: int = 0,
        thin: int = 1,
        interval: int = 100,
        duration: float | None = None,
        bins: int = 30,
        show_particles: bool = True,
        max_particles: int = 20,
        save_as_gif: str | None = None,
        save_as_mp4: str | None = None,
        unconstrained: bool = False,
    ) -> Any:
        """Return a film of the histogram of one parameter, beside its way so far.

        Parameters
        ----------
        thin : int
            Show every so manieth step.
        interval : int
            Milliseconds for each.
        duration : float, optional
            Seconds that the film takes, rather than `interval`.
        save_as_gif, save_as_mp4 : str, optional
            Where to write it; the second needs the program ``ffmpeg``.

        Returns
        -------
        matplotlib.animation.FuncAnimation
            In a notebook, ``HTML(film.to_jshtml())`` shows it.
        """
        import matplotlib.pyplot as plt

        columns = self._steps(None, unconstrained, False, skip)
        name, column = param_name or columns.names[param_idx], columns.values[:, :, param_idx]
        truth = self._truth(true_theta, columns, unconstrained)
        figure, (left, right) = plt.subplots(1, 2, figsize=figsize, layout="constrained")
        edges = np.histogram_bin_edges(column, bins)
        tallest = max(np.histogram(row, edges, density=True)[0].max() for row in column)
        at = np.arange(skip, skip + len(column))

        def draw(step: int) -> list[Any]:
            left.clear()
            right.clear()
            left.hist(column[step], bins=edges, density=True, color="C0", alpha=0.6)
            left.set(xlabel=name, ylim=(0.0, 1.05 * tallest), title=f"step {skip + step}")
            if show_particles:
                right.plot(at[: step + 1], column[: step + 1, :max_particles], color="C0", alpha=0.3, lw=0.8)
            right.plot(at[: step + 1], column[: step + 1].mean(axis=1), color="C1", label="mean")
            right.set(xlabel="step", ylabel=name, xlim=(at[0], max(at[-1], at[0] + 1)))
            right.set_ylim(edges[0], edges[-1])
            if truth is not None:
                left.axvline(truth[param_idx], color="black", linestyle="--")
                right.axhline(truth[param_idx], color="black", linestyle="--", label="true")
            right.legend(loc="upper right", fontsize="small")
            return []

        return self._film(figure, draw, len(column), thin, interval, duration, save_as_gif, save_as_mp4)

    def animate_pairwise(
        self,
        true_theta: ArrayLike | None = None,
        param_names: list[str] | None = None,
        figsize: tuple[float, float] | None = None,
        skip: int = 0,
        thin: int = 1,
        interval: int = 100,
        duration: float | None = None,
        save_as_gif: str | None = None,
        save_as_mp4: str | None = None,
        unconstrained: bool = False,
        hide_fixed: bool = True,
    ) -> Any:
        """Return a film of each pair of parameters; arguments as for `animate`."""
        columns = self._steps(param_names, unconstrained, hide_fixed, skip)
        truth = self._truth(true_theta, columns, unconstrained)
        figure, axes = self._pairs(columns, figsize)
        edges = [np.histogram_bin_edges(columns.values[:, :, i], 20) for i in range(len(columns.names))]

        def draw(step: int) -> list[Any]:
            now = columns.values[step]
            for i, row in enumerate(axes):
                for j, axis in enumerate(row):
                    labels = axis.get_xlabel(), axis.get_ylabel()
                    axis.clear()
                    if i == j:
                        axis.hist(now[:, i], bins=edges[i], color="C0", alpha=0.5)
                    else:
                        axis.plot(now[:, j], now[:, i], "o", ms=3, color="C0", alpha=0.6)
                        axis.set_ylim(edges[i][0], edges[i][-1])
                        if truth is not None:
                            axis.plot(truth[j], truth[i], "+", color="black", ms=10, mew=2)
                    axis.set(xlim=(edges[j][0], edges[j][-1]), xlabel=labels[0], ylabel=labels[1])
            figure.suptitle(f"step {skip + step}")
            return []

        count = len(columns.values)
        return self._film(figure, draw, count, thin, interval, duration, save_as_gif, save_as_mp4)

    @staticmethod
    def _film(
        figure: Any,
        draw: Any,
        count: int,
        thin: int,
        interval: float,
        duration: float | None,
        gif: str | None,
        mp4: str | None,
    ) -> Any:
        from matplotlib.animation import FuncAnimation

        frames = range(0, count, max(1, thin))
        if duration is not None:
            interval = 1000.0 * duration / len(frames)
        film = FuncAnimation(figure, draw, frames=frames, interval=max(1, round(interval)), blit=False)
        if gif is not None:
            film.save(gif, writer="pillow")
        if mp4 is not None:
            film.save(mp4, writer="ffmpeg")
        return film

    def _steps(
        self, param_names: list[str] | None, unconstrained: bool, hide_fixed: bool, skip: int
    ) -> Columns:
        """Return steps of some parameters, float64[steps, n, c]."""
        history = self.history_unconstrained if unconstrained else self.history
        if len(history) - skip < 2:
            raise OptionError(
                f"there are {len(history)} steps, and {skip} are skipped; ask for more of them, and for "
                f"return_history=True"
            )
        return self._columns(np.array(history)[skip:], param_names, unconstrained, hide_fixed, steps=True)

    def _columns(
        self,
        values: Floats,
        param_names: list[str] | None,
        unconstrained: bool,
        hide_fixed: bool,
        steps: bool = False,
    ) -> Columns:
        """Return names, places and values of parameters, or of what free ones are transformed to."""
        problem = self.posterior.problem
        if unconstrained:
            names = [f"x[{group[0]}]" for group in problem.free]
            values = values if steps else self.particles_unconstrained
            return Columns(list(param_names or names), list(range(len(names))), values)
        p = problem.n_parameters
        named = list(param_names or (f"theta[{i}]" for i in range(p)))
        places = [i for i in range(p) if not (hide_fixed and i in problem.fixed)]
        if len(named) not in (p, len(places)):
            raise OptionError(f"{len(named)} names were given for {p} parameters; pass one each")
        names = [named[i] for i in places] if len(named) == p else named
        return Columns(names, places, values[..., places])

    def _truth(self, true_theta: ArrayLike | None, columns: Columns, unconstrained: bool) -> Floats | None:
        """Return the true values of these columns."""
        if true_theta is None:
            return None
        theta = np.atleast_1d(np.asarray(true_theta, np.float64))
        p = self.posterior.problem.n_parameters
        if theta.shape != (p,):
            raise OptionError(f"true_theta has shape {theta.shape}; pass {p} numbers")
        if unconstrained:
            theta = self.posterior.coordinates.x(self.posterior.problem.chosen(theta))
        return np.asarray(theta[columns.places])

    @staticmethod
    def _panels(names: list[str], figsize: tuple[float, float] | None) -> tuple[Any, Any]:
        import matplotlib.pyplot as plt

        size = figsize or (4.0 * len(names), 3.0)
        figure, axes = plt.subplots(1, len(names), figsize=size, squeeze=False, layout="constrained")
        for axis, name in zip(axes[0], names, strict=True):
            axis.set_title(name)
        return figure, axes[0]

    @staticmethod
    def _pairs(columns: Columns, figsize: tuple[float, float] | None) -> tuple[Any, Any]:
        import matplotlib.pyplot as plt

        count = len(columns.names)
        size = figsize or (max(3.0, 2.2 * count),) * 2
        figure, axes = plt.subplots(count, count, figsize=size, squeeze=False, layout="constrained")
        for name, below, beside in zip(columns.names, axes[-1], axes[:, 0], strict=True):
            below.set_xlabel(name)
            beside.set_ylabel(name)
        return figure, axes

    @staticmethod
    def _done(figure: Any, axes: Any, save_path: str | None, return_fig: bool) -> Any:
        if save_path is not None:
            figure.savefig(save_path)
        return (figure, axes) if return_fig else figure
