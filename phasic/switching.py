"""From Python to machine code: once, and when it pays."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

from phasic.errors import CallbackError
from phasic.initial import Callback
from phasic.program import Call, NotCompiledError, Program, Programs, as_call

log = logging.getLogger("phasic")

_LOOK = 0.02  # seconds of exploring in Python, after which a program that is there already is looked for
_LOOK_COLD = 0.4  # the same while numba is not loaded, which takes as long
_COMPILE = 1.0  # after which it is compiled: about what that takes, so that at worst the time doubles


def refusal(why: str) -> CallbackError:
    """Return the error for who insisted on machine code."""
    return CallbackError(
        f"the callback cannot be compiled: {why}; leave out compiled=True to explore in Python"
    )


class Switch:
    """From Python to compiled code, once, when enough time was spent in Python that it pays.

    Parameters
    ----------
    callback, parameters
        As for `phasic.state_space.explore`.
    wanted : bool or None
        Whether to compile at once, or never, or, by default, when it pays.
    programs : Programs, optional
        Where the program comes from; without it, all is explored in Python.
    """

    def __init__(
        self,
        callback: Callback,
        parameters: Mapping[str, Any],
        wanted: bool | None,
        programs: Programs | None,
    ) -> None:
        self._callback = callback
        self._parameters = parameters
        self._programs = programs
        self.insists = bool(wanted)
        self._looks = self._compiles = wanted is not False and programs is not None

    def program(self, seconds: float) -> tuple[Program, Call] | None:
        """Return the program to go on with after so many seconds in Python; None to go on in Python.

        Raises
        ------
        CallbackError
            The callback cannot be compiled, and was asked to be.
        """
        if self._programs is None:
            return None
        try:
            if self._looks and seconds >= (_LOOK if "numba" in sys.modules else _LOOK_COLD):
                self._looks = False
                call = as_call(self._callback, self._parameters)
                found = self._programs.find(call.function, call.kinds)
                if found is not None:
                    return found, call
            if self._compiles and (self.insists or seconds >= _COMPILE):
                self._looks = self._compiles = False
                call = as_call(self._callback, self._parameters)
                return self._programs.make(call.function, call.kinds), call
        except NotCompiledError as error:
            self._looks = self._compiles = False
            if self.insists:
                raise refusal(str(error)) from None
            name = getattr(self._callback, "__qualname__", repr(self._callback))
            log.info("%s is explored in Python, since it cannot be compiled: %s", name, error)
        return None
