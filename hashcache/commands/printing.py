"""What commands print, and how: lines and tables for people, with sizes and times as people write them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any


def say(line: str) -> None:
    """Print one line."""
    sys.stdout.write(line + "\n")


def complain(line: str) -> None:
    """Print one line to standard error."""
    sys.stderr.write(f"hashcache: {line}\n")


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, and what moves the cursor or turns the line around as an escape."""
    rows = [[shown(text) for text in row] for row in rows]
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    for row in [titles, *rows]:
        say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def shown(text: str) -> str:
    """Return a text that may be anybody's as one that can be printed in a line."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def digest_of(header: dict[str, Any]) -> str:
    """Return the digits of the key of a stored result."""
    return str(header["key"]).rpartition(":")[2]


def time_of(created: float) -> str:
    """Return a time as it is at the reader's place."""
    return datetime.fromtimestamp(created).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def size_of(size: float) -> str:
    """Return a number of bytes with its unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
