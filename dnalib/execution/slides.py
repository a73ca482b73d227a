"""Slides of notebooks: what a room looks at; the prose goes into the speaker's notes.

A cell is on the slides if its metadata say so (in JupyterLab: *Property Inspector*, *Slide Type*).
Of a text cell the room sees its heading, lists and formulas, of a code cell what it shows. All
text, that of the cells between included, is in the notes, which the key S opens.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbformat.v4 import new_markdown_cell, new_notebook

from dnalib.execution.html import OfflineMarkdown
from dnalib.execution.notebooks import Notebook, discover
from dnalib.files import atomic_path
from dnalib.running.arguments import Parser, complain

NOT_SHOWN = ("", "-", "skip", "notes")
"""Kinds of cells that are on no slide."""
REVEAL = "reveal.js"
REVEAL_PACKAGE = "sphinx_revealjs"
TEMPLATE = """{%- extends 'reveal/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_css -%}<style>
.reveal { font-size: 24px; }
.reveal .slides { text-align: left; }
.reveal .jp-Cell { padding: 0; }
.reveal .jp-RenderedHTMLCommon, .reveal .jp-OutputArea-output pre { font-size: 22px; }
.reveal .jp-RenderedHTMLCommon td, .reveal .jp-RenderedHTMLCommon th { font-size: 16px; }
.reveal .jp-OutputArea-output pre { font-size: 16px; box-shadow: none; width: 100%; }
.reveal .jp-RenderedImage img { max-height: 480px; max-width: 100%; }
.reveal .jp-RenderedImage img { margin: 0 auto; display: block; }
.reveal .slides :is(h1, h2, h3) { text-transform: none; font-size: 36px; }
</style>{%- endblock -%}
{%- block footer_js -%}
<script src="{{ resources.reveal.url_prefix }}/dist/reveal.js"></script>
<script src="{{ resources.reveal.url_prefix }}/plugin/notes/notes.js"></script>
<script>
Reveal.initialize({
  hash: true, slideNumber: true, width: 1100, height: 700, plugins: [RevealNotes]
});
</script>
{%- endblock -%}
"""
LIST = re.compile(r"(\*\*[^*]+\*\*\n)?(([-*]|\d+\.) .*\n(  +\S.*\n)*)+")
"""A list, under a line in bold or by itself."""


class _Exporter(OfflineMarkdown, SlidesExporter):
    raw_template = TEMPLATE
    reveal_url_prefix = REVEAL
    reveal_theme = "white"  # brings its own fonts
    exclude_input = True
    exclude_input_prompt = True
    exclude_output_prompt = True


def is_deck(notebook: Notebook) -> bool:
    """Say whether any cell of a notebook is to be on slides."""
    cells = nbformat.read(notebook.path, as_version=4).cells
    return any(_kind(cell) not in NOT_SHOWN for cell in cells)


def deck(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the cells that are on slides, text cut to what a room can read, the rest as notes.

    Raises
    ------
    ValueError
        If a code cell that is to be shown has not been executed.
    """
    cells: list[nbformat.NotebookNode] = []
    for cell in nbformat.from_dict(notebook).cells:
        kind = _kind(cell)
        on_slide = kind not in NOT_SHOWN
        if on_slide and cell.cell_type == "code":
            if not cell.outputs:
                raise ValueError(f"cell {cell.id!r} has no output to show: run the notebook first")
            cells.append(_without_log(cell))
        elif cell.cell_type == "markdown" and kind != "skip":
            if on_slide:
                cells.append(_markdown(brief(cell.source), kind))
            if cells:
                cells.append(_markdown(cell.source, "notes"))
    return new_notebook(cells=cells, metadata=notebook.metadata)


def brief(text: str) -> str:
    """Return a text's first heading, and the lists and formulas up to the next heading.

    Examples
    --------
    >>> print(brief("## Why\\n\\nA long story.\\n\\n- short\\n\\n$$x$$\\n\\n## Next\\n\\n- no"))
    ## Why
    <BLANKLINE>
    - short
    <BLANKLINE>
    $$x$$
    """
    heading, *rest = re.split(r"\n+(?=#+ )", text.strip())[0].split("\n\n")
    kept = [part for part in rest if part.startswith("$$") or LIST.fullmatch(f"{part}\n")]
    return "\n\n".join([heading, *kept])


def _without_log(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Leave out what a cell prints beside its figure, such as how far training is."""
    if any("image/png" in output.get("data", {}) for output in cell.outputs):
        cell.outputs = [output for output in cell.outputs if output.output_type != "stream"]
    return cell


def _kind(cell: nbformat.NotebookNode) -> str:
    return cell.metadata.get("slideshow", {}).get("slide_type", "")


def _markdown(source: str, kind: str) -> nbformat.NotebookNode:
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind}})


def _latest(notebook: Path, made: Path) -> nbformat.NotebookNode:
    """Return what was made of a notebook, or, where it has been changed since, itself."""
    ours = nbformat.read(notebook, as_version=4)
    if not made.exists():
        return ours
    theirs = nbformat.read(made, as_version=4)
    there = {cell.id: cell.source for cell in theirs.cells}
    return theirs if all(there.get(cell.id) == cell.source for cell in ours.cells) else ours


def write_slides(notebooks: Path, executed: Path, target: Path) -> list[Path]:
    """Write slides of every notebook in `notebooks` that has any into `target`; return them.

    Parameters
    ----------
    notebooks, executed : pathlib.Path
        Folders of the notebooks and of what `run_all.py` made of them. A notebook that was not
        executed, or was changed since, is taken with the outputs that it holds itself.
    target : pathlib.Path
        Its folder ``reveal.js`` belongs to the slides: they need no network.

    Raises
    ------
    ValueError
        If a notebook has neither been executed nor holds outputs.
    FileNotFoundError
        If there is no notebook.
    ModuleNotFoundError
        If sphinx_revealjs, which brings reveal.js, is not installed.
    """
    decks = list(filter(is_deck, discover(notebooks)))
    if not find_spec(REVEAL_PACKAGE):
        raise ModuleNotFoundError(
            f"{REVEAL_PACKAGE} not installed: expected what brings reveal.js; run "
            "pip install -r requirements.txt"
        )
    target.mkdir(parents=True, exist_ok=True)
    with as_file(files(REVEAL_PACKAGE) / "_static" / "revealjs") as reveal:
        for part in ("dist", "plugin/notes"):
            shutil.copytree(reveal / part, target / REVEAL / part, dirs_exist_ok=True)
    written = []
    for notebook in decks:
        content = _latest(notebook.path, executed / notebook.path.name)
        resources = {"metadata": {"name": notebook.name, "path": str(notebooks)}}
        try:
            page, _ = _Exporter().from_notebook_node(deck(content), resources=resources)
        except ValueError as error:
            raise ValueError(f"{notebook.name}: {error} (python run_all.py)") from error
        written.append(target / f"{notebook.name}.html")
        with atomic_path(written[-1]) as temporary:
            temporary.write_text(page, "utf-8")
    return written


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m dnalib slides``; return the exit code."""
    parser = Parser(
        prog="slides",
        usage="python -m dnalib slides [--output FOLDER]",
        description="Make slides of the notebooks that have any, to be shown without a network.",
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", default=Path("outputs/slides"))
    asked = parser.parse_args(arguments)
    try:
        written = write_slides(Path("notebooks"), Path("outputs/quick/executed"), asked.output)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        return complain("slides", error)
    for path in written:
        print(f"Slides: {path}")
    return 0
