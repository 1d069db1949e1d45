"""A transform of parameters that the caller gives, as a function of JAX."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from phasic import jax_programs
from phasic.arrays import Floats
from phasic.errors import OptionError
from phasic.inference.problem import Problem

_NEAR = 1e-10


class GivenCoordinates:
    """Free parameters as a smooth function of as many numbers without a range.

    The function takes and returns vectors as long as theta. Entries of fixed parameters, and of those
    that are tied to an earlier one, are zero in what it is given, and not read in what it returns.

    Parameters
    ----------
    function : callable
    problem : Problem

    Raises
    ------
    OptionError
        The function does not return finite vectors of this length.
    """

    def __init__(self, function: Callable[[Any], Any], problem: Problem) -> None:
        self.function = function
        self._places = np.array([group[0] for group in problem.free])
        self._length = problem.n_parameters
        start = self.free(np.zeros(self._places.size))
        if not np.isfinite(start).all():
            raise OptionError(
                f"param_transform gives {start} for zeros; pass a function that is finite there"
            )

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs in another process: not what was compiled here."""
        return {name: value for name, value in self.__dict__.items() if name != "_compiled"}

    @cached_property
    def _compiled(self) -> tuple[Callable[[Any], Any], ...]:
        import jax
        import jax.numpy as jnp

        places, length, function = self._places, self._length, self.function

        def free(x: Any) -> Any:
            theta = jnp.asarray(function(jnp.zeros(length).at[places].set(x)))
            if theta.shape != (length,):
                raise OptionError(f"param_transform returns shape {theta.shape}; theta has length {length}")
            return theta[places]

        def log_slope(x: Any) -> Any:
            return jnp.linalg.slogdet(jax.jacfwd(free)(x))[1]

        functions = free, jax.jacfwd(free), jax.value_and_grad(log_slope)
        return tuple(jax_programs.jit(each) for each in functions)

    def _called(self, which: int, x: Floats) -> Any:
        from phasic.inference.optimisers import in_float64

        with in_float64():
            return self._compiled[which](np.asarray(x, np.float64))

    def free(self, x: Floats) -> Floats:
        """Return free parameters, float64[..., f]."""
        rows = np.asarray(x, np.float64).reshape(-1, self._places.size)
        found = np.array([np.asarray(self._called(0, row), np.float64) for row in rows])
        return found.reshape(np.shape(x))

    def x(self, free: Floats) -> Floats:
        """Return what `free` takes for these parameters, found by a search."""
        from scipy.optimize import least_squares

        rows = np.asarray(free, np.float64).reshape(-1, self._places.size)
        out = []
        for row in rows:
            scale = np.maximum(np.abs(row), 1e-300)
            found = least_squares(
                lambda x, row=row, scale=scale: (self.free(x) - row) / scale,
                np.zeros(row.size),
                jac=lambda x, scale=scale: self._jacobian(x) / scale[:, None],
                xtol=1e-15,
                ftol=1e-15,
                gtol=1e-15,
            )
            if not np.abs(found.fun).max() < _NEAR:
                raise OptionError(f"param_transform does not reach the parameters {row}; start from others")
            out.append(found.x)
        return np.array(out).reshape(np.shape(free))

    def _jacobian(self, x: Floats) -> Floats:
        return np.asarray(self._called(1, x), np.float64)

    def slope(self, x: Floats) -> Floats:
        """Return the derivative of each parameter by its own x."""
        return np.asarray(np.diag(self._jacobian(x)))

    def pulled(self, x: Floats, by_free: Floats) -> Floats:
        """Return derivatives by x, given those by free parameters."""
        return np.asarray(by_free @ self._jacobian(x))

    def log_slope(self, x: Floats) -> tuple[float, Floats]:
        """Return the logarithm of the absolute determinant of the derivative, and its derivatives."""
        value, slopes = self._called(2, x)
        return float(value), np.asarray(slopes, np.float64)
