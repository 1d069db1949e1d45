"""What was seen of absorption times: when, or between when and when, or only that it was not yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.errors import GraphError


@dataclass(frozen=True, eq=False)
class Observations:
    """Absorption times, each of which may be known by an interval only.

    Observation i says that the time is in ``(low[i], high[i]]``, and that it would not have been made at
    all, had the time not been after ``entry[i]``. Zero is a time like any other: with ``low = -inf`` the
    interval holds it, with ``low = 0`` it does not.

    Parameters
    ----------
    low, high : float64[n]
        Equal where the time itself was observed; ``high = inf`` where it was censored on the right, at
        `low`; ``low = -inf`` where it was censored on the left, at `high`.
    entry : float64[n] or float, optional
        Of left-truncated observations (delayed entry). By default nothing is truncated.

    Raises
    ------
    GraphError
        There is no observation, or the one that the message names cannot be.

    Examples
    --------
    >>> seen = Observations.of([1.0, 2.5, 4.0], censored=[False, True, False])
    >>> seen.high.tolist()
    [1.0, inf, 4.0]
    """

    low: Floats
    high: Floats
    entry: Floats

    def __init__(self, low: ArrayLike, high: ArrayLike, entry: ArrayLike | None = None) -> None:
        first, last = _vector("low", low), _vector("high", high)
        if first.size != last.size:
            raise GraphError(f"low has {first.size} entries and high {last.size}; pass one each")
        if first.size == 0:
            raise GraphError("there are no observations; pass a vector of times, not empty")
        begin = np.full(first.size, -np.inf) if entry is None else _spread("truncated", entry, first.size)
        for name, value in (("low", first), ("high", last), ("entry", begin)):
            object.__setattr__(self, name, value)
        self._check()
        for value in (first, last, begin):
            value.flags.writeable = False

    def _check(self) -> None:
        low, high, entry = self.low, self.high, self.entry
        for bad, what in (
            (
                np.isnan(low) | np.isnan(high) | np.isnan(entry),
                "observations are finite times >= 0; leave out what is missing",
            ),
            ((low == high) & ~(np.isfinite(low) & (low >= 0.0)), "observations are finite times >= 0"),
            ((low != high) & (low < 0.0) & (low != -np.inf), "pass times >= 0, or -inf for none"),
            (low > high, "the first end of an interval comes after the last"),
            ((high < 0.0) | (low == np.inf), "no time is there"),
            ((low == -np.inf) & (high == np.inf), "it says nothing; leave it out"),
            ((entry != -np.inf) & ~(np.isfinite(entry) & (entry >= 0.0)), "truncate at finite times >= 0"),
            (high <= entry, "it is not after the time from which on it could be observed"),
        ):
            if bad.any():
                place = int(bad.argmax())
                raise GraphError(f"observation {place} is {self.described(place)}: {what}")

    def described(self, place: int) -> str:
        """Return an observation in words."""
        low, high, entry = (float(array[place]) for array in (self.low, self.high, self.entry))
        if low == high or np.isnan(low):
            words = f"{high if np.isnan(high) else low:g}"
        elif high == np.inf:
            words = f"later than {low:g}"
        elif low == -np.inf:
            words = f"{high:g} at the latest"
        else:
            words = f"between {low:g} and {high:g}"
        return words if entry == -np.inf else f"{words}, seen if later than {entry:g}"

    @classmethod
    def of(
        cls, data: Any, censored: ArrayLike | None = None, truncated: ArrayLike | None = None
    ) -> Observations:
        """Return observations, given in any of the usual forms.

        Parameters
        ----------
        data : array_like, scipy.stats.CensoredData or Observations
            Times.
        censored : bool[n], optional
            Which times are those at which observation ended before absorption (censored on the right).
        truncated : float or float64[n], optional
            Times from which on each one was observed: had absorption come before, it would be unknown.
        """
        if isinstance(data, Observations) or _is_censored_data(data):
            if censored is not None:
                raise GraphError("these observations say which are censored; leave out censored=")
            if isinstance(data, Observations):
                low, high = data.low, data.high
                truncated = data.entry if truncated is None else truncated
            else:
                low, high = _ends_of(data)
            return cls(low, high, truncated)
        try:
            times = np.array(data, dtype=np.float64)
        except (TypeError, ValueError):
            raise GraphError(f"observations are {data!r}; pass a vector of times") from None
        if times.ndim != 1 or times.size == 0:
            raise GraphError(f"observations have shape {times.shape}; pass a vector of times, not empty")
        high = times.copy()
        if censored is not None:
            high[_mask(censored, times.size)] = np.inf
        return cls(times, high, truncated)

    def __len__(self) -> int:
        return int(self.low.size)

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Which times are known, bool[n]."""
        return np.asarray(self.low == self.high)

    @property
    def is_plain(self) -> bool:
        """Whether nothing is censored or truncated."""
        return bool(self.exact.all() and (self.entry == -np.inf).all())

    def require_steps(self) -> None:
        """Raise GraphError unless known times are whole numbers, as a discrete graph has them."""
        bad = self.exact & (self.low != np.floor(self.low))
        if bad.any():
            place = int(bad.argmax())
            raise GraphError(f"observation {place} is {self.low[place]:g}; pass whole numbers of steps")

    def typical(self) -> Floats:
        """Return about when each absorption was: the middle of an interval, or its finite end, float64[n]."""
        low, high = np.maximum(self.low, 0.0), self.high
        return np.where(np.isfinite(high), 0.5 * (low + np.where(np.isfinite(high), high, 0.0)), low)


def _vector(name: str, values: ArrayLike) -> Floats:
    try:
        found = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise GraphError(f"{name} is {values!r}; pass a vector of times") from None
    if found.ndim != 1:
        raise GraphError(f"{name} has shape {found.shape}; pass a vector of times")
    return found


def _spread(name: str, values: ArrayLike, size: int) -> Floats:
    found = np.array(values, dtype=np.float64)
    if found.shape not in ((), (size,)):
        raise GraphError(f"{name} has shape {found.shape}; pass one number, or {size} of them")
    return np.broadcast_to(found, (size,)).copy()


def _mask(censored: ArrayLike, size: int) -> NDArray[np.bool_]:
    found = np.asarray(censored)
    if found.shape != (size,) or not (found.dtype == np.bool_ or np.isin(found, (0, 1)).all()):
        raise GraphError(
            f"censored has shape {found.shape} and dtype {found.dtype}; pass {size} times True (not absorbed "
            f"by then) or False"
        )
    return found.astype(np.bool_)


def _is_censored_data(data: Any) -> bool:
    return type(data).__name__ == "CensoredData" and hasattr(data, "_uncensored")


def _ends_of(data: Any) -> tuple[Floats, Floats]:
    """Return low and high of scipy's container, in its order: known, left, right, interval."""
    known, left, right = data._uncensored, data._left, data._right
    interval = np.asarray(data._interval, np.float64).reshape(-1, 2)
    low = np.concatenate([known, np.full(len(left), -np.inf), right, interval[:, 0]])
    high = np.concatenate([known, left, np.full(len(right), np.inf), interval[:, 1]])
    return low, high
