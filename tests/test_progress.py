"""Lines where nobody watches a bar."""

import pytest

from dnalib import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setenv("DNALIB_HEADLESS", "1")
    return now


def test_a_line_a_minute_with_an_estimate(clock, capsys):
    with progress.progress_bar(1000, "features", "text") as bar:
        for clock[0] in (30.0, 60.0, 90.0, 120.0):
            bar.update(100)
    assert capsys.readouterr().out.splitlines() == [
        "features: 200 of 1,000 texts, about 4 min left",
        "features: 400 of 1,000 texts, about 3 min left",
    ]


def test_what_is_short_or_not_to_be_shown_says_nothing(clock, capsys):
    for show, at in ((True, 59.0), (False, 600.0)):
        clock[0] = 0.0
        with progress.progress_bar(10, "features", "text", show=show) as bar:
            clock[0] = at
            bar.update(5)
    assert capsys.readouterr().out == ""


def test_the_last_update_is_no_news(clock, capsys):
    with progress.progress_bar(10, "features", "text") as bar:
        clock[0] = 600.0
        bar.update(10)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (89.4, "89 s"), (90, "2 min"), (3600, "1 h 0 min")],
)
def test_duration(seconds, words):
    assert progress.duration(seconds) == words
