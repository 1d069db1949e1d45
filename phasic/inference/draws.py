"""What is said of chains of draws: whether they agree, what they are worth, tables and ArviZ's data."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.arrays import Floats
from phasic.inference.arviz_data import inference_data
from phasic.inference.optimum import Optimum
from phasic.inference.pictures import Pictures
from phasic.inference.posterior import Posterior
from phasic.inference.summaries import Summaries


class Draws(Summaries, Pictures):
    """Numbers and pictures of chains of draws."""

    posterior: Posterior
    _optimum: Optimum
    _root: Floats
    _u: Floats
    _warm_up: Floats
    _statistics: dict[str, Any]
    _warm_up_statistics: dict[str, Any]

    def _theta(self, u: Floats) -> Floats:
        return self.posterior.theta(self._optimum.x + u @ self._root.T)

    @property
    def samples(self) -> Floats:
        """Draws in the space of theta, float64[n_chains, n_samples, p]."""
        return self._theta(self._u)

    @property
    def particles(self) -> Floats:
        """Draws of all chains in the space of theta, float64[n, p]."""
        found = self.samples
        return found.reshape(-1, found.shape[-1])

    @property
    def _x(self) -> Floats:
        return (self._optimum.x + self._u @ self._root.T).reshape(-1, self._optimum.x.size)

    @property
    def particles_unconstrained(self) -> Floats:
        """Free parameters of the draws before the transforms, float64[n, f]."""
        return self._x

    @property
    def history(self) -> list[Floats]:
        """Draws of all chains, the warm-up first, float64[n_chains, p] each."""
        both = self._theta(np.concatenate([self._warm_up, self._u], axis=1))
        return list(both.swapaxes(0, 1))

    @property
    def history_unconstrained(self) -> list[Floats]:
        """The same before the transforms, float64[n_chains, f] each."""
        both = self._optimum.x + np.concatenate([self._warm_up, self._u], axis=1) @ self._root.T
        return list(both.swapaxes(0, 1))

    @property
    def log_density(self) -> Floats:
        """Mean over chains of the logarithm of the posterior density, up to a constant, at each draw."""
        parts = [each["lp"] for each in (self._warm_up_statistics, self._statistics)]
        return np.asarray(np.concatenate(parts, axis=1).mean(axis=0))

    @property
    def theta_mean(self) -> Floats:
        """Mean of the draws, float64[p]."""
        return np.asarray(self.particles.mean(axis=0))

    @property
    def theta_std(self) -> Floats:
        """Standard deviation of the draws, float64[p]; zero for a fixed parameter."""
        return np.asarray(self.particles.std(axis=0))

    @property
    def n_divergent(self) -> int:
        """Number of draws at which the sampler met a place that it could not follow."""
        return int(self._statistics["diverging"].sum())

    @property
    def r_hat(self) -> Floats:
        """How far chains disagree, float64[p]: 1 where they do not, and above 1.01 where they do [1]_.

        References
        ----------
        .. [1] A. Vehtari et al., Bayesian Anal. 16 (2021).
        """
        return self._diagnosed("rhat")

    @property
    def ess(self) -> Floats:
        """How many independent draws there are in effect, float64[p] (bulk)."""
        return self._diagnosed("ess")

    def _diagnosed(self, name: str) -> Floats:
        import arviz

        function = getattr(arviz, name)
        fixed = self.posterior.problem.fixed
        each = np.moveaxis(self.samples, -1, 0)
        return np.array([np.nan if i in fixed else float(function(c)) for i, c in enumerate(each)])

    def get_results(self) -> dict[str, Any]:
        """Return draws, moments, intervals and diagnostics by name."""
        found = super().get_results()
        return {**found, "samples": self.samples, "r_hat": self.r_hat, "ess": self.ess}

    def to_inference_data(
        self, log_likelihood: bool = True, predictive: int = 100, seed: int | None = 0
    ) -> Any:
        """Return the draws as an ArviZ ``InferenceData``.

        Parameters
        ----------
        log_likelihood : bool
            With the log-likelihood of each observation at each draw, which ``arviz.loo`` needs.
        predictive : int
            For how many draws of each chain to simulate data like those observed, for ``arviz.plot_ppc``.
            None are for censored, truncated or rewarded observations.
        seed : int, optional
            Of what is simulated.

        Returns
        -------
        arviz.InferenceData
            Groups ``posterior``, ``sample_stats``, ``observed_data``, those asked for, and of the warm-up
            ``warmup_posterior`` and ``warmup_sample_stats``.
        """
        x = self._optimum.x + self._u @ self._root.T
        found = inference_data(
            self.posterior, x, self._statistics, log_likelihood, predictive, np.random.default_rng(seed)
        )
        warm = inference_data(
            self.posterior,
            self._optimum.x + self._warm_up @ self._root.T,
            self._warm_up_statistics,
            False,
            0,
            np.random.default_rng(seed),
        )
        found.add_groups(
            {"warmup_posterior": warm.posterior, "warmup_sample_stats": warm.sample_stats}, warn_on_custom_groups=False
        )
        return found
