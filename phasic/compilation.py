"""How JAX compiles and what it keeps: settings of JAX under the names that users of phasic know."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from phasic import jax_programs, xla_flags
from phasic.errors import OptionError

_log = logging.getLogger(__name__)
_APPLIED = "applied"
_SOONER = "apply this before the first use of JAX"
_STRATEGIES = ("local", "shared", "layered")
_PLATFORMS = ("cpu", "gpu", "cuda", "rocm", "tpu")


@dataclass(frozen=True)
class CompilationConfig:
    """Settings for JAX, made first and applied when wanted.

    Parameters
    ----------
    cache_dir : path, optional
        Directory of compiled programs; by default that of `phasic.cache_info`.
    shared_cache_dir : path, optional
        The directory in its place if `cache_strategy` is ``"shared"``.
    optimization_level : int
        0 to 3: how much work XLA puts into a program. Its own default is 3. On a CPU, 1 and 2 compile in some
        two thirds of the time and to programs as fast as those of 3, as far as was measured; those of 0
        can be slow.
    parallel_compile : bool
        Without it, each program is compiled by one thread.
    min_cache_time : float
        Seconds; programs that compile in less are not kept.
    enable_x64 : bool
        64-bit numbers.
    platform : str
        ``"cpu"``, ``"gpu"``, ``"cuda"``, ``"rocm"`` or ``"tpu"``.
    cpu_threads : int, optional
        Threads that XLA takes; by default as many as there are cores.
    cache_strategy : str
        ``"local"`` or ``"shared"``; of ``"layered"``, JAX knows the first directory only.

    Raises
    ------
    OptionError
        An option has a value that it cannot have.

    Notes
    -----
    XLA reads what says how it compiles, and with how many threads, once: `apply` has to come before JAX
    computes something. These settings are left in ``XLA_FLAGS`` and ``NPROC``, so that processes which this
    one starts compile alike.

    Examples
    --------
    >>> from phasic import CompilationConfig
    >>> CompilationConfig.fast_compile().optimization_level
    1
    """

    cache_dir: str | os.PathLike[str] | None = None
    shared_cache_dir: str | os.PathLike[str] | None = None
    optimization_level: int = 2
    parallel_compile: bool = True
    min_cache_time: float = 1.0
    enable_x64: bool = True
    platform: str = "cpu"
    cpu_threads: int | None = None
    cache_strategy: str = "local"

    def __post_init__(self) -> None:
        for name in ("cache_dir", "shared_cache_dir"):
            path = getattr(self, name)
            if path is not None and not isinstance(path, str | os.PathLike):
                raise OptionError(f"{name} is {path!r}; pass the path of a directory")
        _require(
            self.optimization_level in (0, 1, 2, 3), "optimization_level", self.optimization_level, "0 to 3"
        )
        _require(isinstance(self.parallel_compile, bool), "parallel_compile", self.parallel_compile, "a bool")
        _require(isinstance(self.enable_x64, bool), "enable_x64", self.enable_x64, "a bool")
        seconds = isinstance(self.min_cache_time, int | float) and self.min_cache_time >= 0.0
        _require(seconds, "min_cache_time", self.min_cache_time, "seconds, 0 or more")
        _require(self.platform in _PLATFORMS, "platform", self.platform, f"one of {', '.join(_PLATFORMS)}")
        threads = self.cpu_threads is None or (isinstance(self.cpu_threads, int) and self.cpu_threads > 0)
        _require(threads, "cpu_threads", self.cpu_threads, "a number of threads, or None")
        strategy = self.cache_strategy
        _require(strategy in _STRATEGIES, "cache_strategy", strategy, f"one of {', '.join(_STRATEGIES)}")
        shared = strategy == "local" or self.shared_cache_dir is not None
        _require(shared, "shared_cache_dir", None, f"the directory that cache_strategy={strategy!r} needs")

    @classmethod
    def balanced(cls) -> CompilationConfig:
        """Return the defaults: mostly as fast as `max_performance`, and compiled sooner."""
        return cls()

    @classmethod
    def fast_compile(cls) -> CompilationConfig:
        """Return settings for trying things out: the least optimisation that is of use, and more is kept."""
        return cls(optimization_level=1, min_cache_time=0.5)

    @classmethod
    def max_performance(cls) -> CompilationConfig:
        """Return settings for long runs: the most optimisation, which is what XLA does by itself."""
        return cls(optimization_level=3)

    @classmethod
    def load_from_file(cls, path: str | os.PathLike[str]) -> CompilationConfig:
        """Return what `save_to_file` wrote.

        Raises
        ------
        OptionError
            The file holds something else, or an option that there is none of.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise OptionError(f"{os.fspath(path)} is no configuration: {error}") from None
        known = set(asdict(cls()))
        if not isinstance(content, dict) or not content.keys() <= known:
            unknown = sorted(content.keys() - known) if isinstance(content, dict) else type(content).__name__
            raise OptionError(f"{os.fspath(path)} is no configuration: it holds {unknown}")
        return cls(**content)

    def save_to_file(self, path: str | os.PathLike[str]) -> None:
        """Write the settings as JSON."""
        text = json.dumps(self.as_dict(), indent=2) + "\n"
        beside = Path(f"{os.fspath(path)}.{os.getpid()}")  # so that nobody reads half of it
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name, paths as text."""
        paths = {
            name: os.fspath(path)
            for name in ("cache_dir", "shared_cache_dir")
            if (path := getattr(self, name)) is not None
        }
        return asdict(replace(self, **paths))

    def apply(self, force: bool = False) -> dict[str, str]:
        """Give the settings to JAX, also where it was imported before.

        Parameters
        ----------
        force : bool
            Has no effect: settings are always given. Accepted for callers of the C++ package.

        Returns
        -------
        dict
            Of each option ``"applied"``, or why it was not. What was not is logged as well.

        Raises
        ------
        OptionError
            JAX is not installed, or ``XLA_FLAGS`` holds what would end the process.
        """
        try:
            import jax
        except ModuleNotFoundError:
            raise OptionError(
                "these settings are JAX's, which is not installed; pip install 'hashcache[jax]'"
            ) from None
        xla_flags.require_known()
        late = f"JAX computes on {jax.default_backend()} already" if xla_flags.backend_is_chosen() else ""
        said = {name: _APPLIED for name in asdict(self)}
        self._apply_cache(jax, said)
        jax.config.update("jax_enable_x64", self.enable_x64)
        self._apply_platform(jax, said, late)
        self._apply_compiler(jax, said, late)
        for name, what in said.items():
            if what != _APPLIED:
                _log.warning("%s = %r was not applied: %s", name, getattr(self, name), what)
        return said

    def _apply_cache(self, jax: Any, said: dict[str, str]) -> None:
        is_shared = self.cache_strategy == "shared"
        chosen = self.shared_cache_dir if is_shared else self.cache_dir
        jax_programs.keep_in(None if chosen is None else os.path.expanduser(chosen))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", float(self.min_cache_time))
        if is_shared and self.cache_dir is not None:
            said["cache_dir"] = "with cache_strategy='shared' the other directory is used"
        if not is_shared and self.shared_cache_dir is not None:
            said["shared_cache_dir"] = "JAX knows one directory only, and cache_dir is used"
        if self.cache_strategy == "layered":
            said["cache_strategy"] = "JAX knows one directory only, and cache_dir is used"

    def _apply_platform(self, jax: Any, said: dict[str, str], late: str) -> None:
        if not late:
            jax.config.update("jax_platforms", self.platform)
        elif jax.default_backend() != self.platform:
            said["platform"] = f"{late}; {_SOONER}"

    def _apply_compiler(self, jax: Any, said: dict[str, str], late: str) -> None:
        if hasattr(jax.config, "jax_optimization_level"):  # which accelerators heed, and CPUs do not
            jax.config.update("jax_optimization_level", f"O{self.optimization_level}")
        wanted = {"optimization_level": (xla_flags.LEVEL, self.optimization_level)}
        if not self.parallel_compile:
            wanted["parallel_compile"] = (xla_flags.PARTS, 1)
        if self.cpu_threads is not None:
            wanted["cpu_threads"] = (xla_flags.THREADS, self.cpu_threads)
        for option, (name, value) in wanted.items():
            if not late:
                said[option] = xla_flags.give(name, value) or _APPLIED
            elif not xla_flags.was_given(name, value):
                said[option] = f"{late}; {_SOONER}"


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise OptionError(f"{name} is {value!r}; pass {wanted}")
