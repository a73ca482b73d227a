"""What is refused is refused in one sentence, with exit code 2, before anything runs."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnalib import environment
from dnalib.execution import command, supervisor
from dnalib.execution.notebooks import discover, read_literals, select
from dnalib.execution.parameters import load_profile, parse_overrides


@pytest.fixture
def two(project):
    project.notebook("00_first", parameters="seed = 0\nk: int = 5\noutput_dir = '../out'")
    project.notebook("03_neighbor_filtering", parameters="seed = 0\noutput_dir = '../out'")
    return project


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch):
    """Fail at the first attempt to run a notebook."""
    monkeypatch.setattr(supervisor, "run", lambda *args: pytest.fail("a notebook was run"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["-p", "sede=1"],
            "00_first has no parameter 'sede'; did you mean 'seed'? There are: seed, k.",
        ),
        (["-p", "k=1"], "03_neighbor_filtering has no parameter 'k'; there are: seed."),
        (
            ["-p", "seed=one"],
            "00_first was given seed='one', a string; expected a number like its default 0.",
        ),
        (["-p", "output_dir=x"], "'output_dir' is set for each notebook; use --output instead."),
        (["-p", "seed"], "-p got 'seed'; expected NAME=VALUE, such as -p seed=1."),
        (
            ["--only", "neighbours"],
            "There is no notebook 'neighbours'; there are: 00_first, 03_neighbor_filtering.",
        ),
        (
            ["--only", "neighbor"],
            "There is no notebook 'neighbor'; did you mean '03_neighbor_filtering'? "
            "There are: 00_first, 03_neighbor_filtering.",
        ),
        (
            ["--profile", "quik"],
            "There is no profile 'quik' in profiles.toml; did you mean 'quick'? There are: quick.",
        ),
    ],
)
def test_wrong_arguments(two, capsys, arguments, sentence):
    assert command.main(arguments, root=two.root) == 2
    assert capsys.readouterr().err == f"run_all.py: {sentence}\n"
    assert not (two.root / "outputs").exists()


@pytest.mark.parametrize(
    "arguments",
    [["--jobs", "0"], ["--cell-timeout", "-1"], ["--notebook-timeout", "nan"], ["--jbos", "2"]],
)
def test_wrong_options(two, arguments):
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments, root=two.root)
    assert stopped.value.code == 2


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('[quick.all]\nsede = 1', r"sets 'sede' in \[quick.all\].*did you mean 'seed'"),
        ('[quick."03_neighbor_filtering"]\nk = 1', "03_neighbor_filtering has no parameter 'k'"),
        ('[quick."04_gone"]\nseed = 1', "'04_gone' in .quick., which is no notebook"),
        ("[quick]\nseed = 1", "'seed' in .quick., which is no notebook"),
        ("[quick", "profiles.toml is not valid TOML"),
    ],
)
def test_wrong_profiles(two, toml, message):
    two.profiles(toml)
    with pytest.raises(ValueError, match=message):
        load_profile(two.notebooks / "profiles.toml", "quick", discover(two.notebooks))


def test_shared_values_go_only_to_those_who_declare_them(two):
    two.profiles('[quick.all]\nk = 9\n[quick."00_first"]\nseed = 3')
    first, third = discover(two.notebooks)
    profile = load_profile(two.notebooks / "profiles.toml", "quick", [first, third])
    assert profile.values(first) == {"k": 9, "seed": 3}
    assert profile.values(third) == {}


def test_a_notebook_must_say_where_its_results_go(project, capsys):
    project.notebook("00_first", parameters="seed = 0")
    assert command.main([], root=project.root) == 2
    assert "00_first declares no 'output_dir'" in capsys.readouterr().err


def test_no_notebook_at_all(project, capsys):
    assert command.main([], root=project.root) == 2
    assert "There is no notebook in" in capsys.readouterr().err


def test_a_file_in_place_of_the_results_folder(two, capsys):
    (two.root / "taken").write_text("")
    assert command.main(["--output", str(two.root / "taken")], root=two.root) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_list_shows_titles_and_parameters(two, capsys):
    two.profiles("[quick]\n[bench.all]\nk = 9")
    assert command.main(["--list", "--profile", "bench"], root=two.root) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split(maxsplit=1) == ["00", "Title of 00_first  seed=0, k=5 -> 9".replace(
        "first  ", "first               ")]
    assert lines[3].startswith("03   Title of 03_neighbor_filtering  seed=0")


@pytest.mark.parametrize("wanted", ["3", "03", "neighbor_filtering", "03_neighbor_filtering"])
def test_notebooks_go_by_several_names(two, wanted):
    assert [n.number for n in select(discover(two.notebooks), [wanted])] == ["03"]


@pytest.mark.parametrize("source", ["x = f()", "import os", "a = b = 1", "x", "x = (", "a.b = 1"])
def test_parameters_cells_hold_literals_only(source):
    with pytest.raises(ValueError, match="cell of 00_first holds something other than name = lit"):
        read_literals(source, "00_first")


@given(st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_come_through_the_command_line(value):
    assert parse_overrides([f"x={value!r}"]) == {"x": value}


@given(st.text(st.characters(exclude_categories=["C"])).map(str.strip))
def test_any_text_comes_through_quoted(text):
    assert parse_overrides([f"x={json.dumps(text, ensure_ascii=False)}"]) == {"x": text}


@given(st.text())
def test_no_text_breaks_the_parser(text):
    try:
        assert len(parse_overrides([text])) == 1
    except ValueError as error:
        assert str(error).endswith("expected NAME=VALUE, such as -p seed=1.")


def test_the_runner_starts_without_the_heavy_libraries():
    heavy = "{'torch', 'sklearn', 'pandas', 'matplotlib', 'papermill', 'nbconvert'}"
    code = f"import dnalib.execution.command, sys; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_threads_are_kept_to_their_share():
    assert environment.thread_settings(2)["OMP_NUM_THREADS"] == "2"
