"""The directory in which JAX keeps what it has compiled."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any


def directory() -> Path:
    """Return the directory: JAX's own setting where there is one, else one in the cache of phasic."""
    jax = sys.modules.get("jax")
    chosen = getattr(jax.config, "jax_compilation_cache_dir", None) if jax is not None else None
    chosen = chosen or os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    from phasic.layers import GRAPHS

    return Path(GRAPHS.cache.jax_cache.folder)


def use(folder: Path, least_seconds: float) -> None:
    """Have JAX keep programs in a directory from now on, those that took so long to compile."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    config: Any = jax.config
    config.update("jax_persistent_cache_min_compile_time_secs", float(least_seconds))
    if config.jax_compilation_cache_dir != str(folder):
        config.update("jax_compilation_cache_dir", str(folder))
        compilation_cache.reset_cache()  # which would go on with the directory of its first use


def backend_is_chosen() -> bool:
    """Return whether JAX has computed something, so that its platform cannot change any more."""
    from jax._src import xla_bridge

    asked = getattr(xla_bridge, "backends_are_initialized", None)  # of no public name
    return bool(asked()) if asked is not None else True


def files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the files that JAX has written to a directory."""
    with suppress(FileNotFoundError, NotADirectoryError):
        for entry in os.scandir(folder):
            # JAX writes a program, and beside it when that was last used.
            if entry.name.endswith(("-cache", "-atime")) and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    yield Path(entry.path), entry.stat(follow_symlinks=False)


def clear() -> int:
    """Delete the programs in the directory and nothing else there; return how many there were."""
    removed = 0
    for path, _ in files(directory()):
        with suppress(FileNotFoundError):
            path.unlink()
            removed += path.name.endswith("-cache")
    return removed
