"""The training loop: repeatable, resumable to the same numbers, honest about bad input."""

from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
import torch

from dnalib.encoders import ConvEncoder, VectorEncoder, encode
from dnalib.encoders.store import VectorStore
from dnalib.methods.dna import DNAObjective
from dnalib.methods.down import DOWNObjective
from dnalib.methods.isif import ISIFObjective
from dnalib.methods.plus import DNAPlusObjective
from dnalib.training import (
    CoarseCrossEntropy,
    Task,
    Trainer,
    TrainingConfig,
    checkpoint,
    copy_encoder,
    seed_everything,
)

CONFIG = TrainingConfig(epochs=3, batch_size=8, k=5, learning_rate=1e-2, filters=("label",))


def make_vectors(n=40, d=6):
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(4, d))
    return centers[np.arange(n) % 4] + 0.3 * rng.normal(size=(n, d)), np.arange(n) % 4 // 2


def make_trainer(
    objective=DNAObjective, config=CONFIG, seed=0, encoder_seed=0, n_clusters=4, **keywords
):
    vectors, coarse = make_vectors()
    encoder = VectorEncoder(vectors.shape[1], hidden=16, seed=seed + encoder_seed)
    seed_everything(seed)
    task = Task(encoder.dim, 2, len(vectors), encoder, seed, n_clusters=n_clusters)
    head = objective(task, config)
    store = encoder.prepare(vectors)
    return Trainer(encoder, store, coarse, head, config, seed=seed, progress=False, **keywords)


def numbers(history: pd.DataFrame) -> pd.DataFrame:
    return history.drop(columns="seconds")


class ManyKindsOfState(CoarseCrossEntropy):
    """An objective with all kinds of state: a head, a buffer, weights that are not trained."""

    def __init__(self, task, config):
        super().__init__(task, config)
        self.register_buffer("memory", torch.zeros(task.n))
        self.frozen = torch.nn.Linear(3, 3).requires_grad_(False)


class Stop(Exception):
    pass


class KillAfter:
    """A monitor that stands for a kill: it ends the run while an epoch is being looked at."""

    def __init__(self, epoch):
        self.epoch = epoch

    def after_mining(self, graph):
        return {}

    def after_epoch(self, encoder, epoch):
        if epoch == self.epoch:
            raise Stop
        return {}


