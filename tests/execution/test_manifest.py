"""The done-mark holds only while nothing it depends on has changed."""

import io
import json
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnalib import environment
from dnalib.execution import command, data, modules, supervisor
from dnalib.execution.manifest import Manifest
from dnalib.execution.outcomes import Outcome, Result


@pytest.fixture
def runs(project, monkeypatch, capsys):
    """A project whose notebooks take no kernel; calling it returns the names that ran."""
    project.notebook("00_first")
    project.notebook("01_second")
    monkeypatch.setattr(modules, "used", lambda notebook: {"dnalib.neighbors": "1"})
    monkeypatch.setenv("DNALIB_DATA", str(project.root / "data"))
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

    def reason(name, *arguments):
        """What --dry-run says of a notebook."""
        capsys.readouterr()
        before = sorted(project.root.rglob("*"))
        assert command.main(["--dry-run", *arguments], root=project.root) == 0
        assert sorted(project.root.rglob("*")) == before  # and it writes nothing
        line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith(name))
        return line.removeprefix(name).strip().removeprefix("would run").strip()

    assert reason("00_first") == "never run"
    runs.reason = reason
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
    assert runs.reason("01_second") == "source changed"
    assert runs.reason("00_first") == "up to date"
    assert runs() == ["01_second"]


def test_parameters_count(runs):
    assert runs.reason("00_first", "-p", "seed=1") == "parameter seed 0 -> 1"
    assert runs("-p", "seed=1") == ["00_first", "01_second"]
    assert runs("-p", "seed=1") == []
    runs.project.profiles('[quick."00_first"]\nseed = 1')
    assert runs() == ["01_second"]  # the first was last run with just this


def test_modules_and_versions_count(runs, monkeypatch):
    monkeypatch.setattr(modules, "used", lambda notebook: {"dnalib.neighbors": "2"})
    assert runs.reason("00_first") == "dnalib.neighbors changed"
    assert runs() == ["00_first", "01_second"]
    requirements = runs.project.root / "requirements.txt"
    requirements.write_text("papermill==2.7.0\nnumpy==2.4.6\n")
    assert runs.reason("01_second") == f"package numpy none -> {environment.installed('numpy')}"
    assert runs() == ["00_first", "01_second"]
    monkeypatch.setattr(environment, "installed", lambda name: "1.0")
    assert "; package papermill 2.7.0 -> 1.0" in runs.reason("01_second")


def test_data_counts_for_those_who_use_it(runs):
    file = runs.project.root / "data" / "wos" / "test.tsv"
    file.parent.mkdir(parents=True)
    file.write_text("text\tlabel")
    assert runs() == []
    parameters = "dataset = 'wos-test'\nseed = 0\noutput_dir = ''"
    runs.project.notebook("01_second", parameters=parameters)
    assert runs() == ["01_second"] and runs() == []
    file.write_text("text\tlabels")
    assert runs.reason("01_second") == "data wos/test.tsv changed"
    assert runs() == ["01_second"]


def test_every_dataset_that_a_parameter_names_is_data(runs):
    file = runs.project.root / "data" / "wos" / "test.tsv"
    file.parent.mkdir(parents=True)
    file.write_text("text\tlabel")
    parameters = "dataset = 'digits'\ntext_dataset = 'wos'\noutput_dir = ''"
    runs.project.notebook("01_second", parameters=parameters)
    assert runs() == ["01_second"] and runs() == []
    file.write_text("text\tlabels")
    assert runs.reason("01_second") == "data wos/test.tsv changed"


def test_data_that_was_downloaded_by_the_run_itself_is_no_change(runs, monkeypatch):
    file = runs.project.root / "data" / "wos" / "test.tsv"
    runs.project.notebook("01_second", parameters="dataset = 'wos'\noutput_dir = ''")
    fake = supervisor.run

    def run(*arguments):
        file.parent.mkdir(parents=True)
        file.write_text("text\tlabel")
        return fake(*arguments)

    monkeypatch.setattr(supervisor, "run", run)
    assert runs() == ["01_second"] and runs() == []


