"""`hashcache verify`: what is whole and, computed again, still the same."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hashcache.cache import Cache, hashcache
from hashcache.commands.importing import at_working_directory, import_module
from hashcache.commands.printing import complain, say, shown, size_of, table
from hashcache.reading import Reading, read_all
from hashcache.recompute import DIFFERENT, NOT_RECOMPUTED, SAME, Recomputed, recompute


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    verify = commands.add_parser(
        "verify",
        parents=[common],
        help="read every entry and say which are whole",
        description="Read every byte of every entry. The status is 1 if one is damaged, "
        "or differs when it is computed again.",
    )
    verify.add_argument("--layer", help="only this layer, such as function, graph or trace")
    verify.add_argument(
        "--recompute",
        action="store_true",
        help="also import the functions, compute again what was stored with keep_arguments=True or without "
        "arguments, and compare; nothing is stored",
    )
    verify.add_argument(
        "--import",
        dest="modules",
        metavar="MODULE",
        action="append",
        default=[],
        help="import this first, for functions that are not where their name says; more than once if need be",
    )
    verify.set_defaults(command=_verify)


def _verify(cache: Cache, options: argparse.Namespace) -> int:
    layers: dict[str, Counter[str]] = {}
    damaged: list[Reading] = []
    for reading in read_all(cache, options.layer or ""):
        row = layers.setdefault(reading.name.partition("/")[0], Counter())
        row[reading.state] += 1
        row["bytes"] += reading.size
        if reading.state == "damaged":
            damaged.append(reading)
    if options.layer in (None, "jax"):
        for entry in cache.jax_cache.entries():
            reason = cache.jax_cache.damage(entry)
            row = layers.setdefault("jax", Counter())
            row["damaged" if reason else "whole"] += 1
            row["bytes"] += entry.size
            if reason:
                damaged.append(Reading(f"jax/{entry.name}", entry.size, "damaged", reason))
    recomputed = _recomputed(cache, options) if options.recompute else None
    status = 1 if damaged or (recomputed and any(each.outcome == "different" for each in recomputed)) else 0
    if options.json:
        told: dict[str, Any] = {
            "layers": {name: dict(row) for name, row in layers.items()},
            "damaged": [reading._asdict() for reading in damaged],
        }
        if recomputed is not None:
            told["recomputed"] = _fields(recomputed)
        say(json.dumps(told, indent=2))
        return status
    columns = ("whole", "damaged", "of another version", "not trusted", "foreign")
    rows = [
        [name, *(str(row[state]) for state in columns), size_of(row["bytes"])]
        for name, row in sorted(layers.items())
    ]
    table(["layer", *columns, "size"], rows)
    for reading in damaged:
        complain(f"{reading.name} is damaged: {reading.reason}")
    if recomputed is not None:
        _tell(recomputed)
    return status


# -- computing again ---------------------------------------------------------------------------------


def _recomputed(cache: Cache, options: argparse.Namespace) -> list[Recomputed]:
    """Return what became of every stored result; whatever is printed meanwhile goes to standard error."""
    # What the functions call, if it is cached, looks for results where its own cache says.
    if options.location is not None:
        hashcache.location = options.location
    with contextlib.redirect_stdout(sys.stderr), at_working_directory():
        for name in options.modules:
            import_module(name)
        return list(recompute(cache, options.layer or ""))


def _fields(recomputed: Sequence[Recomputed]) -> dict[str, Any]:
    """Return counts, and what differs or was not computed, for programs."""
    counts = Counter(each.outcome for each in recomputed)
    return {
        SAME: counts[SAME],
        DIFFERENT: [each._asdict() for each in recomputed if each.outcome == DIFFERENT],
        NOT_RECOMPUTED: [each._asdict() for each in recomputed if each.outcome == NOT_RECOMPUTED],
    }


def _tell(recomputed: Sequence[Recomputed]) -> None:
    """Print the same for people: what differs by name, what was not computed by reason."""
    counts = Counter(each.outcome for each in recomputed)
    say(
        f"computed again: {counts[SAME]} the same, {counts[DIFFERENT]} different, "
        f"{counts[NOT_RECOMPUTED]} not computed"
    )
    for each in recomputed:
        if each.outcome == DIFFERENT:
            complain(f"{shown(each.key)} differs: {shown(each.reason)}")
    reasons = Counter((each.reason, each.detail) for each in recomputed if each.outcome == NOT_RECOMPUTED)
    for (reason, detail), count in reasons.most_common():
        say(f"  {count} not computed: {shown(reason)}{f' ({shown(detail)})' if detail else ''}")
