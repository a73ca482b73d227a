"""Small projects with small notebooks, made where pytest says."""

import contextlib
import io
import json
import textwrap
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from dnalib.execution import command

SLEEP = "import time\ntime.sleep(120)"
METRICS = """
from dnalib.outputs import Outputs
Outputs(output_dir).metrics(seed=seed)
"""


class Project:
    """A folder like the repository's root, with notebooks/ and requirements.txt."""

    def __init__(self, root: Path):
        self.root = root
        self.notebooks = root / "notebooks"
        self.notebooks.mkdir(parents=True)
        self.profiles("[quick]")
        (root / "requirements.txt").write_text("# pins\npapermill==2.7.0\n-e .\n")

    def profiles(self, text: str) -> None:
        (self.notebooks / "profiles.toml").write_text(text)

    def notebook(self, name: str, *codes: str, parameters="seed = 0\noutput_dir = '../out'"):
        """Write notebooks/<name>.ipynb with a title, a parameters cell and code cells."""
        cells = [v4.new_markdown_cell(f"# Title of {name}\n\n$$a_1 < b$$")]
        cells.append(v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        cells += [v4.new_code_cell(textwrap.dedent(code).strip()) for code in codes]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(notebook, self.notebooks / f"{name}.ipynb")

    def manifest(self, output="outputs/quick") -> dict:
        return json.loads((self.root / output / "manifest.json").read_text())["notebooks"]


def run(project, *arguments):
    """Return (exit code, what was printed) of a run in this process."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = command.main(arguments, root=project.root)
    return code, printed.getvalue()


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "a project")


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("runs") / "a project {with} späces")
