"""Every benchmark script runs at its quick size and prints what it claims to print."""

import re
import runpy
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = (
    "kmeans.py", "loss.py", "maps.py", "mining_and_filters.py", "own_costs.py", "profile_run.py",
    "search.py", "training.py",
)  # fmt: skip


def printed_by(script, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", [script, "--quick"])
    runpy.run_path(str(BENCHMARKS / script), run_name="__main__")
    return capsys.readouterr().out


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_in_the_page(script):
    assert f"`{script}`" in (BENCHMARKS / "README.md").read_text("utf-8")


def test_mining_equals_the_released_algorithm(monkeypatch, capsys):
    printed = printed_by("mining_and_filters.py", monkeypatch, capsys)
    assert "released loop's: True" in printed
    assert "released mask: True" in printed
    assert "all three filters" in printed


def test_search_reports_recall_and_growth(monkeypatch, capsys):
    printed = printed_by("search.py", monkeypatch, capsys)
    assert "recall on the sample" in printed
    assert re.search(r"grow as n to the -?\d", printed)


def test_the_loss_is_compared_with_bare_products(monkeypatch, capsys):
    printed = printed_by("loss.py", monkeypatch, capsys)
    assert re.search(r"\| bare products \|.*\| 1 \|", printed)
    assert printed.count("Sampled denominator") == 2


def test_kmeans_finds_what_scikit_learn_finds(monkeypatch, capsys):
    printed = printed_by("kmeans.py", monkeypatch, capsys)
    assert "dnalib's labels are scikit-learn's: True" in printed


@pytest.mark.slow
def test_a_step_is_compared_with_the_bare_one_by_part_and_by_choice(monkeypatch, capsys):
    printed = printed_by("training.py", monkeypatch, capsys)
    assert re.search(r"\| bare encoder step \|.*\| 0 \|", printed)
    shares = re.findall(r"^\| [a-zA-Z, ]+ \| \S+ \| (\S+) \|$", printed.split("By part")[1], re.M)
    assert len(shares) == 10 and sum(map(float, shares)) == pytest.approx(100, abs=1)
    assert "batches not sorted by length" in printed


@pytest.mark.slow
def test_the_profile_names_the_functions_of_the_loop(monkeypatch, capsys):
    printed = printed_by("profile_run.py", monkeypatch, capsys)
    assert "training/loop: fit" in printed
    assert "Time spent in single operations" in printed


@pytest.mark.slow
def test_a_map_keeps_as_many_neighbors_as_umaps_own(monkeypatch, capsys):
    printed = printed_by("maps.py", monkeypatch, capsys)
    shares = re.findall(r"^\| (?:UMAP|dnalib).* \| (\S+) \| \S+ \|$", printed, re.M)
    by_umap, by_dnalib = map(float, shares)
    assert by_dnalib == pytest.approx(by_umap, abs=3)


@pytest.mark.slow
def test_what_a_table_costs_adds_up(monkeypatch, capsys):
    printed = printed_by("own_costs.py", monkeypatch, capsys)
    table = dict(re.findall(r"^\| ([^|]+) \| (\d[\d.,e-]*) \| \d[\d.,e-]* \|$", printed, re.M))
    total = float(table.pop("all of it"))
    stages = [float(table[name]) for name in table if "predict" not in name and "of it" not in name]
    assert len(stages) == 9 and sum(stages) == pytest.approx(total, rel=0.02)
    assert "Sorting 300 new texts" in printed