def test_a_file_named_by_a_parameter_is_data(runs):
    (runs.project.notebooks / "my table.csv").write_text("text,label")
    runs.project.notebook("01_second", parameters="table = 'my table.csv'\noutput_dir = ''")
    assert runs() == ["01_second"] and runs() == []
    (runs.project.notebooks / "my table.csv").write_text("text,label\n")
    assert runs.reason("01_second") == "data my table.csv changed"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("runs.jsonl", True),
        ("variations/runs.jsonl", True),
        ("variations/quick.json", True),
        ("quick.json", False),
        (".labels.json.lock", False),
        ("failed/digits-dna-seed-0.log", False),
    ],
)
def test_of_a_folder_of_results_counts_what_a_notebook_may_read(runs, name, counts):
    file = runs.project.root / "results" / name
    file.parent.mkdir(parents=True)
    file.write_text("before")
    runs.project.notebook("01_second", parameters="results = '../results'\noutput_dir = ''")
    assert runs() == ["01_second"] and runs() == []
    file.write_text("after")
    changed = f"data ../results/{name} changed"
    assert runs.reason("01_second") == (changed if counts else "up to date")


def test_a_library_that_breaks_meanwhile_costs_no_finished_notebook(runs, monkeypatch):
    finished = supervisor.run

    def run(*arguments):
        monkeypatch.setattr(modules, "used", lambda notebook: 1 / 0)
        return finished(*arguments)

    monkeypatch.setattr(supervisor, "run", run)
    assert runs("--force", "--only", "1") == ["01_second"]
    assert runs.project.manifest()["01_second"]["outcome"] == "done"


def test_a_fraction_of_a_second_is_rounded_up_for_nbclient(runs, monkeypatch):
    limits = []
    monkeypatch.setattr(
        supervisor,
        "run",
        lambda job, *rest: limits.append(job.cell_timeout) or Result(Outcome.DONE),
    )
    runs("--force", "--only", "0", "--cell-timeout", "1.5")
    assert limits == [2] and isinstance(limits[0], int)


def test_the_recorded_threads_are_those_that_were_used(runs, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    runs("--force")
    assert runs.project.manifest()["00_first"]["threads"] == 7


def test_jobs_share_the_cores_and_verify_takes_as_many_threads_as_there_were(runs, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(environment, "cores", lambda: 4)
    taken = []
    run = supervisor.run
    monkeypatch.setattr(supervisor, "run", lambda job, *rest: taken.append(job) or run(job, *rest))
    runs("--force", "--jobs", "2")
    assert runs.project.manifest()["00_first"]["threads"] == 2
    runs("--verify")
    assert [job.threads for job in taken] == [2] * 4


def test_a_runner_to_whom_nobody_listens_writes_all_its_files(runs, monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    written = (runs.output / "junit.xml", runs.output / "html" / "index.html")
    for path in written:
        path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Closed())
        assert runs("--force") == ["00_first", "01_second"]
    assert all(path.exists() for path in written)


def test_long_reasons_are_cut(runs, monkeypatch):
    many = {f"dnalib.m{i}": "1" for i in range(9)}
    monkeypatch.setattr(modules, "used", lambda notebook: many)
    assert runs.reason("00_first") == (
        "dnalib.m0 changed; dnalib.m1 changed; dnalib.m2 changed; and 7 more"
    )


def test_a_tuple_is_a_list_in_json_and_no_change(runs):
    runs.project.notebook("01_second", parameters="a = ('x', 'y')\noutput_dir = ''")
    assert runs() == ["01_second"] and runs() == []


@pytest.mark.parametrize(
    "name", ["executed/00_first.ipynb", "html/00_first.html", "00_first/metrics.json"]
)
@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_artifacts_must_be_there_unchanged(runs, name, harm):
    path = runs.output / name
    path.unlink() if harm == "gone" else path.write_text("{ }")
    word = "missing" if harm == "gone" else "changed"
    assert runs.reason("00_first") == f"artifact {word}: {name}"
    assert runs() == ["00_first"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "[" * 9999, '{"notebooks": [1]}', '{"notebooks": {"a": 1}}']
)
def test_a_broken_manifest_counts_as_empty(runs, capsys, text):
    (runs.output / "manifest.json").write_text(text)
    assert runs() == ["00_first", "01_second"]
    assert capsys.readouterr().out.count("cannot be read and is taken as empty") == 1
    assert runs() == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=5,
)
KEYS = ["outcome", "detail", "seconds", "artifacts", "values", "modules", "data", "versions"]
ENTRY = st.dictionaries(st.sampled_from(KEYS), JSON | st.just("done")) | JSON


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.dictionaries(st.sampled_from(["00_first", "01_second", "x"]), ENTRY) | JSON)
def test_whatever_the_manifest_holds_all_ends_well(runs, content):
    (runs.output / "manifest.json").write_text(json.dumps({"notebooks": content}))
    assert runs("--only", "1") == ["01_second"]
    assert runs("--only", "1") == []


