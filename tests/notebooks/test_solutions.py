"""Every worked solution runs and passes its own checks; a student's copy gives nothing away."""

import re
from pathlib import Path

import nbclient
import nbformat
import pytest

from dnalib.execution.students import main, make_copies

FOLDER = Path(__file__).parents[2] / "notebooks"
PATHS = sorted((FOLDER / "solutions").glob("*.ipynb"))

each_solution = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def solutions_of(notebook):
    return [c for c in notebook.cells if "solution" in c.metadata.get("tags", [])]


@pytest.mark.slow
@each_solution
def test_solutions_run(path, monkeypatch):
    monkeypatch.setenv("DNALIB_HEADLESS", "1")
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    ).execute()


@each_solution
def test_there_are_three_kinds_of_exercise_each_with_a_hint(path):
    questions = [
        c.source for c in nbformat.read(path, as_version=4).cells if c.id.startswith("question")
    ]
    kinds = {re.match(r"## Exercise \d+ \((\w+)\)", text)[1] for text in questions}
    assert {"conceptual", "coding", "open"} <= kinds
    assert all("<details><summary>Hint</summary>" in text for text in questions)


@each_solution
def test_the_exercises_are_those_of_the_notebook(path):
    notebook = nbformat.read(FOLDER / path.name, as_version=4)
    text = notebook.cells[-1].source
    for number, kind in re.findall(
        r"## Exercise (\d+) \((\w+)\)",
        "\n".join(c.source for c in nbformat.read(path, as_version=4).cells),
    ):
        assert f"\n{number}. *{kind.capitalize()}.*" in text
    assert f"](solutions/{path.name})" in text


@each_solution
def test_coding_exercises_are_checked(path):
    cells = nbformat.read(path, as_version=4).cells
    coding = [c.id.split("-")[1] for c in cells if "(coding)" in c.source]
    checks = {c.id: c for c in cells}
    assert all("assert" in checks[f"check-{number}"].source for number in coding)


def test_a_copy_for_students_has_the_questions_and_not_the_answers(tmp_path):
    copies = make_copies(FOLDER / "solutions", tmp_path / "students")
    assert [copy.name for copy in copies] == [path.name for path in PATHS]
    for path, copy in zip(PATHS, copies, strict=True):
        whole, emptied = (nbformat.read(p, as_version=4) for p in (path, copy))
        assert [c.id for c in whole.cells] == [c.id for c in emptied.cells]
        assert {c.source for c in solutions_of(emptied)} == {"# Your code here.", "*Your answer.*"}
        text = "\n".join(c.source for c in emptied.cells)
        assert not any(c.source in text for c in solutions_of(whole))


def test_outside_a_clone_the_command_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 2
    error = capsys.readouterr().err
    assert error.startswith("students: there is no notebook in notebooks/solutions: expected ")
    assert error.count("\n") == 1 and list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected worked solutions"):
        make_copies(tmp_path, tmp_path / "copies")
    assert not (tmp_path / "copies").exists()
