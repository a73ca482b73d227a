"""One notebook to be run, and where everything about it is kept."""

from dataclasses import dataclass
from pathlib import Path

from dnalib.execution.notebooks import Notebook


@dataclass(frozen=True)
class Job:
    """One notebook to be run.

    Attributes
    ----------
    notebook : Notebook
    parameters : dict
        Values other than the defaults, without ``output_dir``.
    output : pathlib.Path
        The results folder of the profile.
    cell_timeout : int
    notebook_timeout : float
        Seconds.
    memory_limit : float
        GiB that its processes may hold.
    threads : int
        How many threads its libraries may use.
    """

    notebook: Notebook
    parameters: dict[str, object]
    output: Path
    cell_timeout: int
    notebook_timeout: float
    memory_limit: float
    threads: int

    @property
    def name(self) -> str:
        """The notebook's name."""
        return self.notebook.name

    @property
    def workplace(self) -> Path:
        """Where it runs until it is done."""
        return workplaces(self.output) / self.name

    @property
    def results(self) -> Path:
        """The notebook's own folder of figures, tables and metrics."""
        return self.output / self.name

    @property
    def executed(self) -> Path:
        """The executed notebook."""
        return self.output / "executed" / f"{self.name}.ipynb"

    @property
    def html(self) -> Path:
        """The executed notebook as a page."""
        return self.output / "html" / f"{self.name}.html"

    @property
    def failed(self) -> Path:
        """What there is of the notebook when it did not get to its end."""
        return self.executed.with_suffix(".failed.ipynb")

    def artifacts(self) -> list[str]:
        """Return all that it has put in place, relative to the results folder."""
        made = [self.executed, self.html, *sorted(self.results.rglob("*"))]
        return [path.relative_to(self.output).as_posix() for path in made]


def workplaces(output: Path) -> Path:
    """Return the folder of a results folder in which notebooks are at work."""
    return output / ".running"
