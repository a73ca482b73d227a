"""The modules that a notebook uses are found by reading, however deep they lie."""

from pathlib import Path

import pytest

from dnalib.execution import modules
from dnalib.execution.notebooks import discover, read

LIBRARY = {
    "__init__": "",
    "plain": "import numpy",
    "upper": "from dnalib.lower import thing",
    "lower": "def thing():\n    from . import hidden",
    "hidden": "",
    "package/__init__": "from .inner import x",
    "package/inner": "from ..plain import y",
    "circle": "import dnalib.circle2",
    "circle2": "import dnalib.circle",
    "execution/__init__": "",
    "execution/worker": "from dnalib.execution.html import export",
    "execution/html": "",
    "execution/report": "import dnalib.plain",
}
ALWAYS = {"dnalib", "dnalib.execution", "dnalib.execution.html", "dnalib.execution.worker"}


@pytest.fixture
def library(tmp_path):
    folder = tmp_path / "dnalib"
    for name, code in LIBRARY.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    return folder


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import math", ""),
        ("from dnalib import plain", "plain"),
        ("import dnalib.plain as p", "plain"),
        ("from dnalib.plain import y", "plain"),
        ("if True:\n    %time import dnalib\n    from dnalib import plain", "plain"),
        ("%%bash\nimport )(", ""),
        ("%%time\nfrom dnalib import plain", "plain"),
        ("%%capture out\n%%timeit -n 1\nimport dnalib.plain", "plain"),
        ("%%time\n%%bash\nimport )(", ""),
        ("%%timetable\nimport )(", ""),
        ("!pip list\nfrom dnalib.upper import thing", "upper lower hidden"),
        ("from dnalib import package", "package package.inner plain"),
        ("from dnalib.circle import *", "circle circle2"),
        ("from dnalib.execution import report", "execution.report plain"),
        ("from dnalib import no_such_thing", ""),
    ],
)
def test_imports_are_followed(project, library, code, names):
    project.notebook("00_first", code)
    used = modules.used(read(project.notebooks / "00_first.ipynb"), library)
    assert set(used) == ALWAYS | {f"dnalib.{name}" for name in names.split()}


def test_what_cannot_be_parsed_may_use_everything(project, library):
    project.notebook("00_first", "for")
    used = modules.used(read(project.notebooks / "00_first.ipynb"), library)
    assert set(used) == set(modules.module_files(library)) and len(used) == len(LIBRARY)


@pytest.mark.parametrize("broken", [b"def", b"\xff", b"\0"])
def test_a_module_that_cannot_be_parsed_counts_without_its_imports(project, library, broken):
    (library / "package" / "page.html").write_text("")
    (library / "package" / "inner.py").write_bytes(broken)
    project.notebook("00_first", "from dnalib import package")
    used = modules.used(read(project.notebooks / "00_first.ipynb"), library)
    assert set(used) == ALWAYS | {"dnalib.package", "dnalib.package.inner"}


def test_only_a_used_module_counts(project, library):
    project.notebook("00_first", "from dnalib import upper")
    notebook = read(project.notebooks / "00_first.ipynb")
    before = modules.used(notebook, library)
    (library / "plain.py").write_text("import scipy")
    assert modules.used(notebook, library) == before
    (library / "hidden.py").write_text("changed = True")
    after = modules.used(notebook, library)
    assert {name for name in before if before[name] != after[name]} == {"dnalib.hidden"}


def test_a_file_that_a_used_module_names_counts(project, library):
    for name in ("page.html", "unnamed.html"):
        (library / "package" / name).write_text("before")
    (library / "package" / "inner.py").write_text('page = read("page.html")')
    project.notebook("00_first", "from dnalib import package")
    notebook = read(project.notebooks / "00_first.ipynb")
    before = modules.used(notebook, library)
    (library / "package" / "unnamed.html").write_text("after")
    assert modules.used(notebook, library) == before
    (library / "package" / "page.html").write_text("after")
    after = modules.used(notebook, library)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"dnalib.package.inner: page.html"}


def test_a_table_of_results_that_is_named_counts(project, library):
    results = library.parent / "results"
    results.mkdir()
    for name in ("study.csv", "seen.csv", "other.csv"):
        (results / name).write_text("before")
    (library / "package" / "inner.py").write_text('file = "study.csv"')
    project.notebook("00_first", 'from dnalib import package\nread("../results/seen.csv")')
    notebook = read(project.notebooks / "00_first.ipynb")
    named = {name for name in modules.used(notebook, library) if name.startswith("results")}
    assert named == {"results: study.csv", "results: seen.csv"}


def test_the_repositorys_notebooks_know_the_tables_that_they_show():
    shown = {
        "02": {"published.csv"},
        "07": {"vision_isif.csv"},
        "08": {"novel_class_discovery.csv"},
        "09": {"hierarchy.csv", "runs.jsonl"},
        "10": {"salient_features.csv"},
        "12": {"own_data.csv"},
    }
    for notebook in discover(Path(__file__).parents[2] / "notebooks"):
        known = {name.removeprefix("results: ") for name in modules.used(notebook)}
        assert shown.get(notebook.name[:2], set()) <= known


def test_the_real_library_is_followed_to_its_bottom(project):
    project.notebook("00_first", "from dnalib import methods")
    used = modules.used(read(project.notebooks / "00_first.ipynb"))
    assert {"dnalib.training.loop", "dnalib.files", "dnalib.neighbors"} <= used.keys()
    assert "dnalib.plots" not in used
    project.notebook("00_first", "from dnalib.discovery import FineCategoryDiscovery")
    used = modules.used(read(project.notebooks / "00_first.ipynb"))
    assert "dnalib.discovery.report: report.html.j2" in used