@pytest.mark.parametrize("text", ["", "[", "[]", "[" * 9999])
def test_broken_metrics_of_another_notebook_do_not_stop_a_run(runs, text):
    (runs.output / "00_first" / "metrics.json").write_text(text)
    assert runs("--only", "1", "--force") == ["01_second"]


def test_force_runs_everything(runs):
    assert runs("--force", "--only", "1") == ["01_second"]


NOTHING = {"source_sha256": "s", "values": {}, "modules": {}, "data": {}, "versions": {}}


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ("done", ""),
        ("running", "last run did not end"),
        ("failed", "last run: failed"),
        ("interrupted", "last run: interrupted"),
        (None, "never run"),  # unreadable
    ],
)
def test_only_done_is_done(tmp_path, outcome, reason):
    manifest = Manifest(tmp_path / "manifest.json")
    (tmp_path / "result").write_text("1")
    entry = NOTHING | {"artifacts": manifest.digests(["result"]), "outcome": outcome}
    manifest.record("00", entry)
    assert Manifest(manifest.path).why_rerun("00", NOTHING) == reason


@pytest.mark.parametrize("artifacts", [{}, None, ["result"], 1])
def test_done_without_artifacts_is_not_done(tmp_path, artifacts):
    manifest = Manifest(tmp_path / "manifest.json")
    manifest.record("00", NOTHING | {"outcome": "done", "artifacts": artifacts})
    assert manifest.why_rerun("00", NOTHING).startswith("artifact missing")


@pytest.mark.parametrize("kind", ["values", "modules", "data", "versions"])
def test_every_ingredient_counts(tmp_path, kind):
    manifest = Manifest(tmp_path / "manifest.json")
    (tmp_path / "result").write_text("1")
    entry = NOTHING | {"artifacts": manifest.digests(["result"]), "outcome": "done"}
    for before in ({"a": 2}, {"a": True}, {"b": 1}, {}, 3, None):
        manifest.record("00", entry | {kind: before})
        assert manifest.why_rerun("00", NOTHING | {kind: {"a": 1}}) != ""
    for before, now in (("1", 1), ("none", None), ("true", True), ('["a"]', ["a"])):
        manifest.record("00", entry | {kind: {"a": before}})
        assert manifest.why_rerun("00", NOTHING | {kind: {"a": now}}) != ""


def test_the_order_of_a_table_does_not_count(tmp_path):
    manifest = Manifest(tmp_path / "manifest.json")
    (tmp_path / "result").write_text("1")
    entry = NOTHING | {"artifacts": manifest.digests(["result"]), "outcome": "done"}
    manifest.record("00", entry | {"values": {"x": {"b": 1, "a": 2}}})
    again = Manifest(manifest.path)
    assert again.why_rerun("00", NOTHING | {"values": {"x": {"b": 1, "a": 2}}}) == ""


def test_what_is_written_and_what_holds_the_notebook_are_no_data(tmp_path):
    folder = tmp_path / "notebooks"
    (tmp_path / "data").mkdir()
    folder.mkdir()
    for name in ("table.csv", "labels.csv"):
        (tmp_path / "data" / name).write_text(name)
    values = {"path": "../data/table.csv", "output": "../data/labels.csv", "root": "../"}
    assert list(data.stamps(values, folder)) == ["../data/table.csv"]
    assert len(data.stamps({"folder": "../data"}, folder)) == 2
