"""The caches that people use, each as its documentation says for results that outlive the process."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

Function = Callable[..., Any]
PEERS: dict[str, Callable[[Function, Path], Function]] = {}
PACKAGES = ("cachebox", "diskcache", "joblib", "pycse", "cachier", "checkpointer", "numpy", "pandas")


def peer(make: Callable[[Function, Path], Function]) -> Callable[[Function, Path], Function]:
    PEERS[make.__name__] = make
    return make


@peer
def lru_cache(function: Function, place: Path) -> Function:
    """The floor: in this process only, and blind to everything but the arguments."""
    return functools.lru_cache(maxsize=1000)(function)


@peer
def cachebox(function: Function, place: Path) -> Function:
    """In this process only as well."""
    import cachebox

    return cachebox.cached(cachebox.LRUCache(1000))(function)


@peer
def diskcache(function: Function, place: Path) -> Function:
    import diskcache

    return diskcache.Cache(str(place)).memoize()(function)


@peer
def joblib(function: Function, place: Path) -> Function:
    import joblib

    return joblib.Memory(place, verbose=0).cache(function)


@peer
def pycse(function: Function, place: Path) -> Function:
    cached = pycse_hashcache().HashCache(function)
    cached.cache = str(place)
    return cached


@peer
def cachier(function: Function, place: Path) -> Function:
    import cachier

    return cachier.cachier(cache_dir=place)(function)


@peer
def checkpointer(function: Function, place: Path) -> Function:
    import checkpointer

    return checkpointer.checkpoint(directory=place, verbosity=0)(function)


@functools.cache
def pycse_hashcache() -> ModuleType:
    """Return the one module of pycse that is of interest, which needs joblib alone.

    The package itself loads IPython and asks for JAX, flax and seventy more. Its function ``hashcache`` was
    taken out in favour of the class ``HashCache``, and only says so.
    """
    spec = importlib.util.find_spec("pycse")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("pycse is not installed")
    path = Path(spec.submodule_search_locations[0]) / "hashcache.py"
    inner = importlib.util.spec_from_file_location("pycse_hashcache", path)
    assert inner is not None
    assert inner.loader is not None
    module = importlib.util.module_from_spec(inner)
    inner.loader.exec_module(module)
    return module


def warmed(function: Function, place: Path, argument: Any) -> dict[str, Function]:
    """Return the function under every cache that can do it, its result for the argument found in each.

    Those that are not installed, or cannot take the argument, are left out.
    """
    found = {}
    for name, make in PEERS.items():
        try:
            cached = make(function, place / name)
            cached(argument)
        except (ImportError, TypeError):
            continue
        found[name] = cached
    return found
