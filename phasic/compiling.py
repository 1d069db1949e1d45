"""Kernels: loops over arrays that run as plain Python or as machine code, with the same result.

Numba takes longer to load than most answers take to find, so it is loaded by the first call that is
worth it.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from types import FunctionType
from typing import Any, overload

import numpy as np

_log = logging.getLogger(__name__)
_LITTLE = 20_000  # entries of all arguments; even a dense factorisation of so many takes about 0.05 s
_PRICE = 0.4  # seconds: about what loading numba costs
_loading = threading.RLock()


class Budget:
    """How many seconds of plain Python there have been; how a result was come by, not part of any."""

    spent = 0.0

    def __hashcache__(self) -> str:
        """Take no part in cache keys."""
        return "seconds of plain Python"


_budget = Budget()


class Kernel:
    """A loop over arrays: plain Python while there is little to do, else compiled.

    Until numba is loaded, a call with few array entries runs the Python function as it stands, so that
    a cold process answers about a small graph at once. As soon as such calls have together taken as long
    as loading numba, numba is loaded, and from then on machine code answers. Both do the same arithmetic
    in the same order: results are equal to the last bit.

    Each kernel is compiled for one signature per type of its output: contiguous arrays, of which those
    that it does not write to may be read-only. Arrays that are not so are copied first.

    The machine code is kept on disk by numba, in ``NUMBA_CACHE_DIR``, beside the source or in the user's
    cache directory, so that only the first process waits for the compiler. Every signature and kind of
    processor has an index of its own there, since processes that write different entries to one index
    at the same time can exchange them. A cache that cannot be read or written costs time only, and
    ``PHASIC_KERNEL_CACHE=0`` does without.

    Numba notices an edit by the source file that holds the function: a kernel may therefore call only
    functions of its own file.

    Parameters
    ----------
    function : callable
        Takes positional arguments. It never raises, and assigns to arrays by index.
    writes : tuple of str
        Parameters that are written to. The type of the last one is that of the numbers computed with.
        Empty: numba finds signatures by itself, and the function is compiled at the first call.
    like : str, optional
        Another parameter whose type may vary.
    little : int
        Entries of all arguments up to which plain Python may run it: fewer where the work is a product of
        their sizes.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        writes: tuple[str, ...] = (),
        like: str | None = None,
        little: int = _LITTLE,
    ) -> None:
        self.python = function
        self._most = little
        functools.update_wrapper(self, function)
        names = list(inspect.signature(function).parameters)
        self._written = frozenset(names.index(name) for name in writes)
        self._output = names.index(writes[-1]) if writes else None
        self._like = names.index(like) if like else self._output
        self._compiled: dict[Any, Callable[..., Any]] = {}

    def __call__(self, *arguments: Any) -> Any:
        """Run the function on these arguments."""
        kind = self._kind(arguments)
        compiled = self._compiled.get(kind)
        if compiled is None:
            if self._little(kind, arguments):
                return self._interpret(arguments)
            compiled = self.compiled(*arguments)
        try:
            return compiled(*arguments)
        except TypeError:  # an argument is strided or not aligned
            if kind is None:
                raise
            return compiled(*map(self._whole, range(len(arguments)), arguments))

    def __hashcache__(self) -> Callable[..., Any]:
        """Stand in cache keys for the function, compiled or not."""
        return self.python

    @property
    def signatures(self) -> list[Any]:
        """The signatures that this process has compiled or loaded so far."""
        return [signature for compiled in self._compiled.values() for signature in compiled.signatures]  # type: ignore[attr-defined]

    def compiled(self, *arguments: Any) -> Callable[..., Any]:
        """Return machine code that takes arguments of these types, from the disk where it is there."""
        kind = self._kind(arguments)
        with _loading:
            if kind not in self._compiled:
                signature = None if kind is None else self._signature(arguments)
                self._compiled[kind] = _compile(self.python, signature, kind)
        return self._compiled[kind]

    @functools.cached_property
    def dispatcher(self) -> Any:
        """What other machine code calls: numba's dispatcher of the function, which keeps nothing on disk."""
        import numba

        return numba.njit(nogil=True, error_model="numpy")(_twin(self.python, self.python.__qualname__))

    def _kind(self, arguments: tuple[Any, ...]) -> str | None:
        """Return the types that tell signatures apart, as one character each."""
        if self._output is None or self._like is None:
            return None
        kind: str = arguments[self._output].dtype.char + arguments[self._like].dtype.char
        return kind

    def _signature(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        from numba import typeof, types

        def kind(place: int, argument: Any) -> Any:
            found: Any = typeof(argument)  # type: ignore[no-untyped-call]
            if isinstance(found, types.Array):
                return types.Array(found.dtype, found.ndim, "C", readonly=place not in self._written)
            return found

        return tuple(kind(place, argument) for place, argument in enumerate(arguments))

    def _little(self, kind: str | None, arguments: tuple[Any, ...]) -> bool:
        if kind is not None and kind[0] in "gG":
            return True  # extended precision, which numba does not know
        if kind is None or kind[0] in "FD" or "numba" in sys.modules or _budget.spent > _PRICE:
            return False  # complex quotients are not the same to the last bit
        return sum(a.size for a in arguments if isinstance(a, np.ndarray)) <= self._most

    def _interpret(self, arguments: tuple[Any, ...]) -> Any:
        began, before = time.perf_counter(), _budget.spent
        with np.errstate(all="ignore"):  # machine code does not warn either
            result = self.python(*arguments)
        _budget.spent = before + time.perf_counter() - began  # what it called is in that
        return result

    def _whole(self, place: int, argument: Any) -> Any:
        if place in self._written or not isinstance(argument, np.ndarray):
            return argument
        return np.require(argument, requirements=["C", "A"])


@overload
def kernel(function: Callable[..., Any]) -> Kernel: ...


@overload
def kernel(
    *, writes: tuple[str, ...], like: str | None = None, little: int = _LITTLE
) -> Callable[[Callable[..., Any]], Kernel]: ...


def kernel(
    function: Callable[..., Any] | None = None,
    *,
    writes: tuple[str, ...] = (),
    like: str | None = None,
    little: int = _LITTLE,
) -> Any:
    """Return `function` as a `Kernel`; to be used as a decorator."""
    if function is None:
        return lambda function: Kernel(function, writes, like, little)
    return Kernel(function, writes, like, little)


def _compile(
    function: Callable[..., Any], signature: tuple[Any, ...] | None, kind: str | None
) -> Callable[..., Any]:
    """Return machine code of `function`: one signature, or whatever comes where none is given."""
    import numba

    # Some file systems take upper and lower case for the same: the codes of the characters it is.
    codes = "".join(f"{ord(character):x}" for character in kind or "")
    name = f"{function.__qualname__}-{codes}-{_processor()}"
    twin = _twin(function, name)
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    if os.environ.get("PHASIC_KERNEL_CACHE", "1") != "0":
        try:
            compiled: Any = numba.njit(cache=True, **options)(twin)
            if signature is not None:
                compiled.compile(signature)
                compiled.disable_compile()  # other arguments are converted, not compiled for
            return compiled  # type: ignore[no-any-return]
        except Exception as error:  # nowhere to write, or something else lies in its place
            _log.info("compiling %s anew: numba's cache failed (%s: %s)", name, type(error).__name__, error)
    compiled = numba.njit(**options)(twin)
    if signature is not None:
        compiled.compile(signature)
        compiled.disable_compile()
    return compiled  # type: ignore[no-any-return]


def _twin(function: Callable[..., Any], name: str) -> FunctionType:
    """Return `function` under another name, and calling compiled twins of its file's functions."""
    import numba

    assert isinstance(function, FunctionType)
    names = dict(function.__globals__)
    for called in function.__code__.co_names:
        callee = names.get(called)
        callee = callee.python if isinstance(callee, Kernel) else callee
        if isinstance(callee, FunctionType) and callee.__module__ == function.__module__:
            names[called] = numba.njit(nogil=True, error_model="numpy")(_twin(callee, callee.__qualname__))
    twin = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    twin.__qualname__ = name
    return twin


def _processor() -> str:
    """Return a name for the machine code that this processor runs."""
    from zlib import crc32

    try:
        from numba.core.registry import cpu_target

        magic = str(cpu_target.target_context.codegen().magic_tuple())
    except (ImportError, AttributeError):  # not public; without it, processors of one kind share a cache
        magic = ""
    return f"{crc32(magic.encode()):08x}"
