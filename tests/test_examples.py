"""The examples tell the story that they promise, on a cache of their own."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def run(python, name: str, *arguments: str) -> str:
    # As a user runs it; ASE meets deprecations of the newest NumPy, which are not ours to raise.
    return python(None, "-W", "ignore::DeprecationWarning", str(EXAMPLES / name), *arguments)


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


def test_torax_says_what_to_run_where_it_is_missing():
    if importlib.util.find_spec("torax"):
        pytest.skip("Torax is installed")
    done = subprocess.run(
        [sys.executable, EXAMPLES / "torax_run.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "make torax" in done.stderr
    assert re.search(r"^torax:", (EXAMPLES.parent / "Makefile").read_text(), re.MULTILINE)


def test_coalescent(python):
    output = run(python, "coalescent.py")
    assert output.count("(graph computed, trace computed, moments computed)") == 2
    assert output.count("(graph found, trace found, moments found)") == 2
    assert output.count("n =  4     6 vertices  mean 1.500000000000  variance 1.138888888889") == 2
    assert output.count("n = 20   628 vertices  mean 1.900000000000") == 2
    assert len(rows(output)) == 8


def test_two_rates(python):
    pytest.importorskip("optax")
    output = run(python, "two_rates.py")
    assert "67 of them longer than 6" in output
    intervals = re.findall(r"(\d\.\d+)   \[(\d\.\d+), (\d\.\d+)\]", output)
    assert len(intervals) == 4
    assert all(float(low) < float(middle) < float(high) for middle, low, high in intervals)
    assert output.count("holds 1.0") == output.count("holds 0.4") == 2


@pytest.mark.slow
def test_two_rates_are_where_intervals_say_as_often_as_these_say(python):
    output = run(python, "two_rates.py", "--repetitions", "500")
    least = int(re.search(r"at least (\d+)", output)[1])
    held = [int(count) for count in re.findall(r"(\d+) hold it", output)]
    assert len(held) == 2
    assert min(held) >= least


NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))

# Runs in a fresh interpreter, as one session; the last line says what the last picture shows.
SESSION = r"""
import json, sys
import matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot

session = {"__name__": "__main__"}
for number, cell in json.load(sys.stdin):
    exec(compile(cell, f"cell {number}", "exec"), session)
figure = pyplot.figure(pyplot.get_fignums()[-1])
figure.draw_without_rendering()
print(json.dumps([
    {
        "data": axes.has_data(),
        "names": [axes.get_xlabel(), axes.get_ylabel(), axes.get_title()],
        "legend": axes.get_legend() is not None or bool(axes.images),
    }
    for axes in figure.axes
    if axes.get_label() != "<colorbar>"
]))
"""


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_a_notebook_holds_what_it_asserts_and_ends_in_a_picture(notebook: Path, python) -> None:
    pytest.importorskip("matplotlib")
    if notebook.stem == "lung":
        pytest.importorskip("lifelines")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = [
        (number, "".join(cell["source"])) for number, cell in enumerate(cells) if cell["cell_type"] == "code"
    ]
    assert any("assert" in source for _, source in code)
    picture = json.loads(python(SESSION, stdin=json.dumps(code)).splitlines()[-1])
    assert picture
    for axes in picture:
        assert axes["data"]
        assert axes["legend"]
        assert all(axes["names"]), axes["names"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_a_notebook_is_kept_without_what_running_it_leaves(notebook: Path) -> None:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    assert set(content["metadata"]) <= {"kernelspec", "language_info"}
    for cell in content["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert cell["metadata"] == {}
