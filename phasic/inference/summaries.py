"""What is said of particles: means, intervals, the most probable of them, tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from phasic.arrays import Floats
from phasic.errors import OptionError

if TYPE_CHECKING:
    from phasic.inference.optimum import Optimum
    from phasic.inference.posterior import Posterior


def shortest_interval(values: Floats, level: float) -> tuple[float, float]:
    """Return the ends of the shortest interval that holds a share `level` of the values."""
    ordered = np.sort(values)
    inside = int(np.ceil(level * ordered.size))
    width = ordered[inside - 1 :] - ordered[: ordered.size - inside + 1]
    first = int(width.argmin())
    return float(ordered[first]), float(ordered[first + inside - 1])


def interval(values: Floats, level: float, method: str) -> tuple[float, float]:
    """Return the ends of an interval that holds a share `level` of the values; see `Summaries.intervals`."""
    if not 0.0 < level < 1.0 or method not in ("hpd", "quantile", "percentile"):
        raise OptionError(f"intervals of level {level!r} by {method!r}; pass a share, and hpd or quantile")
    if method == "hpd":
        return shortest_interval(values, level)
    low, high = np.quantile(values, [0.5 - 0.5 * level, 0.5 + 0.5 * level])
    return float(low), float(high)


class Summaries(ABC):
    """Numbers about the particles of a posterior, all in the space of theta."""

    posterior: Posterior
    history: list[Floats]
    _x: Floats
    _optimum: Optimum

    @property
    @abstractmethod
    def particles(self) -> Floats:
        """Particles in the space of theta, float64[n, p]."""

    @property
    @abstractmethod
    def history_unconstrained(self) -> list[Floats]:
        """Particles before the transforms, at each step."""

    def intervals(self, level: float = 0.95, method: str = "hpd") -> tuple[Floats, Floats]:
        """Return lower and upper ends of an interval for each parameter, float64[p] each.

        Parameters
        ----------
        level : float
            The share of particles inside.
        method : {"hpd", "quantile", "percentile"}
            The shortest interval, or (by either name) the one that leaves as many on either side.
        """
        ends = np.array([interval(column, level, method) for column in self.particles.T])
        return ends[:, 0], ends[:, 1]

    def map_estimate_from_particles(self) -> tuple[list[float], float]:
        """Return the particle of highest posterior density in the space of theta, and its logarithm."""
        values = [self._log_density_of_theta(x) for x in self._x]
        best = int(np.argmax(values))
        return [float(t) for t in self.particles[best]], float(values[best])

    def map_estimate_with_optimization(self) -> tuple[list[float], float]:
        """Return the theta of highest posterior density near the particles, and its logarithm."""
        from phasic.inference.optimum import maximise
        from phasic.inference.posterior import Point

        posterior = self.posterior

        def in_theta(x: Floats) -> Point:
            value, slopes = posterior(x)
            stretch, by_x = posterior.coordinates.log_slope(x)
            return Point(value - stretch, slopes - by_x)

        found = maximise(in_theta, self._optimum.x)
        return [float(t) for t in posterior.theta(found.x)], found.value

    def _log_density_of_theta(self, x: Floats) -> float:
        return self.posterior(x).value - self.posterior.coordinates.log_slope(x)[0]

    def get_results(self) -> dict[str, Any]:
        """Return particles, moments, intervals and history by name."""
        low, high = self.intervals()
        particles = self.particles
        return {
            "particles": particles,
            "theta_mean": particles.mean(axis=0),
            "theta_std": particles.std(axis=0),
            "hpd_lower": low,
            "hpd_upper": high,
            "particles_unconstrained": self._x.copy(),
            "history": list(self.history),
            "history_unconstrained": list(self.history_unconstrained),
        }

    def summary(self, ci_method: str = "hpd", ci_level: float = 0.95) -> None:
        """Print, for each parameter, the most probable particle, mean, standard deviation and an interval."""
        import sys

        low, high = self.intervals(ci_level, ci_method)
        best, _ = self.map_estimate_from_particles()
        particles, percent = self.particles, f"{100 * ci_level:g}%"
        name = "HPD" if ci_method == "hpd" else "CI"
        lines = [f"{'Parameter':<12}{'MAP':>12}{'Mean':>12}{'SD':>12}  {percent} {name}"]
        for i, (value, start, end) in enumerate(zip(best, low, high, strict=True)):
            mean, spread = particles[:, i].mean(), particles[:, i].std()
            if i in self.posterior.problem.fixed:
                lines.append(f"theta[{i}]".ljust(12) + f"{mean:>12.5g}  fixed")
            else:
                cells = f"{value:>12.5g}{mean:>12.5g}{spread:>12.4g}"
                lines.append(f"theta[{i}]".ljust(12) + f"{cells}  [{start:.5g}, {end:.5g}]")
        sys.stdout.write("\n".join(lines) + "\n")

    def analyze_trace(
        self, burnin: int | None = None, verbose: bool = True, return_dict: bool = False
    ) -> dict[str, Any] | None:
        """Print whether particles have come to rest, and what to try where they have not.

        Parameters
        ----------
        burnin : int, optional
            From which step on they have to rest; by default the last quarter.
        verbose : bool
            Print it.
        return_dict : bool
            Return it, see `phasic.inference.trace_analysis.analysed`.
        """
        import sys

        from phasic.inference.optimum import square_root
        from phasic.inference.trace_analysis import analysed, described

        steps = self.history_unconstrained
        if len(steps) < 2:
            raise OptionError(f"there are {len(steps)} steps; fit with return_history=True")
        root = square_root(self._optimum.curvature)
        found = analysed(np.array(steps), np.sqrt((root**2).sum(axis=1)), burnin)
        if verbose:
            sys.stdout.write(described(found))
        return found if return_dict else None

    def to_arviz(self) -> Any:
        """Return the particles as an ArviZ ``InferenceData``: one chain, in which order means nothing."""
        return self.to_inference_data(log_likelihood=False, predictive=0)

    def to_inference_data(
        self, log_likelihood: bool = True, predictive: int = 100, seed: int | None = 0
    ) -> Any:
        """Return the draws as an ArviZ ``InferenceData``; particles are one chain, their order means nothing.

        Parameters
        ----------
        log_likelihood : bool
            With the log-likelihood of each observation at each draw, which ``arviz.loo`` needs.
        predictive : int
            For how many draws of each chain to simulate data like those observed, for ``arviz.plot_ppc``.
            None are for censored, truncated or rewarded observations, nor for graphs with epochs.
        seed : int, optional
            Of what is simulated.

        Returns
        -------
        arviz.InferenceData
            Groups ``posterior``, ``observed_data``, and those that were asked for.
        """
        from phasic.inference.arviz_data import inference_data

        return inference_data(
            self.posterior, self._x[None], None, log_likelihood, predictive, np.random.default_rng(seed)
        )
