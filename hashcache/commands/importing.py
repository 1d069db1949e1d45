"""Importing the modules that a command names."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType


class Refused(Exception):
    """What was asked for cannot be had; says why."""


@contextlib.contextmanager
def at_working_directory() -> Iterator[None]:
    """Find modules in the working directory too, as ``python -m`` does."""
    place = os.getcwd()
    sys.path.insert(0, place)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(place)


def import_module(name: str) -> ModuleType:
    """Return a module; raise `Refused` if it cannot be had, whatever it prints going to standard error."""
    try:
        with contextlib.redirect_stdout(sys.stderr), at_working_directory():
            return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # whatever the module raises when it is run
        raise Refused(f"module {name} cannot be imported: {type(error).__name__}: {error}") from None
