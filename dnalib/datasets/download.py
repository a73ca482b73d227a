"""Find a published file on this machine, or download it; verify its digest either way."""

import gzip
import hashlib
import io
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests

from dnalib.files import atomic_path, cache_dir

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class RemoteFile:
    """A published file and the digest by which it is known.

    Attributes
    ----------
    path : str
        Where it stands under a data folder, such as ``"hwu64/train.tsv"``.
    url : str
        Its pinned address; else, in words, what to make it from.
    digest : str
        ``"sha256:..."`` over the content; ``"git-blob:..."``, the id that git gives to it; or, for
        what people pack anew, the SHA-256 of what is in it: ``"gunzip:..."`` of the unpacked
        content, ``"unzip:..."`` of names and contents of an archive's files, by name.
    direct : bool, default True
        Whether there is an address to download it from.
    """

    path: str
    url: str
    digest: str
    direct: bool = True


def locate(file: RemoteFile) -> Path:
    """Return a verified local copy of `file`.

    ``$DNALIB_DATA`` comes first, then the cache, then a download into the cache. A copy in the
    cache that fails verification is downloaded again. An interrupted download leaves nothing
    behind and starts over; files that did arrive are kept.

    Parameters
    ----------
    file : RemoteFile
        What to look for.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        When no copy is here and none can be downloaded.
    ValueError
        When the copy under ``$DNALIB_DATA``, or what was downloaded, has another digest.
    """
    given = _given_path(file)
    if given is not None and given.is_file():
        _verify(given, file, remedy="delete it there or replace it")
        return given
    target = cache_dir() / "data" / file.path
    if not (target.is_file() and _digest(target, file) == file.digest):
        _download(file, target, put_at=given or target)
    return target


def _given_path(file: RemoteFile) -> Path | None:
    folder = os.environ.get("DNALIB_DATA")
    return Path(folder).expanduser() / file.path if folder else None


def _download(file: RemoteFile, target: Path, put_at: Path) -> None:
    if not file.direct:
        raise FileNotFoundError(
            f"{file.path} is not on this machine and has no address to download it from: make it "
            f"from {file.url} and put it at {put_at}"
        )
    with atomic_path(target) as path:
        try:
            download = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT_SECONDS)
            download(file.url, str(path), None)
        except requests.RequestException as error:
            raise FileNotFoundError(
                f"{file.path} is not on this machine and could not be downloaded "
                f"({_reason(error)}): get it from {file.url} and put it at {put_at}"
            ) from None  # the reason is in the sentence; the traceback below it is a hundred lines
        _verify(path, file, remedy=f"try again, or get the file by hand and put it at {put_at}")


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server answered {error.response.status_code}"
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return f"no connection: {type(error).__name__}"
    return "the connection was cut"


def _verify(path: Path, file: RemoteFile, remedy: str) -> None:
    found = _digest(path, file)
    if found != file.digest:
        raise ValueError(
            f"{path} has the digest {found}, expected {file.digest} as published at "
            f"{file.url}: {remedy}"
        )


def _digest(path: Path, file: RemoteFile) -> str:
    algorithm = file.digest.partition(":")[0]
    hash_name = "sha1" if algorithm == "git-blob" else "sha256"
    try:
        content = _CONTENTS[algorithm](path.read_bytes())
    except (gzip.BadGzipFile, zlib.error, EOFError, zipfile.BadZipFile):
        return f"{algorithm}:of nothing, for it cannot be unpacked"
    return f"{algorithm}:{hashlib.new(hash_name, content).hexdigest()}"


def _unzip(packed: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = sorted(name for name in archive.namelist() if not name.endswith("/"))
        return b"".join(name.encode() + b"\0" + archive.read(name) for name in names)


_CONTENTS = {
    "sha256": bytes,
    "git-blob": lambda content: b"blob %d\0" % len(content) + content,
    "gunzip": gzip.decompress,
    "unzip": _unzip,
}
