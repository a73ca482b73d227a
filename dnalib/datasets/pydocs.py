"""Real texts that are always there: the docstrings of the installed scientific Python stack.

The coarse label of a text is the library, the fine label the public submodule (for pandas, whose
interface is its classes, the public class), the text the opening paragraphs of the docstring.
Nothing is copied into dnalib: the texts are read from the installed packages, and the pinned
versions make them repeatable.

What a text is
--------------
Left out are the signature, every section from "Parameters" on, code, directives and formulas;
paragraphs that stand in many docstrings, such as "As an instance of the rv_continuous class";
deprecated objects and aliases; texts of fewer than five words; texts whose words agree with those
of an earlier one. Dotted paths are cut to their last name, so that no text holds the name of its
category ("see `scipy.stats.norm`" becomes "see norm"); ordinary words stay, "cluster" too, since
they are what the texts are about.
"""

import hashlib
import importlib
import importlib.metadata
import inspect
import json
import re
import sys
import types
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from dnalib.datasets.core import CoarseDataset, Split, encode, stratified_split
from dnalib.files import atomic_path, cache_dir, sha256
from dnalib.progress import progress_bar

LARGEST_CATEGORY = 150  # texts; a few modules would otherwise make up most of the dataset
SMALLEST_CATEGORY = 15
FEWEST_WORDS = 5
MOST_PARAGRAPHS = 3
BOILERPLATE_COUNT = 5  # a paragraph that stands in so many docstrings says nothing of any
NEAR_DUPLICATE = 0.9  # share of common words, |A ∩ B| / |A ∪ B|

# Only what needs no optional package and is the same in CPU and GPU builds. An object that
# several of these offer belongs to the one that defines it, else to the first.
CATEGORIES = {
    "networkx": [
        "networkx.algorithms.approximation",
        "networkx.algorithms.bipartite",
        "networkx.algorithms.centrality",
        "networkx.algorithms.community",
        "networkx.algorithms.components",
        "networkx.algorithms.connectivity",
        "networkx.algorithms.dag",
        "networkx.algorithms.flow",
        "networkx.algorithms.operators",
        "networkx.algorithms.shortest_paths",
        "networkx.algorithms.traversal",
        "networkx.algorithms.tree",
        "networkx.classes",
        "networkx.drawing",
        "networkx.generators",
        "networkx.linalg",
        "networkx.readwrite",
    ],
    "numpy": [
        "numpy.fft",
        "numpy.linalg",
        "numpy.polynomial.chebyshev",  # the other bases repeat its texts under other names
        "numpy.polynomial.polynomial",
        "numpy.random",
        "numpy.strings",
        "numpy.testing",
        "numpy.ma",
    ],
    "pandas": [
        "pandas.DataFrame",
        "pandas.Series",
        "pandas.Index",
        "pandas.MultiIndex",
        "pandas.DatetimeIndex",
        "pandas.Timestamp",
        "pandas.Period",
        "pandas.Series.str",
        "pandas.api.typing.DataFrameGroupBy",
        "pandas.errors",
        "pandas.tseries.offsets",
    ],
    "scikit-learn": [
        "sklearn.cluster",
        "sklearn.datasets",
        "sklearn.decomposition",
        "sklearn.ensemble",
        "sklearn.feature_selection",
        "sklearn.linear_model",
        "sklearn.metrics",
        "sklearn.metrics.cluster",
        "sklearn.metrics.pairwise",
        "sklearn.model_selection",
        "sklearn.neighbors",
        "sklearn.preprocessing",
        "sklearn.utils",
    ],
    "scipy": [
        "scipy.cluster.hierarchy",
        "scipy.fft",
        "scipy.integrate",
        "scipy.interpolate",
        "scipy.linalg",
        "scipy.ndimage",
        "scipy.optimize",
        "scipy.signal",
        "scipy.signal.windows",
        "scipy.sparse",
        "scipy.sparse.csgraph",
        "scipy.sparse.linalg",
        "scipy.spatial",
        "scipy.spatial.distance",
        "scipy.special",
        "scipy.stats",
        "scipy.stats.mstats",
    ],
    "torch": [
        "torch.distributions",
        "torch.linalg",
        "torch.nn",
        "torch.nn.functional",
        "torch.nn.utils",
        "torch.optim",
        "torch.optim.lr_scheduler",
        "torch.special",
        "torch.utils.data",
    ],
}

