"""What keys hold besides function and arguments: layer, versions, and whatever else a layer names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hashcache import entry
from hashcache.digest import DIGEST_SIZE, Framed, frame_head
from hashcache.mutation import digest_argument
from hashcache.parts import Part
from hashcache.preview import preview

if TYPE_CHECKING:
    from hashcache.fingerprint import Fingerprint

Values = tuple[Any, ...] | dict[str, Any]

_KEY_FORMAT = b"hashcache key 1"
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class Salt:
    """The salt of one layer.

    Parameters
    ----------
    layer : str
    values : tuple, dict or callable
        Whatever else the results depend on, by name if a dict; or a function that returns it.
    """

    def __init__(self, layer: str, values: Values | Callable[[], Values]) -> None:
        self._layer, self._more = layer, values
        self._parts: dict[str, list[Part]] = {}  # by version, where they stay the same
        self._rows: dict[str, list[list[Any]]] = {}

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same throughout a process."""
        return not callable(self._more)

    def prepare(self, function: str, version: str, relax: tuple[str, ...], fingerprint: Fingerprint) -> bytes:
        """Return what stands for everything in a key but the arguments."""
        sink = Framed()
        # Two versions of the format live side by side: neither finds, replaces or deletes the other's.
        sink.write("format", b"%s, entry %d" % (_KEY_FORMAT, entry.VERSION))
        for tag, value in self._values(version):
            sink.write(tag, digest_argument(tag, value).digest)
        sink.write("function", function.encode("utf-8", "surrogatepass"))
        sink.write("relax", ",".join(sorted(relax)).encode())
        sink.write("fingerprint", fingerprint.digest)
        return frame_head("function", DIGEST_SIZE) + sink.digest()

    def parts(self, version: str) -> list[Part]:
        """Return the parts of a key that do not depend on function or arguments."""
        if version in self._parts:
            return self._parts[version]
        parts = [
            Part("", tag, digest_argument(tag, value).digest, preview(value))
            for tag, value in self._values(version)
        ]
        if self.is_fixed:
            self._parts[version] = parts
        return parts

    def rows(self, version: str) -> list[list[Any]]:
        """Return the same as entries have them; none where they are not the same at another time."""
        from hashcache.rows import row_of  # which a call that finds its result does not need

        if version not in self._rows:
            self._rows[version] = (
                [row_of(part).stored() for part in self.parts(version)] if self.is_fixed else []
            )
        return self._rows[version]

    def _values(self, version: str) -> list[tuple[str, Any]]:
        more = self._more() if callable(self._more) else self._more
        values: list[tuple[str, Any]] = [("python", _PYTHON), ("layer", self._layer), ("version", version)]
        if isinstance(more, dict):
            return values + list(more.items())
        return values + [(f"salt {place}", value) for place, value in enumerate(more)]
