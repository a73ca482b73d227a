"""Outputs kept in the notebooks: those of this source, without noise, and the source untouched."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from dnalib import environment
from dnalib.execution import keeping, modules
from dnalib.execution.keeping import keep_outputs, outputs_are_of
from dnalib.execution.notebooks import read
from dnalib.execution.readings import show_times
from dnalib.execution.refresh import main, refresh
from tests.execution.conftest import METRICS, run

RESULTS = "results = '../results'"


def cells(source="x"):
    return [
        new_markdown_cell("# Title", id="title"),
        new_code_cell(source, id="cell"),
    ]


def write(path, made):
    nbformat.write(new_notebook(cells=made), path)
    return path


def executed(tmp_path, html='<table id="T_a1b2c"><style>#T_a1b2c {}</style>', source="x"):
    made = cells(source)
    made[1].outputs = [new_output("display_data", {"text/html": html, "text/plain": "table"})]
    made[1].execution_count = 2
    made[1].metadata["papermill"] = {"start_time": "2026-01-01"}
    injected = new_code_cell("output_dir = 'elsewhere'", id="injected")
    return write(tmp_path / "executed.ipynb", [made[0], injected, made[1]])


def test_outputs_are_kept_and_nothing_of_the_run(tmp_path):
    notebook = write(tmp_path / "01_a.ipynb", cells())
    before = read(notebook)
    assert not outputs_are_of(before)
    keep_outputs(notebook, executed(tmp_path))
    after = read(notebook)
    assert outputs_are_of(after) and after.source_sha256 == before.source_sha256
    assert "papermill" not in notebook.read_text() and "elsewhere" not in notebook.read_text()
    (output,) = nbformat.read(notebook, as_version=4).cells[1].outputs
    assert output.data["text/html"] == '<table id="T_cell"><style>#T_cell {}</style>'


def test_another_run_of_the_same_changes_no_byte(tmp_path):
    notebook = write(tmp_path / "01_a.ipynb", cells())
    keep_outputs(notebook, executed(tmp_path))
    first = notebook.read_bytes()
    keep_outputs(notebook, executed(tmp_path, '<table id="T_99999"><style>#T_99999 {}</style>'))
    assert notebook.read_bytes() == first


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            [
                new_output(
                    "stream",
                    text="epoch 1/3  loss 1.03  seconds 61\nepoch 2/3  loss 0.4  seconds 3.7\n",
                )
            ],
            [
                new_output("stream", text="epoch 1/3  loss 1.03  seconds 6\n"),
                new_output("stream", text="epoch 2/3  loss 0.4  seconds 38.7\n"),
            ],
        ),
        (
            [
                new_output(
                    "stream",
                    text="encoding: 1,052 of 2,000 texts, about 2 min left\nloss 1.03\n",
                )
            ],
            [new_output("stream", text="loss 1.03\n")],
        ),
        (
            [new_output("execute_result", {"text/plain": "<Styler at 0x7f3a10>"})],
            [new_output("execute_result", {"text/plain": "<Styler at 0x7f6bc8>"})],
        ),
    ],
    ids=["printed", "lines of progress", "addresses"],
)
def test_what_differs_between_runs_is_left_out(tmp_path, one, other):
    notebook, kept = write(tmp_path / "01_a.ipynb", cells()), []
    for outputs in (one, other):
        made = cells()
        made[1].outputs, made[1].execution_count = outputs, 1
        keep_outputs(notebook, write(tmp_path / "executed.ipynb", made))
        kept.append(notebook.read_text())
    assert kept[0] == kept[1]
    assert "loss 1.03" in kept[0] or "<Styler>" in kept[0]


@pytest.mark.parametrize(("cell", "stale"), [(1, True), (0, False)], ids=["code", "prose"])
def test_outputs_are_stale_once_code_is_changed(tmp_path, cell, stale):
    notebook = write(tmp_path / "01_a.ipynb", cells())
    keep_outputs(notebook, executed(tmp_path))
    changed = nbformat.read(notebook, as_version=4)
    changed.cells[cell].source = "y"
    nbformat.write(changed, notebook)
    assert outputs_are_of(read(notebook)) is not stale


def test_outputs_of_another_source_are_refused(tmp_path):
    notebook = write(tmp_path / "01_a.ipynb", cells())
    before = notebook.read_bytes()
    with pytest.raises(ValueError, match="cell 'cell' of executed.ipynb is not the one of"):
        keep_outputs(notebook, executed(tmp_path, source="y"))
    assert notebook.read_bytes() == before


def test_a_notebook_that_grows_too_large_is_refused_and_left_as_it_was(tmp_path, monkeypatch):
    notebook = write(tmp_path / "01_a.ipynb", cells())
    before = notebook.read_bytes()
    monkeypatch.setattr(keeping, "LARGEST", 100)
    with pytest.raises(ValueError, match="bytes with its outputs: expected at most 100; draw"):
        keep_outputs(notebook, executed(tmp_path))
    assert notebook.read_bytes() == before


def test_refreshing_runs_the_notebooks_and_keeps_their_outputs(project):
    project.notebook("00_a", METRICS, "print('seen', seed)")
    path = project.notebooks / "00_a.ipynb"
    readme = project.root / "README.md"
    readme.write_text("| [a](notebooks/00_a.ipynb) | what it shows | 9999 s |\nAfter 9999 s |.\n")
    assert refresh(project.root) == 0
    assert outputs_are_of(read(path)) and "seen 0" in path.read_text()
    reading = json.loads((project.root / "results" / "quick.json").read_text())["00_a"]
    assert reading["metrics"] == {"seed": 0} and reading["hardware"]["cores"]
    shown = f"what it shows | {reading['seconds']:.0f} s |\nAfter 9999 s |.\n"
    assert reading["seconds"] < 9999 and readme.read_text().endswith(shown)
    kept = path.read_bytes()
    assert refresh(project.root) == 0  # up to date: outputs do not change the source
    assert path.read_bytes() == kept


def test_what_ran_side_by_side_is_measured_again(project, monkeypatch):
    names = ("00_a", "01_b")
    for name in names:
        project.notebook(name, METRICS)
    rows = [f"| [x](notebooks/{name}.ipynb) | 9 s |\n" for name in names]
    (project.root / "README.md").write_text("".join(rows))
    assert refresh(project.root) == 0
    stored = project.root / "outputs" / "quick" / "manifest.json"
    manifest = json.loads(stored.read_text())
    before = {name: entry["started"] for name, entry in project.manifest().items()}
    other = environment.threads_used(environment.cores()) + 1
    stored.write_text(json.dumps(manifest).replace('"threads": ', f'"threads": {other}, "x": ', 1))
    assert refresh(project.root) == 0
    again = [name for name in names if project.manifest()[name]["started"] != before[name]]
    assert again == ["00_a"]


def test_a_document_without_a_row_of_a_notebook_is_refused_and_left_as_it_was(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("| [a](notebooks/00_a.ipynb) | a | 1 s |\n")
    with pytest.raises(ValueError, match="has 0 rows of 01_b that end in '| 0 s |': expected one"):
        show_times({"00_a": {"seconds": 3}, "01_b": {"seconds": 4}}, readme)
    assert "| 1 s |" in readme.read_text()


def test_a_refresh_without_a_row_in_readme_is_refused_before_anything_is_run(
    project, monkeypatch, capsys
):
    project.notebook("00_a", METRICS)
    (project.root / "README.md").write_text("nothing")
    monkeypatch.chdir(project.root)
    assert main([]) == 2
    error = capsys.readouterr().err
    assert error.startswith("refresh: ") and "has 0 rows of 00_a" in error
    assert error.count("\n") == 1 and not (project.root / "outputs").exists()


def test_what_a_refresh_writes_makes_no_notebook_stale(project, monkeypatch):
    monkeypatch.setattr(modules, "used", lambda notebook: {"dnalib.outputs": "1"})
    project.notebook("00_a", METRICS, parameters=f"seed = 0\n{RESULTS}\noutput_dir = '../out'")
    (project.root / "results").mkdir()
    (project.root / "README.md").write_text("| [a](notebooks/00_a.ipynb) | it shows | 9999 s |\n")
    assert refresh(project.root) == 0
    code, printed = run(project, "--dry-run")
    assert code == 0 and "up to date" in printed


def test_nothing_is_kept_when_a_notebook_fails(project):
    project.notebook("00_a", METRICS)
    project.notebook("01_b", METRICS, "1 / 0")
    rows = [f"| [x](notebooks/{name}.ipynb) | 1 s |\n" for name in ("00_a", "01_b")]
    (project.root / "README.md").write_text("".join(rows))
    before = {path: path.read_bytes() for path in project.notebooks.glob("*.ipynb")}
    assert refresh(project.root) != 0
    assert {path: path.read_bytes() for path in before} == before
