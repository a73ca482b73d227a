"""The published numbers, as they were read from the papers' tables."""

from pathlib import Path

import pandas as pd
import pytest

SCORES = ["acc", "ari", "nmi"]
PUBLISHED = pd.read_csv(Path(__file__).parents[1] / "results" / "published.csv")


def test_columns_and_rows():
    assert list(PUBLISHED.columns) == ["dataset", "method", *SCORES, "source"]
    assert not PUBLISHED.isna().any().any()
    assert not PUBLISHED.duplicated(["dataset", "method"]).any()
    assert PUBLISHED[SCORES].stack().between(0, 100).all()


def test_mean_gain_of_dna_is_the_one_its_abstract_states():
    by_method = PUBLISHED.set_index(["method", "dataset"])[SCORES]
    gain = by_method.loc["DNA"] - by_method.loc["WSCL (as quoted by DNA)"]
    assert gain.size == 9
    assert gain.to_numpy().mean() == pytest.approx(9.96, abs=0.005)
