"""The arguments of a call as frames beside its result, so that it can be computed again later.

Each argument is encoded by itself, by the codecs of results. The first frame says in JSON how many were given
by place, the names of the others, and for each its codec, what that wrote, and how many frames it has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hashcache.codec import Buffer, Codec, Payload, encode
from hashcache.errors import HashCacheError
from hashcache.form import Form
from hashcache.recent import MISS


def encode_arguments(
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    codecs: Sequence[Codec],
    compressed: Callable[[str, Payload], tuple[str, Payload]],
) -> list[Buffer]:
    """Return the arguments as frames, each payload as `compressed` makes it.

    Raises
    ------
    UnencodableError
        No codec takes one of them.
    """
    described: list[Any] = []
    frames: list[Buffer] = []
    for value in (*args, *kwargs.values()):
        codec, payload = compressed(*encode(value, codecs))
        described.append([codec, payload.description, len(payload.frames)])
        frames += payload.frames
    return [json.dumps([len(args), list(kwargs), described], separators=(",", ":")).encode(), *frames]


def decode_arguments(frames: Sequence[Buffer], form: Form) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments, by place and by name.

    Raises
    ------
    RefusedCodecError
        One was written by a codec that can run code, and the form uses none.
    Exception
        Of any other kind: they cannot be read back.
    """
    count, names, described = json.loads(bytes(frames[0]))
    values, place = [], 1
    for codec, description, length in described:
        codec, payload = form.expanded(codec, Payload(description, frames[place : place + length]))
        value = form.decode(codec, payload)
        if value is MISS:
            raise HashCacheError(f"nothing reads what codec {codec!r} wrote")
        values.append(value)
        place += length
    return tuple(values[:count]), dict(zip(names, values[count:], strict=True))
