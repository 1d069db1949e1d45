"""What holds for every graph unless the graph says otherwise."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from phasic.errors import OptionError

_log = logging.getLogger(__name__)

# Settings of the C++ package of this name, and why they have no effect here.
_ELSEWHERE = {
    "compute": "compiled kernels are used wherever they help",
    "cpu_threads": "samples, moments of several settings and particles use the threads that there are",
    "parallel_elimination": "components are eliminated one after another",
    "parallel_elimination_min_subgraph": "components are eliminated one after another",
    "parallel_elimination_max_concurrent": "components are eliminated one after another",
    "svgd_strategy": "the strategy follows from the data",
    "high_precision_mode": "elimination keeps its digits without",
    "high_precision_bits": "elimination keeps its digits without",
    "ill_condition_threshold": "elimination keeps its digits without",
    "warn_on_ill_conditioning": "elimination keeps its digits without",
    "reward_compute_cache": "cache_trace and cache_moments choose these layers",
    "strict": "unknown settings are always refused",
}
_OTHER_NAMES = {"graph_cache": "cache_graph", "trace_cache": "cache_trace"}


@dataclass(frozen=True)
class Settings:
    """Defaults of keywords of `Graph`, and where results are kept.

    Attributes
    ----------
    cache_graph, cache_trace, cache_moments : bool
        Whether graphs look up what was stored, unless they are told.
    jax_cache : bool
        Whether JAX keeps what it compiles, from the first use of it through phasic on.
    cache_dir : path or None
        The directory of results that was set; None is that of `hashcache`.
    registry : tuple of str or None
        Addresses of the registries of the model hub that were set; None is ``PHASIC_REGISTRY``, else the
        one that comes with the package.
    trusted_keys : tuple of str or None
        Keys of publishers, or files that list them, that were set; None is the user's own list.
    require_signatures : bool
        Whether only what somebody who is trusted has signed is taken from the hub.
    """

    cache_graph: bool = False
    cache_trace: bool = False
    cache_moments: bool = False
    jax_cache: bool = True
    cache_dir: str | os.PathLike[str] | None = None
    registry: tuple[str, ...] | None = None
    trusted_keys: tuple[str, ...] | None = None
    require_signatures: bool = False

    @property
    def graph_cache(self) -> bool:
        """Another name of `cache_graph`."""
        return self.cache_graph

    @property
    def trace_cache(self) -> bool:
        """Another name of `cache_trace`."""
        return self.cache_trace

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> None:
            """Return None for a setting of the C++ package that has no effect here."""
            if name in _ELSEWHERE:
                return None
            raise AttributeError(f"there is no setting {name!r}; settings are {', '.join(asdict(self))}")


_current = Settings()


def reset_config() -> Configured:
    """Give every setting its first value again, but for ``verbose`` and the directory; a context as well."""
    return Configured({name: value for name, value in asdict(Settings()).items() if name != "cache_dir"})


def get_config() -> Settings:
    """Return the settings as they are.

    Examples
    --------
    >>> import phasic
    >>> phasic.get_config().cache_graph
    False
    """
    return _current


def configure(**settings: Any) -> Configured:
    """Change settings from now on; as a context manager, until its end.

    Parameters
    ----------
    cache_graph, cache_trace, cache_moments : bool
        Whether graphs look up what was stored, unless they are told. ``graph_cache`` and ``trace_cache``
        are other names of the first two.
    jax_cache : bool
        Whether JAX keeps what it compiles beside these results, from its first use through phasic on.
        False gives JAX the settings of before.
    cache_dir : path
        The directory of results, as ``hashcache.location``.
    registry : path, str or list of them
        Registries of the model hub, asked in this order: directories, URLs, or ``builtin``, the one that
        comes with the package.
    trusted_keys : list of str, or path
        Public keys of publishers as ``ed25519:...``, files that list them, or both.
    require_signatures : bool
        Take only what somebody who is trusted has signed from the model hub, or what comes with the package.
    verbose : bool
        Say what is computed and why, as ``hashcache.verbose``.
    **settings
        Settings of the C++ package of this name are accepted; why one has no effect here is logged.

    Raises
    ------
    OptionError
        A setting is unknown, or has a value that it cannot have. Then none is changed.

    Examples
    --------
    >>> import phasic
    >>> with phasic.configure(cache_graph=True):
    ...     graph = phasic.Graph(phasic.models.coalescent(4))
    >>> graph.cache_graph
    True
    """
    named = {_OTHER_NAMES.get(name, name): value for name, value in settings.items()}
    if len(named) != len(settings):
        raise OptionError(f"one setting was given by both of its names: {', '.join(sorted(settings))}")
    known = set(asdict(_current)) | {"verbose"}
    for name, value in named.items():
        if name not in known and name not in _ELSEWHERE:
            raise OptionError(f"there is no setting {name!r}; settings are {', '.join(sorted(known))}")
        if name == "cache_dir":
            if not isinstance(value, str | os.PathLike):
                raise OptionError(f"cache_dir is {value!r}; pass the path of a directory")
        elif name == "registry":
            named[name] = _addresses(value)
        elif name == "trusted_keys":
            named[name] = _keys(value)
        elif name in known and not isinstance(value, bool):
            raise OptionError(f"{name} is {value!r}; pass True or False")
    for name in sorted(named.keys() & _ELSEWHERE.keys()):
        _log.info("the setting %s has no effect here: %s", name, _ELSEWHERE[name])
    return Configured({name: value for name, value in named.items() if name in known})


def _make_current(settings: Settings) -> None:
    global _current
    _current = settings
    if not settings.jax_cache:
        from phasic import jax_programs

        jax_programs.keep_no_more()


def _addresses(value: Any) -> tuple[str, ...]:
    several = value if isinstance(value, list | tuple) else [value]
    if not several or not all(isinstance(one, str | os.PathLike) and os.fspath(one) for one in several):
        raise OptionError(f"registry is {value!r}; pass the address of a registry, or a list of them")
    return tuple(os.fsdecode(one) for one in several)


def _keys(value: Any) -> tuple[str, ...]:
    several = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(one, str | os.PathLike) and os.fspath(one) for one in several):
        raise OptionError(f"trusted_keys is {value!r}; pass keys as 'ed25519:...', or files that list them")
    return tuple(os.fsdecode(one) for one in several)


class Configured:
    """Settings that were changed: as a context manager, the old ones hold again at the end."""

    def __init__(self, changes: dict[str, Any]) -> None:
        self._before = _current
        self._verbose: bool | None = None
        self._location: Any = None
        if "verbose" in changes or "cache_dir" in changes:
            self._tell_hashcache(changes)
        _make_current(replace(_current, **{n: v for n, v in changes.items() if n != "verbose"}))

    def _tell_hashcache(self, changes: dict[str, Any]) -> None:
        from phasic.layers import GRAPHS

        if "verbose" in changes:
            self._verbose, GRAPHS.cache.verbose = GRAPHS.cache.verbose, changes["verbose"]
        if "cache_dir" in changes:
            self._location, GRAPHS.cache.location = GRAPHS.cache.location, changes["cache_dir"]

    def __enter__(self) -> Configured:
        return self

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return getattr(get_config(), name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _make_current(self._before)
        if self._verbose is not None or self._location is not None:
            from phasic.layers import GRAPHS

            if self._verbose is not None:
                GRAPHS.cache.verbose = self._verbose
            if self._location is not None:
                GRAPHS.cache.location = self._location
