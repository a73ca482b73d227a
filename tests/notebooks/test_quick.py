"""The notebooks as they stand in the repository, and the numbers that the quick profile measured.

Nothing is executed here: ``python run_all.py`` does that, and these tests read back what it left.
"""

import ast
import importlib
import importlib.util
import json
import re
import tomllib
from pathlib import Path

import nbformat
import pytest

from dnalib.execution.keeping import LARGEST, outputs_are_of
from dnalib.execution.notebooks import read, select
from dnalib.execution.parameters import EVERY_NOTEBOOK, OUTPUT_DIR, load_profile

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
RESULTS = ROOT / "outputs" / "quick"
PATHS = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
EXPECTED = tomllib.loads((Path(__file__).parent / "expected.toml").read_text("utf-8"))

SERIES = (
    "00_quickstart",
    "01_the_problem",
    "02_baselines",
    "03_neighbor_filtering",
    "04_training_dna",
    "05_clustering_equivalence",
    "06_full_benchmarks",
    "07_instance_spreading",
    "08_novel_class_discovery",
    "09_latent_hierarchy",
    "10_salient_features",
    "11_paper_against_released_code",
    "12_your_own_data",
)

# Places that exist on one machine only, as the start of a path.
ABSOLUTE_PATH = re.compile(
    r"(?<![\w.:/])(?:/(?:home|root|Users|work|workspace|tmp|mnt|opt|var|content)/|[A-Za-z]:\\|~/)"
)

each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def cells_of(path: Path, kind: str) -> list:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == kind]


def code_of(path: Path) -> list[ast.Module]:
    """Return each code cell parsed, without IPython's magics."""
    sources = [re.sub(r"^\s*[%!].*$", "", c.source, flags=re.M) for c in cells_of(path, "code")]
    return [ast.parse(source) for source in sources]


def test_all_are_of_the_series():
    assert [path.stem for path in PATHS] == list(SERIES)


@each_notebook
def test_format_and_kernel(path):
    notebook = json.loads(path.read_text("utf-8"))
    nbformat.validate(notebook)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) >= (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


@each_notebook
def test_cell_ids_are_unique(path):
    ids = [cell["id"] for cell in json.loads(path.read_text("utf-8"))["cells"]]
    assert len(ids) == len(set(ids))


@each_notebook
def test_outputs_are_those_of_this_source(path):
    kept = [c.id for c in cells_of(path, "code") if c.outputs or c.execution_count is not None]
    assert not kept or outputs_are_of(read(path)), "stale: run python -m dnalib refresh"
    assert path.stat().st_size <= LARGEST


@each_notebook
def test_first_cell_is_the_title(path):
    first = nbformat.read(path, as_version=4).cells[0]
    assert first.cell_type == "markdown" and re.match(r"# \S", first.source)


@each_notebook
def test_parameters_are_literals_with_the_common_names(path):
    parameters = read(path).parameters
    assert isinstance(parameters["dataset"], str)
    assert type(parameters["seed"]) is int
    assert parameters[OUTPUT_DIR] == f"../outputs/interactive/{path.stem}"


@each_notebook
def test_metrics_are_written(path):
    assert any(".metrics(" in cell.source for cell in cells_of(path, "code"))


@each_notebook
def test_nothing_is_left_to_be_filled_in(path):
    cells = nbformat.read(path, as_version=4).cells
    assert [c.source for c in cells if re.search(r"@@|\bTODO\b|\bXXX\b", c.source)] == []


@each_notebook
def test_no_absolute_path(path):
    cells = nbformat.read(path, as_version=4).cells
    assert [c.source for c in cells if ABSOLUTE_PATH.search(c.source)] == []


@each_notebook
def test_links_lead_somewhere_and_to_the_neighbors(path):
    text = "\n".join(cell.source for cell in cells_of(path, "markdown"))
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)}
    local = {link for link in links if link and not re.match(r"[a-z]+:", link)}
    assert {link for link in local if not (FOLDER / link).exists()} == set()
    place = SERIES.index(path.stem)
    neighbors = SERIES[max(place - 1, 0) : place] + SERIES[place + 1 : place + 2]
    assert {f"{name}.ipynb" for name in neighbors} <= local


