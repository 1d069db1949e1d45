"""``python -m hashcache hub``: what is published, whether it is right, taking it and adding to it.

It is found by hashcache as an entry point, and is ``python -m phasic hub`` as well.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasic import settings
from phasic.errors import PhasicError
from phasic.hub.errors import ArtefactError, HubError, SignatureError

if TYPE_CHECKING:
    from phasic.graph import Graph

_MODEL = "`module:name` of a graph, a callback, or what returns one of these, called with the ARGs"


def main(arguments: Sequence[str] | None = None, prog: str = "hashcache hub") -> int:
    """Run one command; returns the exit status: 0, 1 if something is wrong, 2 if it cannot be done."""
    options = _parser(prog).parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    chosen = {
        name: value
        for name in ("registry", "trusted_keys", "require_signatures")
        if (value := getattr(options, name, None))
    }
    try:
        with settings.configure(**chosen):
            return command(options)
    except PhasicError as error:
        sys.stderr.write(f"{prog}: {error}\n")
        return 2


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description="Eliminations that others have published.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    trusting = argparse.ArgumentParser(add_help=False)
    trusting.add_argument(
        "--trusted-keys", action="append", metavar="KEY|FILE", help="trust this key, or those in a file"
    )
    trusting.add_argument(
        "--require-signatures", action="store_true", help="take only what somebody who is trusted has signed"
    )
    asking = argparse.ArgumentParser(add_help=False, parents=[trusting])
    asking.add_argument("--registry", action="append", help="ask this registry; several are asked in order")
    signing = argparse.ArgumentParser(add_help=False)
    signing.add_argument("--key", type=Path, help="the file of the signing key (default: your own)")

    ls = commands.add_parser("ls", parents=[asking], help="list what is published")
    ls.add_argument("--json", action="store_true", help="print JSON, for programs")
    ls.set_defaults(command=_ls)
    show = commands.add_parser("show", parents=[asking], help="print an entry, and who has signed it")
    show.add_argument("id", help="as `ls` lists it")
    show.set_defaults(command=_show)
    pull = commands.add_parser("pull", parents=[asking], help="keep what is published on this machine")
    pull.add_argument("ids", nargs="*", metavar="ID", help="as `ls` lists it")
    pull.add_argument("--all", action="store_true", help="everything that `ls` lists")
    pull.add_argument("--recompute", action="store_true", help="keep it only if recording it gives the same")
    pull.set_defaults(command=_pull)
    verify = commands.add_parser("verify", parents=[asking], help="record an elimination anew and compare")
    verify.add_argument("id", help="as `ls` lists it")
    verify.add_argument("model", nargs="?", help=f"compare with this model too: {_MODEL}")
    verify.add_argument("arguments", nargs="*", metavar="ARG")
    verify.set_defaults(command=_verify)
    _add_push(commands, signing)
    check = commands.add_parser("check", parents=[trusting], help="look through a registry, for maintainers")
    check.add_argument("directory", type=Path)
    check.add_argument("--most-vertices", type=int, default=10_000, metavar="N",
                       help="record graphs anew up to this size (default: 10000)")  # fmt: skip
    check.add_argument("--sample", type=int, metavar="N", help="record so many of them, by chance")
    check.set_defaults(command=_check)
    sign = commands.add_parser("sign", parents=[signing], help="record an elimination anew, and vouch for it")
    sign.add_argument("directory", help="a registry that can be written to")
    sign.add_argument("id")
    sign.set_defaults(command=_sign)
    _add_keys(commands, signing)
    return parser


def _add_push(commands: Any, signing: argparse.ArgumentParser) -> None:
    push = commands.add_parser("push", parents=[signing], help="publish the elimination of a model")
    push.add_argument("model", help=_MODEL)
    push.add_argument("arguments", nargs="*", metavar="ARG", help="a literal of Python, or text")
    push.add_argument("--id", required=True, help="its name in the registry")
    push.add_argument("--description", required=True, help="one line")
    for name in ("domain", "model-type", "license", "author"):
        push.add_argument(f"--{name}")
    push.add_argument("--tag", action="append", dest="tags", help="may be given several times")
    push.add_argument("--to", metavar="REGISTRY", help="where to (default: the first that is configured)")
    push.add_argument("--sign", action="store_true", help="sign the entry")
    push.add_argument("--dry-run", action="store_true", help="print the entry and do nothing")
    push.set_defaults(command=_push)


def _add_keys(commands: Any, signing: argparse.ArgumentParser) -> None:
    key = commands.add_parser("key", help="your signing key")
    keys = key.add_subparsers(required=True, metavar="COMMAND")
    new = keys.add_parser("new", parents=[signing], help="make one, and print what others have to trust")
    new.set_defaults(command=_new_key)
    show = keys.add_parser("show", parents=[signing], help="print what others have to trust")
    show.set_defaults(command=_show_key)
    trust = commands.add_parser("trust", help="trust a key from now on, or list those that are trusted")
    trust.add_argument("trusted", nargs="?", metavar="KEY", help="ed25519: and 64 digits")
    trust.add_argument("owner", nargs="*", metavar="NAME", help="whose it is")
    trust.add_argument("--revoke", action="store_true", help="never trust it again")
    trust.set_defaults(command=_trust)


def _ls(options: argparse.Namespace) -> int:
    from phasic.hub.registry import list_computes

    found = list_computes()
    if options.json:
        _say(json.dumps(found, indent=2))
        return 0
    for entry in found:
        signed = "  signed" if entry.get("signed_by") else ""
        _say(f"{entry['compute_id']:24s}  {entry['vertices']:>8} vertices  {entry['description']}{signed}")
    return 0


def _show(options: argparse.Namespace) -> int:
    from phasic.hub import signatures
    from phasic.hub.registry import find_compute

    registry, entry = find_compute(options.id)
    _say(entry.to_json())
    _say(f"{options.id} of {registry.place.address}: {signatures.described(entry)}")
    return 0


def _pull(options: argparse.Namespace) -> int:
    from phasic.hub.pulling import install
    from phasic.hub.registry import list_computes

    if bool(options.ids) == options.all:
        raise HubError("say what to pull: ids as `ls` lists them, or --all")
    failed = 0
    for compute_id in options.ids or [entry["compute_id"] for entry in list_computes()]:
        try:
            _say(install(compute_id, options.recompute))
        except HubError as error:
            failed = 1
            _say(f"{compute_id}: {error}")
    return failed


def _verify(options: argparse.Namespace) -> int:
    from phasic.hub import checking

    graph = None if options.model is None else _graph_of(options.model, options.arguments)
    try:
        _say(checking.verify(options.id, graph))
    except (ArtefactError, SignatureError) as error:
        _say(f"{options.id}: {error}")
        return 1
    return 0


def _push(options: argparse.Namespace) -> int:
    graph = _graph_of(options.model, options.arguments)
    said = graph.push_cache(
        id=options.id,
        description=options.description,
        domain=options.domain,
        model_type=options.model_type,
        tags=options.tags,
        author=options.author,
        license=options.license or "MIT",
        registry=options.to,
        sign=options.key or options.sign,
        dry_run=options.dry_run,
    )
    _say(said)
    return 0


def _check(options: argparse.Namespace) -> int:
    from phasic.hub import checking

    found = checking.check(options.directory, options.most_vertices, options.sample)
    for complaint in found:
        _say(complaint)
    if not found:
        _say(f"{options.directory} is sound")
    return 1 if found else 0


def _sign(options: argparse.Namespace) -> int:
    from phasic.hub import signatures
    from phasic.hub.keys import signing_key
    from phasic.hub.publishing import countersign
    from phasic.hub.transport import WritablePlace, place_of

    place, key = place_of(options.directory), signing_key(options.key or True)
    if not isinstance(place, WritablePlace):
        raise HubError(f"{options.directory} cannot be written to; sign in a clone of it")
    assert key is not None
    entry = countersign(place, options.id, key)
    _say(f"{options.id}: {signatures.described(entry)}")
    return 0


def _new_key(options: argparse.Namespace) -> int:
    from phasic.hub.keys import SigningKey, signing_file

    path = options.key or signing_file()
    key = SigningKey.make(path)
    sys.stderr.write(f"the secret key is in {path}; this is the public one:\n")
    _say(key.public)
    return 0


def _show_key(options: argparse.Namespace) -> int:
    from phasic.hub.keys import signing_key

    key = signing_key(options.key or True)
    assert key is not None
    _say(key.public)
    return 0


def _trust(options: argparse.Namespace) -> int:
    from phasic.hub.keys import trust, trusted_keys

    if options.trusted is None:
        known = trusted_keys()
        for key in sorted(known.names.keys() | known.revoked):
            _say(f"{key}  {known.what(key)}")
        return 0
    _say(f"added to {trust(options.trusted, ' '.join(options.owner), options.revoke)}")
    return 0


def _graph_of(model: str, texts: Sequence[str]) -> Graph:
    """Return the graph that a command names; what is imported for it may be anybody's and print anything."""
    from phasic.graph import Graph

    module, _, name = model.partition(":")
    sys.path.insert(0, "")  # as ``python -m`` does
    try:
        with redirect_stdout(sys.stderr):
            found: Any = importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
            if texts:
                found = found(*map(_literal, texts))
            elif callable(found) and not hasattr(found, "arrays") and _is_ready(found):
                found = found()
            return found if isinstance(found, Graph) else Graph(found)
    except (Exception, SystemExit) as error:  # of whoever's model it is
        raise HubError(f"{model} gives no graph: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove("")


def _is_ready(function: Any) -> bool:
    """Return whether a function can be called without arguments, so that it is no callback."""
    import inspect

    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        return False
    return True


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
