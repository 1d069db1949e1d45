"""Functions, classes, modules and their wrappers as values: each enters by the code inside."""

from __future__ import annotations

import functools
import gc
import types
from typing import Any

from hashcache.bytecode import code_facts
from hashcache.canonical import Sink, handles, handles_named, type_name
from hashcache.distributions import origin_of_module
from hashcache.guards import cell_value
from hashcache.shardings import placed


@handles(types.FunctionType)
def _function(value: types.FunctionType, sink: Sink) -> None:
    sink.write("function", sink.walk.code(value))


@handles_named("builtins.type")
def _class(value: type, sink: Sink) -> None:
    sink.write("class", sink.walk.code(value))


@handles_named("builtins.module")
def _module(value: types.ModuleType, sink: Sink) -> None:
    sink.write("module", sink.walk.code(value))
    if type(value) is not types.ModuleType:
        sink.type_of(value)


@handles(types.BuiltinFunctionType)
def _builtin_function(value: Any, sink: Sink) -> None:
    owner = value.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        module = value.__module__ or "builtins"
        origin = origin_of_module(module)
        if origin is None:
            raise sink.walk.refuse(value, "it is compiled code of no installed distribution")
        sink.walk.note_origin(origin)
        sink.text("builtin", f"{module}.{value.__qualname__} {origin}")
        return
    sink.text("builtin method", value.__name__)
    sink.part(".%s", "__self__", owner)


@handles(
    types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType,
    types.GetSetDescriptorType, types.MemberDescriptorType,
)  # fmt: skip
def _descriptor(value: Any, sink: Sink) -> None:
    # The class that it belongs to is described, or named, on its own.
    sink.text("descriptor", f"{type(value).__name__} {value.__name__}")


@handles(types.MethodType)
def _method(value: types.MethodType, sink: Sink) -> None:
    sink.text("method", "")
    sink.part(".%s", "__func__", value.__func__)
    sink.part(".%s", "__self__", value.__self__)


@handles(types.MethodWrapperType)
def _method_wrapper(value: Any, sink: Sink) -> None:
    sink.text("method wrapper", value.__name__)
    sink.part(".%s", "__self__", value.__self__)


@handles(staticmethod, classmethod)
def _bound_at_class(value: Any, sink: Sink) -> None:
    sink.text("descriptor", type(value).__name__)
    sink.part(".%s", "__func__", value.__func__)


@handles_named("builtins.property")
def _property(value: property, sink: Sink) -> None:
    sink.type_of(value)
    for name in ("fget", "fset", "fdel"):
        sink.part(".%s", name, getattr(value, name))


