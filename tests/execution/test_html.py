"""Pages are read away from the notebooks: none of their links leads nowhere."""

import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from dnalib.execution.html import export

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


class Links(HTMLParser):
    """What a page links to."""

    def __init__(self, path):
        super().__init__()
        self.found = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.found += filter(None, [dict(attributes).get("href")])


def links_of(cells, folder):
    nbformat.write(new_notebook(cells=cells), folder / "00_a.ipynb")
    export(folder / "00_a.ipynb", folder / "00_a.html", "A title", folder)
    return Links(folder / "00_a.html").found


@each_notebook
def test_every_link_of_a_notebook_leads_to_a_page(tmp_path, path):
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]
    links = links_of([new_markdown_cell(cell.source) for cell in cells], tmp_path)
    local = [link for link in links if not re.match(r"\w+:", link)]
    assert local and set(local) <= {f"{notebook.stem}.html" for notebook in NOTEBOOKS}


def test_of_links_to_what_is_no_page_the_text_stays(tmp_path):
    text = """# One two
[first](01_b.ipynb), [second](01_b.ipynb#Some-heading), [here](#One-two),
[solutions](solutions/00_a.ipynb), [all](../README.md), [web](https://a.org/x.html#y), $f[x](y)$
"""
    links = links_of([new_markdown_cell(text)], tmp_path)
    assert links == ["01_b.html", "01_b.html", "https://a.org/x.html#y"]
    assert "here,\nsolutions, all, <a" in (tmp_path / "00_a.html").read_text("utf-8")
