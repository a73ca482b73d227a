"""Pydocs: what its texts are, and that they are always the same."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dnalib.datasets import load
from dnalib.datasets import pydocs as module
from dnalib.datasets.pydocs import CATEGORIES, Entry

# With the versions of requirements.txt. Whoever changes a version or the builder renews it.
DIGEST = "71b1d858afdce431de9338bd197d5cd8766b3219997b1fed9238f0c1a3d298bb"
REQUIREMENTS = Path(__file__).parents[2] / "requirements.txt"


def texts(dataset):
    return dataset.train.inputs + dataset.test.inputs


def test_size(pydocs):
    assert len(texts(pydocs)) >= 2500
    assert pydocs.n_coarse >= 5 and pydocs.n_fine >= 40
    sizes = np.bincount(np.concatenate([pydocs.train.fine, pydocs.test.fine]))
    assert sizes.min() >= 15 and sizes.max() <= 150


def test_every_fine_category_stands_in_both_splits(pydocs):
    for split in (pydocs.train, pydocs.test):
        assert set(split.fine) == set(range(pydocs.n_fine))
        assert (pydocs.parents[split.fine] == split.coarse).all()
    share = len(pydocs.test) / len(texts(pydocs))
    assert share == pytest.approx(0.2, abs=0.01)


def test_every_category_lies_in_its_library(pydocs):
    for fine_name, parent in zip(pydocs.fine_names, pydocs.parents):
        assert fine_name in CATEGORIES[pydocs.coarse_names[parent]]


def test_texts_are_prose(pydocs):
    for text in texts(pydocs):
        assert len(text.split()) >= 5, text
        assert not re.search(r">>>|\n|:\w+:`|0x[0-9a-f]{6}|^-{3,}", text), text
        assert not re.search(r"\bParameters:? -|deprecated", text, re.I), text


def test_no_text_holds_the_path_of_its_category(pydocs):
    for split in (pydocs.train, pydocs.test):
        for text, fine in zip(split.inputs, split.fine):
            assert f"{pydocs.fine_names[fine]}." not in text
            assert not re.search(r"\b(scipy|sklearn|networkx|numpy|torch|pandas)\.\w", text), text


def test_no_text_stands_twice(pydocs):
    words = [tuple(re.findall(r"[a-z0-9]+", text.lower())) for text in texts(pydocs)]
    assert len(set(words)) == len(words)


def test_digest_is_that_of_the_pinned_versions(pydocs):
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", REQUIREMENTS.read_text(), re.M))
    others = {
        library: version
        for library in CATEGORIES
        if (version := importlib.metadata.version(library).partition("+")[0]) != pins[library]
    }
    if others:
        pytest.skip(f"the digest belongs to the pinned versions; installed are {others}")
    assert pydocs.provenance["digest"] == DIGEST


BUILD_ELSEWHERE = """
import sklearn.experimental.enable_halving_search_cv
import sklearn.experimental.enable_iterative_imputer
import umap, transformers, networkx
import torch, scipy.stats
import pandas

@pandas.api.extensions.register_dataframe_accessor("foreign")
class Foreign:
    "An accessor that some other installed package has added to the class."
    def __init__(self, frame): pass

