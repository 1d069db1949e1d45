"""Archives on an HTTP server, which may be slow, broken or not what it seems."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Any, BinaryIO

from hashcache.errors import UnreachableError
from hashcache.exchange.connections import Watch, opener
from hashcache.exchange.places import copy

SILENCE = 10.0  # seconds without a byte after which a connection is given up
TOTAL = 600.0  # seconds for one file


class Server:
    """Archives at an ``http`` or ``https`` address, to be read; certificates are always verified."""

    def __init__(self, address: str) -> None:
        self.address = address

    def read(self, path: str, target: BinaryIO, most: int) -> bool:
        """Copy a file to another one; see `Place`."""
        url = f"{self.address.rstrip('/')}/{path}"
        # Nothing is expanded here, so nothing can be small on the way and large at home.
        headers = {"Accept-Encoding": "identity", "User-Agent": "hashcache"}
        with Watch(TOTAL) as watch:
            try:
                request = urllib.request.Request(url, headers=headers)
                with opener(watch, UnreachableError).open(request, timeout=SILENCE) as response:
                    self._copy(response, target, most, url)
            except UnreachableError:
                raise
            except urllib.error.HTTPError as error:
                error.close()
                if error.code in (404, 410):
                    return False
                raise UnreachableError(f"{url} answers {error.code} {error.reason}") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                if not watch.is_over:
                    reason = getattr(error, "reason", None) or error
                    raise UnreachableError(
                        f"{url} cannot be read: {type(error).__name__}: {reason}"
                    ) from error
            if watch.is_over:  # what looks like the end need not be one
                raise UnreachableError(f"{url} takes longer than {TOTAL:g} seconds")
        return True

    def _copy(self, response: Any, target: BinaryIO, most: int, url: str) -> None:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise UnreachableError(f"{url} comes as {encoding}, which was not asked for; it is not used")
        announced = response.length  # None where the server does not say
        if announced is not None and announced > most:
            raise UnreachableError(f"{url} announces {announced} bytes, more than {most}; it is not used")
        size = copy(response, target, most, url)
        if announced is not None and size < announced:
            raise UnreachableError(f"{url} ends after {size} of {announced} bytes")

    def write(self, path: str, source: BinaryIO) -> None:
        """Raise `UnreachableError`: what a server has is not written through it."""
        raise UnreachableError(f"{self.address} can be read and not written; push to where its files are")

    def names(self, folder: str) -> None:
        """Return None: servers do not say what they have."""
        return
