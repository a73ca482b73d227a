"""The done-mark holds only while nothing it depends on has changed."""

import json

import pytest

from dnalib import environment
from dnalib.execution import command, supervisor
from dnalib.execution.manifest import Manifest, key_of
from dnalib.execution.supervisor import Outcome, Result


@pytest.fixture
def runs(project, monkeypatch):
    """A project whose notebooks take no kernel; calling it returns the names that ran."""
    project.notebook("00_first")
    project.notebook("01_second")
    monkeypatch.setattr(environment, "sources_sha256", lambda folder: "library 1")
    ran = []

    def run(job, stop, on_cell):
        ran.append(job.notebook.name)
        for path in (job.executed, job.html, job.results / "metrics.json"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
        return Result(Outcome.DONE, seconds=1.0)

    monkeypatch.setattr(supervisor, "run", run)

    def runs(*arguments):
        ran.clear()
        assert command.main(arguments, root=project.root) == 0
        return list(ran)

    runs.project = project
    runs.output = project.root / "outputs" / "quick"
    assert runs() == ["00_first", "01_second"]
    assert runs() == []
    return runs


def test_source_counts_and_outputs_do_not(runs):
    path = runs.project.notebooks / "01_second.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "0"}]
    notebook["cells"][1]["execution_count"] = 3
    path.write_text(json.dumps(notebook))
    assert runs() == []
    notebook["cells"][0]["source"] = "# Another title"
    path.write_text(json.dumps(notebook))
    assert runs() == ["01_second"]


def test_parameters_count(runs):
    assert runs("-p", "seed=1") == ["00_first", "01_second"]
    assert runs("-p", "seed=1") == []
    runs.project.profiles('[quick."00_first"]\nseed = 1')
    assert runs() == ["01_second"]  # the first was last run with just this


def test_library_and_versions_count(runs, monkeypatch):
    monkeypatch.setattr(environment, "sources_sha256", lambda folder: "library 2")
    assert runs() == ["00_first", "01_second"]
    (runs.project.root / "requirements.txt").write_text("papermill==2.7.0\nnumpy==2.4.6\n")
    assert runs() == ["00_first", "01_second"]


@pytest.mark.parametrize(
    "name", ["executed/00_first.ipynb", "html/00_first.html", "00_first/metrics.json"]
)
@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_artifacts_must_be_there_unchanged(runs, name, harm):
    path = runs.output / name
    path.unlink() if harm == "gone" else path.write_text("{ }")
    assert runs() == ["00_first"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"notebooks": [1]}', '{"notebooks": {"a": 1}}'])
def test_a_broken_manifest_counts_as_empty(runs, capsys, text):
    (runs.output / "manifest.json").write_text(text)
    assert runs() == ["00_first", "01_second"]
    assert capsys.readouterr().out.count("cannot be read and is taken as empty") == 1
    assert runs() == []


def test_force_runs_everything(runs):
    assert runs("--force", "--only", "1") == ["01_second"]


@pytest.mark.parametrize("outcome", ["running", "failed", "interrupted"])
def test_only_done_is_done(tmp_path, outcome):
    manifest = Manifest(tmp_path / "manifest.json")
    (tmp_path / "result").write_text("1")
    entry = {"key": "k", "artifacts": manifest.digests(["result"])}
    manifest.record("00", entry | {"outcome": "done"})
    assert Manifest(manifest.path).is_up_to_date("00", "k")
    assert not Manifest(manifest.path).is_up_to_date("00", "other")
    manifest.record("00", entry | {"outcome": outcome})
    assert not Manifest(manifest.path).is_up_to_date("00", "k")


def test_done_without_artifacts_is_not_done(tmp_path):
    manifest = Manifest(tmp_path / "manifest.json")
    manifest.record("00", {"key": "k", "outcome": "done", "artifacts": {}})
    assert not manifest.is_up_to_date("00", "k")


def test_a_key_depends_on_every_ingredient_and_no_order():
    assert key_of(a=1, b={"x": 1, "y": 2}) == key_of(b={"y": 2, "x": 1}, a=1)
    assert len({key_of(a=1, b=2), key_of(a=2, b=1), key_of(a=1), key_of(a="1", b=2)}) == 4


def test_sources_digest_sees_content_and_names(tmp_path):
    (tmp_path / "a.py").write_text("1")
    digests = [environment.sources_sha256(tmp_path)]
    (tmp_path / "a.py").write_text("2")
    digests.append(environment.sources_sha256(tmp_path))
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    digests.append(environment.sources_sha256(tmp_path))
    (tmp_path / "notes.txt").write_text("not a source")
    assert len(set(digests)) == 3 and environment.sources_sha256(tmp_path) == digests[-1]