import json
from dnalib.datasets import load
dataset = load("pydocs")
print(json.dumps([dataset.train.inputs, dataset.test.fine.tolist()]))
"""


def test_a_fresh_process_after_other_imports_builds_the_same(pydocs, tmp_path):
    environment = os.environ | {"DNALIB_CACHE": str(tmp_path), "PYTHONHASHSEED": "12345"}
    done = subprocess.run(
        [sys.executable, "-c", BUILD_ELSEWHERE],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [
        pydocs.train.inputs,
        pydocs.test.fine.tolist(),
    ]


def test_without_docstrings_says_why(monkeypatch):
    stripped = SimpleNamespace(flags=SimpleNamespace(optimize=2))
    monkeypatch.setattr(module, "sys", stripped)
    with pytest.raises(ValueError, match="Python runs with -OO, which removes docstrings"):
        module.build()


# --- the cache ---


@pytest.fixture
def quick_build(own_cache, monkeypatch):
    """Stand a small build in for the real one; return the list that counts its calls."""
    calls = []
    entries = [
        Entry("scipy", category, f"f{i}", f"text {i} of {category} with some words")
        for category in ("scipy.fft", "scipy.stats")
        for i in range(15)
    ]
    monkeypatch.setattr(module, "build", lambda: calls.append(1) or entries)
    return calls


def test_the_second_load_reads_the_cache(quick_build):
    first, second = load("pydocs"), load("pydocs")
    assert len(quick_build) == 1
    assert first.train.inputs == second.train.inputs
    assert first.provenance == second.provenance


@pytest.mark.parametrize("damage", ["half", "empty", "other text", "other shape", "no JSON"])
def test_a_damaged_cache_is_built_again_with_one_warning(quick_build, own_cache, damage):
    load("pydocs")
    (path,) = own_cache.rglob("*.json")
    whole = path.read_text()
    path.write_text(
        {
            "half": whole[: len(whole) // 2],
            "empty": "",
            "other text": whole.replace("text 3", "text x"),
            "other shape": "[1, 2]",
            "no JSON": "\0\0\0",
        }[damage]
    )
    with pytest.warns(UserWarning, match="is damaged .* and is built again") as caught:
        load("pydocs")
    assert len(caught) == 1 and "\n" not in str(caught[0].message)
    assert path.read_text() == whole
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load("pydocs")


def test_a_cache_that_cannot_be_written_is_done_without(quick_build, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="cannot be written .*: going on without it"):
        dataset = load("pydocs")
    assert len(dataset.train) > 0


def test_another_version_has_its_own_cache(quick_build, monkeypatch):
    load("pydocs")
    monkeypatch.setattr(module, "versions", lambda: {"scipy": "99"})
    load("pydocs")
    assert len(quick_build) == 2


# --- the pieces ---


@pytest.mark.parametrize(
    ("docstring", "paragraphs"),
    [
        ("f(x, y=(1, 2),\n  z=3) -> Tensor\n\nAdd things.\n\nArgs:\n    x: one", ["Add things."]),
        ("f(x)\n\nf(x, /)\n\nAdd things.", ["Add things."]),
        ("out = f(x)\n\nAdd things.", ["Add things."]),
        ("Add things.\n\nParameters\n----------\nx : int", ["Add things."]),
        ("\n    Add\n    things.\n\n    Notes\n    -----\n    No.\n    ", ["Add things."]),
        ("Add.\n\n.. math::\n    x + y\n\nMore.\n\n>>> f(1)\n\nLast.", ["Add.", "More.", "Last."]),
        ("See :func:`~scipy.stats.norm` or `numpy.add`.", ["See norm or add."]),
        ("The ``x`` of *two* [1]_ :math:`x^2` sets $v$ .", ["The x of two sets."]),
        ("See `the page <https://example.org>`_.", ["See the page."]),
        ("Example::\n\n    f()", []),
    ],
)
def test_paragraphs(docstring, paragraphs):
    assert module._paragraphs(docstring) == paragraphs


def test_near_duplicates_go_and_the_first_stays():
    words = "one two three four five six seven eight nine ten".split()
    first, near, other = (
        Entry("scipy", "scipy.fft", name, text)
        for name, text in [
            ("a", " ".join(words)),
            ("b", " ".join(words[::-1] + ["eleven"])),  # 10 words in common of 11: 0.91
            ("c", " ".join(words[:8])),  # 8 in common of 10: 0.8
        ]
    )
    assert module._without_near_duplicates([first, near, other]) == [first, other]


def test_an_object_belongs_to_where_it_is_defined_else_to_the_first():
    def function():
        """Do nothing."""

    places = [("sklearn.metrics", "f"), ("sklearn.metrics.cluster", "f"), ("sklearn.utils", "f")]
    function.__module__ = "sklearn.metrics.cluster._supervised"
    assert module._home(function, places) == places[1]
    function.__module__ = "sklearn.base"
    assert module._home(function, places) == places[0]
    function.__module__ = "sklearn.utilsx"
    assert module._home(function, places) == places[0]


def test_titles_are_the_full_names_of_what_the_texts_document(pydocs):
    for split in (pydocs.train, pydocs.test):
        assert len(split.titles) == len(set(split.titles)) == len(split)
        for title, fine in zip(split.titles, split.fine):
            assert title.startswith(f"{pydocs.fine_names[fine]}.")
