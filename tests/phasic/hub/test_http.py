"""Servers: what is followed, what is verified, and how often they are asked."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import urllib.request

import pytest
from registries import send

from hashcache.exchange.connections import Redirections
from phasic.hub.entry import INDEX
from phasic.hub.errors import UnreachableError
from phasic.hub.http import Patience, Server


def test_a_redirection_to_another_place_is_followed(web, folder):
    web.answers = {f"/old/{INDEX}": lambda request: send(request, b"", 301, Location=f"/{INDEX}")}
    assert Server(f"{web.address}/old").read(INDEX, 10_000) == (folder / INDEX).read_bytes()


@pytest.mark.parametrize(
    ("before", "after", "is_followed"),
    [
        ("https", "https", True),
        ("http", "https", True),
        ("http", "http", True),
        ("https", "http", False),
        ("https", "file", False),
        ("http", "ftp", False),
        ("http", "data", False),
    ],
)
def test_a_redirection_never_leads_to_less_safety(before, after, is_followed):
    request = urllib.request.Request(f"{before}://example.org/a")
    follow = Redirections(UnreachableError).redirect_request
    if is_followed:
        assert follow(request, None, 302, "", {}, f"{after}://example.org/b") is not None
    else:
        with pytest.raises(UnreachableError, match="less safe"):
            follow(request, None, 302, "", {}, f"{after}://example.org/b")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
def test_a_certificate_that_nobody_vouches_for_is_refused(web, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    web.server.socket = context.wrap_socket(web.server.socket, server_side=True)
    with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
        Server(web.address.replace("http:", "https:")).read(INDEX, 10_000)
    assert web.asked == []


@pytest.mark.parametrize(("code", "times"), [(500, 3), (503, 3), (429, 3), (403, 1), (404, 1), (410, 1)])
def test_only_what_may_pass_is_tried_again(web, code, times):
    web.answers = {"*": lambda request: request.send_error(code)}
    server = Server(web.address, Patience(attempts=3, pause=0.0))
    if code in (404, 410):
        assert server.read("x", 10) is None
    else:
        with pytest.raises(UnreachableError, match=f"answers {code}"):
            server.read("x", 10)
    assert len(web.asked) == times


def test_no_more_than_the_largest_is_read(web):
    web.answers = {"/x": lambda request: send(request, bytes(10))}
    assert Server(web.address).read("x", 10) == bytes(10)
    with pytest.raises(UnreachableError, match="more than 9"):
        Server(web.address).read("x", 9)
