"""Fetching over HTTP, from a server of our own that fails as real ones do."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aiops.local.jars import Jar, JarError, ensure_jars

pytestmark = pytest.mark.integration

CONTENT = b"the bytes of a jar"
JAR = Jar(
    group="org.example",
    artifact="thing",
    version="1.2",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


class Repository(ThreadingHTTPServer):
    """Answers with these statuses in turn, then with the jar."""

    def __init__(self, statuses: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = statuses
        self.requests = 0

    @property
    def address(self) -> str:
        """Its address, as a Maven repository's."""
        return f"http://127.0.0.1:{self.server_port}/maven2/"


class Handler(BaseHTTPRequestHandler):
    """One answer of the repository."""

    server: Repository

    def do_GET(self) -> None:  # the library's name
        self.server.requests += 1
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        content = CONTENT if status == 200 else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # the library's name
        """Say nothing."""


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> Iterator[Repository]:
    server = Repository(list(request.param))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("repository", [[503]], indirect=True)
def test_a_repository_that_is_briefly_away_is_asked_again(
    repository: Repository, tmp_path: Path
) -> None:
    (path,) = ensure_jars((JAR,), tmp_path, repository.address)

    assert path.read_bytes() == CONTENT
    assert repository.requests == 2


@pytest.mark.parametrize("repository", [[404]], indirect=True)
def test_a_jar_that_is_not_there_is_not_asked_for_again(
    repository: Repository, tmp_path: Path
) -> None:
    with pytest.raises(JarError, match=r"thing-1\.2\.jar could not be fetched.*404"):
        ensure_jars((JAR,), tmp_path, repository.address)

    assert repository.requests == 1
