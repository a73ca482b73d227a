"""What a study keeps: every row at once, in order, and nothing twice."""

from dataclasses import replace
from subprocess import CalledProcessError

import pandas as pd
import pytest

from dnalib.studies import Study, command, instances, novel_classes
from dnalib.studies.command import STUDIES, load_study, main


class Measured:
    """Counts what is measured; the score of a method is its length."""

    def __init__(self):
        self.asked = []
        self.digest = "00123456"

    def __call__(self, dataset, seed, methods):
        self.asked.append((dataset, seed, tuple(methods)))
        yield {"method": "start", "score": 0.0}
        for method in methods:
            if method == "broken":
                raise RuntimeError("in mid run")
            yield {"method": method, "score": len(method) + 0.123456}


@pytest.fixture
def measured():
    return Measured()


@pytest.fixture
def study(measured):
    return Study(
        "x.csv",
        ("one", "two"),
        ("short", "a-long-one", "broken"),
        measured,
        stamp=lambda dataset: {"recipe": measured.digest},
        main=("score",),
    )


def test_rows_are_kept_in_the_order_of_the_study(study, tmp_path):
    path = tmp_path / "deep" / "x.csv"
    list(study.run(["two", "one"], ["a-long-one"], [1, 0], path))
    list(study.run(["one"], ["short"], [0], path))
    table = study.read(path)
    assert table[["dataset", "method", "seed"]].to_numpy().tolist() == [
        ["one", "start", 0], ["one", "start", 1], ["one", "short", 0],
        ["one", "a-long-one", 0], ["one", "a-long-one", 1],
        ["two", "start", 0], ["two", "start", 1],
        ["two", "a-long-one", 0], ["two", "a-long-one", 1],
    ]  # fmt: skip
    assert table["score"].max() == 10.12


def test_what_a_dataset_does_not_offer_is_not_asked_for(study, measured, tmp_path):
    study = replace(study, offers=lambda dataset, method: dataset == "one" or method != "short")
    list(study.run(["one", "two"], ["short", "a-long-one"], [0], tmp_path / "x.csv"))
    assert measured.asked == [("one", 0, ("short", "a-long-one")), ("two", 0, ("a-long-one",))]


def test_what_is_there_is_not_measured_again(study, measured, tmp_path):
    path = tmp_path / "x.csv"
    rows = list(study.run(["one"], ["short"], [0], path))
    assert [row["method"] for row in rows] == ["start", "short"]
    before = path.read_bytes()
    assert list(study.run(["one"], ["short"], [0], path)) == []
    assert path.read_bytes() == before
    list(study.run(["one"], ["short", "a-long-one"], [0], path))
    assert measured.asked == [("one", 0, ("short",)), ("one", 0, ("a-long-one",))]


def test_another_stamp_is_measured_anew_in_the_same_place(study, measured, tmp_path):
    path = tmp_path / "x.csv"
    list(study.run(["one"], ["short"], [0], path))
    assert study.read(path)["recipe"].tolist() == ["00123456"] * 2  # and is no number
    measured.digest = "abc"
    list(study.run(["one"], ["short"], [0], path))
    assert study.read(path)["recipe"].tolist() == ["abc"] * 2


def test_a_run_that_breaks_off_keeps_what_it_measured(study, tmp_path):
    path = tmp_path / "x.csv"
    with pytest.raises(RuntimeError):
        list(study.run(["one"], ["short", "broken"], [0], path))
    assert study.read(path)["method"].tolist() == ["start", "short"]


def test_the_command_prints_each_row_and_refuses_unknown_names(
    study, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(command, "load_study", lambda name: study)
    arguments = ["salient", "--datasets", "one", "--methods", "short", "--seeds", "3"]
    assert main([*arguments, "--results", str(tmp_path / "x.csv")]) == 0
    assert "one, short, seed 3: score 5.1\n" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main(["salient", "--datasets", "three"])
    assert "'three'" in capsys.readouterr().err


def test_help_of_a_study_lists_its_options(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["instances", "--help"])
    assert "--datasets" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (FileNotFoundError("no such data"), 2, "no such data"),
        (PermissionError("read-only"), 8, "stopped early, read-only; start it again to go on"),
        (CalledProcessError(3, ["papermill", "12.ipynb"]), 1, "12.ipynb ended with 3: look there"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_stops_a_study_is_one_sentence(study, monkeypatch, capsys, error, code, sentence):
    def broken(*asked):
        raise error

    monkeypatch.setattr(command, "load_study", lambda name: study)
    monkeypatch.setattr(command, "_run", broken)
    assert main(["salient"]) == code
    assert capsys.readouterr().err == (f"study: {sentence}\n" if sentence else "")


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_its_table_in_the_repository(name):
    study = load_study(name)
    table = study.read()
    assert len(table) and set(table["dataset"]) <= set(study.datasets)
    assert not table.duplicated(["dataset", "method", "seed"]).any()
    assert pd.api.types.is_integer_dtype(table["seed"])


@pytest.mark.parametrize("name", STUDIES)
def test_no_study_of_the_repository_lacks_a_row(name):
    asked = []
    study = replace(load_study(name), measure=lambda *missing: asked.append(missing) or ())
    assert not list(study.run(study.datasets, study.methods, study.seeds))
    assert asked == []


def test_what_a_study_does_not_offer_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="no dataset 'hwu64': expected one of digits, mnist, om"):
        instances.prepare("hwu64")
    with pytest.raises(ValueError, match="no dataset 'omniglot': expected one of digits, mnist, c"):
        novel_classes.RECIPES["omniglot"]


def test_a_table_that_is_none_is_named(study, tmp_path):
    (tmp_path / "x.csv").touch()
    with pytest.raises(ValueError, match=r"x.csv is no table \(.*\): mend it or remove it"):
        study.read(tmp_path / "x.csv")
