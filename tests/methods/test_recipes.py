"""What each recipe hands to its loss, on small texts with a tiny BERT."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from dnalib.encoders import VectorEncoder
from dnalib.hyperbolic import to_ball
from dnalib.losses import DNALoss, ISIFLoss, NTXentLoss, SimCSELoss
from dnalib.methods import METHODS, get_method, run
from dnalib.methods.dna import DNAObjective
from dnalib.methods.dna_hier import HierarchicalDNAObjective
from dnalib.methods.down import DOWNObjective
from dnalib.methods.hier import BallProjection, MetricObjective
from dnalib.methods.isif import ISIFObjective
from dnalib.methods.ntxent import NTXentObjective
from dnalib.methods.simcse import SimCSECoarseObjective, SimCSEObjective
from dnalib.methods.star import STARObjective
from dnalib.training import Step, Task, Trainer, TrainingConfig
from tests.helpers import make_texts, make_tiny_bert

SMALL = {"batch_size": 8, "k": 5, "progress": False}
BATCH = torch.tensor([7, 3, 12])


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory):
    return str(make_tiny_bert(tmp_path_factory.mktemp("bert"), pooling="mean"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "cache"))


def make_step():
    bank = torch.nn.functional.normalize(torch.randn(20, 6, generator=torch.Generator()))
    queries = bank[BATCH].roll(1, 1)
    coarse = torch.arange(20) % 2
    return Step(BATCH, queries, queries, queries, coarse[BATCH], bank, None, bank[BATCH])


def mined(objective, epoch):
    step = make_step()
    graph = objective.mine(step.bank.numpy(), np.arange(20) % 2, epoch)
    return replace(step, graph=graph)


def config(method, **settings):
    return TrainingConfig(**{**get_method(method).settings, **settings})


def test_simcse_contrasts_the_two_views():
    step = make_step()
    terms = SimCSEObjective(Task(6, 2, 20), config("simcse"))(step)
    assert terms == {"simcse": SimCSELoss(0.05)(step.queries, step.second)}
    both = SimCSECoarseObjective(Task(6, 2, 20), config("simcse-ce"))(step)
    assert set(both) == {"ce", "simcse"} and both["simcse"] == terms["simcse"]


def test_ntxent_contrasts_the_two_views():
    step = make_step()
    terms = NTXentObjective(Task(6, 2, 20), config("ntxent"))(step)
    assert terms == {"ntxent": NTXentLoss(0.1)(step.queries, step.second)}


def test_isif_spreads_the_two_views():
    step = make_step()
    terms = ISIFObjective(Task(6, 2, 20), config("isif"))(step)
    assert terms == {"isif": ISIFLoss(0.1)(step.queries, step.second)}


def test_isif_may_leave_its_spreading_out_for_an_ablation():
    step = make_step()
    objective = ISIFObjective(Task(6, 2, 20), config("isif"), spread=0.0, stop_gradient=False)
    torch.testing.assert_close(objective(step)["isif"], NTXentLoss(0.1)(step.queries, step.second))


def test_views_by_dropout_alone_differ(tiny_bert, monkeypatch):
    seen = []
    forward = SimCSEObjective.forward

    def look(self, step):
        seen.append((step.queries.detach(), step.second.detach()))
        return forward(self, step)

    monkeypatch.setattr(SimCSEObjective, "forward", look)
    run(make_texts(40), "simcse", encoder=tiny_bert, epochs=1, **SMALL)
    assert len(seen) == 5
    assert not any(torch.equal(*views) for views in seen)


@pytest.mark.parametrize("method", ["simcse", "ntxent", "isif"])
def test_methods_without_labels_do_not_look_at_them(tiny_bert, method):
    data = make_texts(40)
    flipped = replace(data, train=replace(data.train, coarse=1 - data.train.coarse))
    one, other = (run(d, method, encoder=tiny_bert, epochs=2, **SMALL) for d in (data, flipped))
    np.testing.assert_array_equal(one.train_features, other.train_features)


def test_down_has_itself_as_rank_0_and_all_neighbors_by_rank():
    objective = DOWNObjective(Task(6, 2, 20), config("down", k=4, epochs=20)).eval()
    step = mined(objective, epoch=0)
    assert step.graph.kept_share == 1
    positives = torch.from_numpy(np.column_stack([BATCH, step.graph.indices[BATCH.numpy()]]))
    weights = torch.tensor([150 ** (-rank / 4) for rank in range(5)])
    expected = DNALoss(0.07)(step.queries, step.bank, positives, weights=weights)
    torch.testing.assert_close(objective(step)["down"], expected)


@pytest.mark.parametrize(
    ("epochs", "pretrain", "bases"),
    [
        (20, 0, [150] * 5 + [10] * 5 + [5] * 5 + [2] * 5),
        (6, 2, [150, 150, 150, 10, 5, 2]),
        (2, 0, [150, 5]),
        (1, 1, [150]),
    ],
)
def test_bases_of_down_are_spread_over_the_epochs_trained(epochs, pretrain, bases):
    settings = config("down", epochs=epochs, pretrain_epochs=pretrain)
    objective = DOWNObjective(Task(6, 2, 20), settings)
    assert [objective._base(epoch) for epoch in range(epochs)] == bases


def test_star_without_its_divergences_is_down():
    down = DOWNObjective(Task(6, 2, 20), config("down", k=4))
    star = STARObjective(Task(6, 2, 20), config("star", k=4))
    star.contrast.divergence_weight = 0
    torch.nn.init.zeros_(star.contrast.log_base)
    star.head.load_state_dict(down.head.state_dict())
    down, star = down.eval(), star.eval()
    expected, got = (objective(mined(objective, 0)) for objective in (down, star))
    torch.testing.assert_close(got["star"], expected["down"])
    assert got["ce"] == expected["ce"]


def test_hier_is_added_to_dna_on_points_in_the_ball():
    plain = DNAObjective(Task(6, 2, 20), config("dna", k=4, m=3)).eval()
    objective = HierarchicalDNAObjective(Task(6, 2, 20), config("dna-hier", k=4, m=3)).eval()
    objective.head.load_state_dict(plain.head.state_dict())
    objective.hierarchy.neighbors = 3
    step = mined(objective, 0)
    rng = torch.Generator().manual_seed(1)
    texts = torch.arange(12)
    features = torch.randn(12, 6, generator=rng).requires_grad_()
    step = replace(step, indices=texts, queries=step.bank[:12], features=features, coarse=texts % 2)
    torch.manual_seed(0)
    terms = objective(step)
    torch.manual_seed(0)
    points = to_ball(objective.projection(features))
    assert terms["hier"] == 0.5 * objective.hierarchy(points, texts % 2) > 0
    mined(plain, 0)
    assert plain(step).items() <= terms.items()
    terms["hier"].backward()
    assert features.grad.abs().sum() > 0


def test_star_trains_its_base_and_its_head():
    objective = STARObjective(Task(6, 2, 20), config("star", k=4))
    sum(objective(mined(objective, 0)).values()).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in objective.parameters())


@pytest.mark.parametrize("method", ["simcse-ce", "down", "star"])
def test_training_lowers_the_loss(tiny_bert, method):
    settings = {**SMALL, "learning_rate": 3e-3}
    history = run(make_texts(80), method, encoder=tiny_bert, epochs=6, **settings).history
    assert history["loss_ce"].iloc[-1] < 0.9 * history["loss_ce"].iloc[0]


def metric_step():
    features = torch.randn(12, 6, generator=torch.Generator().manual_seed(1)).requires_grad_()
    return replace(make_step(), queries=features, coarse=torch.arange(12) % 3)


def naive_proxy_anchor(vectors, labels, proxies):
    """Kim et al., CVPR 2020, equation 4, with alpha 32 and margin 0.1."""
    cosines = torch.nn.functional.cosine_similarity(vectors[:, None], proxies[None], dim=2)
    pull = push = 0.0
    for p in range(len(proxies)):
        near = [math.exp(-32 * (c - 0.1)) for c in cosines[labels == p, p].tolist()]
        far = [math.exp(32 * (c + 0.1)) for c in cosines[labels != p, p].tolist()]
        pull += math.log(1 + sum(near))
        push += math.log(1 + sum(far))
    return pull / len(labels.unique()) + push / len(proxies)


def naive_multi_similarity(vectors, labels):
    """Wang et al., CVPR 2019, equation 15, with 2, 50 and 0.5; every pair counts."""
    cosines = torch.nn.functional.cosine_similarity(vectors[:, None], vectors[None], dim=2)
    total = 0.0
    for i in range(len(labels)):
        others = [j for j in range(len(labels)) if j != i]
        near = [
            math.exp(-2 * (cosines[i, j].item() - 0.5)) for j in others if labels[i] == labels[j]
        ]
        far = [
            math.exp(50 * (cosines[i, j].item() - 0.5)) for j in others if labels[i] != labels[j]
        ]
        total += math.log(1 + sum(near)) / 2 + math.log(1 + sum(far)) / 50
    return total / len(labels)


@pytest.mark.parametrize("base", ["proxy-anchor", "multi-similarity"])
def test_metric_losses_are_those_of_their_papers(base):
    step = metric_step()
    objective = MetricObjective(Task(6, 3, 20), config("dna"), base=base, weight=0, ball_dim=4)
    vectors = objective.projection(step.queries).detach()
    if base == "proxy-anchor":
        expected = naive_proxy_anchor(vectors, step.coarse, objective.base.proxies.detach())
    else:
        expected = naive_multi_similarity(vectors, step.coarse)
    terms = objective(step)
    assert set(terms) == {"metric"}
    assert terms["metric"].item() == pytest.approx(expected, rel=1e-5)


def test_hier_is_added_to_a_metric_loss_on_the_same_vectors():
    step, settings = metric_step(), config("proxy-anchor")
    objective = MetricObjective(Task(6, 3, 20), settings, ball_dim=4, n_proxies=8, draws=5)
    objective.hierarchy.neighbors = 4
    torch.manual_seed(0)
    terms = objective(step)
    torch.manual_seed(0)
    points = to_ball(objective.projection(step.queries))
    expected = 0.5 * objective.hierarchy(points, step.coarse)
    torch.testing.assert_close(terms["hier"], expected)
    terms["hier"].backward()
    assert step.queries.grad.abs().sum() > 0
    assert objective.base.proxies.grad is None
    # As in the released code the gradient of points is that of the ball's metric.
    found, step.queries.grad = step.queries.grad, None
    torch.manual_seed(0)
    points = to_ball(objective.projection(step.queries), riemannian=True)
    (0.5 * objective.hierarchy(points, step.coarse)).backward()
    torch.testing.assert_close(found, step.queries.grad)


def test_the_projection_takes_no_notice_of_length():
    projection = BallProjection(6, 4)
    features = torch.randn(3, 6, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(projection(9 * features), projection(features), rtol=0, atol=1e-4)
    weight = projection[1].weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(4))


@pytest.mark.parametrize("method", ["proxy-anchor-hier", "dna-hier", "deepcluster", "deepaligned"])
def test_a_rate_of_its_own_reaches_the_optimizer(method):
    encoder, settings = VectorEncoder(6), config(method)
    objective = METHODS[method].objective(Task(6, 2, 40, encoder, n_clusters=4), settings)
    store = encoder.prepare(np.random.default_rng(0).normal(size=(40, 6)))
    groups = Trainer(encoder, store, np.arange(40) % 2, objective, settings).optimizer.param_groups
    named = dict(objective.named_parameters())
    assert objective.rate_factors
    for name, factor in objective.rate_factors.items():
        own = [g for g in groups if any(p is named[name] for p in g["params"])]
        assert [g["initial_lr"] for g in own] == [factor * settings.learning_rate]


def test_an_unknown_metric_loss_is_one_sentence():
    with pytest.raises(ValueError, match="base 'margin' is unknown: expected one of proxy-anchor,"):
        MetricObjective(Task(6, 3, 20), config("dna"), base="margin")
