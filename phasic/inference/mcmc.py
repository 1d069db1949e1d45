"""Chains of draws from a posterior, by the No-U-Turn sampler of nutpie."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from copy import copy
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.errors import GraphError, OptionError, PhasicError
from phasic.inference.climbing import climbed
from phasic.inference.draws import Draws
from phasic.inference.optimum import square_root
from phasic.inference.posterior import Posterior

_LOG = logging.getLogger("phasic")
_SPREAD = 1.5  # of the places where chains start, in standard deviations of the posterior
_AWAY = 50.0  # standard deviations, beyond which nothing is
_NEAR = 20.0  # standard deviations, within which a likelihood that cannot be had is worth a warning
_TRIES = 20


class MCMC(Draws):
    """Draws of the parameters of a model, given observations; `Graph.mcmc` makes them.

    The search first climbs to the most probable parameters and measures the curvature there. Chains start
    around them, more widely than the posterior spreads, and move in coordinates in which it is round.

    Attributes
    ----------
    samples : float64[n_chains, n_samples, p]
        Draws, in the space of theta.
    particles : float64[n_chains * n_samples, p]
        The same, one chain after the other.
    theta_mean, theta_std : float64[p]
    r_hat, ess : float64[p]
        How far chains disagree (1 where they do not), and how many independent draws they are worth; not
        a number for a fixed parameter.
    history : list of float64[n_chains, p]
        Draws of all chains at each step, the warm-up first.
    log_density : float64[steps]
        Mean over chains of the logarithm of the posterior density, up to a constant, at each step.
    n_divergent : int
        Draws after the warm-up at which the sampler met a place that it could not follow.
    is_interrupted : bool
    n_samples, n_chains, burn_in, thin
        As they were used.
    """

    def __init__(
        self,
        posterior: Posterior,
        *,
        n_samples: int = 1000,
        n_chains: int = 4,
        burn_in: int = 300,
        thin: int = 1,
        theta_init: ArrayLike | None = None,
        target_accept: float = 0.8,
        seed: int | None = None,
        parallel: int | None = None,
    ) -> None:
        self.posterior = posterior
        self.n_samples = _whole("n_samples", n_samples)
        self.n_chains = _whole("n_chains", n_chains)
        self.burn_in, self.thin = _whole("burn_in", burn_in), _whole("thin", thin)
        self.prior = posterior.prior
        self.is_interrupted = False
        if not 0.0 < target_accept < 1.0:
            raise OptionError(f"target_accept is {target_accept!r}; pass a share between 0 and 1")
        self._accept, self._workers = target_accept, parallel
        self._seeds = np.random.SeedSequence(seed)
        self._start(theta_init)

    def _start(self, theta_init: ArrayLike | None) -> None:
        """Find the optimum, the coordinates in which chains move, and where each begins if that was said."""
        posterior = self.posterior
        given = None if theta_init is None else self._given(theta_init)
        start = posterior.start() if given is None else posterior.coordinates.x(given.mean(axis=0))
        self._optimum = climbed(posterior, start, 4)
        self._root = square_root(self._optimum.curvature)
        self._begin: Floats | None = None
        if given is not None and len(given) > 1:
            inverse = np.linalg.inv(self._root)
            self._begin = (posterior.coordinates.x(given) - self._optimum.x) @ inverse.T

    def _around(self, seed: int) -> Floats:
        """Return a place where the density is not zero, float64[f]."""
        random, posterior = np.random.default_rng(seed), self._own_posterior()
        for k in range(_TRIES):
            u = 0.8**k * _SPREAD * random.standard_normal(self._optimum.x.size)
            if np.isfinite(self._at(u, posterior)[0]):
                return u
        return np.zeros(self._optimum.x.size)

    def _given(self, theta_init: ArrayLike) -> Floats:
        given = np.atleast_2d(np.array(theta_init, np.float64))
        p = self.posterior.problem.n_parameters
        if given.shape not in ((1, p), (self.n_chains, p)) or not np.isfinite(given).all():
            raise GraphError(
                f"theta_init has shape {np.shape(theta_init)}; pass {p} finite numbers, or {self.n_chains} "
                f"rows of them"
            )
        return self.posterior.problem.chosen(given)

    def _own_posterior(self) -> Posterior:
        """Return a posterior that one thread has for itself."""
        posterior = copy(self.posterior)
        posterior.problem = copy(self.posterior.problem)
        return posterior

    def _at(self, u: Floats, posterior: Posterior) -> tuple[float, Floats]:
        """Return the log-density in round coordinates, and its derivatives."""
        if np.abs(u).max() > _AWAY:
            return -np.inf, np.zeros_like(u)
        with np.errstate(all="ignore"):  # far from the data numbers may vanish
            value, slopes = posterior(self._optimum.x + self._root @ u)
        return value - self._optimum.value, slopes @ self._root

    def run(self, progress: bool = False) -> MCMC:
        """Draw anew; Ctrl-C ends it with what there is."""
        nutpie, from_pyfunc = _sampler()
        count = self._optimum.x.size
        refused: list[str] = []
        failures: list[BaseException] = []

        def density() -> Callable[[Floats], tuple[float, Floats]]:
            posterior = self._own_posterior()

            def at(u: Floats) -> tuple[float, Floats]:
                if failures:
                    return -np.inf, np.zeros(count)
                try:
                    return self._at(np.asarray(u), posterior)
                except (PhasicError, MemoryError) as error:  # out of reach
                    if np.abs(u).max() < _NEAR:
                        refused.append(str(error))
                except BaseException as error:  # which must not reach the sampler: it ends the process
                    failures.append(error)
                return -np.inf, np.zeros(count)

            return at

        seeds = [int(seed) for seed in self._seeds.generate_state(self.n_chains)]

        def drawn(chains: int, seed: int, place: Floats | None = None) -> Any:
            model = from_pyfunc(
                count,
                density,
                lambda *seeds: lambda u: {"u": np.asarray(u)},
                [np.dtype(np.float64)],
                [(count,)],
                ["u"],
                make_initial_point_fn=self._around if place is None else lambda _: place.copy(),
            )
            return nutpie.sample(
                model,
                draws=self.n_samples * self.thin,
                tune=self.burn_in,
                chains=chains,
                cores=self._workers,
                seed=seed,
                progress_bar=progress,
                target_accept=self._accept,
            )

        try:
            if self._begin is None:
                trace = drawn(self.n_chains, seeds[0])
            else:  # each by itself: chains that run at once come for their places in any order
                traces = [drawn(1, seed, place) for place, seed in zip(self._begin, seeds, strict=True)]
                trace = import_module("arviz").concat(*traces, dim="chain")
        except Exception:
            if failures:
                raise failures[0] from None
            raise
        if failures:
            raise failures[0]
        self._take(trace)
        if refused:
            warnings.warn(
                f"at {len(refused)} places that chains came to, the likelihood was out of reach and was "
                f"taken for zero: {refused[0]}",
                stacklevel=3,
            )
        return self

    def _take(self, trace: Any) -> None:
        draws = self.n_samples * self.thin
        u = trace.posterior["u"].to_numpy()
        self.is_interrupted = u.shape[1] < draws
        if self.is_interrupted:
            _LOG.warning("interrupted after %d of %d draws of each chain", u.shape[1], draws)
        self._u = u[:, :: self.thin]
        self._warm_up = trace.warmup_posterior["u"].to_numpy()
        self._statistics = _statistics(trace.sample_stats, self._optimum.value, self.thin)
        self._warm_up_statistics = _statistics(trace.warmup_sample_stats, self._optimum.value, 1)
        self._remember()


_NAMES = {
    "logp": "lp",
    "diverging": "diverging",
    "energy": "energy",
    "n_steps": "n_steps",
    "depth": "tree_depth",
    "step_size": "step_size",
    "mean_tree_accept": "acceptance_rate",
}


def _statistics(found: Any, level: float, thin: int) -> dict[str, Any]:
    """Return statistics of draws under the names that ArviZ gives them."""
    names = {_NAMES[name]: found[name].to_numpy()[:, ::thin] for name in _NAMES if name in found}
    if "lp" in names:
        names["lp"] = names["lp"] + level
    return names


def _sampler() -> tuple[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of ArviZ, about versions to come
            import nutpie
            from nutpie.compiled_pyfunc import from_pyfunc
    except ImportError:
        raise OptionError("MCMC draws with nutpie; pip install 'hashcache[inference]'") from None
    return nutpie, from_pyfunc


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise OptionError(f"{name} is {value!r}; pass a whole number of at least 1")
    return int(value)
