"""Where code comes from: an installed distribution with a version, the standard library, or the user."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

from hashcache.digest import digest_frame

PYTHON = f"Python {sys.version_info.major}.{sys.version_info.minor}"


@functools.lru_cache(maxsize=1)
def _roots() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the folders of installed packages and those of the standard library."""
    import site  # `sysconfig` would say the same, and takes longer than all the rest of a first hit

    packages = set(site.getsitepackages())
    if site.ENABLE_USER_SITE:
        packages.add(site.getusersitepackages())
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = {os.path.dirname(os.__file__), os.path.join(sys.base_exec_prefix, sys.platlibdir, version)}
    library |= {os.path.join(folder, "lib-dynload") for folder in library}
    # In an order that is the same in every process: of two versions of a package one is taken.
    return tuple(sorted(packages)), tuple(sorted(library))


@functools.lru_cache(maxsize=1)
def _marks() -> dict[str | tuple[int, int], bool]:
    """Return whether a root is one of packages, by its name and by its device and number there."""
    found: dict[str | tuple[int, int], bool] = {}
    packages, library = _roots()
    for folder in (*library, *packages):
        name = os.path.abspath(folder)
        found[name] = found[_mark(name)] = folder in packages
    return found


# What installers call their folders: those of other environments are found by a ``.pth`` file, say.
_FOREIGN = ("site-packages", "dist-packages")


def _mark(folder: str) -> str | tuple[int, int]:
    try:
        status = os.stat(folder)
    except (OSError, ValueError):  # inside an archive, say
        return folder
    return status.st_dev, status.st_ino


@functools.lru_cache(maxsize=4096)
def _root_above(folder: str) -> tuple[str, bool] | None:
    """Return the nearest folder, this one or one above, that is a root, and whether it is of packages.

    By what the folders are, not by how they are called: links lead to them, and to resolve all links takes
    several times as long as to look at the few folders on the way up.
    """
    marks = _marks()
    if folder in marks:
        return folder, marks[folder]
    mark = _mark(folder)
    if mark in marks:
        return folder, marks[mark]
    if os.path.basename(folder) in _FOREIGN:
        return folder, True
    above = os.path.dirname(folder)
    return None if above == folder else _root_above(above)


@functools.lru_cache(maxsize=4096)
def origin_of_file(filename: str) -> str | None:
    """Return where the code of `filename` comes from.

    Returns
    -------
    str or None
        ``"Python 3.11"`` for the standard library, ``"numpy 2.4.6"`` for an installed distribution,
        None for everything else: scripts, notebooks, editable installs, and packages whose version
        nobody recorded. Such code counts as the user's own and is fingerprinted by content.
    """
    if filename.startswith("<frozen "):
        return PYTHON
    path = os.path.abspath(filename)
    found = _root_above(os.path.dirname(path))
    if found is None:
        return None
    root, is_of_packages = found
    if not is_of_packages:
        return PYTHON
    top = path[len(root) :].lstrip(os.sep).split(os.sep, 1)[0].split(".", 1)[0]
    version = version_of(top) if _is_own(root) else _version_in(root, top)
    return None if version is None else f"{top} {version}"


def origin_of_module(name: str) -> str | None:
    """Return where module `name` comes from, as `origin_of_file` does, without importing it."""
    if name == "__main__":
        return None
    module = sys.modules.get(name)
    filename = getattr(module, "__file__", None)
    if isinstance(filename, str):  # also for what has the name of a library module: a file may shadow one
        return origin_of_file(filename)
    if name.partition(".")[0] in sys.stdlib_module_names:
        return PYTHON
    if module is None:
        return _origin_of_unloaded(name.partition(".")[0])
    if getattr(module, "__path__", None) is None and name in sys.builtin_module_names:
        return PYTHON
    # Modules that a distribution makes while it runs have no file: they go with their package.
    parent = name.rpartition(".")[0]
    return origin_of_module(parent) if parent else None


def _origin_of_unloaded(top: str) -> str | None:
    import importlib.util

    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None or not isinstance(spec.origin, str):
        return None
    return PYTHON if spec.origin in ("built-in", "frozen") else origin_of_file(spec.origin)


