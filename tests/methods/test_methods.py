"""Methods by name, under one protocol, on small texts with a tiny BERT."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from dnalib import search
from dnalib.datasets import CoarseDataset, Split
from dnalib.losses import DNALoss
from dnalib.methods import METHODS, get_method, resolve_config, run
from dnalib.methods.dna import DNAObjective
from dnalib.neighbors import released_positives
from dnalib.training import Step, Task, TrainingConfig
from tests.helpers import make_texts, make_tiny_bert

SMALL = {"epochs": 2, "batch_size": 8, "k": 5, "progress": False}


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory):
    return str(make_tiny_bert(tmp_path_factory.mktemp("bert"), pooling="mean"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "cache"))


def test_the_registry_holds_the_field():
    assert len(METHODS) >= 12
    assert len({method.title for method in METHODS.values()}) == len(METHODS)


def test_baselines_lead_from_every_method_to_the_embeddings():
    for method in METHODS.values():
        chain = [method.name]
        while (before := METHODS[chain[-1]].baseline) is not None:
            assert before not in chain
            chain.append(before)
        assert chain[-1] == "embeddings"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs_twice_to_the_same_numbers(tiny_bert, method):
    runs = [run(make_texts(40), method, encoder=tiny_bert, seed=3, **SMALL) for _ in range(2)]
    assert runs[0].scores == runs[1].scores
    assert set(runs[0].scores) == {"acc", "ari", "nmi"}
    np.testing.assert_array_equal(runs[0].test_features, runs[1].test_features)


def test_a_recipe_may_be_run_without_being_registered(tiny_bert):
    own = replace(get_method("simcse"), name="own", settings={"view": "drop", "temperature": 0.2})
    result = run(make_texts(40), own, encoder=tiny_bert, **SMALL)
    assert result.method == "own" and "own" not in METHODS
    assert (result.config.view, result.config.temperature) == ("drop", 0.2)


@pytest.mark.parametrize("exact_up_to", [1000, 10])
def test_history_says_how_many_neighbors_a_faster_search_found(tiny_bert, monkeypatch, exact_up_to):
    def faster(features, k, seed):
        return replace(search.exact(features, k), recall=0.9)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(search, "EXACT_UP_TO", exact_up_to)
    monkeypatch.setattr(search, "approximate", faster)
    history = run(make_texts(40), "dna", encoder=tiny_bert, **SMALL).history
    assert ("search_recall" in history) == (exact_up_to == 10)


def test_dna_history_has_what_one_plots(tiny_bert):
    result = run(make_texts(40), "dna", encoder=tiny_bert, evaluate_every=1, **SMALL)
    columns = {
        "epoch", "loss", "loss_dna", "loss_ce", "kept_share", "precision", "precision_retrieved",
        "acc", "ari", "nmi", "seconds",
    }  # fmt: skip
    assert columns <= set(result.history.columns)
    assert len(result.history) == 2
    assert result.history["precision"].iloc[-1] >= result.history["precision_retrieved"].iloc[-1]


def test_a_caller_may_watch_the_features_after_every_epoch(tiny_bert):
    snapshots = []
    watched = run(make_texts(40), "dna", encoder=tiny_bert, watch=snapshots.append, **SMALL)
    assert len(snapshots) == 2
    assert not np.array_equal(snapshots[0], snapshots[1])
    np.testing.assert_array_equal(snapshots[1], watched.train_features)
    alone = run(make_texts(40), "dna", encoder=tiny_bert, **SMALL)
    np.testing.assert_array_equal(watched.train_features, alone.train_features)


def test_dna_separates_topics_that_share_a_coarse_label(tiny_bert):
    settings = {**SMALL, "epochs": 8, "learning_rate": 3e-3, "filters": ["label", "reciprocal"]}
    before = run(make_texts(120), "embeddings", encoder=tiny_bert, progress=False)
    after = run(make_texts(120), "dna", encoder=tiny_bert, **settings)
    assert after.scores["acc"] > before.scores["acc"] + 5


def test_fine_labels_are_not_looked_at_while_training(tiny_bert):
    data = make_texts(40)
    blind = replace(data, train=replace(data.train, fine=None))
    seen, unseen = (run(d, "dna", encoder=tiny_bert, **SMALL) for d in (data, blind))
    np.testing.assert_array_equal(seen.train_features, unseen.train_features)


def test_vectors_can_be_trained_on_as_well():
    rng = np.random.default_rng(0)
    fine = np.arange(60) % 4
    images = rng.normal(size=(4, 3, 3))[fine] + 0.2 * rng.normal(size=(60, 3, 3))
    split = Split(images.reshape(60, -1).astype(np.float32), fine // 2, fine)
    data = CoarseDataset("dots", "image", split, split, ("a", "b"), ("0", "1", "2", "3"), {})
    assert run(data, "dna", **SMALL).scores["acc"] > 80


def test_coarse_pretraining_comes_first(tiny_bert):
    settings = {**SMALL, "epochs": 3, "pretrain_epochs": 2}
    history = run(make_texts(40), "dna", encoder=tiny_bert, **settings).history
    assert history["loss_dna"].isna().tolist() == [True, True, False]


@pytest.mark.parametrize("method", [m for m in METHODS if METHODS[m].declares("pretrains")])
def test_what_pretrains_has_the_coarse_cross_entropy_alone_first(tiny_bert, method):
    settings = {**SMALL, "epochs": 3, "pretrain_epochs": 2}
    history = run(make_texts(40), method, encoder=tiny_bert, **settings).history
    own = history.filter(regex="^loss_(?!ce$)")
    assert own[:2].isna().all(axis=None) and own[2:].notna().all(axis=None)


def test_a_partial_declares_what_its_class_does():
    own = replace(get_method("dna"), objective=partial(DNAObjective))
    assert own.declares("pretrains") and not own.declares("needs_states")
    assert not get_method("embeddings").declares("pretrains")


def make_step(config, batch):
    rng = torch.Generator().manual_seed(0)
    bank = torch.nn.functional.normalize(torch.randn(20, 6, generator=rng))
    coarse = torch.arange(20) % 2
    objective = DNAObjective(Task(6, 2, 20), config).eval()
    graph = objective.mine(bank.numpy(), coarse.numpy(), epoch=0)
    queries = bank[batch].roll(1, 1)
    return objective, Step(batch, queries, queries, queries, coarse[batch], bank, graph)


def test_rank_filter_takes_part_in_the_first_minings_only():
    config = TrainingConfig(k=6, m=2, rank_epochs=1)
    objective, step = make_step(config, torch.arange(4))
    later = objective.mine(step.bank.numpy(), np.arange(20) % 2, epoch=1)
    assert step.graph.kept_share < later.kept_share


def test_compat_uses_the_released_positives_and_keeps_self():
    batch = torch.tensor([7, 3, 12])
    objective, step = make_step(TrainingConfig(k=6, m=2, compat=True), batch)
    positives = torch.from_numpy(released_positives(step.graph, batch.numpy()))
    expected = DNALoss(0.07)(step.queries, step.bank, positives)
    assert torch.equal(objective(step)["dna"], expected)


def test_compat_self_adds_the_query_itself_and_nothing_else():
    batch = torch.tensor([7, 3, 12])
    objective, step = make_step(TrainingConfig(k=6, m=2, compat="self"), batch)
    weights = torch.zeros(3, 20)
    for row, text in enumerate(batch.tolist()):
        kept = step.graph.indices[text][step.graph.keep[text]]
        weights[row, [text, *kept]] = 1 / (1 + len(kept))
    logits = (step.queries @ step.bank.T / 0.07).log_softmax(1)  # over all keys, its own included
    torch.testing.assert_close(objective(step)["dna"], -(weights * logits).sum(1).mean())


def test_k_is_the_mean_size_of_a_fine_category_unless_given():
    data = make_texts(40)
    assert resolve_config(get_method("dna"), data, {}).k == 10
    assert resolve_config(get_method("dna"), data, {"k": 7}).k == 7


@pytest.mark.parametrize(
    ("method", "settings", "sentence"),
    [
        ("dnaa", {}, "method 'dnaa' is unknown: expected one of embeddings, coarse-ce, dna"),
        ("dna", {"epoch": 3}, "setting 'epoch' is unknown: expected one of epochs"),
        ("simcse", {"pretrain_epochs": 1}, "pretrain_epochs is 1 but method 'simcse' does not"),
        ("down", {"compat": True}, "compat is True but method 'down' has no such form: expected"),
        ("dna-plus", {"compat": "self"}, "compat is 'self' but method 'dna-plus' has no such form"),
        ("dna", {"epochs": 2, "pretrain_epochs": 2}, "pretrain_epochs is 2 of 2 epochs: expected"),
        ("proxy-anchor", {"pretrain_epochs": 1}, "method 'proxy-anchor' does not pretrain: exp"),
        ("dna", {"k": 40}, "k is 40 but there are 40 training texts: expected 1 to 39"),
    ],
)
def test_bad_settings_are_one_sentence(method, settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        run(make_texts(40), method, **settings)


def test_fewer_test_rows_than_categories_are_refused_before_training():
    data = make_texts(40)
    few = replace(data, test=Split(data.test.inputs[:3], data.test.coarse[:3], data.test.fine[:3]))
    with pytest.raises(ValueError, match="3 rows for 4 fine categories"):
        run(few, "dna")


@pytest.mark.parametrize("wrong", [{"view": "replace"}, {"trainable_layers": "all"}])
def test_a_method_that_needs_states_says_so_before_anything_is_encoded(tiny_bert, wrong):
    with pytest.raises(ValueError, match="method 'wscl' was given .*: expected the view 'drop' an"):
        run(make_texts(40), "wscl", encoder="no such encoder", **SMALL | wrong)


@pytest.mark.parametrize("method", ["coarse-ce", "ncl", "wscl", "dna"])
def test_the_coarse_term_has_its_weight(tiny_bert, method):
    still = SMALL | {"learning_rate": 1e-9}
    once, twice = (
        run(make_texts(40), method, encoder=tiny_bert, coarse_weight=weight, **still)
        for weight in (1, 2)
    )
    first, second = (done.history["loss_ce"].iloc[0] for done in (once, twice))
    assert second == pytest.approx(2 * first, rel=1e-3) and first > 0


def test_one_coarse_label_is_refused():
    data = make_texts(40)
    one = replace(data, coarse_names=("all",))
    with pytest.raises(ValueError, match="has 1 coarse label: expected at least 2"):
        run(one, "dna")
