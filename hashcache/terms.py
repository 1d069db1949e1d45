"""On what terms a stored result may be used: how old it may be, and what the user says of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hashcache.errors import OptionError
from hashcache.policy import ago, seconds_of

if TYPE_CHECKING:
    from datetime import timedelta

EXPIRED, INVALID = "expired", "invalid"
Refusal = tuple[str, str, Exception | None]  # what it is counted as, why in words, what validating raised


class Terms:
    """What a stored result has to be for a call to return it.

    Parameters
    ----------
    expires : timedelta or float, optional
        The age beyond which a result is a miss, in seconds if a number.
    validate : callable, optional
        Takes the result, and what is known of it if it has a second parameter; says whether it may be
        used. What it raises counts as no.

    Raises
    ------
    OptionError
        One of them is something else.
    """

    def __init__(self, expires: timedelta | float | None, validate: Callable[..., Any] | None) -> None:
        self.expires = None if expires is None else seconds_of(expires)
        self.validate = validate
        self._takes_more = False
        if validate is not None:
            if not callable(validate):
                raise OptionError(f"validate={validate!r}; pass a function of the result")
            self._takes_more = _takes_two(validate)

    def refuse_age(self, created: float) -> Refusal | None:
        """Return why a result made at a time is too old; None if it is not.

        One from the future was made by a clock that went another way. How old it is nobody can say, so
        it is too old.
        """
        if self.expires is None:
            return None
        age = time.time() - created
        if 0 <= age <= self.expires:
            return None
        return EXPIRED, f"expired: computed {ago(age)}", None

    def refuse_value(self, value: Any, known: Callable[[], Mapping[str, Any]]) -> Refusal | None:
        """Return why the user does not want a result; None if it may be used.

        Parameters
        ----------
        value : object
        known : callable
            Returns what is known of the result.
        """
        if self.validate is None:
            return None
        try:
            answer = self.validate(value, known()) if self._takes_more else self.validate(value)
            if answer:
                return None
        except Exception as error:
            return INVALID, f"refused: validate raised {type(error).__name__}: {error}", error
        return INVALID, "refused by validate", None


def _takes_two(validate: Callable[..., Any]) -> bool:
    import inspect  # which only those who validate pay for

    try:
        signature = inspect.signature(validate)
    except (TypeError, ValueError):  # compiled functions often have none
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    places = [parameter for parameter in signature.parameters.values() if parameter.kind in kinds]
    return len([parameter for parameter in places if parameter.default is inspect.Parameter.empty]) >= 2
