"""What goes into a key, part by part, with what people call it."""

from __future__ import annotations

from types import CodeType
from typing import NamedTuple


class Inner(NamedTuple):
    """One part of an argument.

    Attributes
    ----------
    step : str
        How the path goes on from the value that it is a part of: ``"[3]"``, ``".calc"``.
    digest : str
        16 hexadecimal digits; empty where the text says it all.
    text : str
    inside : tuple of Inner
        Parts of the part; empty if it has none, or if they would be too many.
    """

    step: str
    digest: str
    text: str
    inside: tuple[Inner, ...] = ()


class Part(NamedTuple):
    """One ingredient of a key.

    Attributes
    ----------
    owner : str
        Whose it is: empty for the function itself, else the name of a helper or class.
    tag : str
        What it is to its owner: ``"code"``, ``"default x"``, ``"global RATE"``. Enters the key.
    digest : bytes
        Its canonical form, digested. Enters the key.
    text : str
        A preview for people.
    shown_owner, shown_tag : str
        What people call owner and tag where that is something else: ``"helper model.step"``,
        ``"closure factor"``.
    origins : tuple of str
        Distributions that the digest names, each with its version.
    refers : bool
        Whether the digest names a function, class or module of the user's by its place among the parts.
    code : code object, optional
        Of which the digest is.
    inside : tuple of Inner
        Of an argument: its parts.
    """

    owner: str
    tag: str
    digest: bytes
    text: str
    shown_owner: str = ""
    shown_tag: str = ""
    origins: tuple[str, ...] = ()
    refers: bool = False
    code: CodeType | None = None
    inside: tuple[Inner, ...] = ()

    @property
    def name(self) -> str:
        """What it is, without what changes nothing: modules, names of local variables."""
        return f"{self.owner}: {self.tag}" if self.owner else self.tag

    @property
    def label(self) -> str:
        """What people call it."""
        owner, tag = self.shown_owner or self.owner, self.shown_tag or self.tag
        return f"{owner}: {tag}" if owner else tag

    def line(self) -> str:
        """Return the part as one line of a listing."""
        return f"{self.label} = {self.text}  [{self.digest.hex()[:12]}]"