@functools.lru_cache(maxsize=1024)
def version_of(top: str) -> str | None:
    """Return the version of the distribution that provides top-level module `top`, if recorded.

    Read off the names of the folders that installers leave, since importing `importlib.metadata` alone
    takes longer than a warm call of most cached functions.
    """
    # Most distributions have the name of their module; PyYAML and yaml do not.
    return _installed().get(top.lower()) or _recorded_version(top, _roots()[0]) or _listed_version(top)


@functools.lru_cache(maxsize=1024)
def _version_in(root: str, top: str) -> str | None:
    """Return the version that was installed into a folder of another environment.

    Only what an installer has recorded right there counts: a module beside it may be anybody's.
    """
    return _recorded_version(top, (root,))


def _is_own(root: str) -> bool:
    """Whether a folder is one that this interpreter installs into."""
    marks = _marks()
    return root in marks or _mark(root) in marks


@functools.lru_cache(maxsize=1)
def _installed() -> dict[str, str]:
    found = {}
    for _, folder in _dist_infos(_roots()[0]):
        name, _, version = folder.removesuffix(".dist-info").partition("-")
        found[name.lower()] = version
    return found


def _dist_infos(roots: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the folders that installers leave beside what they install: where each lies, and its name."""
    for root in roots:
        with contextlib.suppress(OSError):
            yield from ((root, name) for name in os.listdir(root) if name.endswith(".dist-info"))


def _recorded_version(top: str, roots: Iterable[str]) -> str | None:
    """Return the versions of all distributions in these folders whose record of files names the module."""
    marks = tuple(f"\n{top}{end}" for end in ("/", ".py,", "."))
    found = set()
    for root, folder in _dist_infos(roots):
        try:
            with open(os.path.join(root, folder, "RECORD"), encoding="utf-8", errors="replace") as file:
                text = "\n" + file.read()
        except OSError:
            continue
        if any(mark in text for mark in marks):
            found.add(folder.removesuffix(".dist-info").partition("-")[2])
    return "+".join(sorted(found)) or None


def _listed_version(top: str) -> str | None:
    """Return the same by asking every distribution, however it was installed: 0.1 s and more."""
    from importlib import metadata

    names = metadata.packages_distributions().get(top)
    return None if not names else "+".join(sorted({metadata.version(name) for name in names}))


def qualified_name(code: Any) -> str:
    """Return what a function, class or module is called in its module."""
    return str(getattr(code, "__qualname__", None) or getattr(code, "__name__", ""))


def own_name(code: Any) -> str:
    """Return what a function or class calls itself: part of its value, since anybody can read it.

    Of functions only the last part, and of neither the module: where code is defined does not count.
    """
    return str(code.__qualname__ if isinstance(code, type) else getattr(code, "__name__", ""))


def origin_of_code(code: Any) -> str | None:
    """Return the distribution that a function, class or module comes from; None for a user's own.

    A function or class that is not where its name says (a closure, something patched) does not count
    as installed, since name and version do not say what it is.
    """
    if isinstance(code, types.ModuleType):
        return origin_of_module(code.__name__)
    if isinstance(code, types.FunctionType):
        origin = origin_of_file(code.__code__.co_filename)
    elif isinstance(code, type):
        return origin_of_module(module_name(code))
    else:
        origin = origin_of_module(module_name(code))
    # A library's wrapper around a user's function lies in the library and goes by the user's name.
    if origin is None or origin_of_module(module_name(code)) is None or _found_by_name(code) is not code:
        return None
    return origin


def module_name(code: Any) -> str:
    """Return the name of the module that a function, class or other object says it is from."""
    name = getattr(code, "__module__", None)
    return name if isinstance(name, str) else "builtins"  # extension types may keep something else there


HEAP_TYPE = 1 << 9


def _found_by_name(code: Any) -> Any:
    found: Any = sys.modules.get(module_name(code))
    for name in code.__qualname__.split("."):
        found = getattr(found, name, None)
    return found


def digest_by_name(code: Any, origin: str) -> bytes:
    """Return the digest of installed code: its name, and the version of its distribution."""
    if isinstance(code, types.ModuleType):
        return _digest_of_name(f"{code.__name__} {origin}")
    return _digest_of_name(f"{module_name(code)}.{code.__qualname__} {origin}")


@functools.lru_cache(maxsize=4096)
def _digest_of_name(name: str) -> bytes:
    return digest_frame("installed", name.encode())
