"""Stein variational gradient descent: particles that move until they look like the posterior."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.errors import GraphError, OptionError, PhasicError
from phasic.inference.climbing import climbed
from phasic.inference.devices import shared_out
from phasic.inference.optimisers import Optimiser
from phasic.inference.optimum import square_root
from phasic.inference.penalty import Penalty
from phasic.inference.pictures import Pictures
from phasic.inference.portable import copied, packed, unpacked
from phasic.inference.posterior import Posterior
from phasic.inference.summaries import Summaries

_LOG = logging.getLogger("phasic")
_PER_PARAMETER = 20
_SETTINGS = ("_optimizer", "learning_rate", "regularization", "_schedule")
_BETWEEN = 20  # steps between two looks at whether particles still move


def stein_direction(places: Floats, slopes: Floats, bandwidth: str | float | Floats) -> Floats:
    r"""Return where each particle has to move, float64[n, f].

    .. math:: \phi(u) = \frac1n \sum_j k(u_j, u) \nabla \log p(u_j) + \nabla_{u_j} k(u_j, u)

    with a Gaussian kernel k [1]_. Its standard deviation is the median distance of particles. That is
    wider than what is common, which divides by ``sqrt(2 log n)``: a narrow kernel sees few neighbours, and
    the spread comes out too small, the more so the more parameters there are. A wide one has the
    moments of a nearly Gaussian posterior right [2]_.

    Parameters
    ----------
    places, slopes : float64[n, f]
        Particles, and derivatives of the log-density there.
    bandwidth : {"median", "median_per_dim"}, float or float64[f]
        Of the kernel: a number is its standard deviation.

    References
    ----------
    .. [1] Q. Liu and D. Wang, NeurIPS 29 (2016).
    .. [2] Q. Liu and D. Wang, NeurIPS 31 (2018).
    """
    n, f = places.shape
    apart = places[:, None, :] - places[None, :, :]
    if isinstance(bandwidth, str):
        pairs = apart[np.triu_indices(n, 1)]
        if bandwidth == "median":
            width = np.full(f, np.median((pairs**2).sum(axis=1))) if n > 1 else np.ones(f)
        else:
            width = f * np.median(np.abs(pairs), axis=0) ** 2 if n > 1 else np.ones(f)
    else:
        width = np.broadcast_to(np.asarray(bandwidth, np.float64) ** 2, (f,))
    width = np.maximum(width, 1e-12)
    kernel = np.exp(-0.5 * (apart**2 / width).sum(axis=2))
    push = places * kernel.sum(axis=1)[:, None] - kernel @ places
    return np.asarray((kernel @ slopes + push / width) / n)


class SVGD(Summaries, Pictures):
    """Particles for the parameters of a model, given observations; `Graph.svgd` makes them.

    The search first climbs to the most probable parameters and measures the curvature there. Particles
    start from the Gaussian that this implies, and move in coordinates in which it is round, so that neither
    the unit of a parameter nor the number of observations matters.

    Attributes
    ----------
    particles : float64[n, p]
        In the space of theta, as everything here that is not called unconstrained.
    theta_mean, theta_std : float64[p]
        Mean and standard deviation of the particles.
    history : list of float64[n, p]
        Particles before the first step and after each one.
    log_density : float64[steps]
        Mean over particles of the logarithm of the posterior density, up to a constant, before each step.
    is_fitted, is_interrupted, is_converged : bool
    prior, learning_rate, n_particles, n_iterations
        As they were used.
    """

    def __init__(
        self,
        posterior: Posterior,
        *,
        n_particles: int | None = None,
        n_iterations: int = 1000,
        optimizer: Any = "adam",
        learning_rate: Any = None,
        bandwidth: str | float | ArrayLike = "median_per_dim",
        theta_init: Any = None,
        seed: int | None = None,
        return_history: bool = True,
        parallel: int | str | None = None,
        n_devices: int | None = None,
        regularization: Any = 0.0,
        nr_moments: int = 2,
        tolerance: float = 0.0,
    ) -> None:
        count = posterior.problem.n_free
        self.posterior = posterior
        if isinstance(theta_init, SVGD):
            theta_init = theta_init.particles
            n_particles = n_particles or len(theta_init)
        self.regularization = regularization
        self._schedule = copied(regularization)
        self._tolerance = _share("tolerance", tolerance)
        if callable(regularization) or regularization != 0.0:
            posterior.penalty = Penalty(posterior.problem, _whole("nr_moments", nr_moments, 1))
            posterior.penalty.strength = self._strength(0)
        self.prior = posterior.prior
        self.n_particles = _whole("n_particles", n_particles or _PER_PARAMETER * count, 2)
        self.n_iterations = _whole("n_iterations", n_iterations, 0)
        self.learning_rate = learning_rate
        self.bandwidth = _checked_bandwidth(bandwidth, count)
        self.is_fitted = self.is_interrupted = self.is_converged = False
        self.history: list[Floats] = []
        self.log_density = np.empty(0)
        self._optimizer = optimizer
        self._optimiser = Optimiser(optimizer, learning_rate, self.n_iterations)
        self._keep = return_history
        self._workers = _workers(parallel)
        self._devices = _devices(parallel, n_devices)
        self._random = np.random.default_rng(seed)
        self._history: list[Floats] = []
        self._start(theta_init)

    def _strength(self, step: int) -> float:
        """Return by how much moments count in a step."""
        given = self._schedule(step) if callable(self._schedule) else self._schedule
        strength = float(given)
        if not 0.0 <= strength < np.inf:
            raise OptionError(f"regularization is {strength} in step {step}; pass a number of at least 0")
        return strength

    def _start(self, theta_init: ArrayLike | None) -> None:
        """Find the optimum, and set particles and the coordinates in which they move."""
        posterior = self.posterior
        given = None if theta_init is None else self._given(theta_init)
        start = posterior.start() if given is None else posterior.coordinates.x(given.mean(axis=0))
        self._optimum = climbed(posterior, start, 4)
        self._root = square_root(self._optimum.curvature)
        if given is not None and len(given) == self.n_particles:
            self._x = posterior.coordinates.x(given)
        else:
            self._x = self._optimum.x + self._gaussian() @ self._root.T
        self._remember()

    def _given(self, theta_init: ArrayLike) -> Floats:
        """Return free parameters, float64[1, f] or float64[n, f]."""
        try:
            given = np.atleast_2d(np.array(theta_init, np.float64))
        except (TypeError, ValueError):
            raise GraphError(f"theta_init is {theta_init!r}; pass numbers, or an earlier result") from None
        p = self.posterior.problem.n_parameters
        if given.shape not in ((1, p), (self.n_particles, p)) or not np.isfinite(given).all():
            raise GraphError(
                f"theta_init has shape {np.shape(theta_init)}; pass {p} finite numbers, or "
                f"{self.n_particles} rows of them"
            )
        return self.posterior.problem.chosen(given)

    def _gaussian(self) -> Floats:
        """Return Gaussian numbers, evenly spread in each coordinate (a Latin hypercube)."""
        from scipy.special import ndtri

        n, f = self.n_particles, self.posterior.problem.n_free
        cells = np.stack([self._random.permutation(n) for _ in range(f)], axis=1)
        return np.asarray(ndtri((cells + self._random.random((n, f))) / n))

    def _remember(self) -> None:
        if self._keep or not self._history:
            self._history.append(self._x.copy())
            self.history.append(self.posterior.theta(self._x))

    def optimize(
        self,
        n_iterations: int | None = None,
        show: Callable[[int, float], None] | None = None,
    ) -> SVGD:
        """Move the particles; call it again to go on. Ctrl-C ends it with what there is.

        Parameters
        ----------
        n_iterations : int, optional
            By default as many as were asked for in the beginning.
        show : callable, optional
            Called with the number of each step and the mean log-density.

        Raises
        ------
        OptionError
            These particles come from another process, and their optimiser could not be stored.
        """
        steps = self.n_iterations if n_iterations is None else n_iterations
        if self._optimizer is None:
            raise OptionError(
                "these particles come from another process, and the optimiser there could not be stored; "
                "go on with svgd(..., theta_init=found)"
            )
        if self.is_fitted or steps != self.n_iterations or not hasattr(self, "_optimiser"):  # a schedule anew
            self._optimiser = Optimiser(self._optimizer, self.learning_rate, steps)
        mapped = shared_out(self.posterior.problem, self._devices, self._workers)
        posterior_penalty = self.posterior.penalty
        inverse = np.linalg.inv(self._root)
        u = (self._x - self._optimum.x) @ inverse.T
        values: list[float] = []
        before = self._shape()
        self.is_interrupted = self.is_converged = False
        try:
            for step in range(steps):
                if posterior_penalty is not None and callable(self.regularization):
                    posterior_penalty.strength = self._strength(self.log_density.size + step)
                points = mapped(self.posterior, self._optimum.x + u @ self._root.T)
                value = np.array([point.value for point in points])
                slopes = np.array([point.slopes for point in points])
                lost = ~np.isfinite(value)
                if lost.all():
                    raise PhasicError(
                        "no particle has a positive posterior density; start from another theta_init"
                    )
                slopes[lost] = -u[lost]  # back to where there is one
                u = self._optimiser.step(u, stein_direction(u, slopes @ self._root, self.bandwidth))
                self._x = self._optimum.x + u @ self._root.T
                values.append(float(value[~lost].mean()))
                self._remember()
                if show is not None:
                    show(step + 1, values[-1])
                if self._tolerance and (step + 1) % _BETWEEN == 0:
                    now = self._shape()
                    if np.abs(now - before).max() <= self._tolerance:
                        self.is_converged = True
                        break
                    before = now
        except KeyboardInterrupt:
            self.is_interrupted = True
            _LOG.warning(
                "interrupted after %d of %d steps; the particles are those reached", len(values), steps
            )
        self.log_density = np.append(self.log_density, values)
        self.is_fitted = True
        return self

    def resume(self, n_iterations: int, progress: bool = False) -> SVGD:
        """Move the particles on from where they are; the learning rate begins anew, and falls again."""
        from phasic.inference.progress import shown

        with shown(progress, n_iterations) as show:
            return self.optimize(_whole("n_iterations", n_iterations, 0), show)

    def _shape(self) -> Floats:
        """Return means and logarithms of standard deviations of particles where the posterior is round."""
        u = np.linalg.solve(self._root, (self._x - self._optimum.x).T)
        return np.concatenate([u.mean(axis=1), np.log(np.maximum(u.std(axis=1), 1e-300))])

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs in another process: not what was compiled here."""
        content = dict(self.__dict__)
        del content["_optimiser"]
        return {**content, **{name: packed(content[name]) for name in _SETTINGS}}

    def __setstate__(self, content: dict[str, Any]) -> None:
        self.__dict__.update({name: unpacked(value) for name, value in content.items()})
        lost = {name for name in _SETTINGS if content[name] is not None and self.__dict__[name] is None}
        if "_schedule" in lost:  # as strong as it was
            self.regularization = self._schedule = getattr(self.posterior.penalty, "strength", 0.0)
        if lost & {"_optimizer", "learning_rate"}:
            self._optimizer = None

    @property
    def particles(self) -> Floats:
        """Particles in the space of theta, float64[n, p]."""
        return self.posterior.theta(self._x)

    @property
    def particles_unconstrained(self) -> Floats:
        """Free parameters of the particles before the transforms, float64[n, f]."""
        return self._x.copy()

    @property
    def history_unconstrained(self) -> list[Floats]:
        """What `history` was made of."""
        return list(self._history)

    @property
    def theta_mean(self) -> Floats:
        """Mean of the particles, float64[p]."""
        return np.asarray(self.particles.mean(axis=0))

    @property
    def theta_std(self) -> Floats:
        """Standard deviation of the particles, float64[p]; zero for a fixed parameter."""
        return np.asarray(self.particles.std(axis=0))