EXCLUDED = {
    # Experimental: there only after another import has switched them on.
    "HalvingGridSearchCV",
    "HalvingRandomSearchCV",
    # Internal: torch.nn.functional imports them for its own use.
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
}


@dataclass(frozen=True)
class Entry:
    """One public object: its library, its category, its name there, and its text."""

    library: str
    category: str
    name: str
    text: str

    @property
    def path(self) -> str:
        """The full name."""
        return f"{self.category}.{self.name}"


def load_pydocs() -> CoarseDataset:
    """Return the docstrings of the installed scientific Python stack as a dataset.

    The first call reads them (seconds, no network) and keeps them in the cache; later calls with
    the same versions read the cache.

    Raises
    ------
    ValueError
        When Python runs with ``-OO``, which removes the docstrings.
    """
    entries = _cached_entries()
    fine_names = tuple(sorted({entry.category for entry in entries}))
    coarse = encode([entry.library for entry in entries], tuple(CATEGORIES))
    fine = encode([entry.category for entry in entries], fine_names)

    def split(rows: np.ndarray) -> Split:
        texts = [entries[row].text for row in rows]
        return Split(texts, coarse[rows], fine[rows], [entries[row].path for row in rows])

    train, test = (split(rows) for rows in stratified_split(fine, test_size=0.2, seed=0))
    provenance = {
        "source": "docstrings of the installed packages",
        "license": "BSD-3-Clause (each package has its own)",
        "versions": versions(),
        "digest": digest(entries),
        "sizes": {"train": len(train), "test": len(test)},
    }
    return CoarseDataset("pydocs", "text", train, test, tuple(CATEGORIES), fine_names, provenance)


def versions() -> dict[str, str]:
    """Return the installed version of each library, without importing any."""
    return {library: importlib.metadata.version(library) for library in CATEGORIES}


def digest(entries: list[Entry]) -> str:
    """Return the SHA-256 over the texts and their labels, whatever their order."""
    rows = sorted([entry.text, entry.library, entry.category] for entry in entries)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _cached_entries() -> list[Entry]:
    path = _cache_path()
    if path.exists():
        try:
            return _read(path)
        except (ValueError, KeyError, TypeError, OSError) as error:
            warnings.warn(f"{path} is damaged ({error}) and is built again", stacklevel=4)
    entries = build()
    try:
        _write(path, entries)
    except OSError as error:
        warnings.warn(f"{path} cannot be written ({error}): going on without it", stacklevel=4)
    return entries


def _cache_path() -> Path:
    # The digest of this file stands for the version of the builder: nobody can forget to raise it.
    key = json.dumps([versions(), sha256(__file__)])
    return cache_dir() / "pydocs" / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def _write(path: Path, entries: list[Entry]) -> None:
    rows = [[entry.library, entry.category, entry.name, entry.text] for entry in entries]
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps({"digest": digest(entries), "rows": rows}))


def _read(path: Path) -> list[Entry]:
    content = json.loads(path.read_text())
    entries = [Entry(*row) for row in content["rows"]]
    if digest(entries) != content["digest"]:
        raise ValueError("its digest does not match its content")
    return entries


