"""What a whole DNA run takes, texts to test scores, and where its CPU time goes, by cProfile.

Run ``python benchmarks/profile_run.py --dataset clinc150``, on as many threads as PyTorch finds
cores unless ``$OMP_NUM_THREADS`` says otherwise.
"""

from __future__ import annotations

import cProfile
import pstats
import time
from pathlib import Path

import pandas as pd
from common import parse, show, show_machine

import dnalib
from dnalib.datasets import load
from dnalib.methods import run

PACKAGE = Path(dnalib.__file__).parent


def by_function(profile: cProfile.Profile, count: int) -> pd.DataFrame:
    """Return dnalib's functions that the most time passed in, callees included."""
    stats = pstats.Stats(profile)
    rows = {
        f"{Path(file).relative_to(PACKAGE).with_suffix('')}: {name}": (calls, own, within)
        for (file, _, name), (_, calls, own, within, _) in stats.stats.items()
        if Path(file).is_relative_to(PACKAGE) and not name.startswith("<")
    }
    table = pd.DataFrame(rows, index=["calls", "own s", "seconds"]).T.rename_axis("function")
    table = table.sort_values("seconds", ascending=False).head(count)
    table["share, %"] = 100 * table["seconds"] / stats.total_tt
    return table.astype({"calls": int}).drop(columns="own s").astype({"calls": object})


def by_operation(profile: cProfile.Profile, count: int) -> pd.DataFrame:
    """Return the functions, of any package, that the most time was spent in themselves."""
    stats = pstats.Stats(profile)
    own = pd.Series(dtype=float)
    for (file, _, name), (_, _, seconds, _, _) in stats.stats.items():
        label = name if file.startswith("~") else f"{Path(file).stem}: {name}"
        own[label] = own.get(label, 0.0) + seconds
    table = own.sort_values(ascending=False).head(count).to_frame("own s")
    table["share, %"] = 100 * table["own s"] / stats.total_tt
    return table.rename_axis("operation")


def main() -> None:
    """Print the tables."""
    options = parse(__doc__.splitlines()[0], dataset="pydocs", epochs=8)
    name, epochs = ("pydocs", 1) if options.quick else (options.dataset, options.epochs)
    data = load(name)
    wall, cpu = time.perf_counter(), time.process_time()
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    result = run(data, "dna", epochs=epochs, progress=False)
    profile.disable()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    show_machine()
    print(f"DNA on {name}, {epochs} epochs: ACC {result.scores['acc']:.1f}")
    print(f"{wall:.0f} s, {cpu:.0f} CPU s, of which scoring took {wall - result.seconds:.0f} s")
    show("Time passed in dnalib's functions", by_function(profile, 25))
    show("Time spent in single operations", by_operation(profile, 15))


if __name__ == "__main__":
    main()
