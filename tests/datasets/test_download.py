"""Downloads from a real local server, and where files are looked for."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dnalib.datasets.download import RemoteFile, locate

CONTENT = b"text\tlabel\nplay some jazz\tmusic_play\n" * 1000
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
GIT_BLOB = "git-blob:" + hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves /good whole, /cut with half of the promised bytes, nothing else."""

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path not in ("/good", "/cut"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/good" else CONTENT[: len(CONTENT) // 2])

    def log_message(self, *args):
        """Keep the test output clean."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests = []
    server.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def remote(server, path="good", digest=SHA256):
    return RemoteFile("toy/train.tsv", f"{server.address}/{path}", digest)


def leftovers(folder):
    return [path for path in folder.rglob("*") if not path.is_dir()]


@pytest.mark.parametrize("digest", [SHA256, GIT_BLOB])
def test_good_file_is_downloaded_once(server, own_cache, digest):
    path = locate(remote(server, digest=digest))
    assert path == own_cache / "data" / "toy" / "train.tsv"
    assert path.read_bytes() == CONTENT
    assert locate(remote(server, digest=digest)) == path
    assert server.requests == ["/good"]
    assert leftovers(own_cache) == [path]


def test_git_blob_digest_is_that_of_git(own_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("DNALIB_DATA", str(tmp_path))
    (tmp_path / "hello").write_bytes(b"hello\n")
    known = "git-blob:ce013625030ba8dba906f756967f9e9ca394464a"  # what `git hash-object` prints
    assert locate(RemoteFile("hello", "http://127.0.0.1", known)) == tmp_path / "hello"


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "git-blob:" + "0" * 40])
def test_wrong_digest_leaves_nothing(server, own_cache, digest):
    with pytest.raises(ValueError, match=f"has the digest .*, expected {digest} .*try again"):
        locate(remote(server, digest=digest))
    assert leftovers(own_cache) == []


@pytest.mark.parametrize(
    ("path", "reason"), [("cut", "the connection was cut"), ("gone", "the server answered 404")]
)
def test_failed_download_leaves_nothing_and_says_where_to_put_the_file(
    server, own_cache, path, reason
):
    file = remote(server, path)
    target = own_cache / "data" / "toy" / "train.tsv"
    with pytest.raises(FileNotFoundError) as caught:
        locate(file)
    assert str(caught.value) == (
        "toy/train.tsv is not on this machine and could not be downloaded "
        f"({reason}): get it from {file.url} and put it at {target}"
    )
    assert leftovers(own_cache) == []


def test_a_download_works_after_one_that_was_cut(server, own_cache):
    with pytest.raises(FileNotFoundError):
        locate(remote(server, "cut"))
    assert locate(remote(server)).read_bytes() == CONTENT


def test_without_network(server, own_cache, monkeypatch, tmp_path):
    file = remote(server)
    server.shutdown()
    server.server_close()
    with pytest.raises(FileNotFoundError, match=r"\(no connection: ConnectionError\): get"):
        locate(file)
    # Who has set $DNALIB_DATA wants the file there.
    monkeypatch.setenv("DNALIB_DATA", str(tmp_path / "data"))
    with pytest.raises(FileNotFoundError, match=f"put it at {tmp_path}/data/toy/train.tsv$"):
        locate(file)
    assert leftovers(tmp_path) == []


def test_a_damaged_file_in_the_cache_is_downloaded_again(server, own_cache):
    path = own_cache / "data" / "toy" / "train.tsv"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:100])
    assert locate(remote(server)).read_bytes() == CONTENT


def test_dnalib_data_comes_first_and_the_cache_second(server, own_cache, monkeypatch, tmp_path):
    cached = locate(remote(server))
    monkeypatch.setenv("DNALIB_DATA", str(tmp_path / "data"))
    assert locate(remote(server)) == cached
    given = tmp_path / "data" / "toy" / "train.tsv"
    given.parent.mkdir(parents=True)
    given.write_bytes(CONTENT)
    assert locate(remote(server)) == given


def test_wrong_digest_under_dnalib_data_is_not_replaced(server, own_cache, monkeypatch, tmp_path):
    given = tmp_path / "data" / "toy" / "train.tsv"
    given.parent.mkdir(parents=True)
    given.write_bytes(b"something else")
    monkeypatch.setenv("DNALIB_DATA", str(tmp_path / "data"))
    with pytest.raises(ValueError, match=f"^{given} has the digest .* expected {SHA256}"):
        locate(remote(server))
    assert given.read_bytes() == b"something else"
    assert server.requests == []
