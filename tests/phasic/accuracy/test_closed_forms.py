"""The references themselves, against what pen and paper give: in fractions, to all their digits."""

from __future__ import annotations

import json
from fractions import Fraction
from math import comb, factorial, prod

import mpmath
import pytest
from models import MODELS
from quantities import FOLDER, Case, file_of

DIGITS = 21


def stored(name):
    return MODELS[name], json.loads(file_of(MODELS[name]).read_text())


def agree(found, exact):
    """Claim that decimal texts and exact numbers agree."""
    assert len(found) == len(exact)
    for text, number in zip(found, exact, strict=True):
        number = mpmath.mpf(number.numerator) / number.denominator if isinstance(number, Fraction) else number
        assert abs(mpmath.mpf(text) - number) <= abs(number) * mpmath.mpf(10) ** -DIGITS


@pytest.fixture(autouse=True)
def many_digits():
    with mpmath.workdps(60):
        yield


def test_every_model_has_its_references_and_none_is_left_over():
    files = {file_of(model) for model in MODELS.values()}
    assert files == set(FOLDER.glob("*.json"))
    assert len(files) == len(MODELS)
    for model in MODELS.values():
        Case.of(model)


def test_every_number_has_22_digits():
    def numbers(value):
        if isinstance(value, list):
            return [text for part in value for text in numbers(part)]
        return [value] if isinstance(value, str) else []

    for file in FOLDER.glob("*.json"):
        content = json.loads(file.read_text())
        for quantity, value in content.items():
            for text in numbers(value) if quantity not in ("name", "digest") else ():
                digits = text.split("e")[0].lstrip("-").replace(".", "").lstrip("0")
                assert text == "0" or len(digits) == 22, (file.name, quantity, text)


@pytest.mark.parametrize("name", ["exponential", "erlang 5", "erlang 50", "erlang 500"])
def test_erlang_distributions(name):
    model, found = stored(name)
    k, rate = model.n, model.weights()[0]
    agree(found["moments"], [Fraction(prod(range(k, k + j)), 1) / rate**j for j in range(1, 5)])
    agree([found["variance"]], [k / rate**2])
    agree(found["sojourn"], [1 / rate] * k)
    agree(found["waiting"], [(k - i) / rate for i in range(k)])
    means = [mpmath.mpf(rate.numerator) / rate.denominator * mpmath.mpf(time) for time in found["times"]]
    rate = mpmath.mpf(rate.numerator) / rate.denominator
    densities = [rate * m ** (k - 1) / mpmath.factorial(k - 1) * mpmath.exp(-m) for m in means]
    known = [i for i, density in enumerate(densities) if density > mpmath.mpf("1e-330")]
    agree([found["pdf"][i] for i in known], [densities[i] for i in known])
    agree(
        [found["cdf"][i] for i in known], [mpmath.gammainc(k, 0, means[i], regularized=True) for i in known]
    )
    assert all(float(found["pdf"][i]) == 0.0 for i in range(len(means)) if i not in known)


@pytest.mark.parametrize(
    "name", ["hyperexponential 2", "hyperexponential 3, stiff", "hyperexponential, defect"]
)
def test_hyperexponential_distributions(name):
    model, found = stored(name)
    rates, shares = model.weights(), [Fraction(p) for p in model.start.values()]
    parts = list(zip(rates, shares, strict=True))
    agree(found["moments"], [sum(factorial(j) * p / r**j for r, p in parts) for j in range(1, 5)])
    agree(found["sojourn"], [p / r for r, p in parts])
    floats = [(mpmath.mpf(float(r)), mpmath.mpf(float(p))) for r, p in parts]
    times = [mpmath.mpf(time) for time in found["times"]]
    agree(found["pdf"], [sum(p * r * mpmath.exp(-r * t) for r, p in floats) for t in times])
    agree(found["cdf"], [-sum(p * mpmath.expm1(-r * t) for r, p in floats) for t in times])


@pytest.mark.parametrize(
    ("name", "n"), [("coalescent of 4", 4), ("coalescent of 8", 8), ("coalescent of 20", 20)]
)
def test_coalescents(name, n):
    model, found = stored(name)
    theta = Fraction(model.theta[0])
    pairs = [theta * comb(k, 2) for k in range(2, n + 1)]
    agree(found["moments"][:1], [2 * (1 - Fraction(1, n)) / theta])
    agree([found["variance"]], [sum(1 / rate**2 for rate in pairs)])
    agree(found["expectation gradient"], [-2 * (1 - Fraction(1, n)) / theta**2])
    agree(found["variance gradient"], [-2 * sum(1 / rate**2 for rate in pairs) / theta])


def test_queues_and_births():
    _, found = stored("queue of 25, 1 servers, load 3")
    agree(found["moments"][:1], [sum(Fraction(3) ** j for j in range(25))])
    _, found = stored("births and deaths, 16, 2 to 1")
    agree(found["moments"][:1], [sum(Fraction(2) ** (j - 1) / j for j in range(1, 17))])


def test_the_near_trap():
    model, found = stored("near-trap")
    into, back, out = model.weights()
    agree(found["moments"][:1], [1 / into + (1 + back / into) / out])
    agree(found["sojourn"], [(1 + back / out) / into, 1 / out])


def test_chains_in_steps():
    model, found = stored("trials until success 5, 0.01")
    p = Fraction(0.01)
    agree([*found["moments"][:1], found["variance"]], [5 / p, 5 * (1 - p) / p**2])
    agree(found["expectation gradient"], [-5 / p**2])
    steps = [int(time) for time in found["times"]]
    p = mpmath.mpf(0.01)  # powers of fractions are long
    agree(found["pdf"], [comb(t - 1, 4) * p**5 * (1 - p) ** (t - 5) if t >= 5 else 0 * p for t in steps])
    model, found = stored("steps, collector of 16")
    agree(found["moments"][:1], [sum(1 / w for w in model.weights())])
    model, found = stored("steps, always six")
    assert [float(m) for m in found["moments"]] == [6.0, 36.0, 216.0, 1296.0]
    assert found["variance"] == "0"


def test_slopes_of_the_geometric_distribution():
    _, found = stored("trials until success 1, 0.3")
    p = Fraction(0.3)
    steps = [int(time) for time in found["times"]]
    slopes = [(1 - p) ** (t - 1) - (t - 1) * p * (1 - p) ** (t - 2) if t > 1 else Fraction(t) for t in steps]
    agree([row[0] for row in found["pdf gradient"]], slopes)
    slopes = [t * (1 - p) ** max(t - 1, 0) for t in steps]
    agree([row[0] for row in found["cdf gradient"]], slopes)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coalescent of 4", "steps, ring of 7", "near-trap", "scattered 10, 1e6"])
def test_references_are_computed_again_to_the_last_digit(name):
    pytest.importorskip("flint", reason="python-flint computes the references")
    from references import references

    assert references(MODELS[name]) == json.loads(file_of(MODELS[name]).read_text())
