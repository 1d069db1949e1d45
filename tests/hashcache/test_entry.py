"""A reader sees a whole entry or an error; no damage gives another value."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_128_digest

from hashcache import Payload
from hashcache.entry import HEAD_SIZE, MAGIC, VERSION, header_size, pack, peek, unpack
from hashcache.errors import TornEntryError, UnknownFormatError

Damage = (TornEntryError, UnknownFormatError)

names = st.text().filter(
    lambda name: name not in ("digest", "created", "seconds", "codec", "payload", "frames")
)
json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
frames = st.lists(st.binary(max_size=200), max_size=5)


KEY, OTHER = bytes(range(16)), bytes(16)


def whole(about: dict[str, Any], description: Any, frames: Any = ()) -> bytes:
    return b"".join(pack(KEY, "codec-1", Payload(description, frames), about))


def read(data: bytes | bytearray) -> Any:
    return unpack(data, KEY)


SMALL = whole({"key": "k"}, ["int", "f"], [b"ab", b"", b"c"])


@given(st.dictionaries(names, json), json, frames)
def test_unpack_gives_what_was_packed(about: dict[str, Any], description: Any, frames: list[bytes]) -> None:
    times = {"created": 1.5, "seconds": 0.25}
    data = whole({**about, **times}, description, frames)
    codec, payload, created, seconds, size = unpack(data, KEY)
    sizes = [len(frame) for frame in frames]
    said = {"digest": KEY.hex(), "codec": "codec-1", "payload": description, "frames": sizes}
    assert peek(data) == {**about, **times, **said}
    assert (codec, created, seconds, size) == ("codec-1", 1.5, 0.25, len(data))
    assert payload.description == description
    assert [bytes(frame) for frame in payload.frames] == frames


@given(json, frames)
def test_frames_lie_at_multiples_of_64_bytes(description: Any, frames: list[bytes]) -> None:
    data = whole({}, description, frames)
    _, payload, *_ = unpack(data, KEY)
    end = header_size(data)
    for frame, found in zip(frames, payload.frames, strict=True):
        start = end + -end % 64
        assert found.obj is data  # a view into the entry, not a copy of it
        assert data[start : start + len(frame)] == frame
        assert not any(data[end:start])
        end = start + len(frame)
    assert end + 16 == len(data)


def test_the_entry_of_another_key_is_noticed() -> None:
    with pytest.raises(TornEntryError, match="not of 0000"):
        unpack(SMALL, OTHER)


def test_buffers_of_any_item_size_are_counted_in_bytes() -> None:
    buffers = [memoryview(struct.pack("3d", 1, 2, 3)).cast("d"), bytearray(b"abc")]
    data = b"".join(bytes(piece) for piece in pack(KEY, "", Payload(None, buffers), {}))
    assert [len(frame) for frame in unpack(data, KEY)[1].frames] == [24, 3]


def test_every_change_of_one_byte_is_noticed() -> None:
    for place in range(len(SMALL)):
        damaged = bytearray(SMALL)
        for value in range(256):
            damaged[place] = value
            if damaged != SMALL:
                with pytest.raises(Damage):
                    read(damaged)


def test_every_truncation_and_extension_is_noticed() -> None:
    for end in range(len(SMALL)):
        with pytest.raises(TornEntryError):
            read(SMALL[:end])
    for more in (b"\0", b"\n", SMALL, bytes(64)):
        with pytest.raises(TornEntryError):
            read(SMALL + more)


@given(st.integers(0, len(SMALL)), st.integers(0, len(SMALL)), st.binary(max_size=80))
def test_a_stretch_that_was_replaced_is_noticed(start: int, length: int, new: bytes) -> None:
    damaged = SMALL[:start] + new + SMALL[start + length :]
    if damaged != SMALL:
        with pytest.raises(Damage):
            read(damaged)


@given(st.binary(max_size=200), st.booleans())
def test_foreign_bytes_are_noticed(data: bytes, with_magic: bool) -> None:
    data = MAGIC + data if with_magic else data
    assert header_size(data) >= 0
    for look in (read, peek):
        with pytest.raises(Damage):
            look(data)


def other_version(version: int) -> bytes:
    """A whole entry, right in every other respect."""
    data = bytearray(SMALL)
    data[8:12] = struct.pack("<I", version)
    end = header_size(bytes(data))
    data[64:80] = xxh3_128_digest(bytes(data[:64] + data[80:end]))
    data[-16:] = xxh3_128_digest(bytes(data[:-16]))
    return bytes(data)


@pytest.mark.parametrize("version", [0, VERSION + 1, 2**32 - 1])
def test_another_format_version_is_told_from_damage(version: int) -> None:
    assert other_version(VERSION) == SMALL
    for look in (read, peek):
        with pytest.raises(UnknownFormatError, match=f"version {version}"):
            look(other_version(version))


def test_peek_reads_the_header_from_the_first_bytes() -> None:
    size = header_size(SMALL[:HEAD_SIZE])
    for end in range(len(SMALL) + 1):
        if end >= size:
            assert peek(SMALL[:end]) == peek(SMALL)
        else:
            with pytest.raises(TornEntryError):
                peek(SMALL[:end])


def test_peek_notices_every_change_within_the_header() -> None:
    size = header_size(SMALL)
    for place in range(size):
        for bit in range(8):
            damaged = bytearray(SMALL[:size])
            damaged[place] ^= 1 << bit
            with pytest.raises(Damage):
                peek(bytes(damaged))


def test_no_damaged_length_asks_for_more_than_the_entry() -> None:
    for place in range(12, 20):
        damaged = bytearray(SMALL)
        damaged[place] ^= 0xFF
        assert header_size(bytes(damaged)) <= len(SMALL)


def test_a_long_header_is_read_whole() -> None:
    data = whole({"text": "x" * 3 * HEAD_SIZE}, None)
    assert header_size(data[:HEAD_SIZE]) > HEAD_SIZE
    assert peek(data[: header_size(data[:HEAD_SIZE])])["text"] == "x" * 3 * HEAD_SIZE
