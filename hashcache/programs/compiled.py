"""A compiled program as a value: lowered and compiled once, stored as bytes, loaded by any process alike."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any

from hashcache.codec import CODECS, Payload, encode
from hashcache.errors import NotWorthStoringError
from hashcache.programs.calls import remembering
from hashcache.programs.properties import Path
from hashcache.programs.shapes import structure
from hashcache.programs.unstorable import why_unstorable

_WORTH_STORING = 0.02  # seconds of tracing, lowering and compiling; to load a small program takes some 0.01
_compiling = threading.Lock()


class Executable:
    """A program for one signature.

    Attributes
    ----------
    data : bytes or None
        The program; None where it is not stored, and then `reason` says why.
    out : object
        A nest of the structure of the result, with numbers for leaves.
    module : str
        Digest of the lowered module that was compiled.
    needs_lapack : bool
        Whether it calls routines that a process has to set up before it loads such a program.
    devices : list of int
        Devices that it runs on, in its own order.
    filled : list
        Where cached properties were asked for while it was traced, as `properties.filled` has them.
    run : callable or None
        What calls it in this process; None before `load`.
    """

    __slots__ = ("data", "devices", "filled", "module", "needs_lapack", "out", "reason", "run")

    def __init__(
        self,
        data: bytes | None,
        out: Any,
        module: str,
        needs_lapack: bool,
        devices: list[int],
        reason: str = "",
    ) -> None:
        self.data, self.out, self.module, self.needs_lapack = data, out, module, needs_lapack
        self.devices, self.reason = devices, reason
        self.filled: list[Path] = []
        self.run: Callable[..., Any] | None = None

    def load(self, in_tree: Any) -> Callable[..., Any]:
        """Return what calls the program in this process; `in_tree` is the structure of its arguments."""
        import jax

        assert self.data is not None
        if self.needs_lapack:
            _set_lapack_up()
        self.run = _loaded(self.data, in_tree, jax.tree_util.tree_structure(self.out), self.devices)
        return self.run


class ProgramCodec:
    """Executables as bytes. To load one is to run code, so they never leave the store of their user."""

    name = "jax-executable-2"
    executes_code = True
    machine_bound = True

    def accepts(self, value: Any) -> bool:
        """Return whether the value is an executable."""
        return type(value) is Executable

    def encode(self, value: Executable) -> Payload:
        """Return its bytes, or raise `NotWorthStoringError`: whoever built it has said why there are none."""
        if value.data is None:
            raise NotWorthStoringError(value.reason)
        codec, out = encode(value.out, CODECS)
        about = {
            "module": value.module,
            "lapack": value.needs_lapack,
            "devices": value.devices,
            "filled": value.filled,
            "codec": codec,
            "out": out.description,
        }
        return Payload(about, [value.data, *out.frames])

    def decode(self, payload: Payload) -> Executable:
        """Return the executable, not loaded yet: the checksum of its entry has been compared by now."""
        about = payload.description
        codec = next(one for one in CODECS if one.name == about["codec"])
        out = codec.decode(Payload(about["out"], payload.frames[1:]))
        data = bytes(payload.frames[0])
        executable = Executable(data, out, about["module"], about["lapack"], about["devices"])
        executable.filled = about["filled"]
        return executable


def build(jitted: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Executable:
    """Return the program of a jitted function for these arguments, lowered and compiled here and now."""
    started = time.perf_counter()
    traced, lowered = _lowered_anew(jitted, args, kwargs)
    reason = why_unstorable(traced)
    compiled = lowered.compile() if reason else _compiled_alone(lowered)
    seconds = time.perf_counter() - started
    module, needs_lapack = _examined(lowered)
    out, data, devices = None, None, []
    if not reason and seconds < _WORTH_STORING:
        reason = f"it takes {seconds:.3f} s to compile, no more than to load"
    if not reason:
        try:
            out = structure(compiled.out_tree, compiled.out_tree.num_leaves)
            devices = [device.id for device in compiled.runtime_executable().local_devices()]
            data = _tried(compiled, devices)
        except Exception as error:
            data, reason = None, f"JAX cannot store it ({type(error).__name__}: {error})"
    executable = Executable(data, out, module, needs_lapack, devices, reason)
    executable.run = compiled
    return executable


def module_of(jitted: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return the digest of the module that the function lowers to now."""
    return _examined(_lowered_anew(jitted, args, kwargs)[1])[0]


def _lowered_anew(jitted: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Return the traced and the lowered function; nothing that JAX remembers of it is used.

    What it remembers goes by identity and by what the user's classes call equal, and a key by value.
    """
    with remembering()(object()):
        traced = jitted.trace(*args, **kwargs)
        return traced, traced.lower()


def _examined(lowered: Any) -> tuple[str, bool]:
    text = lowered.as_text()
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), "lapack_" in text


def _tried(compiled: Any, devices: list[int]) -> bytes:
    """Return a program as bytes that load; raise whatever says that they do not."""
    from jax.experimental import serialize_executable

    data, in_tree, out_tree = serialize_executable.serialize(compiled)
    _loaded(data, in_tree, out_tree, devices)
    return bytes(data)


def _loaded(data: bytes, in_tree: Any, out_tree: Any, devices: list[int]) -> Callable[..., Any]:
    import jax
    from jax.experimental import serialize_executable

    by_id = {device.id: device for device in jax.devices()}
    places = [by_id[number] for number in devices]  # others than it was made for would end the process
    run: Callable[..., Any] = serialize_executable.deserialize_and_load(
        data, in_tree, out_tree, backend=places[0].client, execution_devices=places
    )
    return run


def _compiled_alone(lowered: Any) -> Any:
    """Return what a module compiles to without JAX's own cache.

    What that cache hands out serialises into something that loads and does not run.
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    if not (jax.config.jax_enable_compilation_cache and jax.config.jax_compilation_cache_dir):
        return lowered.compile()
    with _compiling:
        jax.config.update("jax_enable_compilation_cache", False)
        compilation_cache.reset_cache()  # which remembers whether it is used
        try:
            return lowered.compile()
        finally:
            jax.config.update("jax_enable_compilation_cache", True)
            compilation_cache.reset_cache()


def _set_lapack_up() -> None:
    """Do what lowering a call of LAPACK does beside; without it, loading such a program ends the process."""
    if getattr(_set_lapack_up, "done", False):
        return
    try:  # of no public name; it takes a thousandth of the time
        from jaxlib import lapack

        lapack._lapack.initialize()
    except (ImportError, AttributeError):
        import jax

        jax.jit(jax.numpy.linalg.cholesky).lower(jax.ShapeDtypeStruct((1, 1), "float32"))
    _set_lapack_up.done = True  # type: ignore[attr-defined]
