"""The stored elimination traces, one by one: list them, and drop what is old or too much."""

from __future__ import annotations

import time
from typing import Any

from phasic import caches
from phasic.errors import OptionError
from phasic.keywords import also

_DAY = 86400.0


def list_cached_traces() -> list[dict[str, Any]]:
    """Return what is known of every stored trace, newest first.

    Returns
    -------
    list of dict
        ``hash`` (str), ``size_bytes`` (int), ``size_kb`` (float), ``modified`` (seconds since 1970),
        ``n_vertices``, ``n_operations`` (int; vertices that are eliminated, and entries of their factors),
        and ``param_length``, which is None: a trace serves parameters of any number.

    Examples
    --------
    >>> import phasic
    >>> phasic.clear_model_cache()
    >>> graph = phasic.Graph(phasic.models.coalescent(4), cache_trace=True)
    >>> graph.expectation()
    1.5
    >>> [entry["n_vertices"] for entry in list_cached_traces()]
    [6]
    """
    traces = [_described(digest, header) for digest, header in caches.stored_traces()]
    return sorted(traces, key=lambda trace: -trace["modified"])


def cleanup_old_traces(max_size_mb: float | None = 100.0, max_age_days: float | None = None) -> int:
    """Delete traces that are too old, then the oldest until the others fit; return how many went.

    Parameters
    ----------
    max_size_mb : float, optional
        Megabytes that traces may take together; None for any number.
    max_age_days : float, optional
        Days that a trace is kept; None for ever.

    Raises
    ------
    OptionError
        A limit is negative or no number.
    """
    for name, limit in (("max_size_mb", max_size_mb), ("max_age_days", max_age_days)):
        if limit is not None and not (isinstance(limit, int | float) and limit >= 0.0):
            raise OptionError(f"{name} is {limit!r}; pass a number of at least 0, or None for no limit")
    going: list[str] = []
    room = float("inf") if max_size_mb is None else max_size_mb * 1024.0 * 1024.0
    oldest = -float("inf") if max_age_days is None else time.time() - max_age_days * _DAY
    is_full = False
    for trace in list_cached_traces():
        room -= trace["size_bytes"]
        is_full = is_full or room < 0.0
        if is_full or trace["modified"] < oldest:
            going.append(trace["hash"])
    return caches.remove_traces(going)


@also(hash_key="hash")
def remove_cached_trace(hash: str) -> bool:
    """Delete the trace with this hash; return whether there was one."""
    return caches.remove_traces([hash]) > 0


def _described(digest: str, header: dict[str, Any]) -> dict[str, Any]:
    lengths = {name: shape[0] for name, (_, _, shape, *_) in header["payload"][1:]}
    return {
        "hash": digest,
        "size_bytes": int(header["size"]),
        "size_kb": header["size"] / 1024.0,
        "modified": float(header["created"]),
        "n_vertices": lengths["offsets"] - 1,
        "param_length": None,
        "n_operations": lengths["order"] + lengths["lower_columns"] + lengths["upper_columns"],
    }
