"""Which jumps a phase-type distribution may have, and which of its rates are one and the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.errors import OptionError
from phasic.inference.path_statistics import Statistics


class Phases(NamedTuple):
    """A phase-type distribution.

    Attributes
    ----------
    alpha : float64[p + 1]
        Initial probabilities; the last one is that of an absorption time of zero.
    rates : float64[p, p]
        Jump rates, with a diagonal of zeros.
    exits : float64[p]
        Exit rates. Of a discrete distribution these and `rates` are one-step probabilities.
    """

    alpha: Floats
    rates: Floats
    exits: Floats

    def mean(self) -> float:
        """Return the expected absorption time."""
        leave = np.diag(self.rates.sum(axis=1) + self.exits) - self.rates
        return float(self.alpha[:-1] @ np.linalg.solve(leave, np.ones(self.exits.size)))


@dataclass(frozen=True, eq=False)
class Structure:
    """The shape of a phase-type distribution.

    Attributes
    ----------
    name : str
    starts : bool[p]
        Where a path may start.
    groups : int64[p, p + 1]
        Which rate each jump has, jumps to absorption in the last column; -1 for those that are not there.
    n_parameters : int
        How many numbers tell distributions of this structure apart: fewer than there are rates where
        different rates give one distribution.
    discrete : bool
        Whether rates are probabilities, of one step each; what is left is that of staying.
    """

    name: str
    starts: NDArray[np.bool_]
    groups: NDArray[np.int64]
    n_parameters: int
    discrete: bool = False

    @property
    def n_phases(self) -> int:
        """Number of states."""
        return int(self.starts.size)

    def phases(self, alpha: Floats, values: Floats) -> Phases:
        """Return the distribution whose groups have these rates."""
        table = np.where(self.groups >= 0, values[self.groups], 0.0)
        return Phases(alpha, np.ascontiguousarray(table[:, :-1]), table[:, -1].copy())

    def random(
        self, generator: np.random.Generator, zero: float = 0.0, width: float = 1.5, mean: float = 1.0
    ) -> Phases:
        """Return a distribution of about this mean, with probability `zero` of an absorption time of zero.

        Logarithms of rates are up to `width` from their middle.
        """
        alpha = np.append(generator.dirichlet(np.ones(self.n_phases)) * self.starts, 0.0)
        alpha *= (1.0 - zero) / alpha.sum()
        alpha[-1] = zero
        values = np.exp(generator.uniform(-width, width, int(self.groups.max()) + 1))
        values *= self.phases(alpha, values).mean() / (1.0 - zero) / mean
        found = self.phases(alpha, values)
        if not self.discrete:
            return found
        stay = 1.0 + found.rates.sum(axis=1) + found.exits  # the first change, if it comes within the step
        return Phases(alpha, found.rates / stay[:, None], found.exits / stay)

    def fitted(self, found: Statistics, before: Phases) -> Phases:
        """Return the distribution under which such paths are most probable.

        What no path tells, such as rates of a state that none visits, stays as it was.
        """
        there = self.groups >= 0
        groups = self.groups[there]
        jumps = np.bincount(groups, found.jumps[there])
        times = np.bincount(groups, np.repeat(found.times[:, None], self.n_phases + 1, axis=1)[there])
        old = np.zeros(jumps.size)
        old[groups] = np.column_stack([before.rates, before.exits])[there]
        values = np.divide(jumps, times, out=old, where=times > 0.0)
        return self.phases(found.starts / found.starts.sum(), values)


def structure(name: str, phases: int | Sequence[int]) -> Iterator[Structure]:
    """Yield the structures of this name; several only where `phases` can be put into branches.

    Parameters
    ----------
    name : {"general", "coxian", "hypoexponential", "hyperexponential", "erlang", "hypererlang"}
    phases : int, or sequence of int
        Number of states; of a hyper-Erlang distribution, also the lengths of its branches.
    """
    if name == "hypererlang":
        for orders in [phases] if isinstance(phases, Sequence) else _partitions(phases, phases):
            yield _hypererlang(orders)
        return
    make = _BY_NAME.get(name)
    if make is None:
        known = ", ".join([*_BY_NAME, "hypererlang"])
        raise OptionError(f"structure is {name!r}; choose one of {known}, or pass a table of jumps")
    if not isinstance(phases, int | np.integer):
        raise OptionError(f"phases is {phases!r}; branches are of the structure 'hypererlang' only")
    yield make(int(phases))


def custom(jumps: ArrayLike, starts: ArrayLike | None = None) -> Structure:
    """Return the structure of which a table tells the jumps that there are, bool[p, p + 1]."""
    table = np.asarray(jumps)
    p = table.shape[0] if table.ndim == 2 else 0
    if p == 0 or table.shape != (p, p + 1) or not np.isin(table, (0, 1)).all():
        raise OptionError(
            f"structure has shape {table.shape}; pass a name, or a table of True and False with a row for "
            f"each phase and a column for each and for absorption"
        )
    there = table.astype(np.bool_) & ~np.eye(p, p + 1, dtype=np.bool_)
    reaching = there[:, -1].copy()
    for _ in range(p):
        reaching |= (there[:, :-1] & reaching).any(axis=1)
    if not reaching.all():
        raise OptionError(f"phase {int(reaching.argmin())} of structure cannot reach absorption")
    begin = np.ones(p, np.bool_) if starts is None else np.asarray(starts, np.bool_)
    return Structure("custom", begin, _numbered(there), int(there.sum() + begin.sum() - 1))


def _numbered(there: NDArray[np.bool_]) -> NDArray[np.int64]:
    groups = np.full(there.shape, -1, np.int64)
    groups[there] = np.arange(there.sum())
    return groups


def _first(p: int) -> NDArray[np.bool_]:
    return np.asarray(np.arange(p) == 0)


def _general(p: int) -> Structure:
    there = ~np.eye(p, p + 1, dtype=np.bool_)
    return Structure("general", np.ones(p, np.bool_), _numbered(there), 2 * p - 1)


def _coxian(p: int) -> Structure:
    there = np.eye(p, p + 1, 1, dtype=np.bool_)
    there[:, -1] = True
    return Structure("coxian", _first(p), _numbered(there), 2 * p - 1)


def _hypoexponential(p: int) -> Structure:
    return Structure("hypoexponential", _first(p), _numbered(np.eye(p, p + 1, 1, dtype=np.bool_)), p)


def _hyperexponential(p: int) -> Structure:
    there = np.zeros((p, p + 1), np.bool_)
    there[:, -1] = True
    return Structure("hyperexponential", np.ones(p, np.bool_), _numbered(there), 2 * p - 1)


def _erlang(p: int) -> Structure:
    groups = np.where(np.eye(p, p + 1, 1, dtype=np.bool_), 0, -1)
    return Structure("erlang", _first(p), groups, 1)


def _hypererlang(orders: Sequence[int]) -> Structure:
    lengths = [int(order) for order in orders]
    if not lengths or min(lengths) < 1:
        raise OptionError(f"phases is {orders!r}; pass lengths of branches, each at least 1")
    p = sum(lengths)
    starts, groups = np.zeros(p, np.bool_), np.full((p, p + 1), -1, np.int64)
    first = 0
    for branch, length in enumerate(lengths):
        starts[first] = True
        for i in range(first, first + length):
            groups[i, i + 1 if i + 1 < first + length else p] = branch
        first += length
    label = f"hypererlang({', '.join(map(str, lengths))})"
    return Structure(label, starts, groups, 2 * len(lengths) - 1)


def _partitions(total: int, largest: int) -> Iterator[list[int]]:
    if total == 0:
        yield []
    for first in range(min(total, largest), 0, -1):
        for rest in _partitions(total - first, first):
            yield [first, *rest]


_BY_NAME = {
    "general": _general,
    "coxian": _coxian,
    "hypoexponential": _hypoexponential,
    "hyperexponential": _hyperexponential,
    "erlang": _erlang,
}


def canonical(found: Phases) -> Phases:
    """Return the same Coxian distribution with the fastest phase first.

    A Coxian distribution is that of the sum of the first K phases, K being random. Two neighbours of the
    wrong order change places as in the canonical form of acyclic distributions [1]_: an exponential time
    is one with a larger rate, followed by one of its own with the probability that is left.

    References
    ----------
    .. [1] A. Cumani, Microelectron. Reliab. 22 (1982).
    """
    p = found.exits.size
    leave = found.rates.sum(axis=1) + found.exits
    share = found.exits / leave
    rates, length = leave.copy(), np.empty(p)  # length[k]: probability of k + 1 phases
    left = 1.0 - found.alpha[-1]
    for k in range(p):
        length[k] = left * share[k]
        left *= found.rates[k, k + 1] / leave[k] if k + 1 < p else 0.0
    for last in range(p - 1, 0, -1):
        for k in range(last):
            slow, fast = rates[k], rates[k + 1]
            if slow < fast:
                ratio = slow / fast
                rates[k], rates[k + 1] = fast, slow
                length[k + 1] += (1.0 - ratio) * length[k]
                length[k] *= ratio
    left = np.cumsum(length[::-1])[::-1]
    exits = np.divide(length, left, out=np.ones(p), where=left > 0.0)
    exits[-1] = 1.0
    on = np.divide(np.append(left[1:], 0.0), left, out=np.zeros(p), where=left > 0.0)
    return Phases(found.alpha.copy(), np.diag((rates * on)[:-1], 1), rates * exits)
