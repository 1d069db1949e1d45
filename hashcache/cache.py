"""A cache: where results are kept, within what limits, and the decorator that users call."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, Unpack, overload

from hashcache import canonical, entry
from hashcache.canonical import Sink, handles
from hashcache.codec import Codec
from hashcache.decorator import Cached
from hashcache.errors import (
    OptionError,
    StoreWarning,
    TornEntryError,
    UnknownFormatError,
    UntrustedEntryError,
)
from hashcache.exchange.exchanging import Exchanging
from hashcache.form import Mmap, Pickle
from hashcache.key import fingerprint_name, is_result
from hashcache.layer import Layer
from hashcache.lock import Flights
from hashcache.options import Options, Settings
from hashcache.recent import Recent
from hashcache.speaker import Speaker
from hashcache.statistics import EVICTED, Statistics
from hashcache.stores import DirectoryStore, Store

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from hashcache.limits import LimitedStore
    from hashcache.policy import Size
    from hashcache.programs.jax_cache import JaxCache
    from hashcache.prune import Choice, Pruned

P = ParamSpec("P")
R = TypeVar("R")

_PLACING = ("location", "store", "shared", "key_file")  # which make a cache for one function
_FORMING = ("codec", "pickle", "compress", "mmap")  # which make a layer for one function


class CacheSettings(Settings, total=False):
    """The options of one decorated function, with those that give it a place of its own."""

    location: str | os.PathLike[str]
    store: Store
    shared: bool
    key_file: str | os.PathLike[str]
    codec: Codec
    pickle: Pickle
    compress: Literal["zstd"] | int | None
    mmap: Mmap


class Cache(Speaker, Exchanging):
    """A place for results, callable as a decorator.

    Parameters
    ----------
    location : path, optional
        The directory. Default: the environment variable ``HASHCACHE_DIR``, else the per-user cache
        directory of the platform. Looked up when first needed; nothing is made before a result is stored.
    store : Store, optional
        Any other place; excludes `location`.
    memory : int
        Bytes of results that are kept in this process too, in front of the store.
    shared : bool
        Whether others may write to the place as well. It then may belong to anybody, and an entry is read
        only if it was sealed with the key; what is kept there privately stays apart.
    key_file : path, optional
        The key for that, a file of 32 bytes. Default: what ``HASHCACHE_KEY_FILE`` says, else a file ``key``
        in the user's configuration directory, made when first needed.
    pickle : {"allow", "never"}
        With ``"never"``, no codec is used that can run code when it reads: what needs one is not stored,
        and what one has stored is a miss.
    compress : {None, "zstd"} or int
        Whether large parts of results are compressed where that saves at least a tenth, and with which
        level. Needs the package ``zstandard``.
    verbose : bool
        Say on standard error, one line each, which calls were computed and why.
    max_size : int or str, optional
        Bytes that entries may take on the disk together, or a text such as ``"10 GB"``. Beyond, those
        go that save the least time per byte and were not used for long.
    max_age : timedelta or float, optional
        Entries that are older may go, when somebody comes across them. It saves space; for results that
        are not to be used any more, see `expires`.

    Examples
    --------
    >>> import tempfile
    >>> from hashcache import Cache
    >>> cache = Cache(tempfile.mkdtemp())
    >>> @cache
    ... def square(x):
    ...     return x * x
    >>> square(3), square.is_cached(3)
    (9, True)
    """

    def __init__(
        self,
        location: str | os.PathLike[str] | None = None,
        *,
        store: Store | None = None,
        verbose: bool = False,
        memory: int = 64 * 2**20,
        max_size: Size | None = None,
        max_age: timedelta | float | None = None,
        shared: bool = False,
        key_file: str | os.PathLike[str] | None = None,
        pickle: Pickle = "allow",
        compress: Literal["zstd"] | int | None = None,
    ) -> None:
        if location is not None and store is not None:
            raise ValueError("a cache has a location or a store, not both")
        if key_file is not None and not shared:
            raise ValueError("a key seals entries where they are shared: pass shared=True with it")
        if store is not None and shared:
            from hashcache.stores.authenticated import AuthenticatedStore

            store = AuthenticatedStore(store, key_file)
        super().__init__(verbose)
        self._location = None if location is None else os.fsdecode(location)
        self._shared, self._key_file = shared, key_file
        self.pickle, self.compress = pickle, compress
        self._store = store
        self._made: Store | None = None  # at the location, once something was looked for
        self.recent = Recent(memory)
        self.flights = Flights()
        self.statistics = Statistics(self._beside)
        self._limits: dict[str, tuple[int | None, float | None]] = {}  # by prefix of names
        self._limited: LimitedStore | None = None
        self._functions = Layer("function", cache=self)
        if max_size is not None or max_age is not None:
            self.limit("", max_size, max_age)

    def __repr__(self) -> str:
        return f"Cache({str(self.location)!r})"

    # -- settings --------------------------------------------------------------------------------

    @property
    def location(self) -> Path:
        """The directory that results are kept in."""
        from pathlib import Path

        return Path(self._directory())

    @location.setter
    def location(self, location: str | os.PathLike[str]) -> None:
        self.statistics.flush()  # what was counted there
        self._location = os.fsdecode(location)
        self._store = self._made = None
        self.recent.clear()
        if "jax_cache" in self.__dict__:
            self.jax_cache.follow()

    def prefer(self, location: str | os.PathLike[str]) -> None:
        """Keep results at `location` unless another is in use or was set, by hand or by ``HASHCACHE_DIR``."""
        if self._location is None and self._store is None and not os.environ.get("HASHCACHE_DIR"):
            self.location = location

    @property
    def place(self) -> str:
        """Where results are kept, for people."""
        return self._directory() if self._store is None else repr(self._store)

    @property
    def store(self) -> Store:
        """The store at the location, which is kept within the limits if there are some."""
        if self._limits:
            return self._within_limits()
        return self._unlimited() if self._made is None else self._made

    def _unlimited(self) -> Store:
        if self._store is not None:
            return self._store
        if self._made is None:
            self._location = self._directory()  # from here on, whatever becomes of the environment
            self._made = DirectoryStore(self._location, shared=self._shared, key_file=self._key_file)
        return self._made

    def _beside(self) -> str | None:
        """Return the directory for statistics; None while there is no place for one."""
        store = self._unlimited()
        return store.beside("statistics") if hasattr(store, "beside") else None

    def _directory(self) -> str:
        """Return the location as text: `pathlib` takes longer to load than a hit takes."""
        if self._location is not None:
            return self._location
        from_environment = os.environ.get("HASHCACHE_DIR")
        if from_environment:
            return from_environment
        import platformdirs

        return platformdirs.user_cache_dir("hashcache", appauthor=False)

    # -- limits ----------------------------------------------------------------------------------

    def limit(
        self, prefix: str, max_size: Size | None = None, max_age: timedelta | float | None = None
    ) -> None:
        """Limit what entries may take whose names begin with a path: a layer, or a layer and group.

        Raises
        ------
        OptionError
            A limit is none, or the store is one that cannot be limited.
        """
        from hashcache.policy import bytes_of, seconds_of  # which only those who have limits pay for

        if self._store is not None and not hasattr(self._store, "visit"):
            raise OptionError(f"{self._store!r} cannot be limited; only a directory can")
        if self._shared:
            raise OptionError("a shared directory cannot be limited; prune it")
        size = None if max_size is None else bytes_of(max_size)
        age = None if max_age is None else seconds_of(max_age)
        self._limits[prefix] = size, age
        if size is age is None:
            del self._limits[prefix]
        self._limited = None

    @property
    def max_size(self) -> int | None:
        """Bytes that entries may take on the disk together; None for any number."""
        return self._limits.get("", (None, None))[0]

    @max_size.setter
    def max_size(self, max_size: Size | None) -> None:
        self.limit("", max_size, self.max_age)

    @property
    def max_age(self) -> float | None:
        """Seconds after which entries may go; None for never."""
        return self._limits.get("", (None, None))[1]

    @max_age.setter
    def max_age(self, max_age: timedelta | float | None) -> None:
        self.limit("", self.max_size, max_age)

    def _within_limits(self) -> LimitedStore:
        store: Any = self._unlimited()
        if self._limited is None or self._limited.unlimited is not store:
            from hashcache.limits import LimitedStore, Limiter

            limiters = [
                Limiter(store, prefix, size, age, self._count_evicted)
                for prefix, (size, age) in self._limits.items()
            ]
            self._limited = LimitedStore(store, limiters, self._say_unlimited)
        return self._limited

    def _count_evicted(self, name: str) -> None:
        self.statistics.count(name.rpartition("/")[0], EVICTED)

    def _say_unlimited(self, error: OSError) -> None:
        if isinstance(error, BlockingIOError):
            return  # others are at it
        self.warn_once(
            ("limits", type(error), error.errno),
            f"the store at {self.location} cannot be kept within its limits ({error}); results are stored "
            f"all the same",
            StoreWarning,
        )

    def prune(self, **options: Unpack[Choice]) -> Pruned:
        """Delete what has to go by the limits given, damaged entries and what was left behind.

        Looks at every entry. Without `max_size` and `max_age`, the cache's own limits count.

        Parameters
        ----------
        max_size, max_age
            As those of the cache.
        unused_for : timedelta or float, optional
            Results that were not used for longer go. When a file was last used is known to the day, or
            not at all, as the file system is mounted; it was at least when it was written.
        layer, function : str, optional
            Only of this layer, and only of functions whose name contains this.
        dry_run : bool
            Say what would go, and delete nothing.

        Returns
        -------
        Pruned
            What went, and why.
        """
        from hashcache.prune import prune

        return prune(self, **options)

    # -- decorating ------------------------------------------------------------------------------

    @overload
    def __call__(self, function: Callable[P, R], /) -> Cached[P, R]: ...
    @overload
    def __call__(self, /, **options: Unpack[CacheSettings]) -> Callable[[Callable[P, R]], Cached[P, R]]: ...

    def __call__(
        self, function: Callable[..., Any] | None = None, /, **options: Unpack[CacheSettings]
    ) -> Any:
        """Return the function with its results kept; with options only, return the decorator.

        Parameters
        ----------
        function : callable
            A function, method, lambda, closure, partial or any other callable.
        name : str, optional
            Name under which results are kept; default: the qualified name. Same name, same code and
            same captured values share results, wherever the function is defined.
        version : str, optional
            Change it to start anew for a reason that code does not show.
        ignore : tuple of str
            Parameters that take no part in the key.
        depends_on : tuple
            Values, functions or `File` objects that the result depends on and the code does not show.
        mutation : {"warn", "error", "replay", "ignore"}
            What to do when a call changes an argument or a captured value: with ``"replay"``, the
            change is stored with the result and repeated on a hit.
        on_uncacheable : {"warn", "raise", "ignore"}
            What to do when no key can be made.
        strict : bool
            Refuse captured locks, loggers and other things without a value.
        relax : tuple of str
            Differences that are to make no difference: ``"dict_order"``.
        cache_exceptions : tuple of classes
            Exceptions that are results: stored, and raised again on a hit.
        lock_timeout : float
            Seconds to wait while another thread, task or process computes the same; then it is computed here
            as well.
        expires : timedelta or float, optional
            Age beyond which a stored result is computed again, in seconds if a number.
        validate : callable, optional
            Takes a stored result and says whether it may be used; if it has a second parameter, it gets a
            dict there: ``function``, ``key``, ``arguments``, ``created``, ``seconds``. It must not change
            what it is given.
        audit : float
            Part of the hits that are computed again and compared with what is stored, 0 to 1.
        keep_arguments : bool
            Whether arguments are stored beside their result, so that ``hashcache verify --recompute`` can
            compute it again. They take the space that they would take as results.
        max_size, max_age
            What the results of this function may take, as those of `Cache`.
        location, store, shared, key_file, codec, pickle, compress
            For this function only, in place of the cache's.
        mmap : {"c", "r", None}
            Results of more than 64 kB come back as maps of their entry, private ones that can be written to.
            With ``"r"``, all arrays of a hit are read-only, and processes share the memory of large ones.
            With None, no maps are made.

        Raises
        ------
        OptionError
            An option is unknown or has a value it cannot have.
        """
        named: dict[str, Any] = dict(options)
        placing = {name: named.pop(name) for name in _PLACING if name in named}
        forming = {name: named.pop(name) for name in _FORMING if name in named}
        settings = Options.of(named)
        cache = self
        if placing.get("location") is not None or placing.get("store") is not None:
            cache = Cache(**placing, verbose=self.verbose, pickle=self.pickle, compress=self.compress)
        elif placing.get("shared") or placing.get("key_file") is not None:
            raise OptionError("shared= and key_file= belong to a location= or store= beside them")
        layer = Layer("function", cache=cache, **forming) if forming else cache._functions

        def decorate(function: Callable[..., Any]) -> Any:
            if isinstance(function, (classmethod, staticmethod)):
                return type(function)(Cached(function.__func__, layer, settings))
            return Cached(function, layer, settings)

        return decorate if function is None else decorate(function)

    register = staticmethod(canonical.register)

    def jit(
        self,
        function: Callable[P, R] | None = None,
        /,
        *,
        verify: Literal["first", "sample", "never"] = "sample",
        **options: Any,
    ) -> Any:
        """Return a function of JAX jitted, so that the next process neither traces nor compiles it.

        It does what ``jax.jit(function, **options)`` does. The program for each structure, shape and type of
        arguments is stored, under a key of all that tracing can see: the function with everything that it
        captures, since JAX bakes captured values in; static arguments by value; settings, versions and
        devices. Within another transformation (`jax.grad`, `jax.vmap`, `jax.jit`, ...) it is the plain jitted
        function.

        Parameters
        ----------
        function : callable
            What `jax.jit` takes. Without it, the decorator is returned.
        verify : {"first", "sample", "never"}
            Whether the function is lowered again and compared with a program that was found: each time,
            before it is run for the first time; for one program in fifty, when the process ends; or never. A
            difference drops the program and warns.
        **options
            Those of `jax.jit`.

        Returns
        -------
        Program

        Examples
        --------
        >>> import hashcache
        >>> step = hashcache.jit(lambda x: 2 * x)  # doctest: +SKIP
        """
        if function is None:
            return lambda decorated: self.jit(decorated, verify=verify, **options)
        from hashcache.programs import Program

        return Program(function, self.programs, verify, **options)

    @functools.cached_property
    def programs(self) -> Layer:
        """The layer of compiled programs."""
        from hashcache.programs.compiled import ProgramCodec
        from hashcache.programs.environment import environment

        return Layer("program", codec=ProgramCodec(), salt=environment, cache=self)

    @functools.cached_property
    def jax_cache(self) -> JaxCache:
        """The directory in which JAX itself can keep what it compiles."""
        from hashcache.programs.jax_cache import JaxCache

        return JaxCache(self)

    def configure(self, *, jax_cache: bool, jax_cache_size: Size | None = None) -> None:
        """Have JAX keep what it compiles in this cache too, or no more.

        It works before and after ``import jax``, and for functions of `jax.jit`; those of `jit` need it not.
        The directory is served by ``prune``, ``verify``, ``info`` and ``clear`` of the command line.

        Parameters
        ----------
        jax_cache : bool
            On, or off again with the settings of before.
        jax_cache_size : int or str, optional
            Bytes that it may take, or a text such as ``"1 GB"``; what was not used for longest goes.
        """
        if jax_cache:
            self.jax_cache.switch_on(jax_cache_size)
        else:
            self.jax_cache.switch_off()

    # -- what is stored --------------------------------------------------------------------------

    def entries(self, prefix: str = "") -> Iterator[dict[str, Any]]:
        """Yield the header of every stored result, with its name and size; damaged ones are left out."""
        for name in self.store.names(prefix):
            header = self.header(name) if is_result(name) else None
            if header is not None:
                yield {**header, "name": name, "size": self.store.size(name)}

    def fingerprint_of(self, header: dict[str, Any]) -> dict[str, Any]:
        """Return parts and assumptions of the fingerprint that a result was stored with, if still listed."""
        group = header["name"].rpartition("/")[0]
        listed = self.header(fingerprint_name(group, bytes.fromhex(header["fingerprint"])))
        return listed or {"parts": [], "assumptions": []}

    def clear(self, prefix: str = "") -> int:
        """Delete every stored result; return how many there were."""
        self.recent.clear()
        store, names = self.store, list(self.store.names(prefix))
        if isinstance(store, DirectoryStore):  # of which others may keep limits
            from hashcache.limits import delete_all

            return sum(map(is_result, delete_all(store, names)))
        return sum(store.delete(name) and is_result(name) for name in names)

    def header(self, name: str) -> dict[str, Any] | None:
        """Return what an entry says of itself, checked; None if there is none to be read or believed."""
        try:
            return self.peek(name)
        except (OSError, TornEntryError, UnknownFormatError, UntrustedEntryError):
            return None

    def peek(self, name: str) -> dict[str, Any] | None:
        """Return the same, or raise what is wrong with it."""
        data = self.store.get(name, entry.HEAD_SIZE)
        if data is not None and entry.header_size(data) > len(data):
            data = self.store.get(name, entry.header_size(data))
        return None if data is None else entry.peek(data)


hashcache = Cache()


@handles(Cache, Layer)
def _place(value: object, sink: Sink) -> None:
    # Where results are kept changes how long a call takes, never what it returns.
    sink.text("cache", "")
