"""Keys: what a call is looked up under."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from hashcache.digest import digest_frame


class Key(NamedTuple):
    """The name of one result.

    Attributes
    ----------
    layer : str
        Which layer it belongs to, such as ``"function"`` or ``"graph"``.
    function : str
        Qualified name of the function, for people. Takes part in the digest.
    digest : str
        32 hexadecimal digits over everything that the result depends on.
    """

    layer: str
    function: str
    digest: str

    @property
    def name(self) -> str:
        """Where a store keeps it. Made from digests alone, so no function name can lead elsewhere."""
        return f"{group_name(self.layer, self.function)}/{self.digest}"

    def __str__(self) -> str:
        return f"{self.layer}:{self.function}:{self.digest}"


@lru_cache(maxsize=4096)
def group_name(layer: str, function: str) -> str:
    """Return the part of a store name that all results of one function share."""
    return f"{layer}/{digest_frame('function', function.encode('utf-8', 'surrogatepass')).hex()[:16]}"


def fingerprint_name(group: str, digest: bytes) -> str:
    """Return where the parts of a fingerprint are listed, once for all results that share it."""
    return f"{group}/{FINGERPRINT_MARK}{digest.hex()}"


FINGERPRINT_MARK = "f-"


def is_result(name: str) -> bool:
    """Return whether a store name is that of a result, rather than of a listing beside it."""
    return not name.rpartition("/")[2].startswith(FINGERPRINT_MARK)
