"""What the book's command refuses, in one sentence, and how it puts a book in place."""

import os
import sys
from pathlib import Path

import pytest

from dnalib.book import main
from dnalib.book.build import MARKS, _put_in_place


@pytest.mark.parametrize("output", ["", "kept"])
def test_a_folder_that_is_no_book_is_refused_and_left_as_it_was(
    tmp_path, monkeypatch, capsys, output
):
    monkeypatch.chdir(tmp_path)
    foreign = Path(output, "thesis.txt")
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("mine")
    assert main(["--output", str(Path(output))]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"book: {Path(output)} holds something other than a book: expected a")
    assert error.count("\n") == 1 and foreign.read_text() == "mine"


def test_outside_a_clone_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 2
    error = capsys.readouterr().err
    assert error.startswith("book: There is no notebook in ") and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_sphinx_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "sphinx", None)
    assert main([]) == 2
    assert capsys.readouterr().err == (
        "book: sphinx not installed: expected what the book needs; run "
        "pip install -r requirements.txt\n"
    )


def test_a_new_book_takes_the_place_of_an_old_one(tmp_path):
    made, target = tmp_path / "made", tmp_path / "outputs" / "book"
    made.mkdir()
    for mark in (*MARKS, "old.html"):
        (made / mark).touch()
    _put_in_place(made, target)
    (made / "old.html").rename(made / "new.html")
    _put_in_place(made, target)
    assert {path.name for path in target.iterdir()} == {*MARKS, "new.html"}
    assert list(target.parent.iterdir()) == [target]


def test_an_old_book_is_not_lost_when_a_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    made, target = tmp_path / "made", tmp_path / "book"
    for folder in (made, target):
        folder.mkdir()
        (folder / folder.name).touch()
    replace = os.replace

    def fail(source, place):
        if Path(source).name == "new":
            raise OSError("no space")
        replace(source, place)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        _put_in_place(made, target)
    assert [path.name for path in target.iterdir()] == ["book"]