@each_notebook
def test_imports_resolve(path):
    nodes = [node for cell in code_of(path) for node in ast.walk(cell)]
    for node in nodes:
        if isinstance(node, ast.Import):
            assert all(importlib.util.find_spec(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            missing = [a.name for a in node.names if not _has(module, a.name)]
            assert missing == [], f"{node.module} lacks them"


def _has(module, name: str) -> bool:
    return hasattr(module, name) or importlib.util.find_spec(f"{module.__name__}.{name}")


@pytest.mark.parametrize("profile", ["quick", "bench", "paper"])
def test_profiles_fit_the_notebooks(profile):
    loaded = load_profile(FOLDER / "profiles.toml", profile, [read(path) for path in PATHS])
    assert loaded.name == profile and EVERY_NOTEBOOK not in loaded.own


def test_expectations_cover_every_notebook_and_no_other():
    assert sorted(EXPECTED) == [path.stem for path in PATHS]
    assert [name for name, metrics in EXPECTED.items() if not metrics] == []


@pytest.mark.parametrize(
    ("name", "metric"), [(n, m) for n, metrics in EXPECTED.items() for m in metrics]
)
def test_metrics_are_as_expected(name, metric):
    measured = _measured(name)
    assert metric in measured, f"{name} wrote {sorted(measured)}"
    assert trouble(measured[metric], EXPECTED[name][metric]) == ""


def _measured(name: str) -> dict:
    """Return the metrics that the quick profile measured, or skip."""
    manifest = RESULTS / "manifest.json"
    if not manifest.exists():
        pytest.skip("outputs/quick is not there: run run_all.py first")
    entry = json.loads(manifest.read_text("utf-8"))["notebooks"].get(name)
    assert entry, f"{name} is not among the results in outputs/quick"
    assert entry["outcome"] == "done", f"{name}: {entry['outcome']}: {entry.get('detail')}"
    notebooks = [read(path) for path in PATHS]
    profile = load_profile(FOLDER / "profiles.toml", "quick", notebooks)
    if entry["parameters"] != profile.values(select(notebooks, [name])[0]):
        pytest.skip(f"outputs/quick holds {name} with other parameters: {entry['parameters']}")
    return json.loads((RESULTS / name / "metrics.json").read_text("utf-8"))


def trouble(measured, wanted: dict) -> str:
    """Return in what way a metric is not as wanted, or nothing."""
    unknown = wanted.keys() - {"value", "tolerance", "at_least", "at_most"}
    assert not unknown and wanted, f"{sorted(unknown)} is no way to say what is expected"
    if "tolerance" in wanted:
        good = abs(measured - wanted["value"]) <= wanted["tolerance"] + 1e-9
    elif "value" in wanted:
        good = measured == wanted["value"]
    else:
        bounds = wanted.get("at_least", -float("inf")), wanted.get("at_most", float("inf"))
        good = bounds[0] <= measured <= bounds[1]
    return "" if good else f"{measured!r} is not within {wanted}"


@pytest.mark.parametrize(
    ("measured", "wanted", "good"),
    [
        (10.0, {"value": 9.5, "tolerance": 0.5}, True),
        (10.1, {"value": 9.5, "tolerance": 0.5}, False),
        (10, {"value": 9, "tolerance": 0.5}, False),
        (10, {"value": 10}, True),
        ("dna", {"value": "dna"}, True),
        ("dnb", {"value": "dna"}, False),
        (3, {"at_least": 3, "at_most": 4}, True),
        (2.9, {"at_least": 3}, False),
        (4.1, {"at_most": 4}, False),
    ],
)
def test_tolerances_can_fail(measured, wanted, good):
    assert (trouble(measured, wanted) == "") == good


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("open('/home/me/x.csv')", True),
        ("in /tmp/x", True),
        (r"C:\data", True),
        ("~/data", True),
        ("../outputs/tmp/x", False),
        ("https://example.org/home/page", False),
        ("a/root/b", False),
    ],
)
def test_absolute_paths_are_recognized(text, found):
    assert bool(ABSOLUTE_PATH.search(text)) == found