def test_training_lowers_both_terms():
    history = make_trainer(config=TrainingConfig(**{**CONFIG.to_dict(), "epochs": 8})).fit()
    assert history["loss_ce"].iloc[-1] < 0.6 * history["loss_ce"].iloc[0]
    assert history["loss_dna"].iloc[-1] < history["loss_dna"].iloc[0]


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    first, second, other = (make_trainer(seed=seed).fit() for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(numbers(first), numbers(second), check_exact=True)
    assert not np.allclose(first["loss"], other["loss"])


def test_both_encoders_start_from_what_was_pretrained():
    config = replace(CONFIG, epochs=3, pretrain_epochs=2)
    trainer, apart = make_trainer(config=config), []
    mine = trainer._mine

    def look(epoch):
        pairs = zip(trainer.encoder.parameters(), trainer.momentum.parameters(), strict=True)
        apart.append(max(float((fast - slow).detach().abs().max()) for fast, slow in pairs))
        mine(epoch)

    trainer._mine = look
    trainer.fit()
    assert apart[0] == 0 and apart[1] > 0 and apart[2] == 0


@pytest.mark.parametrize("objective", [DNAObjective, CoarseCrossEntropy])
@pytest.mark.parametrize("killed_in", [0, 1, 2])
def test_a_killed_run_resumes_to_the_same_numbers(tmp_path, objective, killed_in):
    whole = make_trainer(objective)
    expected = whole.fit()
    path = tmp_path / "run.pt"
    with pytest.raises(Stop):
        make_trainer(objective, checkpoint_path=path, monitor=KillAfter(killed_in)).fit()
    resumed = make_trainer(objective, checkpoint_path=path)
    history = resumed.fit()
    pd.testing.assert_frame_equal(numbers(history), numbers(expected), check_exact=True)
    for name, value in whole.encoder.state_dict().items():
        assert torch.equal(value, resumed.encoder.state_dict()[name])


def test_a_checkpoint_holds_what_training_changes_and_nothing_frozen(tmp_path):
    path = tmp_path / "run.pt"
    trainer = make_trainer(ManyKindsOfState, checkpoint_path=path)
    trainer.encoder.register_parameter("frozen", torch.nn.Parameter(torch.ones(9), False))
    trainer.encoder.register_buffer("statistics", torch.ones(2))
    trainer.fit()
    state = torch.load(path)
    adapter = {f"adapter.{layer}.{part}" for layer in (0, 2) for part in ("weight", "bias")}
    assert set(state["encoder"]) == adapter | {"statistics"}
    assert {"memory", "head.1.weight"} <= set(state["objective"])
    assert not any("frozen" in name for name in state["objective"])


def test_a_copied_encoder_shares_frozen_weights_and_trains_its_own():
    encoder = VectorEncoder(4)
    encoder.adapter[0].requires_grad_(False)
    copied = copy_encoder(encoder)
    for one, other in zip(encoder.parameters(), copied.parameters(), strict=True):
        assert torch.equal(one, other) and (one is other) != one.requires_grad


def test_a_finished_checkpoint_trains_no_more(tmp_path):
    path = tmp_path / "run.pt"
    first = make_trainer(checkpoint_path=path).fit()
    written = path.read_bytes()
    again = make_trainer(checkpoint_path=path).fit()
    pd.testing.assert_frame_equal(first, again)
    assert path.read_bytes() == written


def test_a_checkpoint_of_another_run_or_a_damaged_one_is_refused_and_kept(tmp_path):
    path = tmp_path / "run.pt"
    trainer = make_trainer(checkpoint_path=path)
    trainer.fit()
    written = path.read_bytes()
    with pytest.raises(ValueError, match="belongs to a run with other settings, seed, data, "):
        make_trainer(seed=1, checkpoint_path=path).fit()
    assert path.read_bytes() == written
    flipped = bytearray(written)
    flipped[written.index(next(trainer.encoder.parameters()).numpy(force=True).tobytes())] ^= 1
    for damaged in (written[: len(written) // 2], bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is not readable .*: delete it to start"):
            make_trainer(checkpoint_path=path).fit()
        assert path.read_bytes() == damaged


def test_the_momentum_encoder_has_the_batch_statistics_of_the_encoder():
    encoder = ConvEncoder((8, 8), dim=16, normalization="batch")
    images, coarse = torch.rand(40, 8, 8).numpy(), np.arange(40) % 2
    config = replace(CONFIG, momentum=0.0, view="none")
    objective = DNAObjective(Task(encoder.dim, 2, 40, encoder), config)
    trainer = Trainer(encoder, encoder.prepare(images), coarse, objective, config, progress=False)
    trainer.fit()
    slow, fast = (encode(each, trainer.store) for each in (trainer.momentum, encoder.eval()))
    torch.testing.assert_close(slow, fast)


@pytest.mark.parametrize("n", [39, 41])
def test_labels_of_another_length_are_refused(n):
    encoder = VectorEncoder(6, hidden=16, seed=0)
    store, objective = encoder.prepare(np.zeros((40, 6))), CoarseCrossEntropy
    with pytest.raises(ValueError, match=f"there are {n} coarse labels for 40 inputs"):
        Trainer(encoder, store, np.zeros(n, int), objective(Task(6, 1, 40), CONFIG), CONFIG)


@pytest.mark.parametrize(
    "other",
    [
        {"encoder_seed": 1},
        {"n_clusters": 5},
        {"objective": DOWNObjective},
        {"objective": partial(ISIFObjective, spread=0.5)},
    ],
)
def test_a_checkpoint_of_another_encoder_or_objective_is_refused(tmp_path, other):
    first = ISIFObjective if isinstance(other.get("objective"), partial) else DNAPlusObjective
    make_trainer(first, checkpoint_path=tmp_path / "run.pt").fit()
    with pytest.raises(ValueError, match="belongs to a run with other .*encoder or method: take"):
        make_trainer(**{"objective": first} | other, checkpoint_path=tmp_path / "run.pt").fit()


def test_a_checkpoint_is_of_the_arithmetic_that_it_was_made_in():
    trainer = make_trainer()
    rest = (CONFIG, 0, np.zeros(40), trainer.encoder, trainer.objective)
    whole, halved = (VectorStore(torch.ones(40, 6, dtype=t)) for t in (torch.float, torch.bfloat16))
    one, same, other = (
        checkpoint.fingerprint(*rest[:2], store, *rest[2:]) for store in (whole, whole, halved)
    )
    assert one == same != other


def test_a_checkpoint_is_of_the_encoders_arithmetic_where_only_token_ids_are_stored():
    trainer, found = make_trainer(), set()
    for arithmetic in (torch.float32, torch.bfloat16):
        trainer.encoder.dtype = arithmetic
        parts = (trainer.store, np.zeros(40), trainer.encoder, trainer.objective)
        found.add(checkpoint.fingerprint(CONFIG, 0, *parts))
    assert len(found) == 2


def test_what_numpy_counted_for_a_monitor_can_be_read_back(tmp_path):
    class Looks(KillAfter):
        def after_mining(self, graph):
            return {"seen": np.float64(0.5)}

    path = tmp_path / "run.pt"
    with pytest.raises(Stop):
        make_trainer(checkpoint_path=path, monitor=Looks(1)).fit()
    history = make_trainer(checkpoint_path=path, monitor=Looks(3)).fit()
    assert history["seen"].tolist() == [0.5] * 3


@pytest.mark.parametrize("part", ["encoder", "objective", "momentum"])
def test_a_checkpoint_that_lacks_a_trained_weight_is_refused(tmp_path, part):
    path = tmp_path / "run.pt"
    make_trainer(checkpoint_path=path).fit()
    state = torch.load(path)
    state[part]["other"] = state[part].pop(name := next(iter(state[part])))
    torch.save(state, path)
    with pytest.raises(ValueError, match=f"lacks or adds parts of .*{name}, other; delete it"):
        make_trainer(checkpoint_path=path).fit()


def test_an_encoder_with_nothing_to_train_is_refused():
    encoder = VectorEncoder(6).requires_grad_(False)
    head = CoarseCrossEntropy(Task(6, 2, 40), CONFIG)
    store = encoder.prepare(make_vectors()[0])
    with pytest.raises(ValueError, match="no weight of VectorEncoder is trained: .*trainable_la"):
        Trainer(encoder, store, make_vectors()[1], head, CONFIG)


def test_every_text_is_seen_once_an_epoch():
    trainer = make_trainer(config=TrainingConfig(**{**CONFIG.to_dict(), "batch_size": 7}))
    batches = trainer._batches(torch.Generator().manual_seed(0))
    assert sorted(torch.cat(batches).tolist()) == list(range(40))
    assert len(batches) == trainer.steps_per_epoch == 6


def test_momentum_encoder_follows_by_its_formula():
    trainer = make_trainer()
    slow = [p.clone() for p in trainer.momentum.parameters()]
    with torch.no_grad():
        for p in trainer.encoder.parameters():
            p.add_(torch.randn_like(p))
    trainer._update_momentum()
    for old, new, fast in zip(
        slow, trainer.momentum.parameters(), trainer.encoder.parameters(), strict=True
    ):
        torch.testing.assert_close(new, 0.99 * old + 0.01 * fast)


def test_bank_is_refilled_with_queries_and_updated_with_momentum_keys():
    trainer = make_trainer(config=TrainingConfig(**{**CONFIG.to_dict(), "view": "none"}))
    trainer._mine(0)
    vectors = trainer.store.values
    refilled = torch.nn.functional.normalize(vectors)
    torch.testing.assert_close(trainer.bank, refilled)
    with torch.no_grad():
        trainer.momentum.adapter[2].bias.add_(1.0)
    trainer._step(torch.tensor([2, 5]), torch.Generator())
    expected = torch.nn.functional.normalize(vectors[[2, 5]] + 1.0)
    torch.testing.assert_close(trainer.bank[[2, 5]], expected)
    torch.testing.assert_close(trainer.bank[:2], refilled[:2])


def test_learning_rate_rises_then_falls_to_zero():
    trainer = make_trainer(config=TrainingConfig(**{**CONFIG.to_dict(), "warmup": 0.2}))
    rates = []
    for _ in range(15):
        rates.append(trainer.optimizer.param_groups[0]["lr"])
        trainer.optimizer.step()
        trainer.scheduler.step()
    assert rates[:4] == pytest.approx([1e-2 / 3, 2e-2 / 3, 1e-2, 1e-2])
    assert all(a > b for a, b in zip(rates[3:], rates[4:], strict=False))
    assert trainer.optimizer.param_groups[0]["lr"] == 0


def test_a_loss_that_is_not_finite_stops_with_a_sentence():
    trainer = make_trainer()
    with torch.no_grad():
        trainer.objective.head[1].weight.fill_(float("inf"))
    with pytest.raises(ValueError, match="the loss is nan in epoch 0: .*lower learning_rate"):
        trainer.fit()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"epochs": 0}, "a whole number, 1 or more"),
        ({"epochs": 2.5}, "a whole number, 1 or more"),
        ({"batch_size": True}, "a whole number, 1 or more"),
        ({"temperature": 0}, "a number above 0"),
        ({"momentum": 1.5}, "a number in"),
        ({"view": "crops"}, "one of"),
        ({"filters": ["x"]}, "a list with some of"),
    ],
)
def test_bad_settings_are_one_sentence(settings, expected):
    name = next(iter(settings))
    with pytest.raises(ValueError, match=f"{name} is .*: expected {expected}"):
        TrainingConfig(**settings)


def test_an_objective_may_set_rates_of_its_own_parameters():
    class Fast(CoarseCrossEntropy):
        rate_factors = MappingProxyType({"head.1.weight": 50.0})

    trainer = make_trainer(Fast)
    weight, bias = trainer.objective.head[1].parameters()
    rate_of = {
        id(p): (group["initial_lr"], group["weight_decay"])
        for group in trainer.optimizer.param_groups
        for p in group["params"]
    }
    assert rate_of.pop(id(weight)) == pytest.approx((50 * CONFIG.learning_rate, 0.01))
    assert rate_of.pop(id(bias)) == (CONFIG.learning_rate, 0.0)
    assert {rate for rate, _ in rate_of.values()} == {CONFIG.learning_rate}
    assert len(rate_of) == len(list(trainer.encoder.parameters()))
