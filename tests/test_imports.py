"""Importing is free of side effects, and imports point one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("jax", "jaxlib", "numba", "pandas", "scipy", "matplotlib", "ase", "cloudpickle", "filelock", "rich")

# Each room may import those to its left only. `hashcache` never imports `phasic` or `numba`.
HASHCACHE = [
    {
        "weakly",
    },
    {
        "errors",
        "digest",
        "recent",
        "classes",
        "instructions",
        "outside",
        "regions",
        "speaker",
        "statistics",
        "shardings",
    },
    {"plain", "derived"},
    {"distributions", "canonical", "bytecode", "guards", "preview", "parts", "lock", "policy", "ledger"},
    {"patches"},
    {"watching"},
    {"collected"},
    {"chains"},
    {"capture"},
    {"fingerprint", "arrays", "values", "signature", "key", "lines", "terms"},
    {"code_values", "mutation", "codec", "columns", "libraries", "rows", "facets"},
    {"entry", "stores", "frames", "inside", "differences", "kinds"},
    {"reach", "compare", "limits", "limited", "call", "options", "place"},
    {"limiting"},
    {"replay"},
    {"form"},
    {"compression"},
    {"arguments"},
    {"computation", "salt"},
    {"audit"},
    {"layer"},
    {"explain", "roads", "prune"},
    {"reading", "jitting", "stored"},
    {"verification"},
    {"bound"},
    {"exchange"},
    {"decorator"},
    {"programs"},
    {"cache", "recompute"},
    {"commands", "__init__"},
    {"__main__"},
]


def imports(path: Path, package: str, everywhere: bool) -> set[str]:
    """Modules of `package` that a file imports: at import time, or anywhere in it."""
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if everywhere else _at_import(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            if node.module == package:
                found.update(f"{package}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
    return found


def _at_import(tree: ast.AST) -> list[ast.AST]:
    nodes: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if not typing_only and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            nodes += [node, *_at_import(node)]
    return nodes


def test_imports_within_hashcache_point_one_way():
    rank = {name: place for place, names in enumerate(HASHCACHE) for name in names}
    files = {path.stem: path for path in (ROOT / "hashcache").glob("*.py")}
    assert set(files) | {"stores", "commands", "exchange", "programs"} == set(rank), (
        "every file has a place in the order"
    )
    for name, path in files.items():
        for imported in imports(path, "hashcache", everywhere=False):
            package, _, inner = imported.partition(".")
            inner = inner.partition(".")[0]
            if package == "hashcache" and inner in rank:
                assert rank[inner] < rank[name], f"{name} imports {inner}"


def test_hashcache_knows_nothing_of_phasic_and_phasic_meets_it_in_few_places():
    for path in (ROOT / "hashcache").rglob("*.py"):
        tops = {name.partition(".")[0] for name in imports(path, "hashcache", everywhere=True)}
        assert not tops & {"phasic", "numba"}, path.name
    meeting = {"layers.py", "caches.py", "http.py"}  # the last for connections, which both read from
    for path in (ROOT / "phasic").rglob("*.py"):
        tops = {name.partition(".")[0] for name in imports(path, "phasic", everywhere=True)}
        if "hashcache" in tops:
            assert path.name in meeting, f"{path.name} imports hashcache"


def test_kernels_import_numpy_and_numba_only():
    for path in (ROOT / "phasic" / "kernels").glob("*.py"):
        tops = {name.partition(".")[0] for name in imports(path, "phasic", everywhere=True)}
        allowed = {"__future__", "numpy", "numba", "typing", "collections", "math", "phasic"}
        assert tops <= allowed, path.name


SPY = """
import os, sys, json
if "PACKAGE" == "phasic":
    import numpy  # which sets warning filters and a variable of its own
environment, before = dict(os.environ), set(sys.modules)
written = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        written.append(str(arguments[0]))
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.putenv", "socket.connect", "subprocess.Popen"):
        written.append(f"{event} {arguments}")
sys.addaudithook(watch)
sys.dont_write_bytecode = True
import logging, warnings
def settings():
    return list(warnings.filters), logging.root.handlers[:], logging.root.level, sys.getrecursionlimit()
state = settings()
import PACKAGE
assert settings() == state
assert dict(os.environ) == environment
print(json.dumps([written, sorted({name.partition(".")[0] for name in set(sys.modules) - before})]))
"""


@pytest.mark.parametrize(("package", "more"), [("hashcache", ("numpy",)), ("phasic", ())])
def test_importing_loads_little_writes_nothing_and_sets_nothing(python, location, tmp_path, package, more):
    import json

    written, loaded = json.loads(python(SPY.replace("PACKAGE", package)))
    assert written == []
    assert not set(loaded) & {*HEAVY, *more}
    assert not location.exists()
    assert not (tmp_path / "home").exists()


# Modules of the standard library that only storing, logging or unusual callables need.
NEEDLESS = frozenset(
    """
    ast base64 copy dataclasses datetime dis glob inspect logging pathlib pickle platform shutil socket
    string tempfile textwrap tokenize traceback urllib
    """.split()  # noqa: SIM905
)
HIT = """
import sys
before = set(sys.modules)
import math
from hashcache import hashcache
RATE = 2.0
def helper(x):
    return math.sin(x) * RATE
@hashcache
def f(x, *, scale=1):
    return helper(x) * scale
f(1)
print(f.stats()["hits"], *(set(sys.modules) - before))
"""


def test_importing_loads_nothing_that_only_storing_needs(python):
    code = "import sys; before = set(sys.modules); import hashcache; print(*(set(sys.modules) - before))"
    assert not NEEDLESS & set(python(code).split())


def test_a_first_hit_loads_nothing_that_only_storing_needs(python):
    assert python(HIT).split()[0] == "0"
    hits, *loaded = python(HIT).split()
    assert hits == "1"
    assert not NEEDLESS & set(loaded)
