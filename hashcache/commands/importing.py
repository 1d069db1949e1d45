"""Importing the modules and functions that a command names."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from hashcache.bound import BoundCached
from hashcache.decorator import Cached


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


def import_function(target: str) -> Cached[..., Any] | BoundCached[..., Any]:
    """Return the cached function that ``module:function`` names; raise `Refused` if it cannot be had."""
    name, colon, path = target.partition(":")
    if not (colon and name and path):
        raise Refused(f"{target} is neither a key (hexadecimal digits) nor module:function")
    found: Any = import_module(name)
    for place, step in enumerate(path.split(".")):
        try:
            found = getattr(found, step)
        except AttributeError:
            owner = ".".join([name, *path.split(".")[:place]])
            raise Refused(f"{owner} has no {step}") from None
    if not isinstance(found, (Cached, BoundCached)):
        raise Refused(f"{target} is not a cached function; decorate it with hashcache")
    return found
