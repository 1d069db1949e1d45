"""Canonical form of builtin and standard-library values, and of objects that only pickle can take apart."""

from __future__ import annotations

import copyreg
import types
from collections.abc import Iterable
from types import NotImplementedType
from typing import Any

from hashcache.canonical import Sink, Walk, handles, handles_named, handles_the_rest, type_name
from hashcache.derived import is_cached_property
from hashcache.distributions import module_name, origin_of_module


@handles(list, tuple)
def _sequence(value: list[object] | tuple[object, ...], sink: Sink) -> None:
    sink.text(type(value).__name__, str(len(value)))
    for index, element in enumerate(value):
        sink.part("[%r]", index, element)


@handles(dict)
def _dict(value: dict[object, object], sink: Sink) -> None:
    sink.text("dict", str(len(value)))
    if "dict_order" in sink.walk.relax:
        _unordered(value.items(), sink)
        return
    # A function can see the order of a mapping, so it is part of the value.
    for key, element in value.items():
        sink.part("<key %r>", key, key)
        sink.part("[%r]", key, element)


@handles_named("builtins.set", "builtins.frozenset")
def _set(value: set[object] | frozenset[object], sink: Sink) -> None:
    sink.walk.mutable = sink.walk.mutable or isinstance(value, set)
    sink.type_of(value)
    _unordered(value, sink)
    state = getattr(value, "__dict__", None)
    if state:
        write_state(state, sink, type(value))


def _unordered(elements: Iterable[object], sink: Sink) -> None:
    # Iteration order depends on the hash seed, so the digests of the elements are sorted.
    walk = sink.walk
    walk.trail.append(("<element>%s", ""))
    digests = sorted(map(walk.digest, walk.settle(elements)))
    walk.trail.pop()
    sink.text("elements", str(len(digests)))
    for digest in digests:
        sink.write("element", digest)


