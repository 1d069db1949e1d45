"""Archives on an HTTP server, which may be slow, broken or not what it seems."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO

from hashcache.errors import UnreachableError
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
        with _Watch(TOTAL) as watch:
            try:
                request = urllib.request.Request(url, headers=headers)
                with _opener(watch).open(request, timeout=SILENCE) as response:
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


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Follows a few redirections, never from https to http and never to another protocol."""

    max_redirections, max_repeats = 5, 2

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


class _Watch:
    """Shuts connections down when time is up, whatever they are in the middle of: a context.

    A timeout of a socket begins anew with every byte, and a server can send one a second for years.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._copies: list[socket.socket] = []  # of sockets, which TLS takes over
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> _Watch:
        self._timer.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._timer.cancel()
        for watched in self._copies:
            watched.close()

    def _cut(self) -> None:
        self.is_over = True
        for watched in self._copies:
            with suppress(OSError):
                watched.shutdown(socket.SHUT_RDWR)

    def connect(self, *args: Any, **kwargs: Any) -> socket.socket:
        """Do as `socket.create_connection`, and watch the connection."""
        connection = socket.create_connection(*args, **kwargs)
        self._copies.append(connection.dup())
        if self.is_over:
            self._cut()
        return connection

    def made(self, kind: type[http.client.HTTPConnection], *args: Any, **kwargs: Any) -> Any:
        """Return a connection of HTTP that is watched once it is open."""
        made: Any = kind(*args, **kwargs)
        made._create_connection = self.connect
        return made


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def http_open(self, req: Any) -> Any:
        made: Any = partial(self._watch.made, http.client.HTTPConnection)
        return self.do_open(made, req)


class _Encrypted(urllib.request.HTTPSHandler):
    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def https_open(self, req: Any) -> Any:
        made: Any = partial(self._watch.made, http.client.HTTPSConnection)
        return self.do_open(made, req, context=ssl.create_default_context())  # which verifies


def _opener(watch: _Watch) -> urllib.request.OpenerDirector:
    """Return what opens addresses: without the handlers for files, data or FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Plain(watch),
        _Encrypted(watch),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirections(),
    ):
        opener.add_handler(handler)
    return opener
