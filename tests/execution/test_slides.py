"""Slides show what a room can read, keep the rest as notes, and fetch nothing."""

import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from dnalib.execution.notebooks import discover
from dnalib.execution.slides import brief, deck, is_deck, main, write_slides

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PICTURE = new_output("display_data", data={"image/png": "iVBORw0KGgo="}, metadata={})
LOG = new_output("stream", text="epoch 1/3")


def on(kind):
    return {"slideshow": {"slide_type": kind}}


def notebook(outputs=(PICTURE,)):
    return new_notebook(
        cells=[
            new_markdown_cell(
                "# Title\n\nA long story about $a < b$.\n\n- short", metadata=on("slide")
            ),
            new_code_cell("import secrets", outputs=[LOG]),
            new_code_cell("draw()", outputs=list(outputs), metadata=on("fragment")),
            new_markdown_cell("What one reads in it."),
            new_markdown_cell("## Next\n\n$$x^2$$", metadata=on("slide")),
            new_markdown_cell("Never to be said.", metadata=on("skip")),
        ]
    )


def kinds(made):
    return [(cell.cell_type, cell.metadata["slideshow"]["slide_type"]) for cell in made.cells]


def test_a_deck_has_what_is_marked_and_all_text_as_notes():
    made = deck(notebook())
    assert kinds(made) == [
        ("markdown", "slide"),
        ("markdown", "notes"),
        ("code", "fragment"),
        ("markdown", "notes"),
        ("markdown", "slide"),
        ("markdown", "notes"),
    ]
    assert made.cells[0].source == "# Title\n\n- short"
    assert "long story" in made.cells[1].source
    assert not any("Never" in cell.source for cell in made.cells)


def test_progress_is_left_out_beside_a_figure_but_not_alone():
    assert [o.output_type for o in deck(notebook([LOG, PICTURE])).cells[2].outputs] == [
        "display_data"
    ]
    assert [o.output_type for o in deck(notebook([LOG])).cells[2].outputs] == ["stream"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("## A\n\n**You learn**\n- b\n- c\n\nProse.", "## A\n\n**You learn**\n- b\n- c"),
        ("## A\n\n1. b\n   goes on\n\n### D\n\n- e", "## A\n\n1. b\n   goes on"),
        ("## A\n\nProse with\n- a list in it", "## A"),
        ("## A", "## A"),
    ],
)
def test_text_is_cut_to_heading_lists_and_formulas(text, kept):
    assert brief(text) == kept


def test_slides_are_whole_and_fetch_nothing(tmp_path):
    nbformat.write(notebook(), tmp_path / "00_one.ipynb")
    nbformat.write(
        new_notebook(cells=[new_markdown_cell("# No slides")]), tmp_path / "01_two.ipynb"
    )
    (made,) = write_slides(tmp_path, tmp_path / "executed", tmp_path / "slides")
    page = made.read_text("utf-8")
    assert "secrets" not in page and "draw()" not in page
    assert page.count("<math") == 3  # once on a slide, twice in notes
    assert page.count('<aside class="notes">') == 3 and page.count('class="fragment"') == 1
    fetched = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"', page)
    local = [address for address in fetched if not address.startswith("data:")]
    assert len(local) == 4 and all((made.parent / address).exists() for address in local)
    styles = [(made.parent / address).read_text() for address in local if address.endswith("css")]
    assert not any(re.search(r"url\([\"']?https?:", style) for style in styles)


def test_what_was_executed_is_shown_while_it_is_of_this_notebook(tmp_path):
    (tmp_path / "executed").mkdir()
    ours, theirs = notebook(), notebook()
    theirs.cells[0].source = theirs.cells[0].source.replace("# ", "# Old ", 1)
    for cell, other in zip(ours.cells, theirs.cells, strict=True):
        other.id = cell.id
    nbformat.write(ours, tmp_path / "00_one.ipynb")
    nbformat.write(theirs, tmp_path / "executed" / "00_one.ipynb")
    (made,) = write_slides(tmp_path, tmp_path / "executed", tmp_path / "slides")
    assert "Old" not in made.read_text("utf-8")
    nbformat.write(theirs, tmp_path / "00_one.ipynb")
    (made,) = write_slides(tmp_path, tmp_path / "executed", tmp_path / "slides")
    assert "Old" in made.read_text("utf-8")


def test_a_notebook_that_was_not_run_is_refused(tmp_path):
    nbformat.write(notebook([]), tmp_path / "00_one.ipynb")
    with pytest.raises(ValueError, match="00_one: cell .* run the notebook first"):
        write_slides(tmp_path, tmp_path, tmp_path / "slides")
    assert not list((tmp_path / "slides").glob("*.html"))


@pytest.mark.parametrize(
    ("there", "sentence"),
    [(False, "slides: There is no notebook in notebooks; "), (True, "slides: sphinx_revealjs ")],
)
def test_what_is_missing_is_said_in_one_sentence(tmp_path, monkeypatch, capsys, there, sentence):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "sphinx_revealjs", None)
    (tmp_path / "notebooks").mkdir()
    if there:
        nbformat.write(notebook(), tmp_path / "notebooks" / "00_one.ipynb")
    assert main([]) == 2
    error = capsys.readouterr().err
    assert error.startswith(sentence) and error.count("\n") == 1
    assert not (tmp_path / "outputs").exists()


def test_at_least_two_notebooks_have_slides():
    assert sum(is_deck(notebook) for notebook in discover(NOTEBOOKS)) >= 2
