"""Compute the references of the accuracy suite in ball arithmetic and store them as decimal text.

    python tests/phasic/accuracy/references.py [--missing | part of a model's name ...]

It needs python-flint. Precision is doubled until the ball of every number proves 22 digits of it; what is
proved to be smaller than 1e-340, which no float64 can hold, is stored as 0. Nothing here is shared with
phasic: moments come from a dense inverse, distributions from a dense matrix exponential, or power, or from
uniformisation where jumps are few, with a proved bound on what is cut off.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import comb, inf, nextafter
from time import process_time
from typing import Any

from flint import arb, arb_mat, ctx, fmpq
from models import MODELS, Model
from quantities import FOLDER, file_of

DIGITS = 22
TINY = arb("1e-340")
Found = tuple[list[arb], list[arb], list[arb], dict[int, list[arb]]]
FACTORS = (0.001, 0.01, 0.1, 0.3, 0.7, 1.0, 1.5, 3.0)
"""Times at which distributions are computed, as shares of the mean; later ones follow in the tail."""
LARGEST_WITH_POWERS = 200
"""Number of states up to which powers and exponentials of matrices are computed."""
LARGEST_WITH_SLOPES = 75
"""Number of states up to which derivatives of distributions are computed."""


def ball(number: Fraction) -> arb:
    return arb(fmpq(number.numerator, number.denominator))


def column(numbers: Sequence[Any]) -> arb_mat:
    return arb_mat(len(numbers), 1, list(numbers))


def times_each(a: Sequence[Any], b: Sequence[Any]) -> list[arb]:
    return [x * y for x, y in zip(a, b, strict=True)]


class Algebra:
    """The matrices of a model in balls of the precision of the moment."""

    def __init__(self, model: Model) -> None:
        n = self.n = model.n
        self.discrete = model.discrete
        self.matrix, self.exits = self._filled(model, model.weights())
        self.alpha = arb_mat(1, n, [ball(Fraction(model.start.get(i, 0.0))) for i in range(n)])
        self.total = ball(sum(Fraction(p) for p in model.start.values()))
        identity = arb_mat(n, n, [int(i == j) for i in range(n) for j in range(n)])
        self.step = identity + self.matrix  # P, of a discrete chain
        self.inverse = (-self.matrix).inv()
        self.ones = column([1] * n)
        self.slopes = [
            self._filled(model, [Fraction(row[k]) for _, _, row in model.edges])
            for k in range(len(model.theta or ()))
        ]

    def _filled(self, model: Model, weights: Sequence[Fraction]) -> tuple[arb_mat, arb_mat]:
        """Return S (or P - I) and the rates of absorption for these weights."""
        n = self.n
        rows = [[Fraction()] * n for _ in range(n)]
        exits = [Fraction()] * n
        for (source, target, _), weight in zip(model.edges, weights, strict=True):
            rows[source][source] -= weight
            if target < n:
                rows[source][target] += weight
            else:
                exits[source] += weight
        return arb_mat(n, n, [ball(x) for row in rows for x in row]), column([ball(x) for x in exits])

    def moments(self, rewards: Sequence[Any], k: int = 4) -> list[arb]:
        """Return raw moments of the reward."""
        found = [self.ones]
        for j in range(1, k + 1):
            if self.discrete:
                right = [arb(0)] * self.n
                for i in range(j):
                    onward = found[0] if i == 0 else self.step * found[i]
                    power = [r ** (j - i) * comb(j, i) for r in rewards]
                    right = [a + b for a, b in zip(right, times_each(power, onward.entries()), strict=True)]
            else:
                right = times_each([j * r for r in rewards], found[-1].entries())
            found.append(self.inverse * column(right))
        return [self.under(moment) for moment in found[1:]]

    def cross(self, r: Sequence[Any], s: Sequence[Any]) -> arb:
        """Return the expected product of two rewards."""
        first, second = self.inverse * column(r), self.inverse * column(s)
        if self.discrete:
            first, second = self.step * first, self.step * second
        right = [a * y + b * x for a, b, x, y in zip(r, s, first.entries(), second.entries(), strict=True)]
        if self.discrete:
            right = [x + a * b for x, a, b in zip(right, r, s, strict=True)]
        return self.under(self.inverse * column(right))

    def under(self, values: arb_mat) -> arb:
        return (self.alpha * values)[0, 0]

    def slope_of_moments(self, rewards: Sequence[Any], k: int) -> tuple[arb, arb]:
        """Return the derivatives of the first two raw moments in parameter k."""
        slope = self.slopes[k][0]
        first = self.inverse * column(rewards)
        d_first = self.inverse * (slope * first)
        if self.discrete:
            onward = self.step * first
            right = [r * r + 2 * r * x for r, x in zip(rewards, onward.entries(), strict=True)]
            d_onward = slope * first + self.step * d_first
            d_right = times_each([2 * r for r in rewards], d_onward.entries())
        else:
            right = times_each([2 * r for r in rewards], first.entries())
            d_right = times_each([2 * r for r in rewards], d_first.entries())
        second = self.inverse * column(right)
        d_second = self.inverse * (column(d_right) + slope * second)
        return self.under(d_first), self.under(d_second)

    def transition(self, time: float) -> arb_mat:
        """Return exp(S t), or P**t."""
        return self.step ** int(time) if self.discrete else (self.matrix * arb(time)).exp()

    def slope_of_transition(self, time: float, k: int) -> arb_mat:
        """Return the derivative of the transition matrix in parameter k: the corner of a block matrix."""
        n, slope = self.n, self.slopes[k][0]
        block = arb_mat(2 * n, 2 * n)
        for i in range(n):
            for j in range(n):
                block[i, j] = block[n + i, n + j] = self.step[i, j] if self.discrete else self.matrix[i, j]
                block[i, n + j] = slope[i, j]
        block = block ** int(time) if self.discrete else (block * arb(time)).exp()
        return arb_mat(n, n, [block[i, n + j] for i in range(n) for j in range(n)])


def proved(value: arb) -> str | None:
    """Return `value` as decimal text, or None where its ball does not prove so many digits."""
    if value.is_zero() or abs(value) < TINY:
        return "0"
    if value.rel_accuracy_bits() < 3.33 * (DIGITS + 1):
        return None
    return value.str(DIGITS, radius=False)


def certified(compute: Callable[[], Any]) -> Any:
    """Return what `compute` finds, in nested lists and dictionaries, at the precision that proves it."""
    ctx.prec = 256
    while ctx.prec < 1 << 16:
        try:
            return _text(compute())
        except (ArithmeticError, ZeroDivisionError):
            ctx.prec *= 2
    raise SystemExit("no precision proves this; is the model absorbing?")


def _text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _text(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_text(part) for part in value]
    if isinstance(value, arb_mat):
        return [_text(part) for part in value.entries()]
    text = proved(value)
    if text is None:
        raise ArithmeticError("too few digits")
    return text


def solved(model: Model) -> dict[str, Any]:
    """Return everything that solves of linear systems give."""
    algebra = Algebra(model)
    n = model.n
    ones = [arb(1)] * n
    plain = [arb(r) for r in model.rewards()[:n]]
    signed = [arb(r) for r in model.rewards(signed=True)[:n]]
    raw = {"": algebra.moments(ones), " rewarded": algebra.moments(plain), " signed": algebra.moments(signed)}
    found: dict[str, Any] = {f"moments{kind}": moments for kind, moments in raw.items()}
    for kind, (first, second, *_) in raw.items():
        found[f"variance{kind}"] = second - first**2
    # What errors of sums with cancelling terms are measured by.
    found["moments unsigned"] = algebra.moments([abs(r) for r in signed])
    found["covariance"] = algebra.cross(plain, signed) - raw[" rewarded"][0] * raw[" signed"][0]
    found["sojourn"] = algebra.alpha * algebra.inverse
    found["waiting"] = algebra.inverse * algebra.ones
    slopes = [algebra.slope_of_moments(ones, k) for k in range(len(algebra.slopes))]
    if slopes:
        mean = raw[""][0]
        found["expectation gradient"] = [first for first, _ in slopes]
        found["variance gradient"] = [second - 2 * mean * first for first, second in slopes]
        rewarded = [algebra.slope_of_moments(plain, k)[0] for k in range(len(algebra.slopes))]
        found["expectation rewarded gradient"] = rewarded
    return found


def chosen_times(model: Model, mean: float) -> list[float]:
    """Return times from a thousandth of the mean to far into the tail."""
    early = [mean * factor for factor in FACTORS]
    if model.discrete:
        early = sorted({0.0, 1.0, *(float(round(time)) for time in early)})
    if model.n > LARGEST_WITH_POWERS:
        return [*early, *(early[-1] * factor for factor in (2.0, 4.0, 8.0))]
    algebra = Algebra(model)
    bound = algebra.under(algebra.ones) * arb("1e-6")
    time = 2.0 * (float(round(mean)) if model.discrete else mean)
    transition = algebra.transition(time)
    while not algebra.under(transition * algebra.ones) < bound:
        transition, time = transition * transition, 2.0 * time
        if not algebra.under(transition * algebra.ones).rad() < bound:
            raise ArithmeticError("too few digits")
    return sorted({*early, time, 2.0 * time, 4.0 * time})


def at_times(model: Model, times: Sequence[float]) -> dict[str, Any]:
    """Return density, distribution and probabilities of states at `times`, and their slopes."""
    algebra = Algebra(model)
    jumps = clock_of(model) * times[-1]
    if model.n <= LARGEST_WITH_POWERS and (model.discrete or jumps > 2e4):
        inside = [algebra.alpha * algebra.transition(time) for time in times]
        before = [
            algebra.alpha * algebra.transition(time - 1.0) if model.discrete and time else now
            for time, now in zip(times, inside, strict=True)
        ]
        left = [(now * algebra.ones)[0, 0] for now in inside]
        done = [algebra.total - rest for rest in left]
        density = [(now * algebra.exits)[0, 0] for now in before]
        held = {a: inside[a].entries() for a in state_times(times)}
    else:
        follow = walked if model.discrete else uniformised
        density, done, left, held = follow(model, algebra, times)
    if model.discrete:
        density = [done[a] if time == 0.0 else density[a] for a, time in enumerate(times)]
    return {"pdf": density, "cdf": done, "surviving": left, "states": list(held.values())}


def state_times(times: Sequence[float]) -> list[int]:
    """Return which of `times` probabilities of states are stored for: early, in the bulk and late."""
    return [1, len(times) // 2, len(times) - 3]


def clock_of(model: Model) -> float:
    """Return a float64 above every exit rate."""
    exits = [Fraction()] * model.n
    for (source, _, _), weight in zip(model.edges, model.weights(), strict=True):
        exits[source] += weight
    return nextafter(float(max(exits)), inf)


def jumping(model: Model, algebra: Algebra, clock: arb) -> Iterator[tuple[list[arb], arb, arb]]:
    """Yield, jump by jump, where the uniformised chain is, what was absorbed, and what the next jump absorbs.

    Only non-negative balls are multiplied and added, so that small numbers keep their digits.
    """
    exact = model.weights()
    steps = [
        (source, target, ball(w) / clock) for (source, target, _), w in zip(model.edges, exact, strict=True)
    ]
    leave = [Fraction()] * model.n
    for (source, _, _), w in zip(model.edges, exact, strict=True):
        leave[source] += w
    stay = [(clock - ball(x)) / clock for x in leave]
    inside = algebra.alpha.entries()
    absorbed = algebra.total - sum(inside, arb(0))
    while True:
        onward = times_each(stay, inside)
        entering = arb(0)
        for source, target, probability in steps:
            if target < model.n:
                onward[target] += inside[source] * probability
            else:
                entering += inside[source] * probability
        yield inside, absorbed, entering
        absorbed, inside = absorbed + entering, onward


def walked(model: Model, algebra: Algebra, times: Sequence[float]) -> Found:
    """Return density, distribution, what survives, and states at some times, of a chain in steps."""
    density, done, left, held = [], [], [], {}
    before = arb(0)
    for k, (inside, absorbed, entering) in enumerate(jumping(model, algebra, arb(1))):
        if float(k) in times:
            density.append(before)
            done.append(absorbed)
            left.append(sum(inside, arb(0)))
            if len(left) - 1 in state_times(times):
                held[len(left) - 1] = inside
        if k >= times[-1]:
            return density, done, left, held
        before = entering
    raise AssertionError


def uniformised(model: Model, algebra: Algebra, times: Sequence[float]) -> Found:
    """Return the same in continuous time: Poisson mixtures, with a proved bound on what is left out."""
    clock = arb(clock_of(model))
    asked = [arb(time) * clock for time in times]
    chances = [(-mean).exp() for mean in asked]
    last = [int(1.1 * mean + 40.0 * mean**0.5) + 200 + model.n for mean in map(float, asked)]
    held = {a: [arb(0)] * model.n for a in state_times(times)}
    density, done, left = ([arb(0)] * len(times) for _ in range(3))
    for k, (inside, absorbed, entering) in enumerate(jumping(model, algebra, clock)):
        here = sum(inside, arb(0))
        for a, chance in enumerate(chances):
            if k == last[a]:
                # Of so many jumps or more: a geometric series, times more than each term is.
                rest = chance / (1 - asked[a] / (k + 1)) * algebra.total
                chance = arb(0).union(rest.upper())
                entering_, absorbed_, here_, inside_ = arb(1), arb(1), arb(1), [arb(1)] * model.n
            elif k < last[a]:
                entering_, absorbed_, here_, inside_ = entering, absorbed, here, inside
                chances[a] = chance * asked[a] / (k + 1)
            else:
                continue
            density[a] += chance * entering_ * clock
            done[a] += chance * absorbed_
            left[a] += chance * here_
            if a in held:
                held[a] = [h + chance * x for h, x in zip(held[a], inside_, strict=True)]
        if k >= last[-1]:
            return density, done, left, held
    raise AssertionError


def slopes_at(model: Model, times: Sequence[float]) -> dict[str, Any]:
    """Return derivatives of density and distribution in every parameter, at `times`."""
    algebra = Algebra(model)
    found: dict[str, Any] = {"pdf gradient": [], "cdf gradient": []}
    for time in times:
        before = time - 1.0 if model.discrete and time else time
        densities, absorbed = [], []
        for k, (_, d_exits) in enumerate(algebra.slopes):
            slope = algebra.slope_of_transition(time, k)
            early = algebra.slope_of_transition(before, k) if before != time else slope
            if model.discrete and time == 0.0:
                densities.append(arb(0))
            else:
                densities.append(algebra.under(early * algebra.exits + algebra.transition(before) * d_exits))
            absorbed.append(-algebra.under(slope * algebra.ones))
        found["pdf gradient"].append(densities)
        found["cdf gradient"].append(absorbed)
    return found


def references(model: Model) -> dict[str, Any]:
    """Return all references of a model, numbers as decimal text, by quantity."""
    found: dict[str, Any] = {"name": model.name, "digest": model.digest}
    found.update(certified(lambda: solved(model)))
    mean = float(found["moments"][0]) / float(sum(model.start.get(i, 0.0) for i in range(model.n)))
    ctx.prec = 256
    times = None
    while times is None:
        try:
            times = chosen_times(model, mean)
        except (ArithmeticError, ZeroDivisionError):
            ctx.prec *= 2
    found["times"] = times
    found.update(certified(lambda: at_times(model, times)))
    found["state times"] = [times[i] for i in state_times(times)]
    if model.theta and model.n <= LARGEST_WITH_SLOPES:
        found.update(certified(lambda: slopes_at(model, times)))
    return found


def main(parts: Sequence[str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for model in MODELS.values():
        if "--missing" in parts and file_of(model).exists():
            continue
        if parts and "--missing" not in parts and not any(part in model.name for part in parts):
            continue
        start = process_time()
        content = references(model)
        file_of(model).write_text(json.dumps(content, separators=(",", ":")).replace(',"', ',\n"') + "\n")
        sys.stdout.write(f"{model.name}: {model.n} states, {process_time() - start:.1f} s\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
