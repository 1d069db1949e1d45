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

_R_HAT = 1.01
_ESS = 100  # for each chain, so that R-hat and quantiles mean something


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
    def particles_unconstrained(self) -> Floats:
        """Free parameters of the draws before the transforms, float64[n, f]."""
        return self._x.copy()

    @property
    def history_unconstrained(self) -> list[Floats]:
        """What `history` was made of: free parameters before the transforms, float64[n_chains, f] each."""
        both = np.concatenate([self._warm_up, self._u], axis=1)
        return list((self._optimum.x + both @ self._root.T).swapaxes(0, 1))

    def _remember(self) -> None:
        """Set what summaries and pictures look at: all chains together, the warm-up first in `history`."""
        self._x = (self._optimum.x + self._u @ self._root.T).reshape(-1, self._optimum.x.size)
        both = self._theta(np.concatenate([self._warm_up, self._u], axis=1))
        self.history = list(both.swapaxes(0, 1))
        levels = [each["lp"] for each in (self._warm_up_statistics, self._statistics)]
        self.log_density = np.asarray(np.concatenate(levels, axis=1).mean(axis=0))

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
        return self._diagnosed("rhat", self.samples)

    @property
    def ess(self) -> Floats:
        """How many independent draws there are in effect, float64[p] (bulk)."""
        return self._diagnosed("ess", self.samples)

    def _diagnosed(self, name: str, samples: Floats) -> Floats:
        import arviz

        function = getattr(arviz, name)
        fixed = self.posterior.problem.fixed
        each = np.moveaxis(samples, -1, 0)
        return np.array([np.nan if i in fixed else float(function(c)) for i, c in enumerate(each)])

    def get_results(self) -> dict[str, Any]:
        """Return draws, moments, intervals and diagnostics by name."""
        found = super().get_results()
        return {**found, "samples": self.samples, "r_hat": self.r_hat, "ess": self.ess}

    def summary(self, ci_method: str = "hpd", ci_level: float = 0.95) -> None:
        """Print a table of parameters, whether chains agree, and what draws are worth."""
        import sys

        super().summary(ci_method, ci_level)
        lines = [f"{self._u.shape[0]} chains of {self._u.shape[1]} draws"]
        for i, (disagree, worth) in enumerate(zip(self.r_hat, self.ess, strict=True)):
            if i not in self.posterior.problem.fixed:
                lines.append(f"theta[{i}]: R-hat {disagree:.3f}, {worth:.0f} effective draws")
        if self.n_divergent:
            lines.append(f"{self.n_divergent} draws diverged; ask for a target_accept nearer to 1")
        sys.stdout.write("\n".join(lines) + "\n")

    def analyze_trace(
        self, burnin: int | None = None, verbose: bool = True, return_dict: bool = False
    ) -> dict[str, Any] | None:
        """Print whether chains agree, and return it if asked for; `burnin` draws more are left out."""
        import sys

        kept = self.samples[:, burnin or 0 :]
        free = [group[0] for group in self.posterior.problem.free]
        r_hat, ess = (self._diagnosed(name, kept)[free].tolist() for name in ("rhat", "ess"))
        issues, suggestions = [], {}
        if not max(r_hat) < _R_HAT:
            issues.append(f"chains disagree: R-hat is {max(r_hat):.3f}")
            suggestions["burn_in"] = 2 * self._warm_up.shape[1]
        if not min(ess) > _ESS * len(kept):
            issues.append(f"draws are worth {min(ess):.0f} independent ones only")
            suggestions["n_samples"] = 2 * self._u.shape[1]
        if self.n_divergent:
            issues.append(f"{self.n_divergent} draws diverged")
            suggestions["target_accept"] = 0.95
        if verbose:
            lines = issues + [f"try {name}={value}" for name, value in suggestions.items()]
            sys.stdout.write("\n".join(lines or ["chains agree"]) + "\n")
        found = {"converged": not issues, "r_hat": r_hat, "ess": ess, "issues": issues}
        return {**found, "suggestions": suggestions} if return_dict else None

    def to_inference_data(
        self, log_likelihood: bool = True, predictive: int = 100, seed: int | None = 0
    ) -> Any:
        """Return the draws as an ArviZ ``InferenceData``, with the warm-up and what the sampler said of each.

        Arguments as for the particles of `Graph.svgd`. There are the groups ``sample_stats``,
        ``warmup_posterior`` and ``warmup_sample_stats`` more.
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
            {"warmup_posterior": warm.posterior, "warmup_sample_stats": warm.sample_stats},
            warn_on_custom_groups=False,
        )
        return found
