"""The options of one decorated function, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

from hashcache.canonical import RELAXATIONS
from hashcache.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from hashcache.policy import Size
    from hashcache.terms import Terms

_CHOICES = {"mutation": ("warn", "error", "replay", "ignore"), "on_uncacheable": ("warn", "raise", "ignore")}


class Settings(TypedDict, total=False):
    """The options of one decorated function as keyword arguments; `Cache.__call__` says what each does."""

    name: str
    version: str
    ignore: tuple[str, ...]
    depends_on: tuple[Any, ...]
    mutation: Literal["warn", "error", "replay", "ignore"]
    on_uncacheable: Literal["warn", "raise", "ignore"]
    strict: bool
    relax: tuple[str, ...]
    cache_exceptions: tuple[type[Exception], ...]
    lock_timeout: float
    expires: timedelta | float | None
    validate: Callable[..., Any] | None
    audit: float
    keep_arguments: bool
    max_size: Size | None
    max_age: timedelta | float | None


class Options(NamedTuple):
    """The same, checked and with defaults."""

    name: str | None = None
    version: str = ""
    ignore: tuple[str, ...] = ()
    depends_on: tuple[Any, ...] = ()
    mutation: str = "warn"
    on_uncacheable: str = "warn"
    strict: bool = False
    relax: tuple[str, ...] = ()
    cache_exceptions: tuple[type[Exception], ...] = ()
    lock_timeout: float = 600.0
    expires: timedelta | float | None = None
    validate: Callable[..., Any] | None = None
    audit: float = 0.0
    keep_arguments: bool = False
    max_size: Size | None = None
    max_age: timedelta | float | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Options:
        """Return the options of these settings; raise `OptionError` for one that does not exist."""
        unknown = [name for name in settings if name not in cls._fields]
        if unknown:
            raise OptionError(f"there is no option {unknown[0]!r}; there are {', '.join(cls._fields)}")
        options = cls(**settings)
        options._check()
        return options

    def _check(self) -> None:
        for option, choices in _CHOICES.items():
            if getattr(self, option) not in choices:
                raise OptionError(
                    f"{option}={getattr(self, option)!r}; it can be one of {', '.join(choices)}"
                )
        for option in ("ignore", "relax", "depends_on"):
            if isinstance(getattr(self, option), str):
                raise OptionError(f"{option}={getattr(self, option)!r} is a string; pass a tuple")
        unknown = set(self.relax) - RELAXATIONS
        if unknown:
            raise OptionError(
                f"relax={sorted(unknown)} is unknown; there is {', '.join(sorted(RELAXATIONS))}"
            )
        kinds = self.cache_exceptions
        if not isinstance(kinds, tuple) or not all(
            isinstance(kind, type) and issubclass(kind, Exception) for kind in kinds
        ):
            raise OptionError(f"cache_exceptions={kinds!r}; pass a tuple of classes of exceptions")
        if isinstance(self.audit, bool) or not (
            isinstance(self.audit, (int, float)) and 0 <= self.audit <= 1
        ):
            raise OptionError(f"audit={self.audit!r}; pass the part of the hits to compute again, 0 to 1")
        if self.mutation == "replay" and (self.validate is not None or self.audit):
            # To read such a result is to change the arguments, after which it cannot be refused any more.
            raise OptionError("validate= and audit= do not go with mutation='replay'")
        if self.mutation == "replay" and self.keep_arguments:
            raise OptionError(
                "keep_arguments= does not go with mutation='replay', whose results are not computed again"
            )

    def terms(self) -> Terms | None:
        """Return on what terms a stored result may be used; None if on any."""
        if self.expires is None and self.validate is None:
            return None
        from hashcache.terms import Terms  # which only those who have terms pay for

        return Terms(self.expires, self.validate)
