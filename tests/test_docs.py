"""The pages say what happens: every block of code in them is run, and prints what the page shows."""

from __future__ import annotations

import doctest
import importlib
import json
import os
import pkgutil
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

import hashcache
import phasic

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TARGETS = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)

_FENCE = re.compile(r"^```(\S+)[ ]?(.*)\n((?:.*\n)*?)^```$", flags=re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#]+)(?:#([^)]+))?\)")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page; `file` names the file that the page says to save it as."""

    language: str
    file: str
    text: str
    line: int
    shown: str | None = None


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in order, each with the text block that follows it at once."""
    content = page.read_text(encoding="utf-8")
    found: list[Block] = []
    end = -1
    for match in _FENCE.finditer(content):
        language, file, text = match.groups()
        if language == "text" and found and not content[end : match.start()].strip():
            found[-1] = Block(**{**asdict(found[-1]), "shown": text})
        elif language != "text":
            line = content.count("\n", 0, match.start()) + 1
            found.append(Block(language, file.removeprefix("file="), text, line))
        end = match.end()
    return found


def commands(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with what the page shows below it."""
    found: list[tuple[str, str]] = []
    for line in block.text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].strip(), ""))
        elif found:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


# Runs in the fresh interpreter, as the session that a reader has open. Prints one record per piece.
SESSION = r"""
import contextlib, io, json, os, subprocess, sys, types, warnings

session = types.ModuleType("__main__")
sys.modules["__main__"] = session
warnings.simplefilter("default")
warnings.showwarning = lambda message, category, *where, **more: sys.stderr.write(
    f"{category.__name__}: {message}\n"
)
page, pieces = json.load(sys.stdin)
records = []
for kind, source, line in pieces:
    said, status = io.StringIO(), 0
    if kind == "file":
        with open(line, "w") as file:
            file.write(source)
    elif kind == "python":
        code = compile("\n" * line + source, page, "exec")
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            exec(code, vars(session))
    else:
        done = subprocess.run(source, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said.write(done.stdout)
        status = done.returncode
    records.append([said.getvalue(), status])
json.dump(records, sys.stdout)
"""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_its_code_prints(page: Path, python: Callable[..., str], tmp_path: Path) -> None:
    pieces: list[tuple[str, str, int | str]] = []
    expected: list[tuple[int, str | None, bool]] = []  # line, what is shown, compared loosely
    for block in blocks(page):
        if block.language == "python" and block.file:
            pieces.append(("file", block.text, block.file))
            expected.append((block.line, None, False))
        elif block.language == "python":
            pieces.append(("python", block.text, block.line))
            expected.append((block.line, block.shown, False))
        elif block.language == "console":
            for command, shown in commands(block):
                if re.match(r"(python|hashcache)\b", command):
                    pieces.append(("console", command, block.line))
                    expected.append((block.line, shown or None, True))
    if not pieces:
        return
    if any("import jax" in block.text for block in blocks(page)):
        pytest.importorskip("jax")
    tools = tmp_path / "bin"  # `python` and `hashcache` as a reader has them
    tools.mkdir()
    for name, arguments in (("python", ""), ("hashcache", " -m hashcache")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        (tools / name).chmod(0o755)
    folder = tmp_path / "session"
    folder.mkdir()
    said = json.loads(
        python(
            SESSION,
            cwd=folder,
            stdin=json.dumps([page.name, pieces]),
            PATH=f"{tools}{os.pathsep}{os.environ['PATH']}",
            COLUMNS="80",
        )
    )
    checker = doctest.OutputChecker()
    for (line, shown, loosely), (printed, status) in zip(expected, said, strict=True):
        place = f"{page.name}:{line}"
        assert status == 0, f"{place}: {printed}"
        if shown is None:
            assert loosely or "Warning" not in printed, f"{place}: {printed}"
            continue
        flags = doctest.ELLIPSIS | (doctest.NORMALIZE_WHITESPACE if loosely else 0)
        assert checker.check_output(shown, printed, flags), f"{place} printed\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_only_what_exists(page: Path) -> None:
    content = page.read_text(encoding="utf-8")
    code = [block.text for block in blocks(page)] + re.findall(r"`([^`\n]+)`", content)
    for target in re.findall(r"^(?:\$ )?make ([\w-]+)", "\n".join(code), flags=re.MULTILINE):
        assert target in TARGETS
    for address, heading in _LINK.findall(content):
        if address.startswith("http"):
            continue
        linked = page.parent / address
        assert linked.exists(), address
        if heading:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert heading in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]


def modules() -> list[str]:
    """Return the names of all modules of both packages, without the kernels and the command line."""
    return [
        module.name
        for package in (hashcache, phasic)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not module.name.startswith("phasic.kernels") and not module.name.endswith("__main__")
    ]


@pytest.mark.parametrize("name", ["hashcache", "phasic", *modules()])
def test_docstrings_show_what_happens(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0
