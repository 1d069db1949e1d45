"""Planted bugs: fingerprints broken on purpose, which the machine has to find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import CodeType
from typing import Any
from unittest.mock import patch

from hashcache import capture as module
from hashcache import fingerprint
from hashcache.bytecode import CodeFacts, code_facts
from hashcache.capture import CaptureWalk
from hashcache.decorator import Cached
from hashcache.guards import Guards
from hashcache.watching import Watched

Change = tuple[Any, str, Any]

_capture, _describe = CaptureWalk.capture, CaptureWalk._describe_function


def ignoring(tag: str) -> Change:
    def capture(self: Any, found: str, path: str, value: object, shown: str = "") -> None:
        if not found.startswith(tag):
            _capture(self, found, path, value, shown)

    return CaptureWalk, "capture", capture


def without_helper_code(self: Any, function: Any) -> None:
    start = len(self.parts)
    _describe(self, function)
    for place in range(start, len(self.parts)):
        if self.parts[place].tag == "code" and self.parts[place].owner:
            self.parts[place] = self.parts[place]._replace(digest=b"")


def raw(code: CodeType) -> CodeFacts:
    return code_facts(code)._replace(digest=code.co_code)


def with_lines(code: CodeType) -> CodeFacts:
    facts = code_facts(code)
    return facts._replace(digest=facts.digest + str(list(code.co_lines())).encode())


def with_names(code: CodeType) -> CodeFacts:
    facts = code_facts(code)
    return facts._replace(digest=facts.digest + repr(code.co_varnames).encode())


def with_constants(code: CodeType) -> CodeFacts:
    facts = code_facts(code)
    plain = [value for value in code.co_consts if not isinstance(value, CodeType)]
    return facts._replace(digest=facts.digest + repr(plain).encode())


def no_attributes(kind: type) -> Iterator[tuple[str, Any]]:
    return iter(())


PLANTS: dict[str, Change] = {
    "ignores globals": ignoring("global"),
    "ignores defaults": ignoring("default"),
    "ignores closures": ignoring("closure"),
    "ignores imports in bodies": ignoring("import"),
    "ignores the code of helpers": (CaptureWalk, "_describe_function", without_helper_code),
    "uses raw co_code": (module, "code_facts", raw),
    "ignores class attributes": (module, "class_attributes", no_attributes),
    "ignores bases": ignoring("class"),
    "ignores rebinding": (Guards, "hold", lambda self: True),
    "ignores changes in place": (Watched, "changed", lambda self: False),
    "counts line numbers": (module, "code_facts", with_lines),
    "counts names of locals": (module, "code_facts", with_names),
    "counts docstrings": (module, "code_facts", with_constants),
    "says cached when it is not": (Cached, "is_cached", lambda self, *args, **kwargs: True),
}


def plant(name: str) -> Callable[[], None]:
    """Break hashcache in this process in the named way; return what mends it. No name, no bug."""
    stack = ExitStack()
    if name:
        stack.enter_context(patch.object(*PLANTS[name]))
    fingerprint._recent.clear()
    return stack.close
