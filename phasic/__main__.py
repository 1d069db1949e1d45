"""The command line of phasic: what is published, whether it is right, and whether a registry is sound."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from phasic import settings
from phasic.errors import PhasicError
from phasic.hub import list_computes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 if something is wrong, 2 if it cannot be told."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        if getattr(options, "registry", None):
            with settings.configure(registry=options.registry):
                return command(options)
        return command(options)
    except PhasicError as error:
        sys.stderr.write(f"phasic: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m phasic", description="Phase-type distributions.")
    rooms = parser.add_subparsers(required=True, metavar="COMMAND")
    hub = rooms.add_parser("hub", help="eliminations that others have published")
    commands = hub.add_subparsers(required=True, metavar="COMMAND")
    asking = argparse.ArgumentParser(add_help=False)
    asking.add_argument("--registry", action="append", help="ask this registry; several are asked in order")

    ls = commands.add_parser("ls", parents=[asking], help="list what is published")
    ls.add_argument("--json", action="store_true", help="print JSON, for programs")
    ls.set_defaults(command=_ls)
    verify = commands.add_parser("verify", parents=[asking], help="record an elimination anew and compare")
    verify.add_argument("id", help="as `ls` lists it")
    verify.set_defaults(command=_verify)
    check = commands.add_parser("check", help="look through a registry, for its maintainers")
    check.add_argument("directory", type=Path)
    check.add_argument(
        "--most-vertices",
        type=int,
        default=10_000,
        help="record graphs anew up to this size (default: 10000)",
    )
    check.set_defaults(command=_check)
    return parser


def _ls(options: argparse.Namespace) -> int:
    found = list_computes()
    if options.json:
        _say(json.dumps(found, indent=2))
        return 0
    for entry in found:
        _say(f"{entry['compute_id']:24s}  {entry['vertices']:>8} vertices  {entry['description']}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from phasic.hub import checking
    from phasic.hub.errors import ArtefactError

    try:
        _say(checking.verify(options.id))
    except ArtefactError as error:
        _say(f"{options.id}: {error}")
        return 1
    return 0


def _check(options: argparse.Namespace) -> int:
    from phasic.hub import checking

    found = checking.check(options.directory, options.most_vertices)
    for complaint in found:
        _say(complaint)
    if not found:
        _say(f"{options.directory} is sound")
    return 1 if found else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