def _whole(name: str, value: Any, least: int) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise OptionError(f"{name} is {value!r}; pass a whole number of at least {least}")
    return int(value)


def _share(name: str, value: Any) -> float:
    if not isinstance(value, int | float | np.number) or not 0.0 <= value < np.inf:
        raise OptionError(f"{name} is {value!r}; pass a number of at least 0")
    return float(value)


def _workers(parallel: Any) -> int | None:
    """Return a number of threads; None stands for that of processors."""
    if parallel in (None, "vmap", "pmap"):  # as other packages say it
        return None
    if parallel == "none":
        return 1
    return _whole("parallel", parallel, 1)


def _devices(parallel: Any, n_devices: Any) -> int | None:
    """Return a number of devices, 0 for all, or None for threads."""
    if n_devices is None:
        return 0 if isinstance(parallel, str) and parallel == "pmap" else None
    return _whole("n_devices", n_devices, 1)


def _checked_bandwidth(bandwidth: str | float | ArrayLike, count: int) -> str | Floats:
    if isinstance(bandwidth, str):
        if bandwidth not in ("median", "median_per_dim"):
            raise OptionError(f"bandwidth is {bandwidth!r}; pass 'median', 'median_per_dim', or numbers")
        return bandwidth
    width = np.asarray(bandwidth, np.float64)
    if width.shape not in ((), (count,)) or not (width > 0.0).all():
        raise OptionError(f"bandwidth is {bandwidth!r}; pass a positive number, or {count} of them")
    return width
