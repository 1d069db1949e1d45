"""Values outside of the program that a result may depend on: files and environment variables."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class File:
    """A file that a result depends on, by content, whatever its name, place or time.

    Parameters
    ----------
    path : path
        Read anew for every key; a file that is not there is a value too.

    Examples
    --------
    >>> from hashcache import File, hashcache
    >>> @hashcache(depends_on=(File("rates.csv"),))
    ... def total(): ...
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fsdecode(path)

    @property
    def path(self) -> Path:
        """Where the file is."""
        from pathlib import Path

        return Path(self._path)

    def __repr__(self) -> str:
        return f"File({self._path!r})"

    def __hashcache__(self) -> str:
        """Return the SHA-256 of the content."""
        import hashlib

        try:
            with open(self._path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return "missing"


class Env:
    """An environment variable that a result depends on, by the value that it has now.

    Parameters
    ----------
    name : str
        Read anew for every key; a variable that is not set is a value too, and differs from an empty one.

    Examples
    --------
    >>> from hashcache import Env, hashcache
    >>> @hashcache(depends_on=(Env("OMP_NUM_THREADS"),))
    ... def total(): ...
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Env({self.name!r})"

    def __hashcache__(self) -> tuple[str, str | None]:
        """Return the name and the value, or None where there is none."""
        return self.name, os.environ.get(self.name)


class JaxSettings:
    """Those settings of JAX that change results, as they are now; captured by whatever reads ``jax``."""

    def __hashcache__(self) -> tuple[Any, ...]:
        """Return the values of the settings."""
        config = getattr(sys.modules.get("jax"), "config", None)
        return tuple(str(getattr(config, f"jax_{name}", None)) for name in _OF_JAX)


_OF_JAX = (
    "enable_x64", "default_matmul_precision", "numpy_dtype_promotion", "numpy_rank_promotion",
    "default_prng_impl", "threefry_partitionable", "random_seed_offset", "debug_nans", "debug_infs",
)  # fmt: skip
