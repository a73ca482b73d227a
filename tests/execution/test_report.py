"""What a person, or a log, is told while notebooks run."""

import io
import time
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnalib.execution import junit
from dnalib.execution.outcomes import EXIT_CODES, Outcome, Result, exit_code
from dnalib.execution.report import Progress
from dnalib.execution.verify import Comparison, read_tolerances
from dnalib.running import processes


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "strftime", lambda form: "12:00:00")
    return now


def watch(stream, clock):
    """Let two notebooks run side by side for two minutes."""
    progress = Progress(2, stream)
    progress.start("00_a", "never run")
    progress.start("01_b", "source changed")
    for second in range(120):
        clock[0] += 1
        progress.cell("00_a", 1 + second // 50, 9)
        progress.cell("01_b", 4, 4)
    progress.end("00_a", Result(Outcome.FAILED, "cell 3: ValueError: no", 120.0))
    progress.end("01_b", Result(Outcome.UP_TO_DATE))


def test_a_log_gets_a_line_each_half_minute(clock):
    log = io.StringIO()
    watch(log, clock)
    assert log.getvalue().splitlines() == [
        "[1/2] 00_a: started at 12:00:00 (never run)",
        "[2/2] 01_b: started at 12:00:00 (source changed)",
        "[1/2] 00_a: cell 1/9 for 29 s, 30 s in all",
        "[2/2] 01_b: cell 4/4 for 29 s, 30 s in all",
        "[1/2] 00_a: cell 2/9 for 9 s, 60 s in all",
        "[2/2] 01_b: cell 4/4 for 59 s, 60 s in all",
        "[1/2] 00_a: cell 2/9 for 39 s, 90 s in all",
        "[2/2] 01_b: cell 4/4 for 89 s, 90 s in all",
        "[1/2] 00_a: cell 3/9 for 19 s, 120 s in all",
        "[2/2] 01_b: cell 4/4 for 119 s, 120 s in all",
        "[1/2] 00_a: failed in 120.0 s: cell 3: ValueError: no",
        "[2/2] 01_b: up to date",
    ]


def test_a_terminal_gets_one_line_that_renews_itself(clock):
    terminal = Terminal()
    watch(terminal, clock)
    lines = terminal.getvalue().split("\r")
    sign = "00_a: cell 2/9 for 1 s, 52 s in all | 01_b: cell 4/4 for 51 s, 52 s in all"
    assert any(line.startswith(sign[:70]) for line in lines)
    assert terminal.getvalue().count("\n") == 4


def test_a_log_that_cannot_be_written_stops_nothing(clock):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    watch(Full(), clock)


@given(detail=st.text(st.characters()), outcome=st.sampled_from(Outcome))
def test_any_detail_makes_readable_xml(tmp_path_factory, detail, outcome):
    path = tmp_path_factory.getbasetemp() / "junit.xml"
    junit.write(path, "run", {"00_a": Result(outcome, detail)})
    (case,) = ElementTree.parse(path).getroot()
    assert case.get("name") == "00_a" and len(case) == 1


def test_the_exit_code_is_that_of_the_gravest():
    assert exit_code([Result(Outcome.DONE), Result(Outcome.UP_TO_DATE)]) == 0
    assert exit_code([]) == 0
    assert exit_code([Result(Outcome.MISSING_ARTIFACT), Result(Outcome.FAILED)]) == 1
    assert exit_code([Result(outcome) for outcome in Outcome]) == 8
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)


@pytest.mark.parametrize(
    ("returncode", "words"),
    [(-9, "SIGKILL"), (-11, "SIGSEGV"), (-64, "SIGRTMAX"), (-99, "signal 99"), (3, "exit code 3")],
)
def test_deaths_are_named(returncode, words):
    assert processes.ending(returncode) == words


def test_memory_kills_are_counted_in_either_kind_of_cgroup(tmp_path, monkeypatch):
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    monkeypatch.setattr(processes, "PROC", proc)
    monkeypatch.setattr(processes, "CGROUPS", groups)
    assert processes.memory_kills() == 0
    files = {
        proc / "vmstat": "pgfault 7\noom_kill 1\n",
        proc / "self" / "cgroup": "4:memory:/mine\n0::/mine\n",
        groups / "mine" / "memory.events": "oom 9\noom_kill 10\n",
        groups / "memory" / "mine" / "memory.oom_control": "under_oom 0\noom_kill 100\n",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert processes.memory_kills() == 111


@pytest.mark.parametrize(
    ("stored", "now", "tolerance", "verdict"),
    [
        (40.0, 40.039, None, "same"),
        (40.0, 40.041, None, "DIFFERENT"),
        (40.0, 41.0, 1.0, "same"),
        (40.0, 41.1, 1.0, "DIFFERENT"),
        ([1.0, 2.0], [1.0, 2.0], None, "same"),
        ([1.0, 2.0], [1.0], None, "DIFFERENT"),
        ("dna", "dna", None, "same"),
        ("dna", 1.0, None, "DIFFERENT"),
        (1.0, None, None, "DIFFERENT"),
    ],
)
def test_metrics_are_compared_within_tolerances(stored, now, tolerance, verdict):
    assert Comparison("00_a", "acc", stored, now, tolerance).verdict == verdict
    assert Comparison("00_a", "train_seconds", stored, now, tolerance).verdict == "not compared"


def test_tolerances_come_from_the_expectations(tmp_path):
    path = tmp_path / "expected.toml"
    assert read_tolerances(path) == {}
    path.write_text('["00_a"]\nacc = { value = 40.0, tolerance = 2.0 }\nari = { at_least = 20.0 }')
    assert read_tolerances(path) == {"00_a": {"acc": 2.0}}
    path.write_text("[")
    with pytest.raises(ValueError, match="is not valid TOML"):
        read_tolerances(path)
    for text in ("acc = 40.0", '["00_a"]\nacc = 40.0', '["00_a"]\nacc = { tolerance = "x" }'):
        path.write_text(text)
        with pytest.raises(ValueError, match="states a tolerance in another form"):
            read_tolerances(path)
