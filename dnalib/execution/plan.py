"""What the command line asks for, checked before anything is run."""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dnalib import environment
from dnalib.execution import ingredients
from dnalib.execution.jobs import Job
from dnalib.execution.manifest import DONE, MANIFEST, Manifest
from dnalib.execution.notebooks import Notebook, discover, select
from dnalib.execution.parameters import Profile, check, load_profile, parse_overrides


@dataclass(frozen=True)
class Plan:
    """What the command line asks for, checked.

    Attributes
    ----------
    root : pathlib.Path
        The project's folder.
    notebooks : list of Notebook
        All there are.
    jobs : list of Job
        Those to be run.
    ingredients : dict of dict
        What the results of each job depend on.
    profile : Profile
    output : pathlib.Path
        The results folder.
    forced_by : str
        The option for which even what is up to date is run, or nothing.
    """

    root: Path
    notebooks: list[Notebook]
    jobs: list[Job]
    ingredients: dict[str, dict]
    profile: Profile
    output: Path
    forced_by: str

    @property
    def manifest_file(self) -> Path:
        """Where the manifest of the results folder is."""
        return self.output / MANIFEST

    @property
    def requirements(self) -> Path:
        """The file that pins the packages."""
        return self.root / "requirements.txt"

    def why_run(self, job: Job, manifest: Manifest) -> str:
        """Say why `job` is to be run; nothing when it is up to date."""
        return self.forced_by or manifest.why_rerun(job.name, self.ingredients[job.name])


def chosen(options: argparse.Namespace, root: Path) -> tuple[list, list, Profile]:
    """Return all notebooks, those that `options` choose, and the profile."""
    notebooks = discover(root / "notebooks")
    profile = load_profile(root / "notebooks" / "profiles.toml", options.profile, notebooks)
    return notebooks, select(notebooks, options.only) if options.only else notebooks, profile


def make(options: argparse.Namespace, root: Path) -> Plan:
    """Return the plan for `options`.

    Raises
    ------
    ValueError
        When a notebook, a profile or a parameter is not what it should be.
    FileNotFoundError
        When there is no notebook, no ``profiles.toml`` or no ``requirements.txt``.
    """
    overrides = parse_overrides(options.parameters)

    def parameters(notebook: Notebook, profile: Profile) -> dict:
        check(overrides, notebook)
        return profile.values(notebook) | overrides

    return _make(options, root, parameters)


def to_verify(options: argparse.Namespace, root: Path, scratch: Path) -> tuple[Plan, Plan]:
    """Return the plan by which the stored results were made, and the same one in `scratch`.

    Raises
    ------
    ValueError
        As `make`, and when the results of a chosen notebook are not done.
    """
    manifest, threads = None, {}

    def recorded(notebook: Notebook, profile: Profile) -> dict:
        nonlocal manifest
        output = _output(options, root, profile)
        manifest = manifest or Manifest(output / MANIFEST)
        entry = manifest.entry(notebook.name) or {}
        if entry.get("outcome") != DONE or not isinstance(entry.get("parameters"), dict):
            raise ValueError(
                f"{notebook.name} has no finished results in {output}; run it before --verify, "
                "or choose others with --only."
            )
        check(entry["parameters"], notebook)
        threads[notebook.name] = entry.get("threads")
        return entry["parameters"]

    stored = _make(options, root, recorded)
    # With as many threads: they add up in another order, and training amplifies that.
    jobs = [
        replace(job, output=scratch, threads=threads[job.name] or job.threads)
        for job in stored.jobs
    ]
    return stored, replace(stored, jobs=jobs, output=scratch, forced_by="--verify")


def _make(options, root: Path, parameters: Callable[[Notebook, Profile], dict]) -> Plan:
    notebooks, wanted, profile = chosen(options, root)
    output = _output(options, root, profile)
    jobs = [
        Job(
            notebook,
            parameters(notebook, profile),
            output,
            math.ceil(options.cell_timeout or profile.cell_timeout),  # nbclient wants it whole
            options.notebook_timeout or profile.notebook_timeout,
            options.memory_limit or math.inf,
            threads=max(1, environment.cores() // min(options.jobs or 1, len(wanted))),
        )
        for notebook in wanted
    ]
    versions = environment.versions(root / "requirements.txt")
    parts = {job.name: ingredients.of(job, versions) for job in jobs}
    forced_by = "--force" if options.force else ""
    return Plan(root, notebooks, jobs, parts, profile, output, forced_by)


def _output(options, root: Path, profile: Profile) -> Path:
    return (options.output or root / "outputs" / profile.name).resolve()