def build() -> list[Entry]:
    """Read the texts from the installed packages, past the cache.

    Returns
    -------
    list of Entry
        Sorted by category and name.
    """
    if sys.flags.optimize >= 2:
        raise ValueError(
            "Python runs with -OO, which removes docstrings, and pydocs is made of them: "
            "run it without -OO"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # looking at an attribute can warn
        entries = _without_near_duplicates(list(_entries()))
    sizes = Counter(entry.category for entry in entries)
    entries = [entry for entry in entries if sizes[entry.category] >= SMALLEST_CATEGORY]
    return sorted(_capped(entries), key=lambda entry: (entry.category, entry.name))


def _entries() -> Iterator[Entry]:
    """Yield the objects that have a text worth keeping."""
    found = []
    with progress_bar(len(CATEGORIES), "reading docstrings", "package") as bar:
        for library, categories in CATEGORIES.items():
            found += [
                (library, category, name, paragraphs)
                for category, name, docstring in _docstrings(categories)
                if (paragraphs := _paragraphs(docstring))
            ]
            bar.update()
    counts = Counter(
        _without_name(paragraph, name) for *_, name, paragraphs in found for paragraph in paragraphs
    )
    for library, category, name, (opening, *others) in found:
        # The opening is the object's own even where it differs from others by the name alone.
        own = [p for p in others if counts[_without_name(p, name)] < BOILERPLATE_COUNT]
        text = " ".join([opening, *own][:MOST_PARAGRAPHS])
        if len(text.split()) >= FEWEST_WORDS and not _OBSOLETE.search(text):
            yield Entry(library, category, name, text)


# --- objects and where they belong ---


def _docstrings(categories: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield category, name and docstring of each public object of a library, each object once."""
    offers = {}  # id of an object -> the object and the (category, name) pairs that offer it
    for category in categories:
        for name, obj in _public_objects(category):
            offers.setdefault(id(obj), (obj, []))[1].append((category, name))
    for obj, places in offers.values():
        # A wrapper that adds the installed plug-ins to the docstring keeps the original.
        docstring = getattr(obj, "orig_func", obj).__doc__
        if isinstance(docstring, str) and not _DEPRECATED.search(inspect.cleandoc(docstring)):
            yield *_home(obj, places), docstring


def _home(obj: object, places: list[tuple[str, str]]) -> tuple[str, str]:
    defining = [place for place in places if _is_within(obj, place[0])]
    return max(defining, key=lambda place: len(place[0])) if defining else places[0]


def _public_objects(category: str) -> Iterator[tuple[str, object]]:
    """Yield name and object: the members of a public module, or the methods of a public class."""
    owner = _resolve(category)
    names = getattr(owner, "__all__", None)
    for name in sorted(names or dir(owner)):
        if name.startswith("_") or name in EXCLUDED:
            continue
        obj = getattr(owner, name)
        if _is_documentable(obj) and (names or inspect.isclass(owner) or _belongs(obj, category)):
            yield name, obj


def _resolve(path: str) -> object:
    """Return the module or class that a dotted path names."""
    parent, _, name = path.rpartition(".")
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        return getattr(_resolve(parent), name)


def _is_documentable(obj: object) -> bool:
    """Say whether a public object has a docstring of its own, and is not another package's."""
    if isinstance(obj, types.ModuleType) or obj.__doc__ is None:
        return False
    is_instance_without_own_text = not inspect.isclass(obj) and obj.__doc__ == type(obj).__doc__
    return not is_instance_without_own_text and _module(obj).partition(".")[0] in _ROOTS


def _belongs(obj: object, category: str) -> bool:
    """Say whether a module without ``__all__`` offers an object rather than only imports it."""
    return inspect.isbuiltin(obj) or _is_within(obj, category)


def _is_within(obj: object, category: str) -> bool:
    return f"{_module(obj)}.".startswith(f"{category}.")


def _module(obj: object) -> str:
    module = getattr(obj, "__module__", None)
    return module if isinstance(module, str) else ""


# Compiled functions and properties do not say where they come from: "".
_ROOTS = {"", *(categories[0].partition(".")[0] for categories in CATEGORIES.values())}


# --- docstring to text ---

_DEPRECATED = re.compile(r"^\.\. deprecated", re.I | re.M)  # of the object: not indented
_OBSOLETE = re.compile(r"\bdeprecated\b|\balias (for|of|to)\b", re.I)
_SIGNATURE = re.compile(
    r"(\s*([\w, ]+ = )?[\w.]+\(.*?\)( ?-> ?[^\n]*)?(\n\s*\n|\n(?=\S)|$))+", re.S
)
_SECTION = re.compile(
    r"(args?|arguments|parameters|params|keyword args?|keyword arguments|inputs?|outputs?|returns?"
    r"|yields|raises|shape|examples?|notes?|warning|references|see also|attributes|methods)\s*:+",
    re.I,
)
_UNDERLINE = re.compile(r"[-=~^]{3,}\s*$")
_MARKUP = [
    (re.compile(r"Read more in the :ref:`User Guide[^`]*`\.?"), ""),
    (re.compile(r":math:`[^`]*`|\$[^$]*\$"), " "),
    (re.compile(r"\[[\w ]+\]_"), ""),  # citations
    (re.compile(r"(:[\w:]+:)?``?([^`<]*?)\s*(<[^`>]*>)?``?_{0,2}"), r"\2"),
    (re.compile(r"https?://\S+"), ""),
    (re.compile(rf"[~!]?\b(?:np|pd|nx|{'|'.join(sorted(_ROOTS - {''}))})(?:\.\w+)*\.(\w+)"), r"\1"),
    (re.compile(r"\*+(\w[^*]*?)\*+"), r"\1"),
    (re.compile(r"::(?=\s|$)"), ":"),
    (re.compile(r"\s+"), " "),
    (re.compile(r" (?=[,.;:)])"), ""),
]


def _paragraphs(docstring: str) -> list[str]:
    """Return the cleaned paragraphs of prose before the first section."""
    text = inspect.cleandoc(docstring)
    if signature := _SIGNATURE.match(text):
        text = text[signature.end() :]
    paragraphs = []
    for block in re.split(r"\n\s*\n", text):
        if _starts_section(block):
            break
        if not _is_code(block):
            paragraphs.append(_clean(block))
    return [paragraph for paragraph in paragraphs if paragraph]


def _starts_section(block: str) -> bool:
    lines = block.strip("\n").split("\n")
    return bool(_SECTION.match(lines[0])) or (len(lines) > 1 and bool(_UNDERLINE.match(lines[1])))


def _is_code(block: str) -> bool:
    return block.startswith((" ", "\t", "..", ">>>", "|", "+-", "=="))


def _clean(block: str) -> str:
    for pattern, replacement in _MARKUP:
        block = pattern.sub(replacement, block)
    return block.strip()


def _without_name(paragraph: str, name: str) -> str:
    return re.sub(rf"\b{re.escape(name)}\b", "", paragraph)


# --- duplicates and sizes ---


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def _without_near_duplicates(entries: list[Entry]) -> list[Entry]:
    """Keep the first of each group of texts with nearly the same words."""
    similarity = _word_overlap([_words(entry.text) for entry in entries])
    kept = np.ones(len(entries), dtype=bool)
    for row in range(len(entries)):
        kept[row] = not (similarity[row, :row][kept[:row]] >= NEAR_DUPLICATE).any()
    return [entry for entry, keep in zip(entries, kept) if keep]


def _word_overlap(word_sets: list[set[str]]) -> np.ndarray:
    """Return the Jaccard similarity of each pair of sets, (n, n) float32."""
    position = {word: i for i, word in enumerate(sorted(set().union(*word_sets)))}
    columns = [position[word] for words in word_sets for word in sorted(words)]
    rows = np.repeat(np.arange(len(word_sets)), [len(words) for words in word_sets])
    ones = np.ones(len(rows), dtype=np.float32)
    counts = csr_array((ones, (rows, columns)), shape=(len(word_sets), len(position)))
    common = (counts @ counts.T).toarray()
    sizes = common.diagonal()
    return common / (sizes[:, None] + sizes[None, :] - common)


def _capped(entries: list[Entry]) -> list[Entry]:
    """Keep at most `LARGEST_CATEGORY` texts of each category, drawn by the hash of their names."""
    drawn = sorted(entries, key=lambda entry: hashlib.sha256(entry.path.encode()).digest())
    seen = Counter()
    kept = []
    for entry in drawn:
        seen[entry.category] += 1
        if seen[entry.category] <= LARGEST_CATEGORY:
            kept.append(entry)
    return kept
