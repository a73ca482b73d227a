"""Views change what they say they change, at the rate they say, and nothing else."""

import pytest
import torch

from dnalib.benchmark.paper import PAPER
from dnalib.encoders import Batch, VectorEncoder, load_encoder
from dnalib.methods import get_method
from dnalib.training.views import drop, make_view
from tests.helpers import make_texts, make_tiny_bert


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_encoder(str(make_tiny_bert(tmp_path_factory.mktemp("bert"))), precision="float32")


def test_drop_hides_the_share_it_says_and_never_the_first_token():
    mask = torch.ones(400, 20, dtype=torch.bool)
    mask[:, 15:] = False
    ids = torch.arange(20).expand(400, -1)
    changed = drop(Batch(ids, mask), 0.15, torch.Generator().manual_seed(0))
    assert torch.equal(changed.values, ids)
    assert changed.mask[:, 0].all()
    assert not changed.mask[:, 15:].any()
    assert 1 - changed.mask[:, 1:15].float().mean() == pytest.approx(0.15, abs=0.02)


def test_drop_on_vectors_hides_coordinates():
    changed = drop(Batch(torch.ones(100, 50)), 0.2, torch.Generator().manual_seed(0))
    assert (changed.values == 0).float().mean() == pytest.approx(0.2, abs=0.02)


def test_replacement_changes_the_papers_share_and_no_special_token(encoder, monkeypatch):
    monkeypatch.setenv("DNALIB_CACHE", "/nonexistent")
    store = encoder.tokenize(make_texts(400).train.inputs)
    indices = torch.arange(400)
    before = store.batch(indices)
    rate = PAPER["clinc150"].settings(get_method("dna"))["view_rate"]
    after = make_view("replace", rate, encoder)(store, indices, torch.Generator().manual_seed(0))
    special = torch.isin(before.values, torch.tensor(encoder.tokenizer.all_special_ids))
    assert torch.equal(before.values[special], after.values[special])
    assert not torch.isin(after.values[~special & before.mask], torch.arange(5)).any()
    changed = (before.values != after.values)[~special & before.mask].float().mean()
    words = len(encoder.tokenizer) - 5
    assert changed == pytest.approx(0.225 * (1 - 1 / words), abs=0.01)


def test_the_same_generator_gives_the_same_view(encoder):
    store = encoder.tokenize(make_texts(8).train.inputs)
    view = make_view("drop", 0.5, encoder)
    masks = [view(store, torch.arange(8), torch.Generator().manual_seed(1)).mask for _ in "ab"]
    assert torch.equal(*masks)


def test_replacement_needs_tokens():
    with pytest.raises(ValueError, match="'replace' needs tokens but VectorEncoder has none"):
        make_view("replace", 0.25, VectorEncoder(4))
