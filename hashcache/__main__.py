"""The command line: what is stored, why, and how to get rid of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

from hashcache.cache import Cache
from hashcache.commands import exchanging, explaining, limits, others, trust, verifying
from hashcache.commands.importing import Refused
from hashcache.commands.printing import complain, digest_of, say, size_of, table, time_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser, names = _parser()
    try:
        if given and not given[0].startswith("-") and given[0] not in names:
            other = others.find(given[0])
            if other is not None:
                return int(other(given[1:]) or 0)
        if not given or given[0] in ("-h", "--help"):
            parser.epilog = f"commands of other packages: {', '.join(others.names()) or 'none'}"
        return _run(parser.parse_args(given))
    except Refused as refused:
        complain(str(refused))
        return 2


def _run(options: argparse.Namespace) -> int:
    cache = trust.cache_of(options)
    command: Callable[[Cache, argparse.Namespace], int] = options.command
    try:
        return command(cache, options)
    except OSError as error:
        complain(f"the store at {cache.location} cannot be used: {error}")
        return 2


def _parser() -> tuple[argparse.ArgumentParser, Container[str]]:
    """Return the parser, and the names of its commands."""
    parser = argparse.ArgumentParser(prog="hashcache", description="Look at stored results, and clear them.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--location", help="the cache directory (default: HASHCACHE_DIR, else the user's own)"
    )
    common.add_argument("--json", action="store_true", help="print JSON, for programs")
    trust.add_options(common)
    chosen = argparse.ArgumentParser(add_help=False)
    chosen.add_argument("--layer", help="only this layer, such as function, graph or trace")
    chosen.add_argument("--function", help="only functions whose name contains this")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    info = commands.add_parser(
        "info", parents=[common], help="where the cache is and what it holds, by layer"
    )
    info.set_defaults(command=_info)
    ls = commands.add_parser("ls", parents=[common, chosen], help="list stored results, newest first")
    ls.set_defaults(command=_ls)
    explaining.add_commands(commands, common)
    limits.add_commands(commands, common, chosen)
    verifying.add_command(commands, common)
    trust.add_command(commands, common)
    exchanging.add_commands(commands, common, chosen)
    clear = commands.add_parser("clear", parents=[common, chosen], help="delete stored results")
    clear.set_defaults(command=_clear)
    return parser, commands.choices


def _info(cache: Cache, options: argparse.Namespace) -> int:
    layers: dict[str, dict[str, float]] = {}
    for header in cache.entries():
        row = layers.setdefault(header["layer"], {"entries": 0, "bytes": 0, "seconds": 0.0})
        row["entries"] += 1
        row["bytes"] += header["size"]
        row["seconds"] += header["seconds"]
    if kept := list(cache.jax_cache.entries()):
        layers["jax"] = {"entries": len(kept), "bytes": sum(one.size for one in kept), "seconds": 0.0}
    if options.json:
        told = {"location": str(cache.location), "layers": layers, "statistics": limits.counted(cache)}
        say(json.dumps(told, indent=2))
        return 0
    say(f"location: {cache.location}")
    rows = [
        [layer, f"{row['entries']:.0f}", size_of(row["bytes"]), f"{row['seconds']:.3f} s"]
        for layer, row in sorted(layers.items())
    ]
    table(["layer", "entries", "size", "computed in"], rows)
    if (counts := limits.counted(cache)) is not None:
        limits.say_counted(counts)
    return 0


def _ls(cache: Cache, options: argparse.Namespace) -> int:
    headers = sorted(_chosen(cache, options), key=lambda header: -float(header["created"]))
    if options.layer == "jax":  # whose programs say nothing of what they are
        kept = sorted(cache.jax_cache.entries(), key=lambda one: -one.used)
        if options.json:
            say(json.dumps([one._asdict() for one in kept], indent=2))
            return 0
        table(["program", "size", "used"], [[one.name, size_of(one.size), time_of(one.used)] for one in kept])
        return 0
    if options.json:
        say(json.dumps(headers, indent=2))
        return 0
    rows = [
        [digest_of(header)[:12], header["layer"], header["function"], _arguments(header), header["result"],
         f"{header['seconds']:.3g} s", size_of(header["size"]), time_of(header["created"])]
        for header in headers
    ]  # fmt: skip
    table(["key", "layer", "function", "arguments", "result", "took", "size", "created"], rows)
    return 0


def _clear(cache: Cache, options: argparse.Namespace) -> int:
    if options.function is None:
        removed = cache.clear(options.layer or "")  # damaged ones too
        if options.layer in (None, "jax"):
            removed += cache.jax_cache.clear()
    else:
        functions = {header["name"].rpartition("/")[0] for header in _chosen(cache, options)}
        removed = sum(map(cache.clear, functions))
    say(json.dumps({"removed": removed}) if options.json else f"removed {removed} stored results")
    return 0


def _chosen(cache: Cache, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for header in cache.entries(options.layer or ""):
        if options.function is None or options.function in header["function"]:
            yield header


def _arguments(header: dict[str, Any]) -> str:
    shown = [
        f"{name.removeprefix('argument ')}={text}"
        for name, _, text, *_ in header["parts"]
        if name.startswith("argument ") and ": " not in name
    ]
    text = ", ".join(shown)
    return text if len(text) <= 40 else f"{text[:37]}..."


if __name__ == "__main__":
    sys.exit(main())
