"""Print the errors of every quantity over all models, of phasic and of its peer, as a table.

    [PHASIC_PEER=/path/to/python] python tests/phasic/accuracy/table.py

The peer is the C++ package of the same name: PHASIC_PEER names a Python in whose environment it is
installed; without it, phasic stands alone. docs/accuracy.md is written anew. The peer is asked every
question in a process of its own, since some answers never come and some end the process.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from models import MODELS
from quantities import QUANTITIES, Case, Quantity

HERE = Path(__file__).resolve()
PAGE = HERE.parents[3] / "docs" / "accuracy.md"
PATIENCE = 5
Errors = dict[str, dict[str, float | None]]

HEAD = """\
# Accuracy

`python tests/phasic/accuracy/table.py` makes this page. {models} models, from {fewest} to {most} states, are
asked for every quantity, and every answer is compared with a number that ball arithmetic has proved to 22
digits: moments by a dense inverse, distributions by a matrix exponential or by uniformisation with a proved
bound on what is left out, gradients by the corner of a block matrix. Weights are the float64s of the model,
read as exact fractions. The references lie in `tests/fixtures/accuracy`, and `references.py` beside the
table computes them anew (it needs python-flint). The test suite holds every model to the claims.

The models are coalescents, islands with migration, isolation with migration, two loci with recombination,
queues, births and deaths, epidemics, machines under repair, random walks, rabbits, Coxian and
hyperexponential distributions, Erlang distributions of 5, 50 and 500 phases, one-way loops, random cyclic
chains, near-traps and stiff chains with rates from 1e-70 to 1e70, some with missing mass or more ways to
be absorbed, and {discrete} chains in steps.

Errors are relative to the number itself, but for these:

- moments and variances of signed rewards, and covariances, are measured by moments of their sizes;
- in the right tail, beyond three and a half times the mean, densities are measured by the largest density;
  up to there, and down to a thousandth of the mean, by themselves;
- the probabilities of the states at a time are measured by the initial mass;
- quantiles are measured by their size, or by the time in which the distribution would grow by its own;
- gradients are measured by their size and the value by each parameter; logarithms from one on by their size;
- numbers below 1e-290 are measured as if they were that large.

Rewards are multiples of 1/64. A question without an answer raised an error, ended the process, or took
more than {patience} seconds of processor time.
"""
PEER = """\

The peer is the C++ package of the same name, {peer}, asked for the same graphs, built vertex by vertex, with
its default settings. What it gets wrong includes discrete moments, missing mass, and densities and
distributions, of which it says that they are approximate.
"""


def asked(package: Any, ask: Callable[[Callable[[], float]], float | None]) -> Errors:
    """Return by quantity and model the error of `package`, or None where `ask` gets no answer."""
    errors: Errors = {name: {} for name in QUANTITIES}
    for model in MODELS.values():
        case = Case.of(model)
        for name, quantity in QUANTITIES.items():
            if hasattr(package.Graph, quantity.method) and quantity.concerns(case):
                errors[name][model.name] = ask(partial(_error, quantity, case, package))
    return errors


def _error(quantity: Quantity, case: Case, package: Any) -> float:
    return quantity.error(case.model.graph(package), case)


def _here(compute: Callable[[], float]) -> float | None:
    """Return what `compute` finds, or None if it fails."""
    try:
        return float(compute())
    except Exception:
        return None


def _apart(compute: Callable[[], float]) -> float | None:
    """Return what `compute` finds in a process of its own, or None if it fails or takes too long."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            os.write(writing, repr(float(compute())).encode())
        finally:
            os._exit(0)
    os.close(writing)
    text = os.read(reading, 100)  # empty once the child has ended, whatever ended it
    os.close(reading)
    os.waitpid(child, 0)
    return float(text) if text else None


def of_peer(python: str) -> tuple[str, Errors]:
    """Return the version and the errors of the package that another Python imports."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python, "-W", "ignore", str(HERE), "--worker"]
    done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=True)
    version, errors = json.loads(done.stdout.splitlines()[-1])
    return version, errors


def cells(errors: dict[str, float | None]) -> list[str]:
    """Return the cells of one package: median and worst error, where, and questions without an answer."""
    answers = {name: error for name, error in errors.items() if error is not None}
    unanswered = str(len(errors) - len(answers)) if errors else "-"
    if not answers:
        return ["-", "-", unanswered]
    worst = max(answers, key=lambda name: answers[name])
    middle = sorted(answers.values())[len(answers) // 2]
    return [f"{middle:.1e}", f"{answers[worst]:.1e} ({worst})", unanswered]


def table(ours: Errors, theirs: Errors | None) -> str:
    """Return a Markdown table of errors by quantity."""
    head = ["error of", "models", "claim", "median", "worst (model)", "no answer"]
    if theirs is not None:
        head += ["of the peer: median", "worst (model)", "no answer"]
    rows = [head, ["---"] * len(head)]
    for name, quantity in QUANTITIES.items():
        if not ours[name]:
            continue
        row = [name, str(len(ours[name])), f"{quantity.bound:.0e}", *cells(ours[name])]
        rows.append(row if theirs is None else row + cells(theirs[name]))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    """Print the table, and write the page if there is a peer to compare with."""
    import phasic

    if "--worker" in sys.argv:
        answers = importlib.metadata.version("phasic"), asked(phasic, _apart)
        sys.stdout.write(f"\n{json.dumps(answers)}\n")
        return
    ours = asked(phasic, _here)
    peer = os.environ.get("PHASIC_PEER")
    version, theirs = of_peer(peer) if peer else ("", None)
    lines = table(ours, theirs)
    sys.stdout.write(lines)
    sizes = [model.n for model in MODELS.values()]
    head = HEAD.format(
        models=len(MODELS),
        fewest=min(sizes),
        most=max(sizes),
        discrete=sum(model.discrete for model in MODELS.values()),
        patience=PATIENCE,
    )
    made = f"CPython {platform.python_version()} on {platform.system()} {platform.machine()}"
    if peer:
        head += PEER.format(peer=version)
    last = f"\nMade by `python tests/phasic/accuracy/table.py` with {made}.\n"
    PAGE.write_text(f"{head}\n{lines}{last}")


if __name__ == "__main__":
    main()
