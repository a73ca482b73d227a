"""IDFD and the reconstruction of cIDFD in the training loop: what they see, keep and resume."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import normalize

from dnalib.encoders import VectorEncoder, encode
from dnalib.methods.cidfd import CIDFDObjective
from dnalib.methods.idfd import IDFDObjective
from dnalib.training import Step, Task, Trainer, TrainingConfig, seed_everything
from tests.training.test_loop import KillAfter, Stop

CONFIG = TrainingConfig(epochs=3, batch_size=8, k=5, learning_rate=1e-2, temperature=0.5)
N, N_REFERENCE, DIM = 40, 30, 6


def make_stores(seed=0):
    rng = np.random.default_rng(seed)
    encoder = VectorEncoder(DIM, hidden=16, seed=seed)
    targets, reference = rng.normal(size=(N, DIM)), rng.normal(size=(N_REFERENCE, DIM))
    return encoder, encoder.prepare(targets), encoder.prepare(reference)


def make_trainer(objective=CIDFDObjective, config=CONFIG, **keywords):
    encoder, store, reference = make_stores()
    seed_everything(0)
    built = objective(Task(DIM, 1, N, encoder, 0, reference), config)
    coarse = np.zeros(N, dtype=np.int64)
    return Trainer(encoder, store, coarse, built, config, progress=False, **keywords)


def make_step(encoder, store):
    indices = torch.arange(5)
    batch = store.batch(indices)
    features = encoder(batch)
    coarse = torch.zeros(5, dtype=torch.int64)
    return Step(indices, normalize(features), None, features, coarse, None, None, None, batch)


def weights(module):
    return torch.cat([p.detach().flatten().clone() for p in module.parameters()])


def test_idfd_discriminates_against_its_memory_and_moves_it_after_the_step():
    encoder, store, _ = make_stores()
    objective = IDFDObjective(Task(DIM, 1, N), CONFIG)
    step = make_step(encoder, store)
    before = objective.idfd.memory.features.clone()
    terms = objective(step)
    assert set(terms) == {"idfd"} and objective.idfd.temperature == CONFIG.temperature
    assert terms["idfd"] == objective.idfd(step.queries, step.indices)
    objective.after_step(step)
    moved = (objective.idfd.memory.features != before).any(dim=1)
    assert moved.nonzero().ravel().tolist() == step.indices.tolist()


def test_cidfd_hands_both_views_of_targets_and_fresh_reference_rows_to_its_loss():
    encoder, store, reference = make_stores()
    config = TrainingConfig(**{**CONFIG.to_dict(), "view": "none"})
    objective = CIDFDObjective(Task(DIM, 1, N, encoder, 0, reference), config)
    with torch.no_grad():
        objective.background.adapter[2].weight.normal_()
    step = make_step(encoder, store)
    term = objective(step)["cidfd"]
    rows = objective._seen[4]
    background, of_reference = (
        normalize(objective.background(batch)) for batch in (step.batch, reference.batch(rows))
    )
    inputs = (step.queries, background, step.indices, of_reference, rows)
    assert term == objective.cidfd(*inputs)
    before = objective.cidfd.reference.features.clone()
    objective.after_step(step)
    moved = (objective.cidfd.reference.features != before).any(dim=1)
    assert moved.nonzero().ravel().tolist() == sorted(rows.tolist())
    objective(step)
    assert not torch.equal(objective._seen[4], rows)


def test_both_encoders_start_alike_and_part_ways():
    trainer = make_trainer()
    assert torch.equal(weights(trainer.encoder), weights(trainer.objective.background))
    start = weights(trainer.encoder)
    trainer.fit()
    ends = weights(trainer.encoder), weights(trainer.objective.background)
    assert not torch.equal(ends[0], start) and not torch.equal(ends[1], start)
    assert not torch.allclose(*ends)


def test_a_background_encoder_without_gradients_keeps_its_weights():
    frozen = VectorEncoder(DIM, hidden=16, seed=5).requires_grad_(False)
    trainer = make_trainer(partial(CIDFDObjective, background=frozen))
    before = weights(frozen)
    trainer.fit()
    assert torch.equal(weights(frozen), before)


def test_a_checkpoint_of_another_reference_set_or_background_is_refused(tmp_path):
    def start(reference_seed, background_seed):
        encoder, store, _ = make_stores()
        reference = make_stores(reference_seed)[2]
        frozen = VectorEncoder(DIM, hidden=16, seed=background_seed).requires_grad_(False)
        task = Task(DIM, 1, N, encoder, 0, reference)
        built = CIDFDObjective(task, CONFIG, background=frozen)
        path = tmp_path / "run.pt"
        coarse = np.zeros(N, dtype=np.int64)
        return Trainer(encoder, store, coarse, built, CONFIG, checkpoint_path=path, progress=False)

    start(0, 5).fit()
    start(0, 5).fit()
    for other in ((1, 5), (0, 6)):
        with pytest.raises(ValueError, match="belongs to a run with other settings"):
            start(*other).fit()


def test_the_switches_reach_the_loss():
    built = partial(CIDFDObjective, sign=-1, cross_block=False, stop_background=True)
    loss = make_trainer(built).objective.cidfd
    assert (loss.sign, loss.cross_block, loss.stop_background) == (-1, False, True)


@pytest.mark.parametrize("objective", [IDFDObjective, CIDFDObjective])
@pytest.mark.parametrize("killed_in", [1, 2])
def test_a_killed_run_resumes_to_the_same_numbers(tmp_path, objective, killed_in):
    whole = make_trainer(objective)
    expected = whole.fit().drop(columns="seconds")
    path = tmp_path / "run.pt"
    with pytest.raises(Stop):
        make_trainer(objective, checkpoint_path=path, monitor=KillAfter(killed_in)).fit()
    resumed = make_trainer(objective, checkpoint_path=path)
    history = resumed.fit().drop(columns="seconds")
    pd.testing.assert_frame_equal(history, expected, check_exact=True)
    assert torch.equal(encode(whole.encoder, whole.store), encode(resumed.encoder, resumed.store))
    state, again = whole.objective.state_dict(), resumed.objective.state_dict()
    assert all(torch.equal(state[name], again[name]) for name in state)


def test_without_a_reference_set_it_says_what_is_missing():
    encoder, _, _ = make_stores()
    with pytest.raises(ValueError, match="no reference set: expected prepared inputs"):
        CIDFDObjective(Task(DIM, 1, N, encoder), CONFIG)


def test_it_says_that_it_is_a_reconstruction():
    assert "reconstruction" in CIDFDObjective.__doc__
