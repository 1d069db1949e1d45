"""`hashcache prune`: what has to go; and what `hashcache info` tells of what was counted."""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from typing import Any

from hashcache.cache import Cache
from hashcache.commands.printing import say, shown, size_of
from hashcache.errors import HashCacheError
from hashcache.policy import bytes_of
from hashcache.prune import Gone, Pruned
from hashcache.statistics import long_form, summed

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def add_commands(commands: Any, common: argparse.ArgumentParser, chosen: argparse.ArgumentParser) -> None:
    """Add the commands of this family to the parser."""
    prune = commands.add_parser(
        "prune",
        parents=[common, chosen],
        help="delete what is over the limits, damaged, or left behind",
        description="Delete results over the limits given, those that save the least time per byte and were "
        "not used for long first; and damaged entries, listings that no result has any more, and what "
        "killed writers left behind.",
    )
    prune.add_argument("--max-size", type=size, help="what may stay, such as '10 GB'")
    prune.add_argument("--max-age", type=length, help="of results, such as 30d, 12h or a number of seconds")
    prune.add_argument("--unused-for", type=length, help="results that were not used for longer go")
    prune.add_argument("--dry-run", action="store_true", help="say what would go and why, and delete nothing")
    prune.set_defaults(command=_prune)


def size(text: str) -> int:
    """Return a size that a command line says."""
    try:
        return bytes_of(text)
    except HashCacheError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def length(text: str) -> timedelta:
    """Return a length of time that a command line says."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        span = timedelta(seconds=float(number) * _UNITS[unit])
        if span <= timedelta(0):
            raise ValueError
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no length of time such as 30d, 12h, 10m or 60"
        ) from None
    return span


def _prune(cache: Cache, options: argparse.Namespace) -> int:
    pruned = cache.prune(
        max_size=options.max_size,
        max_age=options.max_age,
        unused_for=options.unused_for,
        layer=options.layer,
        function=options.function,
        dry_run=options.dry_run,
    )
    if options.layer in (None, "jax") and options.function is None:
        pruned = _with_jax(cache, pruned, options)
    if options.json:
        say(json.dumps(_fields(pruned), indent=2))
        return 0
    for gone in pruned.gone:
        say(_line(gone))
    verb = "would free" if options.dry_run else "freed"
    say(
        f"{verb} {size_of(pruned.freed)} in {len(pruned.gone)} files; "
        f"{size_of(pruned.size)} in {pruned.kept} stay"
    )
    return 0


def _with_jax(cache: Cache, pruned: Pruned, options: argparse.Namespace) -> Pruned:
    """Prune what JAX keeps as well; a size is that of the layer only if no other layer is meant."""
    most = options.max_size if options.layer == "jax" else None
    own = cache.jax_cache.prune(most, options.dry_run)
    gone = [Gone(entry.path, f"jax {entry.name}", entry.size, reason) for entry, reason in own.gone]
    kept = sum(1 for _ in cache.jax_cache.entries()) - (len(gone) if options.dry_run else 0)
    return pruned._replace(gone=(*pruned.gone, *gone), kept=pruned.kept + kept, size=pruned.size + own.size)


def _line(gone: Gone) -> str:
    return shown(f"{gone.what}  {size_of(gone.size)}  {gone.reason}")


def _fields(pruned: Pruned) -> dict[str, Any]:
    return {
        "gone": [gone._asdict() for gone in pruned.gone],
        "freed": pruned.freed,
        "kept": pruned.kept,
        "size": pruned.size,
    }


def counted(cache: Cache) -> dict[str, Any] | None:
    """Return what all processes counted, for `hashcache info`; None if nothing was."""
    rows = cache.statistics.written()
    return long_form(summed(rows.values())) if rows else None


def say_counted(counts: dict[str, Any]) -> None:
    """Print what all processes counted as a line."""
    say(
        f"so far:   {counts['hits']:.0f} hits saved {counts['seconds_saved']:.3g} s, "
        f"{counts['misses']:.0f} misses took {counts['seconds_spent']:.3g} s, "
        f"{counts['evicted']:.0f} results went for a limit"
    )
