"""A registry on an HTTP server, which may be slow, broken or not what it seems."""

from __future__ import annotations

import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from phasic.hub.errors import UnreachableError
from phasic.hub.transport import within

_CHUNK = 1 << 16
_MOST_REDIRECTIONS = 5


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to try again.

    Attributes
    ----------
    silence : float
        Seconds without a byte after which a connection is given up.
    total : float
        Seconds for one file, all attempts together; a little more if the last byte is late.
    attempts : int
    pause : float
        Seconds before the second attempt, twice as many before the third, and so on.
    """

    silence: float = 10.0
    total: float = 300.0
    attempts: int = 3
    pause: float = 0.5


PATIENT = Patience()


class _Passing(UnreachableError):
    """What another attempt may mend."""


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Follows a few redirections, never from https to http and never to another protocol."""

    max_redirections = _MOST_REDIRECTIONS
    max_repeats = 2

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except BaseException:  # which leaves the connection to whoever called
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        before, after = (urllib.parse.urlsplit(url).scheme for url in (req.full_url, newurl))
        if after not in ("http", "https") or (before == "https" and after == "http"):
            raise UnreachableError(
                f"{req.full_url} leads to {newurl}, which is less safe; it is not followed"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Server:
    """A registry at an ``http`` or ``https`` address; certificates are always verified.

    Parameters
    ----------
    address : str
    patience : Patience, optional
    """

    def __init__(self, address: str, patience: Patience | None = None) -> None:
        self.address = address
        self._patience = patience or PATIENT
        # Not the handlers for files, data or FTP, which a redirection must not reach.
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),  # whose default context verifies
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            _Redirections(),
        ):
            self._opener.add_handler(handler)

    def read(self, path: str, largest: int) -> bytes | None:
        """Return the content of a file; see `Place`."""
        patience = self._patience
        end = time.monotonic() + patience.total
        for attempt in range(patience.attempts):
            try:
                return self._read(path, largest, end)
            except _Passing:
                pause = patience.pause * 2**attempt
                if attempt + 1 == patience.attempts or time.monotonic() + pause > end:
                    raise
                time.sleep(pause)
        raise UnreachableError(f"{self.address} was not asked; Patience.attempts is {patience.attempts}")

    def _read(self, path: str, largest: int, end: float) -> bytes | None:
        url = f"{self.address.rstrip('/')}/{path}"
        # Nothing is expanded here, so nothing can be small on the way and large at home.
        request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "phasic"})
        try:
            with self._opener.open(request, timeout=self._patience.silence) as response:
                return self._body(response, url, largest, end)
        except UnreachableError:
            raise
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (404, 410):
                return None
            kind = _Passing if error.code >= 500 or error.code in (408, 429) else UnreachableError
            raise kind(f"{url} answers {error.code} {error.reason}") from None
        except (OSError, HTTPException, ValueError) as error:  # ValueError: a header or address without sense
            reason = getattr(error, "reason", None) or error
            raise _Passing(f"{url} cannot be read: {type(error).__name__}: {reason}") from error

    def _body(self, response: Any, url: str, largest: int, end: float) -> bytes:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise UnreachableError(f"{url} comes as {encoding}, which was not asked for; none of it is used")
        announced = response.length  # None where the server does not say
        if announced is not None and announced > largest:
            raise UnreachableError(f"{url} announces {announced} bytes, more than {largest}; none is read")
        pieces, size = [], 0
        while piece := response.read1(_CHUNK):  # what has come, so that a drip does not outlast the end
            pieces.append(piece)
            size += len(piece)
            if size > largest:
                break
            if time.monotonic() > end:
                raise UnreachableError(f"{url} takes longer than {self._patience.total:g} seconds")
        if announced is not None and size < announced:
            raise _Passing(f"{url} ends after {size} of {announced} bytes")
        return within(b"".join(pieces), largest, url, self.address)
