"""A process that defines generated programs, changes them and calls them, one JSON line for each order.

Everything it changes is put back between programs, so that one process serves thousands of them.
"""

from __future__ import annotations

import builtins
import collections
import contextlib
import functools
import gc
import json
import math
import resource
import shutil
import signal
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import plants

from hashcache import hashcache
from hashcache.decorator import Cached

Record = dict[str, Any]

PATCHED = (builtins, math)
SECONDS = 4
MEMORY = 4 << 30


class OverrunError(BaseException):
    """A call took too long: an edit can make a program run for ever."""


class Session:
    """A program in this process."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.kept = [(module, dict(vars(module))) for module in PATCHED]
        self.names: list[str] = []

    def load(self, sources: dict[str, str], statements: list[tuple[str, str]]) -> Record:
        """Import the program anew and run the statements; say what failed, if anything did."""
        self.close()
        try:
            for name, text in sources.items():
                self.names.append(name)
                module = sys.modules[name] = types.ModuleType(name)
                module.__file__ = f"{self.folder}/{name}.py"
                exec(compile(text, module.__file__, "exec", dont_inherit=True), vars(module))
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
        for name, text in statements:
            self.run(name, text)
        return {}

    def run(self, name: str, text: str) -> Record:
        """Run statements in a module, as a cell of a notebook does; errors are part of life."""
        try:
            exec(compile(text, f"{self.folder}/cell.py", "exec", dont_inherit=True), vars(sys.modules[name]))
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
        return {}

    def call(self, calls: list[str]) -> list[Record]:
        """Make each call with the cache and without."""
        return [self.observe(call) for call in calls]

    def observe(self, call: str) -> Record:
        names = vars(sys.modules["main"])
        cached = names.get("f")
        question = call.replace("f(", "f.is_cached(", 1)
        before = collections.Counter(cached.stats()) if isinstance(cached, Cached) else collections.Counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            hashcache._said.clear()
            first = outcome(question, names)
            self.forget_remembered()
            value = outcome(call, names)
            stats = cached.stats() if isinstance(cached, Cached) else {}
            self.forget_remembered()
            with uncached():
                bare = outcome(call, names)
            kept = outcome(question, names)
        ways = [way for way in ("hits", "misses", "uncacheable") if stats.get(way, 0) > before[way]]
        return {
            "first": first,
            "value": value,
            "bare": bare,
            "kept": kept,
            "ways": ways,
            "warnings": [f"{warning.category.__name__}: {warning.message}" for warning in caught],
        }

    def forget_remembered(self) -> None:
        """Empty what `functools.lru_cache` keeps: it goes stale where hashcache does not."""
        for remembered in REMEMBERED:
            remembered.cache_clear()

    def close(self) -> None:
        """Forget the program and mend what it patched."""
        for name in self.names:
            sys.modules.pop(name, None)
        self.names = []
        REMEMBERED.clear()
        for module, names in self.kept:
            vars(module).update(names)
            for name in vars(module).keys() - names.keys():
                delattr(module, name)


REMEMBERED: list[Any] = []
_lru_cache = functools.lru_cache


class _Recorder:
    """`functools.lru_cache`, noting what it makes; no function, since keys look into patched functions."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        made = _lru_cache(*arguments, **options)
        if hasattr(made, "cache_clear"):
            REMEMBERED.append(made)
        return made


def outcome(call: str, names: dict[str, Any]) -> list[str]:
    """Return what evaluating an expression gives: a value, or an error."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return ["value", repr(eval(call, names))]
    except OverrunError:
        return ["overrun", ""]
    except Exception as error:
        return ["error", f"{type(error).__name__}: {error}"]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextlib.contextmanager
def uncached() -> Iterator[None]:
    """Let every cached function be the function inside."""
    road = Cached.__call__
    Cached.__call__ = lambda self, *args, **kwargs: self.__wrapped__(*args, **kwargs)  # type: ignore
    try:
        yield
    finally:
        Cached.__call__ = road  # type: ignore[method-assign]


def overrun(signum: int, frame: object) -> None:
    raise OverrunError


def main() -> None:
    """Obey the orders on standard input until it ends."""
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")  # what an edit makes of a program may look odd to the compiler
    signal.signal(signal.SIGALRM, overrun)
    functools.lru_cache = _Recorder()  # type: ignore[assignment]
    session = Session(sys.argv[1])
    planted: Callable[[], None] = lambda: None  # noqa: E731
    for count, line in enumerate(sys.stdin):
        order = json.loads(line)
        answer: Any = {}
        if order["do"] == "load":
            answer = session.load(order["sources"], order["statements"])
        elif order["do"] == "run":
            answer = session.run(order["module"], order["text"])
        elif order["do"] == "call":
            answer = session.call(order["calls"])
        elif order["do"] == "place":
            hashcache.location = order["location"]
        elif order["do"] == "drop":
            session.close()
            shutil.rmtree(order["location"], ignore_errors=True)
        elif order["do"] == "plant":
            planted()
            planted = plants.plant(order["name"])
        if count % 500 == 0:
            gc.collect()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
