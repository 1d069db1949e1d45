"""What somebody put into code of others, or made of it, so that its name and version do not say all."""

from __future__ import annotations

import functools
import types
from typing import Any

from hashcache.classes import is_generated
from hashcache.distributions import origin_of_code, origin_of_file, origin_of_module


def is_patch(value: Any) -> bool:
    """Whether a member of an installed class is somebody else's."""
    if isinstance(value, (classmethod, staticmethod)):
        value = value.__func__
    elif isinstance(value, property):
        value = value.fget
    elif isinstance(value, functools.cached_property):
        value = value.func
    if type(value) is not types.FunctionType:
        return type(value).__module__ == "unittest.mock"
    if is_generated(value) or origin_of_file(value.__code__.co_filename) is not None:
        return False
    # Methods that a library generates have no file, and run in a module of the library.
    module = value.__globals__.get("__name__")
    return isinstance(module, str) and origin_of_module(module) is None


def has_own_ways(value: object) -> bool:
    """Whether a user's module has a class of its own, whose properties and methods the names do not show."""
    return (
        isinstance(value, types.ModuleType)
        and type(value) is not types.ModuleType
        and origin_of_code(type(value)) is None
    )
