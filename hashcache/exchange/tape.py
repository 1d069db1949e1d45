"""Tar, as far as an archive needs it: files of known names and lengths, one after the other, nothing else.

The header of a file follows from its name and length alone. So a reader who knows both parses no header: it
makes the one that has to be there, and compares.
"""

from __future__ import annotations

BLOCK = 512
MOST = 8**11 - 1  # bytes of a file: eleven octal digits
END = bytes(2 * BLOCK)
_LONGEST_NAME, _LONGEST_PREFIX = 100, 155


def header(name: str, size: int) -> bytes:
    """Return the block in front of a file, as POSIX.1-1988 (ustar) has it: of nobody, from 1970.

    Raises
    ------
    ValueError
        The name or the file is too long for it.
    """
    if not 0 <= size <= MOST:
        raise ValueError(f"a file of {size} bytes does not fit into an archive; the most is {MOST}")
    prefix, place = "", name
    if len(name) > _LONGEST_NAME:
        cut = name.rfind("/", 0, _LONGEST_PREFIX + 1)
        prefix, place = name[: max(cut, 0)], name[cut + 1 :]
        if len(place) > _LONGEST_NAME:
            raise ValueError(f"the name {name} is too long for an archive")
    fields = [
        (place, 100), ("0000644", 8), ("0000000", 8), ("0000000", 8), (f"{size:011o}", 12), ("0" * 11, 12),
        (" " * 8, 8), ("0", 1), ("", 100), ("ustar", 6), ("00", 2), ("", 32), ("", 32), ("0000000", 8),
        ("0000000", 8), (prefix, 155), ("", 12),
    ]  # fmt: skip
    block = b"".join(text.encode("ascii").ljust(width, b"\0") for text, width in fields)
    return block[:148] + f"{sum(block):06o}\0 ".encode() + block[156:]


def padding(size: int) -> int:
    """Return how many zero bytes follow a file of this length."""
    return -size % BLOCK


def room(size: int) -> int:
    """Return how many bytes a file takes with its header and padding."""
    return BLOCK + size + padding(size)


def first_size(block: bytes, name: str) -> int | None:
    """Return the length that the header of a file with this name says; None if it is another block."""
    digits = block[124:135]
    if len(block) != BLOCK or not digits.isdigit() or set(digits) & set(b"89"):
        return None
    size = int(digits, 8)
    return size if block == header(name, size) else None