@handles(bytearray)
def _bytearray(value: bytearray, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.write("bytearray", bytes(value))


@handles(memoryview)
def _memoryview(value: memoryview, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.text("memoryview", f"{value.format} {value.shape} {value.readonly}")
    sink.write("content", value.tobytes())


@handles(range)
def _range(value: range, sink: Sink) -> None:
    sink.text("range", f"{value.start:x} {value.stop:x} {value.step:x}")


@handles(slice)
def _slice(value: slice, sink: Sink) -> None:
    sink.text("slice", "")
    for name in ("start", "stop", "step"):
        sink.part(".%s", name, getattr(value, name))


@handles(types.EllipsisType, NotImplementedType)
def _singleton(value: object, sink: Sink) -> None:
    sink.text("singleton", repr(value))


@handles(object)
def _sentinel(value: object, sink: Sink) -> None:
    # `missing = object()` carries no value but which of several it is, and that only in its process.
    if not sink.walk.opaque:
        raise sink.walk.refuse(value, "a bare object() is told from another only by its identity")
    sink.text("opaque", "builtins.object")


@handles(types.MappingProxyType)
def _mapping_proxy(value: types.MappingProxyType[object, object], sink: Sink) -> None:
    sink.walk.mutable = True
    sink.text("mappingproxy", "")
    sink.part("%s", "", dict(value))


@handles_named("enum.Enum")
def _enum(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    sink.text("member", str(value.name))
    sink.part(".%s", "value", value._value_)


@handles_named("pathlib.PurePath", "pathlib._local.PurePath")
def _path(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    sink.text("path", str(value))


@handles_named("datetime.timezone", "zoneinfo.ZoneInfo")
def _zone(value: Any, sink: Sink) -> None:
    key = getattr(value, "key", "")
    if key is None or type(value).__module__ not in ("datetime", "zoneinfo"):
        write_reduced(value, sink)  # read from a file without a name, or of a class with more to it
        return
    sink.type_of(value)
    sink.text("zone", key)
    if not key:
        sink.part("<%s>", "offset", value.__getinitargs__())


@handles_named("datetime.date", "datetime.time", "datetime.timedelta")
def _date(value: Any, sink: Sink) -> None:
    if type(value).__module__ != "datetime":
        write_reduced(value, sink)
        return
    # Immutable, and the same at every look, which is not known of other reductions.
    sink.type_of(value)
    for argument in value.__reduce_ex__(4)[1]:
        sink.part("<%s>", "argument", argument)


@handles_named("re.Pattern")
def _pattern(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    sink.text("flags", str(value.flags))
    sink.part(".%s", "pattern", value.pattern)


@handles_named("_struct.Struct")
def _struct(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    sink.text("format", value.format)


@handles_named("array.array")
def _typed_array(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    sink.text("typecode", value.typecode)
    sink.write("content", value.tobytes())
    write_state(getattr(value, "__dict__", {}), sink, type(value))


@handles_named("weakref.ReferenceType", "_weakref.ReferenceType")
def _weak_reference(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True  # what it leads to may be gone next time
    sink.text("weak reference", "")
    sink.part("%s", "()", value())


@handles_named("_contextvars.ContextVar")
def _context_variable(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.text("context variable", value.name)
    found = value.get(_UNSET)
    sink.text("set", str(found is not _UNSET))
    if found is not _UNSET:
        sink.part("%s", ".get()", found)


_UNSET = object()


@handles_named("_thread._local")
def _thread_local(value: Any, sink: Sink) -> None:
    # What the thread that asks sees.
    sink.walk.mutable = True
    sink.type_of(value)
    write_state(dict(vars(value)), sink, type(value))


@handles_named("threading.Event")
def _event(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    sink.text("set", str(value.is_set()))


@handles_named("_io.BytesIO", "_io.StringIO")
def _buffer(value: Any, sink: Sink) -> None:
    write_reduced(value, sink)  # content and position; of other files these are the world's


# Things that carry no value. As an argument they are refused, captured they enter by type alone.
@handles_named(
    "_thread.lock", "_thread.RLock", "threading.Condition",
    "threading.Semaphore", "threading.Barrier", "threading.Thread", "logging.Logger", "logging.LoggerAdapter",
    "logging.Handler", "_io._IOBase", "io.IOBase", "_socket.socket", "builtins.generator",
    "builtins.coroutine", "builtins.async_generator", "builtins.frame", "builtins.traceback",
    "concurrent.futures._base.Executor", "concurrent.futures._base.Future", "asyncio.locks.Lock",
    "queue.Queue", "_queue.SimpleQueue", "multiprocessing.context.BaseContext", "subprocess.Popen",
    "multiprocessing.synchronize.SemLock", "sqlite3.Connection", "sqlite3.Cursor", "tqdm.std.tqdm",
    "rich.console.Console", "rich.progress.Progress", "requests.sessions.Session", "httpx.Client",
    "httpx.AsyncClient",
)  # fmt: skip
def _opaque(value: object, sink: Sink) -> None:
    walk = sink.walk
    if not walk.opaque:
        raise walk.refuse(value, "it carries no value that a later run could compare")
    walk.assumptions.append(f"{walk.path()} is a {type_name(type(value))}, taken to carry no value")
    sink.text("opaque", type_name(type(value)))


@handles_named("builtins.BaseException")
def _exception(value: BaseException, sink: Sink) -> None:
    write_reduced(value, sink)
    for name in ("__cause__", "__context__", "__suppress_context__"):  # which pickle leaves out
        sink.part(".%s", name, getattr(value, name))


@handles_the_rest
def write_reduced(value: Any, sink: Sink) -> None:
    """Write an object as what pickle would take it apart into, made canonical."""
    kind = type(value)
    walk = sink.walk
    walk.mutable = True
    reducer = copyreg.dispatch_table.get(kind)
    if reducer is not None or not _default_reduction(kind):
        walk.unsure = True
    try:
        parts = reducer(value) if reducer is not None else value.__reduce_ex__(4)
    except Exception as error:  # whatever a foreign __reduce__ raises, the value has no form
        raise walk.refuse(value, f"taking it apart failed: {error}") from error
    if isinstance(parts, str):
        origin = origin_of_module(module_name(value))
        sink.text("global", f"{module_name(value)}.{parts} {origin}")
        if origin is None:
            sink.type_of(value)
        return
    sink.type_of(value)
    taken_apart: tuple[Any, ...] = (*parts, None, None, None, None)
    make, arguments, state, elements, pairs = taken_apart[:5]
    if make in _NEW_OBJECT:
        arguments = arguments[1:]  # the class, written above
    else:
        sink.part("<%s>", "constructor", make)
    sink.text("arguments", str(len(arguments)))
    for index, argument in enumerate(arguments):
        sink.part("<argument %r>", index, argument)
    write_state(state, sink, kind)
    for index, element in enumerate(elements or ()):
        sink.part("[%r]", index, element)
    sink.text("pairs", "")
    for key, element in pairs or ():
        sink.part("<key %r>", key, key)
        sink.part("[%r]", key, element)


_NEW_OBJECT = (copyreg.__newobj__, copyreg.__newobj_ex__)  # type: ignore[attr-defined]


def _default_reduction(kind: type) -> bool:
    """Whether instances are their ``__dict__`` and slots, which say the same at every look."""
    names = ("__reduce_ex__", "__reduce__", "__getstate__")
    return all(getattr(kind, name) is getattr(object, name) for name in names)


def write_state(state: object, sink: Sink, kind: type) -> None:
    """Write the state of an instance of `kind`: attributes by name, or whatever ``__getstate__`` returned."""
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
        write_state(state[0], sink, kind)  # the second part holds the slots
        write_state(state[1], sink, kind)
    elif type(state) is dict and all(type(name) is str for name in state):
        state = {name: part for name, part in state.items() if name not in _CACHES}
        if sink.walk.outline is not None or sink.walk.unfilled:
            kept = _without_unfilled(state, sink.walk, kind)
            if state and not kept:  # an object without attributes reduces to no state at all
                write_state(None, sink, kind)
                return
            state = kept
        sink.text("attributes", str(len(state)))
        for name, element in state.items():
            sink.text("name", name)
            sink.part(".%s", _public_name(name, kind), element)
    else:
        sink.part("<%s>", "state", state)


def _without_unfilled(state: dict[str, Any], walk: Walk, kind: type) -> dict[str, Any]:
    """Note the cached properties among attributes, and leave out those that the walk passes over."""
    kept = {}
    for name, part in state.items():
        path = f"{walk.path()}.{name}"
        if is_cached_property(kind, name):
            walk.filled[path] = (*walk.trail, (".%s", name))
            if path in walk.unfilled:
                continue
        kept[name] = part
    return kept


_CACHES = frozenset({"_attrs_cached_hash"})  # depends on the hash seed


def _public_name(name: str, kind: type) -> str:
    """Return how users call an attribute: ``calc`` where that is a property over ``_calc``."""
    public = name.lstrip("_")
    return public if public != name and isinstance(getattr(kind, public, None), property) else name
