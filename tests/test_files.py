"""Files are whole or absent."""

import hashlib

import pytest

from dnalib.files import atomic_path, cache_dir, sha256


def test_cache_dir_follows_the_environment_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "a" / "b"))
    assert cache_dir() == tmp_path / "a" / "b"
    assert not cache_dir().exists()


@pytest.mark.parametrize("value", [None, ""])
def test_cache_dir_is_the_users_cache_folder_otherwise(tmp_path, monkeypatch, value):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    if value is None:
        monkeypatch.delenv("DNALIB_CACHE", raising=False)
    else:
        monkeypatch.setenv("DNALIB_CACHE", value)
    assert cache_dir() == tmp_path / "dnalib"


def test_atomic_path_replaces_the_target_at_the_end_only(tmp_path):
    target = tmp_path / "new" / "note.txt"
    with atomic_path(target) as path:
        path.write_text("first")
        assert path.suffix == ".txt"
        assert not target.exists()
    with atomic_path(target) as path:
        path.write_text("second")
        assert target.read_text() == "first"
    assert target.read_text() == "second"
    assert list(target.parent.iterdir()) == [target]


def test_atomic_path_keeps_the_old_file_after_an_error(tmp_path):
    target = tmp_path / "note.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        with atomic_path(target) as path:
            path.write_text("half")
            raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_two_writers_do_not_meet(tmp_path):
    target = tmp_path / "note.txt"
    with atomic_path(target) as one, atomic_path(target) as two:
        assert one != two
        one.write_text("one")
        two.write_text("two")
    assert target.read_text() == "one"  # the outer block ends last


def test_sha256_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(b"abc\r\n")
    assert sha256(path) == hashlib.sha256(b"abc\r\n").hexdigest()
