"""Codecs of other packages: whoever declares an entry point in ``hashcache.codecs`` makes one known.

The entry point has the name of the codec, and leads to the module that makes it known once it is imported.
Nothing is imported before a result of that codec is met.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from importlib.metadata import EntryPoint, entry_points

GROUP = "hashcache.codecs"


@functools.cache
def make_known(codec: str) -> str:
    """Import the module that makes a codec known, if an installed package has one; return what went wrong."""
    point = _declared().get(codec)
    if point is None:
        return ""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the archive may go to standard output
            point.load()
    except Exception as error:  # of whatever it imports
        return f"{point.value}, which knows it, cannot be imported: {type(error).__name__}: {error}"
    return ""


@functools.cache
def _declared() -> dict[str, EntryPoint]:
    # Once: an archive may name any number of codecs, and each search reads the files of all packages.
    return {point.name: point for point in entry_points(group=GROUP)}