@handles_named("functools.cached_property")
def _cached_property(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    sink.part(".%s", "func", value.func)


@handles(functools.partial)
def _partial(value: functools.partial[Any], sink: Sink) -> None:
    # What pickle is told depends on whether somebody has asked for `__dict__`, as JAX does of what it maps.
    sink.type_of(value)
    sink.walk.mutable = True
    for name in ("func", "args", "keywords"):
        sink.part(".%s", name, getattr(value, name))
    sink.part("%s", ".__dict__", vars(value))


@handles_named("functools.KeyWrapper")
def _key_of_comparison(value: Any, sink: Sink) -> None:
    # What `cmp_to_key` returns shows neither its function nor, once called, the value beside it.
    sink.type_of(value)
    sink.part("<%s>", "comparison", gc.get_referents(value))


@handles_named("functools.singledispatchmethod")
def _singledispatchmethod(value: Any, sink: Sink) -> None:
    # It also keeps a cache of what it bound, which is no part of what it does.
    sink.type_of(value)
    sink.part(".%s", "dispatcher", value.dispatcher)
    sink.part(".%s", "func", value.func)


@handles_named("functools._lru_cache_wrapper")
def _lru_cache(value: Any, sink: Sink) -> None:
    # How many results it keeps does not change them; what it keeps does not either.
    sink.text("lru_cache", str(value.cache_parameters()["typed"]))
    sink.part(".%s", "__wrapped__", value.__wrapped__)
    sink.walk.mutable = True  # somebody may put attributes on it
    attributes = {name: part for name, part in vars(value).items() if name[:2] != "__"}
    sink.part("%s", ".__dict__", attributes)


@handles_named("dataclasses.Field")
def _dataclass_field(value: Any, sink: Sink) -> None:
    names = ("name", "default", "default_factory", "init", "repr", "hash", "compare", "kw_only")
    sink.text("field", str(value._field_type))
    for name in names:  # without the annotation, which changes nothing
        sink.part(".%s", name, getattr(value, name))
    sink.part(".%s", "metadata", dict(value.metadata))


@handles_named("dataclasses._MISSING_TYPE", "dataclasses._HAS_DEFAULT_FACTORY_CLASS")
def _dataclass_sentinel(value: object, sink: Sink) -> None:
    sink.text("sentinel", type_name(type(value)))


@handles(types.CodeType)
def _code(value: types.CodeType, sink: Sink) -> None:
    sink.write("code", code_facts(value).digest)


@handles(types.CellType)
def _cell(value: types.CellType, sink: Sink) -> None:
    sink.part(".%s", "cell_contents", cell_value(value))


@handles_named("numba.core.dispatcher.Dispatcher")
def _numba_dispatcher(value: Any, sink: Sink) -> None:
    origin = origin_of_module("numba")
    sink.walk.note_origin(str(origin))
    sink.text("numba", f"{origin} {sorted(map(str, value.targetoptions.items()))}")
    sink.part(".%s", "py_func", value.py_func)


@handles_named("numba.core.extending._Intrinsic")
def _numba_intrinsic(value: Any, sink: Sink) -> None:
    # What pickle is told has a number of its own in each process.
    origin = str(origin_of_module("numba"))
    sink.walk.note_origin(origin)
    sink.text("numba intrinsic", f"{origin} {value._name} {value._prefer_literal}")
    sink.part(".%s", "_ctor_kwargs", value._ctor_kwargs)
    sink.part(".%s", "_defn", value._defn)


@handles_named("numba.core.descriptors.TargetDescriptor")
def _numba_target(value: Any, sink: Sink) -> None:
    # A compiler: its tables fill with whatever was compiled so far, which changes nothing that it does.
    origin = origin_of_module("numba")
    sink.walk.note_origin(str(origin))
    sink.text("numba target", f"{type_name(type(value))} {origin}")


@handles_named("jaxlib._jax.PjitFunction", "jaxlib.xla_extension.PjitFunction")
def _jax_jitted(value: Any, sink: Sink) -> None:
    origin = str(origin_of_module("jax"))
    sink.walk.note_origin(origin)
    sink.text("jax", f"{origin} {_options_of_jitted(value)}")
    sink.part(".%s", "__wrapped__", value.__wrapped__)


def _options_of_jitted(value: Any) -> list[str]:
    """Return the options that JAX jitted a function with."""
    given = getattr(value, "_jit_info", None)  # of no public name
    if given is None:  # as pickle sees it
        state = value.__getstate__()
        return [f"{name}={state[name]}" for name in ("static_argnums", "static_argnames")]
    # Two of them say where the function was defined, which changes nothing.
    names = [name for name in given._fields if name not in ("fun_sourceinfo", "fun_signature")]
    return [f"{name}={_option_text(getattr(given, name))}" for name in names]


def _option_text(option: Any) -> str:
    return str([placed(part) for part in option]) if isinstance(option, tuple) else str(option)


@handles_named("jax._src.config.UserConfig")
def _jax_user_context(value: Any, sink: Sink) -> None:
    # Which context of the user it is has no name; what a function gets from it is the value it has now.
    sink.text("user context", "")
    sink.walk.mutable = True
    sink.part(".%s", "value", value.value)
