"""Keeps outputs of executed notebooks in the notebooks themselves, as the repository has them."""

import re
from pathlib import Path

import nbformat

from dnalib.execution.notebooks import Notebook, read
from dnalib.files import atomic_path

LARGEST = 1_000_000
"""Bytes that a notebook may take with its outputs."""

STYLED_TABLE = re.compile(r"T_[0-9a-f]{5}")
"""The id that pandas draws at random for each styled table."""

ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where an object happened to lie in memory."""

EPOCH_SECONDS = re.compile(r"^(epoch \d+/\d+ .*?) +seconds [\d.]+$", re.MULTILINE)
"""A line that training prints after an epoch."""


PROGRESS_LINE = re.compile(r"^\S.*: [\d,]+ of [\d,]+ \S.*, about .* left\n", re.MULTILINE)
"""A line of `dnalib.progress.Lines`, of which there are the more the slower the machine is."""


def keep_outputs(notebook: Path, executed: Path) -> None:
    """Write the outputs of `executed` into `notebook`, whose sources stay as they are.

    Parameters
    ----------
    notebook : pathlib.Path
        The notebook as the repository has it.
    executed : pathlib.Path
        What `run_all.py` made of it.

    Raises
    ------
    ValueError
        If `executed` is of another source, or the result is too large.
    """
    source = read(notebook)
    ours, theirs = (nbformat.read(path, as_version=4) for path in (notebook, executed))
    made = {cell.id: cell for cell in theirs.cells if cell.cell_type == "code"}
    for cell in ours.cells:
        if cell.cell_type != "code":
            continue
        if cell.id not in made or made[cell.id].source != cell.source:
            raise ValueError(
                f"cell {cell.id!r} of {executed.name} is not the one of {notebook}: expected it "
                "executed as it is; run run_all.py again"
            )
        cell.outputs = [_settled(output, cell.id) for output in _joined(made[cell.id].outputs)]
        cell.execution_count = made[cell.id].execution_count
    ours.metadata["dnalib"] = {"outputs_of": source.code_sha256}
    content = nbformat.writes(ours) + "\n"
    if len(content.encode()) > LARGEST:
        raise ValueError(
            f"{notebook.name} takes {len(content.encode())} bytes with its outputs: expected at "
            f"most {LARGEST}; draw fewer points or smaller figures"
        )
    with atomic_path(notebook) as temporary:
        temporary.write_text(content, "utf-8")


def outputs_are_of(notebook: Notebook) -> bool:
    """Say whether the outputs kept in a notebook belong to its code as it now stands."""
    metadata = nbformat.read(notebook.path, as_version=4).metadata
    return metadata.get("dnalib", {}).get("outputs_of") == notebook.code_sha256


def _joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return the outputs with what was printed in several pieces, as time had it, in one."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            joined.append(nbformat.from_dict(output))
    return joined


def _settled(output: nbformat.NotebookNode, cell_id: str) -> nbformat.NotebookNode:
    """Return the output without what changes from run to run though nothing else did."""
    if output.output_type == "stream":
        output.text = PROGRESS_LINE.sub("", EPOCH_SECONDS.sub(r"\1", output.text))
    data = output.get("data", {})
    if "text/html" in data:
        data["text/html"] = STYLED_TABLE.sub(f"T_{cell_id}", data["text/html"])
    if "text/plain" in data:
        data["text/plain"] = ADDRESS.sub("", data["text/plain"])
    return output
