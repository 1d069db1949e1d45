"""Connections to HTTP servers, which may be slow, broken or not what they seem; certificates are verified."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import urllib.parse
import urllib.request
from contextlib import suppress
from functools import partial
from typing import Any


class Redirections(urllib.request.HTTPRedirectHandler):
    """Follows a few redirections, never from https to http and never to another protocol."""

    max_redirections, max_repeats = 5, 2

    def __init__(self, refusal: type[Exception]) -> None:
        self._refusal = refusal

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """Do as `urllib`, and leave no connection open where it raises."""
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except BaseException:  # which leaves the connection to whoever called
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Return the request to make in its place; raise where that is less safe."""
        before, after = (urllib.parse.urlsplit(url).scheme for url in (req.full_url, newurl))
        if after not in ("http", "https") or (before == "https" and after == "http"):
            raise self._refusal(f"{req.full_url} leads to {newurl}, which is less safe; it is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Watch:
    """Shuts connections down when time is up, whatever they are in the middle of: a context.

    A timeout of a socket begins anew with every byte, and a server can send one a second for years.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._copies: list[socket.socket] = []  # of sockets, which TLS takes over
        self._timer = threading.Timer(max(seconds, 0.0), self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Watch:
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
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def http_open(self, req: Any) -> Any:
        made: Any = partial(self._watch.made, http.client.HTTPConnection)
        return self.do_open(made, req)


class _Encrypted(urllib.request.HTTPSHandler):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def https_open(self, req: Any) -> Any:
        made: Any = partial(self._watch.made, http.client.HTTPSConnection)
        return self.do_open(made, req, context=ssl.create_default_context())  # which verifies


def opener(watch: Watch, refusal: type[Exception]) -> urllib.request.OpenerDirector:
    """Return what opens addresses: without the handlers for files, data or FTP.

    Parameters
    ----------
    watch : Watch
        Which is to see all connections.
    refusal : type of Exception
        What is raised, with the reason, where a server leads to a less safe place.
    """
    made = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Plain(watch),
        _Encrypted(watch),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        Redirections(refusal),
    ):
        made.add_handler(handler)
    return made
