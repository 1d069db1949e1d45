"""Run every scenario of one phase in this process and write what was seen as JSON.

Run as ``python driver.py PHASE ROOT`` where ``ROOT/plan.json`` lists the scenarios. Each has a folder
for its sources and one for its cache; modules, paths, built-ins and the tracer are put back after it,
so that one process serves them all. Whether a call computed is seen by a profile hook that waits for
the code of the bare function: nothing is planted in the code under test.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import functools
import importlib
import inspect
import json
import math
import os
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Record = dict[str, Any]

PATCHED = (builtins, math)  # the modules outside a scenario's folder that a scenario may patch


@contextmanager
def restored(folder: Path) -> Iterator[None]:
    """Leave the interpreter as it was, without any module that came from `folder`."""
    path, main, cwd = list(sys.path), sys.modules["__main__"], os.getcwd()
    kept = [(module, dict(vars(module))) for module in PATCHED]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.settrace(None)
        sys.path[:] = path
        sys.modules["__main__"] = main
        os.chdir(cwd)
        for module, names in kept:
            vars(module).update(names)
            for name in vars(module).keys() - names.keys():
                delattr(module, name)
        for name, module in list(sys.modules.items()):
            names = getattr(module, "__dict__", {})
            places = [names.get("__file__") or "", *names.get("__path__", ())]
            if any(place.startswith(str(folder)) for place in places):
                del sys.modules[name]


def fresh_main(**names: object) -> types.ModuleType:
    """Return a new, empty ``__main__``."""
    main = types.ModuleType("__main__")
    vars(main).update(names)
    sys.modules["__main__"] = main
    return main


def load(folder: Path, entry: str, how: str) -> dict[str, Any]:
    """Run the module `entry` as an import, a script, a command, standard input or notebook cells."""
    if how == "import":
        return vars(importlib.import_module(entry))
    path = folder / (entry.replace(".", "/") + ".py")
    source = path.read_text()
    if how == "script":
        namespace = vars(fresh_main(__file__=str(path)))
        exec(compile(source, str(path), "exec", dont_inherit=True), namespace)
    elif how == "notebook":
        namespace = vars(fresh_main())
        for number, cell in enumerate(source.split("\n\n\n")):
            exec(compile(cell, f"<ipython-input-{number}-0a1b2c3d>", "exec", dont_inherit=True), namespace)
    else:
        namespace = vars(fresh_main())
        place = {"command": "<string>", "stdin": "<stdin>"}[how]
        exec(compile(source, place, "exec", dont_inherit=True), namespace)
    return namespace


def bare_code(target: Any) -> types.CodeType | None:
    """Return the code that runs when the function under the cache is computed."""
    func = getattr(getattr(target, "__func__", target), "__wrapped__", None)
    while not isinstance(func, types.FunctionType):
        if isinstance(func, functools.partial):
            func = func.func
        elif isinstance(func, types.MethodType):
            func = func.__func__
        elif isinstance(vars(type(func)).get("__call__"), types.FunctionType):
            func = vars(type(func))["__call__"]
        else:
            return None
    return func.__code__


def watched(code: types.CodeType | None, call: Callable[[], Any]) -> tuple[Any, bool | None]:
    """Return what `call` returns and whether `code` ran meanwhile, None where there is no code."""
    ran = False

    def hook(frame: types.FrameType, event: str, arg: object) -> None:
        nonlocal ran
        ran = ran or (event == "call" and frame.f_code is code)

    sys.setprofile(hook)
    try:
        value = call()
    finally:
        sys.setprofile(None)
    return value, None if code is None else ran


def settled(value: Any) -> str:
    """Return the value as text: repr tells 1 from True, and iterators and coroutines are run."""
    if inspect.iscoroutine(value):
        value = asyncio.run(value)
    if isinstance(value, Iterator):
        value = list(value)
    return repr(value)


def observe(call: str, namespace: dict[str, Any], *, ask_first: bool) -> Record:
    """Make one call and say what happened; `ask_first` puts the questions before it."""
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)

    def ask(method: str) -> Any:
        func = ast.Attribute(node.func, method, ast.Load())
        question = ast.Expression(ast.Call(func, node.args, node.keywords))
        return eval(compile(ast.fix_missing_locations(question), "<call>", "eval"), namespace)

    record: Record = {"why": ""}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if ask_first:
            record["cached"] = ask("is_cached")
            try:
                told = ask("explain")
                record["why"], record["told"] = str(told), told.hit
            except Exception as error:
                record["why"] = f"explain raised {error!r}"
        target = eval(compile(ast.Expression(node.func), "<call>", "eval"), namespace)
        compiled = compile(call, "<call>", "eval")
        record["value"], record["computed"] = watched(
            bare_code(target), lambda: settled(eval(compiled, namespace))
        )
        if record["computed"] is None:
            record["computed"] = not record["cached"] if ask_first else None
        record["bare"] = settled(ask("uncached"))
        record["kept"] = ask("is_cached")
    record["warnings"] = [f"{warning.category.__name__}: {warning.message}" for warning in caught]
    return record


def run_edit(plan: Record, folder: Path, phase: str) -> list[Record]:
    """One run of the program; the first one calls twice, so that it hits in its own process too."""
    side = "after" if phase == "after" else "before"
    exec(plan["setup"][side], {})
    root = folder / plan["root"][side]
    sys.path[:0] = [] if root == folder else [str(root)]
    namespace = load(root, plan["entry"][side], plan["how"][side])
    call = plan["call"][side]
    records = [observe(call, namespace, ask_first=True)]
    if phase == "before":
        records.append(observe(call, namespace, ask_first=False))
    return records


def run_session(plan: Record, folder: Path, phase: str) -> list[Record]:
    """One notebook: define, call, then a cell and a call for each step."""
    namespace = vars(fresh_main())
    os.chdir(folder)
    records = []
    for number, cell in enumerate([plan["source"], "", *(cell for cell, _ in plan["steps"])]):
        exec(compile(cell, f"<ipython-input-{number}-0a1b2c3d>", "exec", dont_inherit=True), namespace)
        records.append(observe(plan["call"], namespace, ask_first=False))
    return records


def main(phase: str, root: Path) -> None:
    """Run the plans one after the other, in reverse in the second phase: order must not matter."""
    from hashcache import hashcache

    sys.dont_write_bytecode = True  # an edit within a second must not find old bytecode
    plans = json.loads((root / "plan.json").read_text())
    results: dict[str, Record] = {}
    for plan in reversed(plans) if phase == "again" else plans:
        if plan["kind"] == "session" and phase != "before":
            continue
        folder = root / plan["folder"]
        run = run_session if plan["kind"] == "session" else run_edit
        hashcache.location = str(folder / "cache")
        try:
            with restored(folder / "source"):
                results[plan["name"]] = {"calls": run(plan, folder / "source", phase)}
        except BaseException:
            results[plan["name"]] = {"error": traceback.format_exc(limit=-6)}
    (root / f"{phase}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
