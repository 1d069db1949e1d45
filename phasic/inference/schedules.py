"""Numbers that follow the step of a fit: sizes of steps, and strengths of penalties.

Each is a function of the step, which counts from 0, and so a schedule of optax: `learning_rate=` and
`regularization=` of `Graph.svgd` take it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from phasic.errors import OptionError


class Schedule:
    """A number for each step."""

    def __call__(self, iteration: Any, particles: Any = None) -> Any:
        """Return the number at a step; where particles are has no effect."""
        raise NotImplementedError

    def plot(
        self,
        nr_iter: int,
        figsize: tuple[float, float] | None = None,
        title: str | None = None,
        ax: Any = None,
        return_ax: bool = True,
    ) -> Any:
        """Draw the numbers of the first `nr_iter` steps, and return the matplotlib axes."""
        if not isinstance(nr_iter, int | np.integer) or nr_iter < 1:
            raise OptionError(f"{nr_iter!r} steps were to be drawn; pass an integer of at least 1")
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(figsize=figsize or (5.0, 3.0), layout="constrained").add_subplot()
        steps = np.arange(nr_iter)
        ax.plot(steps, [float(self(int(step))) for step in steps])
        ax.set_xlabel("step")
        ax.set_title(type(self).__name__ if title is None else title)
        return ax if return_ax else None


@dataclass(frozen=True)
class ConstantStepSize(Schedule):
    """The same step size at every step."""

    step_size: float = 0.01

    def __call__(self, iteration: Any, particles: Any = None) -> Any:
        """See `Schedule`."""
        return self.step_size


@dataclass(frozen=True)
class ExpStepSize(Schedule):
    """Falling from `first_step` to `last_step`, the difference by a factor e every `tau` steps.

    Examples
    --------
    >>> schedule = ExpStepSize(first_step=0.1, last_step=0.0, tau=10.0)
    >>> [round(float(schedule(step)), 4) for step in (0, 10, 1000)]
    [0.1, 0.0368, 0.0]
    """

    first_step: float = 0.01
    last_step: float = 1e-6
    tau: float = 1000.0

    def __call__(self, iteration: Any, particles: Any = None) -> Any:
        """See `Schedule`."""
        return _falling(self.first_step, self.last_step, iteration / self.tau)


@dataclass(frozen=True)
class WarmupExpStepSize(Schedule):
    """Rising evenly to `peak_lr` over `warmup_steps`, then falling to `last_lr` as `ExpStepSize` does."""

    peak_lr: float = 0.001
    warmup_steps: int = 70
    last_lr: float = 1e-6
    tau: float = 1000.0

    def __call__(self, iteration: Any, particles: Any = None) -> Any:
        """See `Schedule`."""
        where = np.where if _is_plain(iteration) else _jax_numpy().where
        rising = self.peak_lr * (iteration + 1) / max(1, self.warmup_steps)
        later = where(iteration < self.warmup_steps, 0, iteration - self.warmup_steps)
        falling = _falling(self.peak_lr, self.last_lr, later / self.tau)
        return where(iteration < self.warmup_steps, rising, falling)


class AdaptiveStepSize(Schedule):
    """By `adjust_rate` smaller at each call where particles lie wide apart, larger where they do not.

    Wide is where the mean logarithm of their standard deviations is above `kl_target`. `Graph.svgd` does not
    say where particles are, and so takes steps of `base_step`: its kernel keeps them apart.
    """

    def __init__(self, base_step: float = 0.01, kl_target: float = 0.1, adjust_rate: float = 0.1) -> None:
        self.base_step, self.kl_target, self.adjust_rate = base_step, kl_target, adjust_rate
        self.current_step = base_step

    def __call__(self, iteration: Any, particles: Any = None) -> Any:
        """See `Schedule`."""
        if particles is not None:
            spread = float(np.mean(np.log(np.std(np.asarray(particles), axis=0) + 1e-8)))
            self.current_step *= 1.0 + self.adjust_rate * (-1.0 if spread > self.kl_target else 1.0)
        return self.current_step


@dataclass(frozen=True)
class ConstantRegularization(Schedule):
    """The same strength at every step."""

    regularization: float = 0.0

    def __call__(self, iteration: Any, particles: Any = None) -> Any:
        """See `Schedule`."""
        return self.regularization


@dataclass(frozen=True)
class ExpRegularization(Schedule):
    """Going from `first_reg` to `last_reg`, the difference by a factor e every `tau` steps."""

    first_reg: float = 1.0
    last_reg: float = 0.0
    tau: float = 1000.0

    def __call__(self, iteration: Any, particles: Any = None) -> Any:
        """See `Schedule`."""
        return _falling(self.first_reg, self.last_reg, iteration / self.tau)


@dataclass(frozen=True)
class ExponentialCDFRegularization(ExpRegularization):
    """What `ExpRegularization` is, which may rise as well as fall, by default from 0 to 1."""

    first_reg: float = 0.0
    last_reg: float = 1.0


def _falling(first: float, last: float, age: Any) -> Any:
    exp = np.exp if _is_plain(age) else _jax_numpy().exp
    return last + (first - last) * exp(-age)


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float | np.number | np.ndarray)


def _jax_numpy() -> Any:
    import jax.numpy

    return jax.numpy
