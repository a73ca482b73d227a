"""No sentence of the benchmarks stands in the repository."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from dnalib.datasets import load

ROOT = Path(__file__).parents[1]
SUFFIXES = {".py", ".md", ".ipynb", ".csv", ".json", ".toml", ".yml", ".yaml", ".txt", ".cff"}
FEWEST_WORDS = 5


def words_of(text):
    return re.findall(r"[^\W_]+", text.replace("\\n", " ").replace("\\t", " ").lower())


def index_by_opening(sentences, names=()):
    """Map the first words of each sentence to its whole word sequences, names left out."""
    index, allowed = {}, [words_of(name) for name in names]
    for words in map(words_of, sentences):
        if len(words) >= FEWEST_WORDS and words not in allowed:
            index.setdefault(tuple(words[:FEWEST_WORDS]), []).append(words)
    return index


def found_in(text, index):
    """Return the indexed sentences that stand in a text, whatever its case and punctuation."""
    words = words_of(text)
    windows = zip(*(words[start:] for start in range(FEWEST_WORDS)))
    return [
        " ".join(sentence)
        for start, window in enumerate(windows)
        for sentence in index.get(window, ())
        if words[start : start + len(sentence)] == sentence
    ]


def tracked_text_files():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("this is no git checkout, so nobody knows which files belong to the repository")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.suffix in SUFFIXES and path.exists()]


def test_a_planted_sentence_is_found():
    sentences = [
        "Green ideas, sleep\tfuriously in May",
        "too short to count",
        "a name in five words",
    ]
    index = index_by_opening(sentences, names=["a_name_in_five_words"])
    planted = 'x = "prefix green ideas sleep\\n", "furiously in may."  # too short to count'
    assert found_in(planted, index) == ["green ideas sleep furiously in may"]
    assert found_in("green ideas sleep furiously in June", index) == []
    assert found_in('"a_name_in_five_words"', index) == []


def test_no_benchmark_text_stands_in_a_tracked_file():
    if not os.environ.get("DNALIB_DATA"):
        pytest.skip("DNALIB_DATA is not set: there is nothing to compare the repository with")
    datasets = [load(name) for name in ("clinc150", "hwu64", "wos-test")]
    sentences = (
        sentence
        for dataset in datasets
        for split in (dataset.train, dataset.test)
        for text in split.inputs
        for sentence in [text, *re.split(r"(?<=[.!?])\s+", text)]
    )
    # Some texts are nothing but the name of their category, and names may be told.
    names = [name for dataset in datasets for name in dataset.fine_names]
    index = index_by_opening(sentences, names)
    files = tracked_text_files()
    assert Path(__file__) in files
    hits = {
        str(path.relative_to(ROOT)): hits
        for path in files
        if (hits := found_in(path.read_text(encoding="utf-8"), index))
    }
    assert not hits
