"""One cell in this process: reads ``job.json`` and writes ``record.json`` or ``error.txt``."""

import json
from pathlib import Path

from dnalib.benchmark.cells import Cell, measure_cell
from dnalib.files import atomic_path
from dnalib.running.processes import is_out_of_memory


def main(name: str) -> None:
    """Measure the cell that the folder `name` describes."""
    folder = Path(name)
    cell, settings = json.loads((folder / "job.json").read_text("utf-8"))
    try:
        record = json.dumps(measure_cell(Cell(**cell), settings))
    except Exception as error:
        sentence = " ".join(f"{type(error).__name__}: {error}".split())
        kind = "out of memory" if is_out_of_memory(sentence) else "failed"
        (folder / "error.txt").write_text(f"{kind}: {sentence}", "utf-8")
        raise
    with atomic_path(folder / "record.json") as path:
        path.write_text(record, "utf-8")
