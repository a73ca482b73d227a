"""What is refused is refused in one sentence, with exit code 2, before anything runs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnalib import environment
from dnalib.execution import command, supervisor
from dnalib.execution.notebooks import discover, read_literals, select
from dnalib.execution.outcomes import DIFFERENT, EXIT_CODES, LOCKED, Outcome
from dnalib.execution.parameters import check, load_profile, parse_overrides
from dnalib.running.arguments import REFUSED


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
            "invalid parameters: 00_first has no parameter 'sede'; did you mean 'seed'? "
            "There are: seed, k.",
        ),
        (
            ["-p", "k=1"],
            "invalid parameters: 03_neighbor_filtering has no parameter 'k'; there are: seed.",
        ),
        (
            ["-p", "seed=one"],
            "invalid parameters: 00_first was given seed='one', a string; expected a number like "
            "its default 0.",
        ),
        (
            ["-p", "output_dir=x"],
            "invalid parameters: 'output_dir' is set for each notebook; use --output instead.",
        ),
        (
            ["-p", "seed"],
            "invalid parameters: -p got 'seed'; expected NAME=VALUE, such as -p seed=1.",
        ),
        (
            ["-p", "seed=1e999"],
            "invalid parameters: 00_first was given seed=inf; expected a finite number.",
        ),
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
    ("arguments", "sentence"),
    [
        (["--jobs", "0"], "argument --jobs: got '0'; expected a whole number, 1 to 9999"),
        (["--jobs", "1" * 99], f"argument --jobs: got '{'1' * 99}'; expected a whole number, 1"),
        (["--cell-timeout", "-1"], "argument --cell-timeout: got '-1'; expected a number above 0"),
        (
            ["--notebook-timeout", "nan"],
            "argument --notebook-timeout: got 'nan'; expected a number above 0",
        ),
        (["--memory-limit", "0"], "argument --memory-limit: got '0'; expected a number above 0"),
        (["--executor", "dsk"], "argument --executor: invalid choice: 'dsk' (choose from"),
        (["--executor", "dask"], "--executor dask and --scheduler ADDRESS go together; give both"),
        (["--scheduler", "x"], "--executor dask and --scheduler ADDRESS go together; give both"),
        (["--output", ""], "argument --output: got ''; expected the name of a folder"),
        (["--jbos", "2\n3"], "unrecognized arguments: --jbos 2 3"),
        (["--verify", "-p", "seed=1"], "--verify runs with the recorded parameters; leave -p out"),
        (["--verify", "--list"], "argument --list: not allowed with argument --verify"),
    ],
)
def test_wrong_options(two, capsys, arguments, sentence):
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments, root=two.root)
    assert stopped.value.code == 2
    refusal = capsys.readouterr().err
    assert refusal.startswith(f"run_all.py: {sentence}") and refusal.count("\n") == 1


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[quick.all]\nsede = 1", r"sets 'sede' in \[quick.all\].*did you mean 'seed'"),
        ('[quick."03_neighbor_filtering"]\nk = 1', "03_neighbor_filtering has no parameter 'k'"),
        ('[quick."04_gone"]\nseed = 1', "'04_gone' in .quick., which is no notebook"),
        ("[quick]\nseed = 1", "'seed' in .quick., which is no notebook"),
        ("[quick", "profiles.toml is not valid TOML"),
        ("quick = 1", r"sets quick = 1; expected a table, \[quick\]"),
        ("[quick]\nall = 1", r"sets all = 1 in \[quick\]; expected a table, \[quick.all\]"),
        ("[quick]\ncell_timeout = true", "sets cell_timeout = True in .quick.; expected seconds"),
        ("[quick]\ncell_timeout = inf", "sets cell_timeout = inf in .quick.; expected seconds"),
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
    taken = two.root / "taken"
    taken.write_text("")
    assert command.main(["--output", str(taken)], root=two.root) == 2
    assert capsys.readouterr().err == (
        f"run_all.py: the results folder {str(taken)!r} cannot be used (File exists); "
        "give another with --output.\n"
    )


def test_nothing_to_verify(two, capsys):
    assert command.main(["--verify"], root=two.root) == 2
    assert "00_first has no finished results in" in capsys.readouterr().err
    assert not (two.root / "outputs").exists()


def test_list_shows_titles_and_parameters(two, capsys):
    two.profiles("[quick]\n[bench.all]\nk = 9")
    assert command.main(["--list", "--profile", "bench"], root=two.root) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split(maxsplit=1) == [
        "00",
        "Title of 00_first  seed=0, k=5 -> 9".replace("first  ", "first               "),
    ]
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


@pytest.mark.parametrize("text", ["[2020-01-01]", "[nan]", "[[1, inf]]", "[{a = 07:30:00}]"])
def test_a_list_that_is_none_of_json_is_text(text):
    assert parse_overrides([f"xs={text}"]) == {"xs": text}


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


@pytest.mark.parametrize(("told", "used"), [(None, 3), ("5", 5), ("many", 3)])
def test_the_environment_has_the_last_word_on_threads(monkeypatch, told, used):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if told:
        monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert environment.threads_used(3) == used


def test_threads_are_kept_to_their_share():
    assert environment.thread_settings(2)["OMP_NUM_THREADS"] == "2"


# Words that a command line of run_all.py is made of, right and wrong, and any text in between.
WORDS = st.one_of(
    st.sampled_from(["-p", "--only", "--jobs", "--profile", "--list", "--dry-run", "--verify"]),
    st.sampled_from(["--cell-timeout", "--notebook-timeout", "--forse", "-x", "--", "-", "="]),
    st.sampled_from(["--executor", "dask", "--scheduler", "tcp://x:1", "--memory-limit"]),
    st.sampled_from(["0", "3", "neighbor_filtering", "quick", "seed=1", "1e3", "-1", "nan"]),
    st.text(max_size=20),
    st.tuples(st.sampled_from(["seed", "k", "output_dir"]), st.text(max_size=20)).map("=".join),
    st.sampled_from(["seed=" + "[" * 5000, "seed=" + "9" * 5000, "seed=inf"]),
    st.sampled_from(["\udc80", "a\nb", "\0"]),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arguments=st.lists(WORDS, max_size=5))
def test_no_command_line_gets_more_than_a_sentence(two, capsys, arguments):
    capsys.readouterr()
    # One word is always wrong, so that nothing runs whatever else was asked for.
    wrong = ["-p", "sede=1"]
    try:
        code = command.main([*wrong, *arguments], root=two.root)
    except SystemExit as stopped:
        code = stopped.code
    printed = capsys.readouterr()
    assert (code, printed.err) == (0, "") or code == 2
    assert len(printed.err.splitlines()) == (code == 2)
    assert printed.err == "" or printed.err.startswith("run_all.py: ")
    assert sorted(path.name for path in two.root.iterdir()) == ["notebooks", "requirements.txt"]


@given(value=st.text(max_size=30) | st.integers().map(str) | st.floats().map(repr))
def test_a_value_of_any_kind_is_taken_as_data_or_refused(two_read, value):
    notebooks, _ = two_read
    try:
        overrides = parse_overrides([f"seed={value}"])
        for notebook in notebooks:
            check(overrides, notebook)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert isinstance(overrides["seed"], int | float | None)


@pytest.fixture(scope="module")
def two_read(shared_project):
    shared_project.notebook("00_first")
    shared_project.notebook("01_second")
    return discover(shared_project.notebooks), shared_project


def test_the_page_lists_every_outcome_with_its_exit_code():
    page = Path(__file__).parents[2] / "docs" / "when-something-goes-wrong.md"
    rows = re.findall(r"^\| ([^|`]+) \| ([\d, ]*)\|", page.read_text("utf-8"), re.M)
    listed = {outcome.strip(): codes.strip() for outcome, codes in rows}
    wanted = {str(outcome): str(EXIT_CODES.get(outcome, "")) for outcome in Outcome}
    wanted |= {"done": "0", "up to date": "0", "interrupted": "130, 143", "invalid parameters": "2"}
    assert {name: listed.get(name) for name in wanted} == wanted
    order = re.search(r"the first of these that occurred: ([\d,\s]+)\.", page.read_text("utf-8"))
    assert [int(code) for code in order[1].split(",")] == [*EXIT_CODES.values()][:-1]
    assert all(f"| {code} |" in page.read_text("utf-8") for code in (REFUSED, LOCKED, DIFFERENT))
