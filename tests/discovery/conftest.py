"""A tiny encoder, and a model that was fitted with it once."""

import pytest

from dnalib.discovery import FineCategoryDiscovery
from tests.helpers import make_texts, make_tiny_bert


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """A folder with a random BERT of 16 dimensions."""
    return str(make_tiny_bert(tmp_path_factory.mktemp("bert")))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test reads what another one left."""
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def table():
    """100 short texts of two coarse and four fine topics, with the names of the coarse ones."""
    data = make_texts(100)
    return data.train.inputs, [data.coarse_names[c] for c in data.train.coarse]


@pytest.fixture
def make(bert):
    """Make a model over the tiny encoder, quick unless said otherwise."""

    def model(n_fine="auto", **settings):
        quick = {"method": "embeddings", "n_init": 2, "progress": False}
        return FineCategoryDiscovery(n_fine, encoder=bert, **(quick | settings))

    return model
