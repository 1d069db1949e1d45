"""Commands of other packages: whoever declares an entry point in ``hashcache.commands`` adds one.

An entry point is a function of the arguments behind the command's name that returns the exit status. Only
the one that is asked for is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hashcache.commands.importing import Refused

GROUP = "hashcache.commands"


def find(name: str) -> Callable[[Sequence[str]], Any] | None:
    """Return the command with this name, None if no installed package has one; `Refused` if it is broken."""
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=name):
        try:
            command: Callable[[Sequence[str]], Any] = point.load()
        except Exception as error:  # of whatever it imports
            raise Refused(f"the command {name} cannot be loaded: {type(error).__name__}: {error}") from error
        return command
    return None


def names() -> list[str]:
    """Return the names of all of them."""
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP).names)
