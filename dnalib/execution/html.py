"""An executed notebook as one HTML file that needs no network to be read."""

import html
import re
from pathlib import Path

import nbformat
from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

# nbconvert's page, less the scripts that it would fetch from the network.
OFFLINE_TEMPLATE = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
"""

# A link, and no picture, to a file beside the notebook, to a heading, or to both.
FILE_LINK = re.compile(
    r"(?<!!)\[(?P<text>[^]]*)\]\((?:(?P<path>[\w./-]+\.\w+)(?:#[^)\s]*)?|#[^)\s]*)\)"
)

# latex2mathml lays out "split"; amsmath's other aligned forms look the same.
ALIGNED = re.compile(r"\\(begin|end)\{(?:aligned|align|align\*)\}")


def mathml(latex: str, display: str) -> str:
    """Return MathML for LaTeX math; what cannot be converted stays readable as LaTeX.

    Parameters
    ----------
    latex : str
        Without its dollar signs.
    display : {"inline", "block"}
    """
    try:
        converted = convert(ALIGNED.sub(r"\\\1{split}", latex.strip()), display=display)
    except Exception:  # the converter raises a different error for each thing it does not know
        return f"<code>{html.escape(latex)}</code>"
    return converted.replace("<mi>&</mi>", "<mi>&amp;</mi>")


class _Renderer(IPythonRenderer):
    """Markdown in which formulas become MathML, which browsers lay out by themselves."""

    def block_math(self, body: str) -> str:
        return mathml(body, "block")

    def inline_math(self, body: str) -> str:
        return mathml(body, "inline")

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


class OfflineMarkdown:
    """Lets an exporter of nbconvert lay out formulas, and embed pictures, without a network."""

    embed_images = True

    @pass_context
    def markdown2html(self, context, source):
        cell = context.get("cell", {})
        folder = context.get("resources", {}).get("metadata", {}).get("path", "")
        renderer = _Renderer(
            escape=False,
            attachments=cell.get("attachments", {}),
            embed_images=True,
            path=folder,
            exclude_anchor_links=True,
        )
        return MarkdownWithMath(renderer=renderer).render(source)


class _OfflineExporter(OfflineMarkdown, HTMLExporter):
    raw_template = OFFLINE_TEMPLATE


def export(notebook: Path, target: Path, title: str, folder: Path) -> None:
    """Write an executed notebook as HTML.

    Parameters
    ----------
    notebook, target : pathlib.Path
        The ``.ipynb`` to read and the ``.html`` to write.
    title : str
        The page's title.
    folder : pathlib.Path
        Where the pictures that its text links to are looked up.
    """
    content = nbformat.read(notebook, as_version=4)
    content.metadata["title"] = title
    _link_pages(content)
    resources = {"metadata": {"name": target.stem, "path": str(folder)}}
    page, _ = _OfflineExporter().from_notebook_node(content, resources=resources)
    target.write_text(page, "utf-8")


def _link_pages(content) -> None:
    """Turn links from notebook to notebook into links from page to page.

    Of links to other files, such as the solutions, the text stays: the pages are read elsewhere.
    Headings have no anchors there, so that a link to one leads to its page or nowhere.
    """
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = FILE_LINK.sub(_link_page, cell.source)


def _link_page(link: re.Match) -> str:
    page = re.fullmatch(r"(\d\d_[\w-]+)\.ipynb", link["path"] or "")
    return f"[{link['text']}]({page[1]}.html)" if page else link["text"]
