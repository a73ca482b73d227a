"""WSCL: what its terms are made of, whom it enqueues, and what it needs of a batch."""

import pandas as pd
import pytest
import torch
from torch.nn import functional as F
from torch.nn.functional import normalize

from dnalib.encoders import Batch, load_encoder
from dnalib.losses import WSCLLoss
from dnalib.methods import get_method, run
from dnalib.methods.wscl import WSCLObjective, shallow_features
from dnalib.training import Step, Task, TrainingConfig
from tests.helpers import make_texts, make_tiny_bert
from tests.training.test_loop import KillAfter, Stop, make_trainer, numbers

CONFIG = TrainingConfig(**get_method("wscl").settings)
COARSE = torch.tensor([0, 1, 1, 0])


def make_step(seed=0):
    rng = torch.Generator().manual_seed(seed)
    features, keys = torch.randn(2, 4, 6, generator=rng)
    batch = Batch(torch.randn(4, 3, 6, generator=rng), torch.ones(4, 3, dtype=torch.bool))
    return Step(
        torch.arange(4), normalize(features), normalize(keys), features, COARSE, None, None,
        batch=batch,
    )  # fmt: skip


def test_its_terms_are_those_of_the_formula():
    objective, step = WSCLObjective(Task(6, 2, 40), CONFIG).eval(), make_step()
    earlier = make_step(seed=1)
    objective.after_step(earlier)

    def dense(rows):
        return torch.tanh(objective.dense[0](normalize(rows) * 6**0.5))

    deep, shallow = dense(step.features), dense(step.batch.values.mean(1))
    queued = WSCLLoss(2, 6, temperature=0.1)
    queued.update(normalize(dense(earlier.keys)), COARSE)
    contrast = queued(normalize(deep), normalize(shallow), COARSE)
    terms = objective(step)
    ce, ce_shallow = (F.cross_entropy(objective.classifier(x), COARSE) for x in (deep, shallow))
    assert set(terms) == {"ce", "shallow", "wscl"}
    torch.testing.assert_close(terms["ce"], ce)
    torch.testing.assert_close(terms["shallow"], 0.001 * ce_shallow)
    torch.testing.assert_close(terms["wscl"], 0.008 * contrast)


def test_every_coarse_label_has_a_queue_of_the_momentum_encoders_features():
    objective, step = WSCLObjective(Task(6, 2, 40), CONFIG), make_step()
    objective.after_step(step)
    for label, queue in enumerate(objective.contrast.queues):
        keys = step.keys[label == COARSE]
        expected = normalize(torch.tanh(objective.dense[0](keys * 6**0.5)))
        torch.testing.assert_close(queue.features, expected.detach())


def test_the_shallow_feature_is_the_mean_of_the_states_that_count():
    states = torch.arange(12.0).reshape(1, 4, 3)
    mask = torch.tensor([[True, False, True, False]])
    assert shallow_features(Batch(states, mask)).tolist() == [[3, 4, 5]]
    assert torch.equal(shallow_features(Batch(states[0])), states[0])


def test_token_ids_have_no_shallow_feature(tmp_path, monkeypatch):
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "cache"))
    encoder = load_encoder(str(make_tiny_bert(tmp_path / "bert")), trainable_layers="all")
    batch = encoder.prepare(make_texts(4).train.inputs).batch(torch.arange(4))
    with pytest.raises(ValueError, match="holds token ids: .*view='drop'"):
        shallow_features(batch)


def test_images_have_no_shallow_feature():
    with pytest.raises(ValueError, match="holds images: expected stored states"):
        shallow_features(Batch(torch.zeros(2, 8, 8)))


def test_training_lowers_its_terms(tmp_path, monkeypatch):
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "cache"))
    encoder = str(make_tiny_bert(tmp_path / "bert", pooling="mean"))
    settings = {"batch_size": 8, "epochs": 12, "learning_rate": 3e-3, "progress": False}
    history = run(make_texts(80), "wscl", encoder=encoder, **settings).history
    assert history["loss_ce"].iloc[-1] < 0.5 * history["loss_ce"].iloc[0]
    assert history["loss_shallow"].iloc[-1] < history["loss_shallow"].iloc[0]


def test_a_killed_run_resumes_to_the_same_numbers(tmp_path):
    expected = make_trainer(WSCLObjective).fit()
    path = tmp_path / "run.pt"
    with pytest.raises(Stop):
        make_trainer(WSCLObjective, checkpoint_path=path, monitor=KillAfter(1)).fit()
    history = make_trainer(WSCLObjective, checkpoint_path=path).fit()
    pd.testing.assert_frame_equal(numbers(history), numbers(expected), check_exact=True)
