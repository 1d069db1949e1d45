"""`hashcache trust`: whether a directory is used, and if not, why; whose entries it holds; new keys."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from typing import Any

from hashcache.cache import Cache, hashcache
from hashcache.commands.printing import complain, say
from hashcache.errors import KeyFileError, UntrustedEntryError

USED, REFUSED = 0, 1


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser, and to all commands what says how far a directory is trusted."""
    trust = commands.add_parser(
        "trust",
        parents=[common],
        help="whether the directory is used, and whose entries are in it",
        epilog="The status is 1 if the directory is refused, or holds entries that are not trusted.",
    )
    trust.add_argument("--new-key", metavar="FILE", help="make a key to share, and do nothing else")
    trust.set_defaults(command=_trust)


def add_options(common: argparse.ArgumentParser) -> None:
    """Add the options that say how far the directory is trusted."""
    common.add_argument("--shared", action="store_true", help="others write to it too: read sealed entries")
    common.add_argument(
        "--key-file", help="the key of the seals (default: HASHCACHE_KEY_FILE, else your own)"
    )


def cache_of(options: argparse.Namespace) -> Cache:
    """Return the cache that the options name."""
    if options.location is None and not options.shared and options.key_file is None:
        return hashcache
    return Cache(options.location, shared=options.shared or options.key_file is not None,
                 key_file=options.key_file)  # fmt: skip


def _trust(cache: Cache, options: argparse.Namespace) -> int:
    if options.new_key is not None:
        return _make_key(options.new_key)
    shared = options.shared or options.key_file is not None
    found: dict[str, Any] = {"location": str(cache.location), "shared": shared}
    status = USED
    if shared:
        from hashcache.stores.seal import chosen_key_file

        found["key"] = chosen_key_file(options.key_file)
    counts: Counter[str] = Counter()
    try:
        for name in cache.store.names():
            try:
                counts["trusted"] += cache.store.get(name, 0) is not None
            except UntrustedEntryError as error:
                counts[f"not trusted: {error}"] += 1
                status = REFUSED
        found["used"] = True
        found["entries"] = dict(counts)
    except OSError as error:
        found["used"] = False
        found["reason"] = str(error)
        status = REFUSED
    if options.json:
        say(json.dumps(found, indent=2))
        return status
    say(f"location: {found['location']}")
    say(f"kind: {'shared, sealed with ' + found['key'] if shared else 'private'}")
    if not found["used"]:
        say(f"not used: {found['reason']}")
    for what, count in sorted(counts.items()):
        say(f"{what}: {count} files")
    return status


def _make_key(path: str) -> int:
    from hashcache.stores.seal import make_key

    if os.path.lexists(path):
        complain(f"{path} is there already")
        return REFUSED
    try:
        make_key(path)
    except KeyFileError as error:
        complain(str(error))
        return REFUSED
    say(f"made {path}; give it to those who are to share, and to nobody else")
    return USED
