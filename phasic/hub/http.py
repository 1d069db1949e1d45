"""A registry on an HTTP server, which may be slow, broken or not what it seems."""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from hashcache.exchange.connections import Watch, opener
from phasic.hub.arriving import Arriving
from phasic.hub.errors import UnreachableError, within
from phasic.progress import Progress

_CHUNK = 1 << 16
_RANGE = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/(?:[0-9]{1,15}|\*)")


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to try again.

    Attributes
    ----------
    silence : float
        Seconds without a byte after which a connection is given up.
    total : float
        Seconds for one file, all attempts together.
    rate : float
        Bytes per second below which a long file takes too long: so many more give another second.
    attempts : int
        How often in a row nothing may come of it.
    pause : float
        Seconds before the second attempt, twice as many before the third, and so on.
    longest_pause : float
        Seconds that a server may ask to wait for.
    """

    silence: float = 10.0
    total: float = 300.0
    rate: float = 5e4
    attempts: int = 3
    pause: float = 0.5
    longest_pause: float = 30.0


PATIENT = Patience()


class _Passing(UnreachableError):
    """What another attempt may mend, after as many seconds as the server says."""

    wait: float = 0.0


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

    def read(self, path: str, largest: int, arriving: Arriving | None = None) -> bytes | None:
        """Return the content of a file; see `Place`.

        With `arriving`, every attempt goes on where the one before ended, and attempts that bring
        something are not counted.
        """
        patience = self._patience
        end = time.monotonic() + patience.total + (0.0 if arriving is None else largest / patience.rate)
        failed = 0
        with Progress("downloading", "B") as progress:
            while True:
                before = 0 if arriving is None else len(arriving)
                try:
                    whole = Arriving() if arriving is None else arriving
                    return self._read(path, largest, end, whole, progress)
                except _Passing as error:
                    has_moved = arriving is not None and len(arriving) - before >= _CHUNK
                    failed = 0 if has_moved else failed + 1
                    told = min(error.wait, patience.longest_pause)
                    pause = max(patience.pause * 2 ** max(failed - 1, 0), told)
                    if failed >= patience.attempts or time.monotonic() + pause > end:
                        raise
                    time.sleep(pause)

    def _read(
        self, path: str, largest: int, end: float, arriving: Arriving, progress: Progress
    ) -> bytes | None:
        url = f"{self.address.rstrip('/')}/{path}"
        # Nothing is expanded here, so nothing can be small on the way and large at home.
        headers = {"Accept-Encoding": "identity", "User-Agent": "phasic"}
        if len(arriving) == largest:
            return arriving.content
        if len(arriving) > largest:
            arriving.restart()
        if len(arriving):
            headers["Range"] = f"bytes={len(arriving)}-"
            if arriving.tag:
                headers["If-Range"] = arriving.tag
        request = urllib.request.Request(url, headers=headers)
        with Watch(end - time.monotonic()) as watch:
            try:
                with opener(watch, UnreachableError).open(
                    request, timeout=self._patience.silence
                ) as response:
                    return self._body(response, url, largest, watch, arriving, progress)
            except UnreachableError:
                raise
            except urllib.error.HTTPError as error:
                error.close()
                if error.code in (404, 410):
                    return None
                if error.code == 416 and "Range" in headers:  # what is there now is shorter
                    arriving.restart()
                    raise _Passing(f"{url} has not as many bytes as came of it before") from None
                kind = _Passing if error.code >= 500 or error.code in (408, 429) else UnreachableError
                failure = kind(f"{url} answers {error.code} {error.reason}")
                if isinstance(failure, _Passing):
                    failure.wait = _seconds(error.headers.get("Retry-After", ""))
                raise failure from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                if watch.is_over:
                    raise self._too_slow(url) from error
                reason = getattr(error, "reason", None) or error
                raise _Passing(f"{url} cannot be read: {type(error).__name__}: {reason}") from error

    def _body(
        self, response: Any, url: str, largest: int, watch: Watch, arriving: Arriving, progress: Progress
    ) -> bytes:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise UnreachableError(f"{url} comes as {encoding}, which was not asked for; none of it is used")
        if response.status == 206:
            place = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if not len(arriving) or place is None or int(place[1]) != len(arriving):
                arriving.restart()
                raise _Passing(f"{url} answers with another part than was asked for")
            arriving.go_on()
        else:
            tag = response.headers.get("ETag", "")
            arriving.restart(tag if tag.startswith('"') else "")  # a weak one is of no use for parts
        announced = response.length  # None where the server does not say
        begin = len(arriving)
        if announced is not None and begin + announced > largest:
            arriving.restart()
            raise UnreachableError(
                f"{url} announces {begin + announced} bytes, more than {largest}; none is read"
            )
        while len(arriving) <= largest and (piece := response.read1(_CHUNK)):
            arriving.append(piece)
            progress.show(len(arriving), largest)
        if watch.is_over:  # what looks like the end need not be one
            raise self._too_slow(url)
        if announced is not None and len(arriving) < begin + announced:
            raise _Passing(f"{url} ends after {len(arriving)} of {begin + announced} bytes")
        content = arriving.content
        if len(content) > largest:
            arriving.restart()
        return within(content, largest, url, self.address)

    def _too_slow(self, url: str) -> UnreachableError:
        return UnreachableError(f"{url} takes longer than {self._patience.total:g} seconds")


def _seconds(text: str) -> float:
    """Return what a server asks to wait; a date is taken for nothing."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0.0
