"""What a person's own table costs, stage by stage, and how fast new texts are sorted.

``python benchmarks/own_costs.py --rows 10000`` makes a table of CLINC150's training texts (of more
rows than there are, copies with words left out) and goes from the CSV to the report as notebook 12
does. ``--epochs 1`` trains that much only: the other stages cost the same.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from common import show, show_machine

from dnalib.datasets import load, read_table
from dnalib.discovery import (
    FineCategoryDiscovery,
    estimator,
    export,
    exporting,
    learning,
)
from dnalib.discovery.features import features_of
from dnalib.environment import peak_gib

STAGES = {
    "clean and look for copies": (estimator, "prepare"),
    "encode and train": (learning, "run"),
    "count categories": (learning, "count_categories"),
    "group": (learning, "cluster_within"),
    "judge": (estimator, "judge"),
    "features of the other rows": (estimator, "features_of_all"),
    "sort all rows": (estimator, "fitted_rows"),
    "report": (exporting, "write_report"),
}
SHARE_KEPT = 0.85
"""Of the words of a copy."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="300 rows of pydocs, one epoch")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--predicted", type=int, default=4096, help="texts sorted for the speed")
    parser.add_argument("--dataset", default="clinc150", help="whose texts the table is made of")
    asked = parser.parse_args()
    if asked.quick:
        asked.rows, asked.epochs, asked.predicted, asked.dataset = 300, 1, 300, "pydocs"
    show_machine()
    with tempfile.TemporaryDirectory() as folder:
        model, texts, costs = measure(Path(folder), asked.rows, asked.epochs, asked.dataset)
    show(f"From CSV to report: {asked.rows:,} rows", costs)
    print(f"\nThe process took {peak_gib():.1f} GiB at most.")
    texts = texts[: asked.predicted]
    show(f"Sorting {len(texts):,} new texts", prediction(model, texts))


def measure(
    folder: Path, rows: int, epochs: int | None, dataset: str
) -> tuple[FineCategoryDiscovery, list[str], pd.DataFrame]:
    """Return a model fitted on a table of so many rows, texts of it, and what each stage took."""
    path = folder / "table.csv"
    make_table(rows, dataset).to_csv(path, index=False)
    costs: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))
    with stages_timed(costs), timed(costs, "all of it"):
        frame = read_table(path).frame
        model = FineCategoryDiscovery(epochs=epochs).fit(frame["text"], frame["coarse"])
        written = export(model, folder / "out")
    print(f"report.html: {written['report'].stat().st_size / 1e6:.1f} MB")
    costs["the rest (reading, naming, files)"] = 2 * costs["all of it"] - sum(costs.values())
    table = pd.DataFrame(costs, index=["wall s", "CPU s"]).T.rename_axis("stage")
    return model, frame["text"].tolist(), table


def make_table(rows: int, dataset: str, seed: int = 0) -> pd.DataFrame:
    """Return so many rows of a dataset's training texts: drawn, or all and copies of them."""
    known = load(dataset)
    frame = known.frame().iloc[: len(known.train)][["text", "coarse"]]
    if rows <= len(frame):
        return frame.sample(rows, random_state=seed)
    rng = np.random.default_rng(seed)
    copies = frame.sample(rows - len(frame), replace=True, random_state=seed)
    return pd.concat(
        [frame, copies.assign(text=[_shortened(text, rng) for text in copies["text"]])]
    )


def _shortened(text: str, rng: np.random.Generator) -> str:
    words = text.split()
    kept = [word for word in words if rng.random() < SHARE_KEPT]
    return " ".join(kept or words)


@contextmanager
def stages_timed(costs: dict[str, np.ndarray]):
    """Add up what each of `STAGES` takes, while the block runs."""
    plain = {stage: getattr(module, name) for stage, (module, name) in STAGES.items()}
    for stage, (module, name) in STAGES.items():
        setattr(module, name, _timing(plain[stage], costs, stage))
    try:
        yield
    finally:
        for stage, (module, name) in STAGES.items():
            setattr(module, name, plain[stage])


def _timing(function, costs: dict[str, np.ndarray], stage: str):
    def timing(*args, **kwargs):
        with timed(costs, stage):
            return function(*args, **kwargs)

    return timing


@contextmanager
def timed(costs: dict[str, np.ndarray], stage: str):
    """Add the wall and CPU seconds of the block to a stage's."""
    started = np.array([time.perf_counter(), time.process_time()])
    yield
    costs[stage] += np.array([time.perf_counter(), time.process_time()]) - started


def prediction(model: FineCategoryDiscovery, texts: list[str]) -> pd.DataFrame:
    """Return texts a second: all of `predict`, and its parts."""
    model.predict(texts[:64])
    features = features_of(model.encoder_, texts, progress=False)
    given, has_text = np.full(len(texts), -1), np.full(len(texts), True)
    sorter = model._sorter
    parts = {
        "predict": lambda: model.predict(texts),
        "of it: word pieces": lambda: model.encoder_.tokenize(texts),
        "of it: word pieces to features": lambda: features_of(
            model.encoder_, texts, progress=False
        ),
        "of it: features to categories": lambda: sorter.leaves(features, given, has_text),
        "predict, one text at a time": lambda: [model.predict([text]) for text in texts[:50]],
    }
    rows = {}
    for name, part in parts.items():
        costs: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))
        with timed(costs, name):
            part()
        n = 50 if name.endswith("at a time") else len(texts)
        rows[name] = n / costs[name]
    columns = ["texts a second", f"texts a CPU second ({torch.get_num_threads()} threads)"]
    return pd.DataFrame(rows, index=columns).T


if __name__ == "__main__":
    main()
