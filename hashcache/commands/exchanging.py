"""`hashcache export`, `import`, `push` and `pull`: results that go from one cache to another."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hashcache.bound import BoundCached
from hashcache.cache import Cache, hashcache
from hashcache.commands.importing import Refused, import_function, import_module
from hashcache.commands.limits import length, size
from hashcache.commands.printing import complain, say, shown, size_of
from hashcache.errors import HashCacheError
from hashcache.exchange.exchanging import MOST

if TYPE_CHECKING:
    from hashcache.decorator import Cached
    from hashcache.exchange.outcome import Exchanged, Left

ALL, LEFT, FAILED = 0, 1, 2


def add_commands(commands: Any, common: argparse.ArgumentParser, chosen: argparse.ArgumentParser) -> None:
    """Add the commands of this family to the parser."""
    both = argparse.ArgumentParser(add_help=False)
    both.add_argument(
        "--allow-pickle",
        action="store_true",
        help="also results whose codec can run code when it reads; both sides have to say so",
    )
    picking = argparse.ArgumentParser(add_help=False, parents=[both])
    picking.add_argument(
        "--since", type=_time, help="only what was computed since: 2026-01-31, or a length such as 30d"
    )
    picking.add_argument(
        "--import",
        dest="modules",
        metavar="MODULE",
        action="append",
        default=[],
        help="import this first: it makes codecs of its own known",
    )
    leaving = argparse.ArgumentParser(add_help=False)
    leaving.add_argument("--no-arguments", action="store_true", help="leave arguments that were kept behind")
    leaving.add_argument("--author", default="", help="who exports, for those who receive it")
    taking = argparse.ArgumentParser(add_help=False)
    taking.add_argument("--max-size", type=size, default=size(MOST), help=f"what may come (default: {MOST})")
    status = "The status is 0 if everything chosen went or was there, 1 if something stays, 2 on failure."

    export = commands.add_parser(
        "export",
        parents=[common, chosen, picking, leaving],
        help="write results to an archive",
        epilog=status,
    )
    export.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="the archive; - for standard output"
    )
    _add_keys(export)
    export.set_defaults(command=_export)
    importing = commands.add_parser(
        "import",
        parents=[common, chosen, picking, taking],
        help="store the results of an archive",
        epilog=status,
    )
    importing.add_argument("file", metavar="FILE", help="the archive; - for standard input")
    _add_keys(importing)
    importing.add_argument(
        "--dry-run", action="store_true", help="say what would be stored, and store nothing"
    )
    importing.set_defaults(command=_import)

    placed = argparse.ArgumentParser(add_help=False, parents=[both])
    placed.add_argument("place", metavar="PLACE", help="a directory or URL")
    placed.add_argument("target", metavar="MODULE:FUNCTION", help="the function whose results go")
    placed.add_argument("--every", action="store_true", help="also results of other states of its code")
    push = commands.add_parser(
        "push", parents=[common, placed, leaving], help="add results of a function to a place", epilog=status
    )
    push.set_defaults(command=_push)
    pull = commands.add_parser(
        "pull",
        parents=[common, placed, taking],
        help="store results of a function from a place",
        epilog=status,
    )
    pull.set_defaults(command=_pull)


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("keys", nargs="*", metavar="KEY", help="only these keys, or first digits of keys")


def _time(text: str) -> datetime | timedelta:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return length(text)


# -- archives ----------------------------------------------------------------------------------------


def _export(cache: Cache, options: argparse.Namespace) -> int:
    _prepare(options)
    to_stdout = options.output == "-"
    try:
        done = cache.export_entries(
            sys.stdout.buffer if to_stdout else options.output,
            **_choice(options),
            allow_pickle=options.allow_pickle,
            arguments=not options.no_arguments,
            author=options.author,
        )
    except (HashCacheError, OSError) as error:
        raise Refused(f"nothing is exported: {error}") from None
    if to_stdout:
        sys.stdout.flush()
        return _status(done)
    return _tell(done, options, f"exported {_count(done.keys)} to {options.output} ({size_of(done.size)})")


def _import(cache: Cache, options: argparse.Namespace) -> int:
    _prepare(options)
    try:
        done = cache.import_entries(
            sys.stdin.buffer if options.file == "-" else options.file,
            **_choice(options),
            allow_pickle=options.allow_pickle,
            max_size=options.max_size,
            dry_run=options.dry_run,
        )
    except HashCacheError as error:
        raise Refused(f"nothing of {options.file} is imported: {error}") from None
    except OSError as error:  # of the archive, or of the store: then some of it may be there
        raise Refused(f"{options.file} is not imported, or not all of it: {error}") from None
    if options.dry_run and not options.json:
        for key in done.keys:
            say(shown(key))
    verb = "would import" if options.dry_run else "imported"
    return _tell(done, options, f"{verb} {_count(done.keys)}, {_count(done.present)} were there")


def _prepare(options: argparse.Namespace) -> None:
    for name in options.modules:
        import_module(name)


def _choice(options: argparse.Namespace) -> Any:
    return {
        "layer": options.layer,
        "function": options.function,
        "keys": options.keys or None,
        "since": options.since,
    }


# -- places ------------------------------------------------------------------------------------------


def _push(cache: Cache, options: argparse.Namespace) -> int:
    from hashcache.exchange import shelf

    complaints: list[str] = []
    done = _exchanged(
        lambda: shelf.push(
            _function(options),
            options.place,
            keys=None,
            every=options.every,
            allow_pickle=options.allow_pickle,
            arguments=not options.no_arguments,
            author=options.author,
            complain=complaints.append,
        )
    )
    line = f"pushed {_count(done.keys)} to {options.place}, {_count(done.present)} were there"
    return _tell(done, options, line, complaints)


def _pull(cache: Cache, options: argparse.Namespace) -> int:
    from hashcache.exchange import shelf

    complaints: list[str] = []
    done = _exchanged(
        lambda: shelf.pull(
            _function(options),
            options.place,
            keys=None,
            every=options.every,
            allow_pickle=options.allow_pickle,
            max_size=options.max_size,
            complain=complaints.append,
        )
    )
    line = f"pulled {_count(done.keys)} from {options.place}, {_count(done.present)} were here"
    return _tell(done, options, line, complaints)


def _function(options: argparse.Namespace) -> Cached[..., Any]:
    # The function keeps its results where its own cache says, which by default is here.
    if options.location is not None:
        hashcache.location = options.location
    found = import_function(options.target)
    return found.__func__ if isinstance(found, BoundCached) else found


def _exchanged(exchange: Any) -> Exchanged:
    try:
        done: Exchanged = exchange()
    except HashCacheError as error:
        raise Refused(str(error)) from None
    return done


# -- telling -----------------------------------------------------------------------------------------


def _tell(done: Exchanged, options: argparse.Namespace, line: str, complaints: Any = ()) -> int:
    complaints = list(dict.fromkeys(complaints))
    if options.json:
        fields = done._asdict()
        for name in ("different", "refused"):
            fields[name] = [left._asdict() for left in fields[name]]
        say(json.dumps({**fields, "complaints": complaints}, indent=2))
    else:
        say(shown(line))
    for complaint in complaints:
        complain(shown(complaint))
    if not options.json:
        _tell_left("stays, since there is another result in its place", done.different)
        _tell_left("stays", done.refused)
    return LEFT if complaints else _status(done)


def _tell_left(what: str, left: tuple[Left, ...]) -> None:
    for reason, count in Counter(one.reason for one in left).most_common():
        first = next(one.key for one in left if one.reason == reason)
        more = f" and {count - 1} more" if count > 1 else ""
        complain(shown(f"{first}{more} {what}: {reason}"))


def _status(done: Exchanged) -> int:
    return LEFT if done.different or done.refused or not (done.keys or done.present) else ALL


def _count(keys: tuple[str, ...]) -> str:
    return f"{len(keys)} result{'' if len(keys) == 1 else 's'}"
