"""The book of this very repository: built once, read offline, no link that leads nowhere."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from dnalib.book import build
from dnalib.book.stage import modules
from dnalib.execution.notebooks import discover

pytestmark = pytest.mark.slow  # Sphinx reads every module and notebook first

ROOT = Path(__file__).parents[2]
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}


class Page(HTMLParser):
    """The ids of a page, what it links to, and what a browser would fetch to show it."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.fetched, self.pictures = set(), [], [], []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids.update(filter(None, [values.get("id"), values.get("name")]))
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if values.get(FETCHED.get(tag)) and values.get("rel") not in ("canonical",):
            self.fetched.append(values[FETCHED[tag]])
        if tag == "img":
            self.pictures.append(values)


@pytest.fixture(scope="session")  # a second Sphinx in one process warns of what the first has left
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outputs") / "book"
    assert build(ROOT, folder) == 0, "Sphinx has warned: see what it printed"
    return folder


@pytest.fixture(scope="session")
def pages(book):
    return {path.relative_to(book).as_posix(): Page(path) for path in book.rglob("*.html")}


def test_every_notebook_and_module_has_its_page(pages):
    notebooks = {f"{notebook.name}.html" for notebook in discover(ROOT / "notebooks")}
    references = {f"api/{name}.html" for name in modules()}
    assert notebooks | references | {"index.html", "results.html", "search.html"} <= set(pages)
    assert "api/dnalib.losses.dna.html" in references


def test_no_link_leads_nowhere(book, pages):
    dead = []
    for name, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto") or link == "#":
                continue
            path = (book / name).parent / unquote(parts.path) if parts.path else book / name
            target = path.resolve().relative_to(book.resolve()).as_posix()
            if target not in pages:
                dead += [] if path.exists() else [(name, link)]
            elif parts.fragment and unquote(parts.fragment) not in pages[target].ids:
                dead.append((name, link))
    assert dead == []


def test_nothing_is_fetched_from_a_network(book, pages):
    for name, page in pages.items():
        for address in page.fetched:
            assert not re.match(r"(https?:)?//", address), f"{name} fetches {address}"
            if not address.startswith("data:"):
                path = (book / name).parent / urlsplit(address).path
                assert path.exists(), f"{name} lacks {address}"


def test_formulas_are_laid_out_and_docstrings_are_there(book):
    page = (book / "05_clustering_equivalence.html").read_text("utf-8")
    assert page.count("<math") > 30 and "$$" not in page
    reference = (book / "api" / "dnalib.losses.dna.html").read_text("utf-8")
    assert "Neighborhood contrast over the whole bank" in reference and "<math" in reference


def test_the_search_index_knows_words_of_notebooks(book):
    index = (book / "searchindex.js").read_text("utf-8")
    assert '"reciproc' in index or "reciproc:" in index
