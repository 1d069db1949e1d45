"""`hashcache show` and `hashcache explain`: what went into a key, and why it was or would be computed."""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from hashcache.cache import Cache, hashcache
from hashcache.commands.importing import Refused, import_function
from hashcache.commands.printing import complain, digest_of, say, shown, size_of, time_of
from hashcache.errors import HashCacheError
from hashcache.explain import Explanation, listing, rows_of, why_computed

HIT, MISS, FAILED = 0, 1, 2

_KEY = re.compile(r"(?:[^:]+:.+:)?([0-9a-fA-F]{0,32})")
_NAMED = re.compile(r"([^\W\d]\w*)=(.*)", re.DOTALL)


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands of this family to the parser."""
    show = commands.add_parser("show", parents=[common], help="all that is known of one stored result")
    show.add_argument("key", help="the key, or its first digits")
    show.set_defaults(command=_show)
    explain = commands.add_parser(
        "explain",
        parents=[common],
        help="why a stored result was computed, or whether a call would be a hit",
        description="Why a stored result was computed, or whether a call would be a hit, and if not, why.",
        epilog="The status of a call is 0 for a hit, 1 for a miss, 2 if it cannot be told. "
        "Write -- in front of arguments that begin with a hyphen.",
    )
    explain.add_argument("target", metavar="KEY | MODULE:FUNCTION", help="a stored result, or a function")
    explain.add_argument(
        "arguments", nargs="*", metavar="ARG | NAME=ARG", help="arguments of a call, as Python literals"
    )
    explain.set_defaults(command=_explain)


# -- stored results ----------------------------------------------------------------------------------


def _show(cache: Cache, options: argparse.Namespace) -> int:
    found = _stored(cache, options.key)
    if options.json and found:
        say(json.dumps([{**header, "code": cache.fingerprint_of(header)} for header in found], indent=2))
        return HIT
    for header in found:
        say(shown(f"{header['layer']}:{header['function']}:{digest_of(header)}"))
        say(shown(f"  result     {header['result']} ({header['codec']}, {size_of(header['size'])})"))
        say(f"  computed   {time_of(header['created'])} in {header['seconds']:.3g} s")
        say(shown(f"  by         {_who(header)}, Python {header['python']}"))
        _list(cache, header)
    return HIT if found else MISS


def _explain(cache: Cache, options: argparse.Namespace) -> int:
    if not (stored := _KEY.fullmatch(options.target)):
        return _explain_call(options)
    if options.arguments:
        complain(f"{options.target} is a key, and takes no arguments")
        return FAILED
    found = _stored(cache, stored[1])
    told = [(header, *why_computed(cache, header)) for header in found]
    if options.json and found:
        fields = [
            {**header, "code": cache.fingerprint_of(header), "reason": reason, "changes": changes}
            for header, reason, changes in told
        ]
        say(json.dumps(fields, indent=2))
        return HIT
    for header, reason, _ in told:
        say(shown(f"{header['layer']}:{header['function']}:{digest_of(header)}"))
        say(shown(f"computed: {reason}"))
        _list(cache, header)
    return HIT if found else MISS


def _stored(cache: Cache, digits: str) -> list[dict[str, Any]]:
    found = [header for header in cache.entries() if digest_of(header).startswith(digits.lower())]
    if not found:
        complain(f"no stored result has a key that begins with {digits}")
    return found


def _list(cache: Cache, header: dict[str, Any]) -> None:
    own, captured = rows_of(cache, header)
    for line in listing([*own, *captured], cache.fingerprint_of(header)["assumptions"]):
        say(shown(line))  # which came from somebody else, perhaps


def _who(header: dict[str, Any]) -> str:
    """Return who computed a result, or where it came from."""
    received = header.get("received")
    if received is None:
        return f"{header['user']} on {header['host']}"
    author = f" of {received['author']}" if received["author"] else ""
    return f"somebody else, from archive {received['archive'][:12]}{author}"


# -- calls -------------------------------------------------------------------------------------------


def _explain_call(options: argparse.Namespace) -> int:
    # The function looks for its results where its own cache says, which by default is here.
    if options.location is not None:
        hashcache.location = options.location
    try:
        args, kwargs = _literals(options.arguments)
        function = import_function(options.target)
        try:
            with contextlib.redirect_stdout(sys.stderr):  # whatever the module says when it is asked
                explanation = function.explain(*args, **kwargs)
        except HashCacheError as error:  # the arguments do not fit, or something has no canonical form
            raise Refused(f"this call has no key: {error}") from None
    except Refused as refused:
        complain(str(refused))
        return FAILED
    say(json.dumps(_fields(explanation), indent=2) if options.json else str(explanation))
    return HIT if explanation.hit else MISS


def _literals(arguments: Sequence[str]) -> tuple[list[Any], dict[str, Any]]:
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for argument in arguments:
        named = _NAMED.fullmatch(argument)
        text = named[2] if named else argument
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise Refused(
                f"{text} is not a Python literal such as 3, '\"text\"', [1, 2] or None; text needs quotes"
            ) from None
        if named:
            kwargs[named[1]] = value
        elif kwargs:
            raise Refused(f"{text} stands after an argument with a name")
        else:
            args.append(value)
    return args, kwargs


def _fields(explanation: Explanation) -> dict[str, Any]:
    from hashcache.rows import row_of

    return {
        "key": str(explanation.key),
        "hit": explanation.hit,
        "reason": explanation.reason,
        "changes": explanation.changes,
        "parts": [row_of(part).stored() for part in explanation.parts],
        "assumptions": explanation.assumptions,
    }
