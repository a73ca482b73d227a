"""The page on writing a method, followed to the letter in a copy of the package."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dnalib.training import Step

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "write-your-own-method.md").read_text("utf-8")


def block_after(words: str, language: str = "python") -> str:
    """Return the first fenced block of a language that follows some words of the page."""
    return re.search(rf"```{language}\n(.*?)```", PAGE.split(words, 1)[1], re.DOTALL)[1]


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """Return a copy of package and helpers in which the page's steps were followed."""
    folder = tmp_path_factory.mktemp("clone")
    compiled = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "dnalib", folder / "dnalib", ignore=compiled)
    (folder / "tests" / "methods").mkdir(parents=True)
    written = re.findall(r"[Ww]rite `([\w/]+\.py)`", PAGE)
    assert written == ["dnalib/methods/align_uniform.py", "tests/methods/test_align_uniform.py"]
    for name in written:
        (folder / name).write_text(block_after(f"rite `{name}`"), "utf-8")
    register(folder / "dnalib" / "methods" / "registry.py")
    return folder


def register(registry: Path) -> None:
    """Add the page's import and its entry, the last one, to the registry."""
    text = registry.read_text("utf-8")
    imports, entry = block_after("import it:"), block_after("add an entry to `METHODS`")
    first_import = text.index("from dnalib.methods.")
    text = text[:first_import] + imports + text[first_import:]
    end = text.index("    )\n}\n", text.index("METHODS: "))
    registry.write_text(text[:end] + entry + text[end:], "utf-8")


def follow(copied: Path, heading: str) -> subprocess.CompletedProcess:
    """Run the command under a heading of the page, where it was followed."""
    command = block_after(f"## {heading}", "bash").strip()
    assert command.startswith("python -m ") and "\n" not in command
    environment = os.environ | {"PYTHONPATH": str(copied)}
    arguments = [sys.executable, *command.split()[1:]]
    return subprocess.run(
        arguments, cwd=copied, env=environment, capture_output=True, text=True, timeout=600
    )


def test_the_pages_test_passes(copied):
    done = follow(copied, "Test it")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_pages_benchmark_gives_a_row(copied):
    done = follow(copied, "Benchmark it")
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((copied / "outputs" / "mine" / "runs.jsonl").read_text())
    assert (record["dataset"], record["method"]) == ("digits", "align-uniform")
    assert set(record["history"]) >= {"loss_ce", "loss_align", "loss_uniform"}
    assert "| **Alignment + uniformity, ours** |" in done.stdout


def test_the_page_names_every_field_of_a_step():
    table = PAGE.split("| field of `Step`", 1)[1].split("\n\n", 1)[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(Step.__dataclass_fields__)
