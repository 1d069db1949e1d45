"""A cache: all that it can do, and the decorator that users call."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, Unpack, overload

from hashcache import canonical
from hashcache.canonical import Sink, handles
from hashcache.codec import Codec
from hashcache.decorator import Cached
from hashcache.errors import OptionError
from hashcache.exchange.exchanging import Exchanging
from hashcache.form import Mmap, Pickle
from hashcache.jitting import Jitting
from hashcache.layer import Layer
from hashcache.options import Options, Settings
from hashcache.stored import Stored
from hashcache.stores import Store

if TYPE_CHECKING:
    from datetime import timedelta

    from hashcache.policy import Size

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


class Cache(Jitting, Exchanging, Stored):
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
        super().__init__(location, store, verbose, memory, shared, key_file)
        self.pickle, self.compress = pickle, compress
        self._functions = Layer("function", cache=self)
        if max_size is not None or max_age is not None:
            self.limit("", max_size, max_age)

    def __repr__(self) -> str:
        return f"Cache({str(self.location)!r})"

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


hashcache = Cache()


@handles(Cache, Layer)
def _place(value: object, sink: Sink) -> None:
    # Where results are kept changes how long a call takes, never what it returns.
    sink.text("cache", "")
