"""What became of results that were to go from one place to another."""

from __future__ import annotations

from typing import NamedTuple


class Left(NamedTuple):
    """A result that was left where it is.

    Attributes
    ----------
    key : str
    reason : str
    """

    key: str
    reason: str


class Exchanged(NamedTuple):
    """What became of the results that were chosen.

    Attributes
    ----------
    keys : tuple of str
        Those that went from here to there.
    present : tuple of str
        Those that were there before.
    different : tuple of Left
        Those in whose place there is another result, which stays.
    refused : tuple of Left
        Those that do not travel, or are not taken, and why.
    size : int
        Bytes of the archives that were written or read.
    """

    keys: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    different: tuple[Left, ...] = ()
    refused: tuple[Left, ...] = ()
    size: int = 0

    def __bool__(self) -> bool:
        """Whether anything went."""
        return bool(self.keys)

    def with_more(self, other: Exchanged) -> Exchanged:
        """Return what became of these results and of others."""
        return Exchanged(
            self.keys + other.keys,
            self.present + other.present,
            self.different + other.different,
            self.refused + other.refused,
            self.size + other.size,
        )
