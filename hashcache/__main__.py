"""The command line: what is stored, why, and how to get rid of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from hashcache.cache import Cache, hashcache


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    cache = hashcache if options.location is None else Cache(options.location)
    command: Callable[[Cache, argparse.Namespace], int] = options.command
    try:
        return command(cache, options)
    except OSError as error:
        sys.stderr.write(f"hashcache: the store at {cache.location} cannot be used: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hashcache", description="Look at stored results, and clear them.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--location", help="the cache directory (default: HASHCACHE_DIR, else the user's own)"
    )
    common.add_argument("--json", action="store_true", help="print JSON, for programs")
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
    show = commands.add_parser("show", parents=[common], help="all that is known of one stored result")
    show.add_argument("key", help="the key, or its first digits")
    show.set_defaults(command=_show)
    clear = commands.add_parser("clear", parents=[common, chosen], help="delete stored results")
    clear.set_defaults(command=_clear)
    return parser


def _info(cache: Cache, options: argparse.Namespace) -> int:
    layers: dict[str, dict[str, float]] = {}
    for header in cache.entries():
        row = layers.setdefault(header["layer"], {"entries": 0, "bytes": 0, "seconds": 0.0})
        row["entries"] += 1
        row["bytes"] += header["size"]
        row["seconds"] += header["seconds"]
    if options.json:
        _say(json.dumps({"location": str(cache.location), "layers": layers}, indent=2))
        return 0
    _say(f"location: {cache.location}")
    rows = [
        [layer, f"{row['entries']:.0f}", _bytes(row["bytes"]), f"{row['seconds']:.3f} s"]
        for layer, row in sorted(layers.items())
    ]
    _table(["layer", "entries", "size", "computed in"], rows)
    return 0


def _ls(cache: Cache, options: argparse.Namespace) -> int:
    headers = sorted(_chosen(cache, options), key=lambda header: -float(header["created"]))
    if options.json:
        _say(json.dumps(headers, indent=2))
        return 0
    rows = [
        [_digest(header)[:12], header["layer"], header["function"], _arguments(header), header["result"],
         f"{header['seconds']:.3g} s", _bytes(header["size"]), _time(header["created"])]
        for header in headers
    ]  # fmt: skip
    _table(["key", "layer", "function", "arguments", "result", "took", "size", "created"], rows)
    return 0


def _show(cache: Cache, options: argparse.Namespace) -> int:
    found = [header for header in cache.entries() if _digest(header).startswith(options.key.lower())]
    if not found:
        sys.stderr.write(f"hashcache: no stored result has a key that begins with {options.key}\n")
        return 1
    found = [{**header, "code": cache.fingerprint_of(header)} for header in found]
    if options.json:
        _say(json.dumps(found, indent=2))
        return 0
    for header in found:
        _say(f"{header['layer']}:{header['function']}:{_digest(header)}")
        _say(f"  result     {header['result']} ({header['codec']}, {_bytes(header['size'])})")
        _say(f"  computed   {_time(header['created'])} in {header['seconds']:.3g} s")
        _say(f"  by         {header['user']} on {header['host']}, Python {header['python']}")
        for name, digest, text in [*header["parts"], *header["code"]["parts"]]:
            _say(f"  {name} = {text}  [{digest[:12]}]")
        for assumption in header["code"]["assumptions"]:
            _say(f"  assuming {assumption}")
    return 0


def _clear(cache: Cache, options: argparse.Namespace) -> int:
    if options.function is None:
        removed = cache.clear(options.layer or "")  # damaged ones too
    else:
        functions = {header["name"].rpartition("/")[0] for header in _chosen(cache, options)}
        removed = sum(map(cache.clear, functions))
    _say(json.dumps({"removed": removed}) if options.json else f"removed {removed} stored results")
    return 0


def _chosen(cache: Cache, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for header in cache.entries(options.layer or ""):
        if options.function is None or options.function in header["function"]:
            yield header


def _digest(header: dict[str, Any]) -> str:
    return str(header["key"]).rpartition(":")[2]


def _arguments(header: dict[str, Any]) -> str:
    shown = [
        f"{name.removeprefix('argument ')}={text}"
        for name, _, text in header["parts"]
        if name.startswith("argument ") and ": " not in name
    ]
    text = ", ".join(shown)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _time(created: float) -> str:
    return datetime.fromtimestamp(created).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    for row in [titles, *rows]:
        _say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
