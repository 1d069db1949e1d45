"""Planted bugs: fingerprints broken on purpose, which the machine has to find."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import CodeType
from typing import Any
from unittest.mock import patch

from hashcache import fingerprint as module
from hashcache.bytecode import CodeFacts, code_facts
from hashcache.decorator import Cached
from hashcache.fingerprint import Guards, Watched, _CaptureWalk

Change = tuple[Any, str, Any]

_capture, _describe = _CaptureWalk.capture, _CaptureWalk._describe_function


def ignoring(tag: str) -> Change:
    def capture(self: Any, found: str, path: str, value: object, shown: str = "") -> None:
        if not found.startswith(tag):
            _capture(self, found, path, value, shown)

    return _CaptureWalk, "capture", capture


def without_helper_code(self: Any, function: Any) -> None:
    start = len(self.parts)
    _describe(self, function)
    for place in range(start, len(self.parts)):
        if self.parts[place].tag == "code" and self.parts[place].owner:
            self.parts[place] = self.parts[place]._replace(digest=b"")


def raw(code: CodeType) -> CodeFacts:
    return dataclasses.replace(code_facts(code), digest=code.co_code)


def with_lines(code: CodeType) -> CodeFacts:
    facts = code_facts(code)
    return dataclasses.replace(facts, digest=facts.digest + str(list(code.co_lines())).encode())


def with_names(code: CodeType) -> CodeFacts:
    facts = code_facts(code)
    return dataclasses.replace(facts, digest=facts.digest + repr(code.co_varnames).encode())


def with_constants(code: CodeType) -> CodeFacts:
    facts = code_facts(code)
    plain = [value for value in code.co_consts if not isinstance(value, CodeType)]
    return dataclasses.replace(facts, digest=facts.digest + repr(plain).encode())


def no_attributes(kind: type) -> Iterator[tuple[str, Any]]:
    return iter(())


PLANTS: dict[str, Change] = {
    "ignores globals": ignoring("global"),
    "ignores defaults": ignoring("default"),
    "ignores closures": ignoring("closure"),
    "ignores imports in bodies": ignoring("import"),
    "ignores the code of helpers": (_CaptureWalk, "_describe_function", without_helper_code),
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
    module._recent.clear()
    return stack.close
