"""Registries on servers that can be told what to do wrong, and a graph to publish."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from phasic import Graph, models


def islands() -> Graph:
    return Graph(models.structured_coalescent(3, 2))


def publish(graph: Graph, root: Path, name: str = "islands") -> str:
    return graph.push_cache(id=name, description="Two islands", author="A <a@example.org>", registry=root)


class Web:
    """A server of the files in a directory; `answers` has what it does instead, by path."""

    def __init__(self, root: Path) -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        self.root = root
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append(self.path)
                answer = web.answers.get(self.path) or web.answers.get("*")
                file = root / self.path.lstrip("/")
                if answer is not None:
                    answer(self)
                elif file.is_file():
                    send(self, file.read_bytes())
                else:
                    self.send_error(404)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *arguments: None  # type: ignore[method-assign]  # who hangs up
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"


def send(request: BaseHTTPRequestHandler, data: bytes, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    for name, value in {"Content_Length": str(len(data)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(data)
