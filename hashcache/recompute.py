"""Computing stored results again, whatever process stored them, and comparing.

An entry says where its function is defined, and may hold its arguments. It cannot say what is run: its module
is imported, as any program could, and nothing is called but a cached function whose key for these arguments
is the very key of the entry.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from hashcache import entry
from hashcache.arguments import decode_arguments
from hashcache.codec import Buffer
from hashcache.decorator import Cached
from hashcache.errors import HashCacheError, UnbindableError
from hashcache.explain import changed_since
from hashcache.key import group_name, is_result
from hashcache.recent import MISS
from hashcache.verification import compared, prepare

if TYPE_CHECKING:
    from hashcache.cache import Cache
    from hashcache.form import Form

SAME, DIFFERENT, NOT_RECOMPUTED = "same", "different", "not recomputed"

Given = tuple[tuple[Any, ...], dict[str, Any]]


class Recomputed(NamedTuple):
    """What became of one stored result.

    Attributes
    ----------
    key : str
    outcome : {"same", "different", "not recomputed"}
    reason : str
        Where the results differ, or why there was nothing to compare.
    detail : str
        More of it, for this one alone.
    """

    key: str
    outcome: str
    reason: str = ""
    detail: str = ""


class _Refused(Exception):
    """Why a result is not computed again: in words that others share, and in words of its own."""


def recompute(cache: Cache, prefix: str = "") -> Iterator[Recomputed]:
    """Yield what the results of a cache are if computed again now, beside what is stored; nothing is stored.

    Entries that are damaged or not trusted are left out.

    Parameters
    ----------
    cache : Cache
    prefix : str
        A layer, or a layer and group.
    """
    known: dict[tuple[str, str, str], list[Cached[..., Any]] | str] = {}
    for name in list(cache.store.names(prefix)):
        header = cache.header(name) if is_result(name) else None
        if header is None:
            continue
        what = str(header["layer"]), str(header["function"]), str(header.get("defined", ""))
        if what not in known:
            known[what] = _functions_of(*what)
        functions = known[what]
        if isinstance(functions, str):
            yield Recomputed(header["key"], NOT_RECOMPUTED, "its function cannot be imported", functions)
            continue
        found: Recomputed | None = None
        for cached in functions:
            try:
                found = _recomputed(cache, {**header, "name": name}, cached)
                break
            except _Refused as refused:
                found = found or Recomputed(header["key"], NOT_RECOMPUTED, *refused.args)
        if found is not None:
            yield found


def _recomputed(cache: Cache, header: dict[str, Any], cached: Cached[..., Any]) -> Recomputed | None:
    form = cached._layer.form.without_pickle() if cache.pickle == "never" else cached._layer.form
    try:
        data = cache.store.get(header["name"])
        if data is None:  # it has just been deleted
            return None
        content = entry.unpack(data, bytes.fromhex(header["digest"]))
        frames = entry.arguments_of(data)
    except HashCacheError:
        return None
    args, kwargs = ((), {}) if frames is None else _arguments(frames, form)
    try:
        call = cached._call(args, kwargs)
    except Exception as error:  # a value may raise anything when it is looked at
        if frames is None and isinstance(error, UnbindableError):
            raise _Refused("its arguments were not kept") from None
        raise _Refused("it has no key any more", str(error)) from None
    if call.digest.hex() != header["digest"]:
        if call.fingerprint.digest.hex() == header["fingerprint"] and frames is None:
            raise _Refused("its arguments were not kept")
        changes = changed_since(cache, header, call)
        shown = [change for change in changes if frames is not None or not change.startswith("argument ")]
        raise _Refused("its key is another now", "; ".join(shown[:3]))
    try:
        prepare(cached, call)
        stored = form.decode(*form.expanded(content[0], content[1]), call.decoders)
    except Exception as error:  # it may be of a class that is no more
        raise _Refused("its result is not read", str(error)) from None
    if stored is MISS:
        raise _Refused("its result is not read", f"there is no codec {content[0]!r}")
    try:
        difference = compared(cached, call, stored, args, kwargs).difference
    except (Exception, SystemExit) as error:
        difference = f"the function raised {type(error).__name__}: {error}"
    return Recomputed(header["key"], DIFFERENT if difference else SAME, difference)


def _arguments(frames: list[memoryview], form: Form) -> Given:
    kept: list[Buffer] = list(frames)
    try:
        return decode_arguments(kept, form)
    except Exception as error:  # as results: of a class that is no more, or by a codec that is refused
        raise _Refused("its arguments are not read", str(error)) from None


# -- the function ------------------------------------------------------------------------------------


def _functions_of(layer: str, function: str, defined: str) -> list[Cached[..., Any]] | str:
    """Return the cached functions that an entry can be of; a text that says why there are none."""
    group = group_name(layer, function)
    named = _imported(defined)
    if isinstance(named, Cached) and _group(named) == group:
        return [named]
    # Under another name than its own, or in a module that had to be named: who asks for this has time.
    # Not by `isinstance`, which asks proxies what they stand for.
    found = [each for each in gc.get_objects() if issubclass(type(each), Cached) and _group(each) == group]
    if found:
        return found
    return named if isinstance(named, str) else f"{defined} is no cached function called {function}"


def _group(cached: Cached[..., Any]) -> str:
    return group_name(cached._layer.name, cached._function)


def _imported(defined: str) -> Cached[..., Any] | str | None:
    """Return what an entry says its function is, if it is cached; a text that says why it cannot be had."""
    name, _, path = defined.partition(":")
    if name in ("", "__main__"):
        return f"{path or 'it'} was defined in no module that has a name"
    if "<" in path:
        return f"{path} of {name} is made by a function or has no name"
    if name.partition(".")[0] in sys.stdlib_module_names:
        return f"{name} is of the standard library, which caches nothing here"
    try:
        found: Any = importlib.import_module(name)
        for step in path.split("."):
            found = getattr(found, step)
    except (Exception, SystemExit) as error:  # whatever the module raises when it is run
        return f"{defined}: {type(error).__name__}: {error}"
    for _ in range(5):  # bound, of a class, or a property
        if isinstance(found, Cached):
            return found
        found = getattr(found, "__func__", None) or getattr(found, "fget", None)
    return None
