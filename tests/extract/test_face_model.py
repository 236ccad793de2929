"""The model is fetched once, from where it is known to be, and only as the file that is known."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cache.errors import InputError
from extract.face_model import NAME, SHA256, URL, cached_model, user_cache

CONTENT = b"a model" * 1000


class Server(HTTPServer):
    content = CONTENT
    asked = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(200 if self.path == "/model" else 404)
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield one
        one.shutdown()


def fetch(server: Server, folder: Path, said: list[str], path: str = "/model") -> Path:
    url = f"http://127.0.0.1:{server.server_port}{path}"
    return cached_model(said.append, url=url, sha256=hashlib.sha256(CONTENT).hexdigest(), folder=folder)


def test_it_is_fetched_once_and_said(server: Server, tmp_path: Path) -> None:
    said: list[str] = []
    path = fetch(server, tmp_path / "new" / "folder", said)
    assert path.read_bytes() == CONTENT and path.name == NAME
    assert len(said) == 1 and str(path) in said[0] and "fetched once: http://127" in said[0]
    assert fetch(server, tmp_path / "new" / "folder", said) == path
    assert server.asked == 1 and len(said) == 1
    assert [one.name for one in path.parent.iterdir()] == [NAME], "no temporary file is left"


def test_a_damaged_one_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT[:-1])
    assert fetch(server, tmp_path, []).read_bytes() == CONTENT


def test_another_file_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT + b"!"
    with pytest.raises(InputError, match=r"is not the file it was: its SHA-256 is .* --face-model PATH"):
        fetch(server, tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_no_way_there_is_a_sentence(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot fetch .*404.*another machine and name it by --face-model"):
        fetch(server, tmp_path, [], "/gone")
    with pytest.raises(InputError, match=r"cannot fetch http://127\.0\.0\.1:9/"):
        cached_model(print, url="http://127.0.0.1:9/", folder=tmp_path)


def test_what_is_pinned() -> None:
    assert URL.startswith("https://media.githubusercontent.com/media/opencv/opencv_zoo/") and URL.endswith(NAME)
    assert len(SHA256) == 64 and int(SHA256, 16)


def test_the_cache_folder_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache() == tmp_path / "crossprobe"
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    assert user_cache() == Path.home() / ".cache" / "crossprobe"
