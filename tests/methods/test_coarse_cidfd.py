"""cIDFD on texts: a coarse label's mixture is its background, and a second encoder learns it."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import normalize

from dnalib.encoders import Batch, VectorEncoder, load_encoder
from dnalib.methods import get_method, run
from dnalib.methods.coarse_cidfd import CoarseCIDFDObjective, mixtures
from dnalib.training import Step, Task, TrainingConfig
from tests.helpers import make_texts, make_tiny_bert
from tests.training.test_loop import KillAfter, Stop, make_trainer, numbers

CONFIG = TrainingConfig(**get_method("cidfd").settings)


def test_a_mixture_draws_every_token_from_texts_of_its_label():
    ids = torch.arange(1, 41).reshape(4, 10)
    mask = torch.ones(4, 10, dtype=torch.bool)
    mask[2, 3:] = False
    coarse = torch.tensor([7, 2, 7, 2])
    torch.manual_seed(0)
    mixed, labels = mixtures(Batch(ids, mask), coarse)
    assert labels.tolist() == [2, 7] and mixed.values.shape == (2, 10) and mixed.mask.all()
    for label, row in zip(labels, mixed.values, strict=True):
        allowed = set(ids[(coarse == label)[:, None] & mask].tolist())
        assert set(row.tolist()) <= allowed
        texts = (row - 1) // 10
        assert len(texts.unique()) == 2  # no text alone


def test_tokens_of_longer_texts_are_drawn_more_often():
    ids = torch.tensor([[0] * 30, [1] * 30])
    mask = torch.arange(30) < torch.tensor([[30], [10]])
    torch.manual_seed(0)
    drawn = torch.cat([mixtures(Batch(ids, mask), torch.zeros(2))[0].values for _ in range(50)])
    assert drawn.float().mean().item() == pytest.approx(0.25, abs=0.04)


def test_states_are_mixed_whole_and_vectors_by_coordinate():
    states = torch.arange(4.0)[:, None, None].expand(4, 5, 3)
    coarse = torch.tensor([0, 0, 1, 1])
    mixed, _ = mixtures(Batch(states, torch.ones(4, 5, dtype=torch.bool)), coarse)
    assert mixed.values.shape == (2, 5, 3)
    assert torch.equal(mixed.values, mixed.values[:, :, :1].expand(-1, -1, 3))
    vectors = torch.arange(4.0)[:, None] + torch.arange(6.0) * 10
    mixed, _ = mixtures(Batch(vectors), coarse)
    assert mixed.mask is None
    assert set((mixed.values[1] - torch.arange(6.0) * 10).tolist()) <= {2.0, 3.0}


def test_images_are_refused():
    with pytest.raises(ValueError, match=r"shape \(4, 1, 8, 8\): expected texts or vectors"):
        mixtures(Batch(torch.rand(4, 1, 8, 8)), torch.tensor([0, 0, 1, 1]))


def test_its_loss_is_handed_both_encoders_features_and_the_mixtures():
    vectors = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    coarse = torch.tensor([0, 1, 1, 0])
    encoder = VectorEncoder(6)
    objective = CoarseCIDFDObjective(Task(6, 3, 20, encoder), CONFIG)
    assert objective.cidfd.reference.features.shape == (3, 6)
    with torch.no_grad():
        objective.background.adapter[2].weight.normal_()
    features = encoder(Batch(vectors))
    step = Step(
        torch.arange(4), normalize(features), None, features, coarse, None, None,
        batch=Batch(vectors),
    )  # fmt: skip
    torch.manual_seed(1)
    term = objective(step)["cidfd"]
    torch.manual_seed(1)
    mixed, labels = mixtures(step.batch, coarse)
    background, reference = (
        normalize(objective.background(batch)) for batch in (step.batch, mixed)
    )
    assert term == objective.cidfd(step.queries, background, step.indices, reference, labels)
    before = objective.cidfd.reference.features.clone()
    objective.after_step(step)
    moved = (objective.cidfd.reference.features != before).any(dim=1)
    assert moved.tolist() == [True, True, False]


def test_a_killed_run_resumes_to_the_same_numbers(tmp_path):
    expected = make_trainer(CoarseCIDFDObjective).fit()
    path = tmp_path / "run.pt"
    with pytest.raises(Stop):
        make_trainer(CoarseCIDFDObjective, checkpoint_path=path, monitor=KillAfter(1)).fit()
    history = make_trainer(CoarseCIDFDObjective, checkpoint_path=path).fit()
    pd.testing.assert_frame_equal(numbers(history), numbers(expected), check_exact=True)


def test_the_second_encoder_shares_what_is_frozen_and_learns_the_background(tmp_path, monkeypatch):
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "cache"))
    folder = str(make_tiny_bert(tmp_path / "bert", pooling="mean"))
    settings = {"batch_size": 16, "epochs": 8, "learning_rate": 3e-3, "progress": False}
    result = run(make_texts(80), "cidfd", encoder=folder, **settings)
    background, salient = result.objective.background, result.encoder
    pairs = list(zip(background.parameters(), salient.parameters(), strict=True))
    assert all((one is other) != other.requires_grad for one, other in pairs)
    # What the mixtures taught it: the reference memories of the two labels part.
    fresh = CoarseCIDFDObjective(Task(16, 2, 80, load_encoder(folder)), result.config)
    store = salient.prepare(make_texts(80).train.inputs)
    coarse = torch.from_numpy(make_texts(80).train.coarse)

    def gap(encoder):
        torch.manual_seed(0)
        with torch.no_grad():
            mixed, _ = mixtures(store.batch(torch.arange(80)), coarse)
            return 1 - torch.cosine_similarity(*encoder.eval()(mixed), dim=0).item()

    assert gap(background) > 2 * gap(fresh.background)
    assert np.isfinite(result.history["loss_cidfd"]).all()


def test_it_says_that_it_is_a_reconstruction():
    method = get_method("cidfd")
    assert "reconstruct" in method.title and "reconstruction" in method.source
    assert "reconstruction" in CoarseCIDFDObjective.__doc__
