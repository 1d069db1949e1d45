"""The examples tell the story that they promise, on a cache of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def run(python, name: str) -> str:
    # As a user runs it; ASE meets deprecations of the newest NumPy, which are not ours to raise.
    return python(None, "-W", "ignore::DeprecationWarning", str(EXAMPLES / name))


def rows(output: str) -> dict[str, tuple[float, float]]:
    """Return the seconds computed and with the cache, by label."""
    found = re.findall(r"^    (.+?)\s+([\d.]+) s\s+([\d.]+) s\s+\d+x$", output, re.MULTILINE)
    return {label: (float(computed), float(cached)) for label, computed, cached in found}


def test_metals(python):
    pytest.importorskip("ase")
    output = run(python, "metals.py")
    titles = r"Second process|The global STRAIN|Atoms that|The same with mutation"
    first, second, edits, mutated, replayed = re.split(titles, output)
    assert (first.count(" computed "), first.count(" hit ")) == (8, 0)
    assert (second.count(" computed "), second.count(" hit ")) == (0, 8)
    assert "(global STRAIN: 0.04 -> 0.06)" in edits
    assert edits.count(" hit ") == 2
    assert "MutationWarning: potential_energy changed atoms.calc" in mutated
    assert "hit       Pd, and again" in mutated
    assert "hit       Pd, fresh atoms" in replayed
    assert set(rows(output)) == {
        f"{what}, {metal}"
        for what in ("equation of state", "relaxation")
        for metal in ("Al", "Cu", "Pd", "Au")
    }


def test_programs(python):
    pytest.importorskip("jax")
    first, second = run(python, "programs.py").split("Second process")
    assert "(simulate compiled) (fit compiled)" in first
    assert "(simulate found) (fit found)" in second
    assert first.count("last position") == 2
    last = [
        line.partition("(")[0].strip() for line in (first + second).splitlines() if "last position" in line
    ]
    assert len(last) == 3
    assert len(set(last)) == 1
    assert set(rows(second)) == {"simulation", "fit by its gradient"}


def test_coalescent(python):
    output = run(python, "coalescent.py")
    assert output.count("(graph computed, trace computed, moments computed)") == 2
    assert output.count("(graph found, trace found, moments found)") == 2
    assert output.count("n =  4     6 vertices  mean 1.500000000000  variance 1.138888888889") == 2
    assert output.count("n = 20   628 vertices  mean 1.900000000000") == 2
    assert len(rows(output)) == 8
