"""Every loss on inputs by the hundreds: finite on what it takes, no number for what it cannot."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from dnalib import losses
from dnalib.hyperbolic import to_ball

WIDTH = 6


def rows(b, seed):
    """Unit rows as they come in practice: some alike, some opposite, one of zeros."""
    generator = torch.Generator().manual_seed(seed)
    drawn = normalize(torch.randn(b, WIDTH, generator=generator))
    for i, kind in enumerate(torch.randint(0, 5, (b,), generator=generator).tolist()):
        drawn[i] = {0: drawn[0], 1: -drawn[0], 2: 0 * drawn[0]}.get(kind, drawn[i])
    return drawn.requires_grad_()


def labels(b, seed, n=3):
    return torch.randint(0, n, (b,), generator=torch.Generator().manual_seed(seed))


def positives(b, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-1, b, (b, 3), generator=generator)


def gaussians(b, seed):
    return rows(b, seed), rows(b, seed + 1).detach().abs() + 1e-6


def two_views(b, seed):
    return {"first": rows(b, seed), "second": rows(b, seed + 1)}


def dna(b, seed):
    keys = {"queries": rows(b, seed), "keys": rows(b, seed + 1)}
    return keys | {"positives": positives(b, seed), "self_index": torch.arange(b)}


def star(b, seed):
    both = {"query_gaussians": gaussians(b, seed), "key_gaussians": gaussians(b, seed + 2)}
    return dna(b, seed) | both


def with_queue(b, seed):
    views = {"queries": rows(b, seed), "views": rows(b, seed + 1).detach()}
    return views | {"queue": rows(b, seed + 2).detach()}


def with_labels(b, seed):
    own = {"labels": labels(b, seed), "queue_labels": labels(b, seed + 1)}
    return with_queue(b, seed) | own


def weak(b, seed):
    views = {"deep": rows(b, seed), "shallow": rows(b, seed + 1)}
    return views | {"coarse": labels(b, seed)}


def consistency(b, seed):
    return two_views(b, seed) | {"epoch": float(seed % 90)}


def pairwise(b, seed):
    views = {name: view.softmax(1) for name, view in two_views(b, seed).items()}
    return views | {"same": labels(b, seed)[:, None] == labels(b, seed)}


def instances(b, seed):
    return {"features": rows(b, seed), "indices": torch.randperm(9)[:b]}


def salient(b, seed):
    both = {"salient": rows(b, seed), "background": rows(b, seed + 1)}
    apart = {"reference": rows(b, seed + 2), "reference_indices": torch.randperm(9)[:b]}
    return both | {"indices": torch.randperm(9)[:b]} | apart


def with_hard_negatives(b, seed):
    hard = torch.stack([rows(b, seed + 3 + i) for i in range(3)], dim=1)
    return with_queue(b, seed) | {"hard_negatives": hard.detach()}


def in_ball(b, seed):
    generator = torch.Generator().manual_seed(seed)
    points = {"points": to_ball(rows(b, seed)), "labels": labels(b, seed)}
    return points | {"generator": generator}


def tensors(values):
    """Return the tensors among values, those inside tuples too."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, tuple):
            yield from tensors(value)


# The loss, what makes its arguments, and those of them that hold one row for each query.
CASES = {
    "dna": (losses.DNALoss, dna, ["queries", "positives", "self_index"]),
    "star": (losses.STARLoss, star, ["queries", "positives", "self_index"]),
    "ntxent": (losses.NTXentLoss, two_views, ["first", "second"]),
    "simcse": (losses.SimCSELoss, two_views, ["first", "second"]),
    "isif": (losses.ISIFLoss, two_views, ["first", "second"]),
    "isif paper": (lambda: losses.ISIFLoss(form="paper"), two_views, ["first", "second"]),
    "consistency": (losses.ConsistencyLoss, consistency, ["first", "second"]),
    "pairwise": (losses.PairwiseBCELoss, pairwise, ["first", "second", "same"]),
    "supcon": (
        losses.SupervisedContrastiveLoss,
        with_labels,
        ["queries", "views", "labels", "queue_labels"],
    ),
    "ncl": (lambda: losses.NCLLoss(k=2), with_queue, ["queries", "views"]),
    "ncl with hard negatives": (
        lambda: losses.NCLLoss(k=2),
        with_hard_negatives,
        ["queries", "views", "hard_negatives"],
    ),
    "wscl": (lambda: losses.WSCLLoss(3, WIDTH), weak, ["deep", "shallow", "coarse"]),
    "idfd": (lambda: losses.IDFDLoss(9, WIDTH), instances, ["features", "indices"]),
    "cidfd": (
        lambda: losses.CIDFDLoss(9, 9, WIDTH),
        salient,
        ["salient", "background", "indices", "reference", "reference_indices"],
    ),
    "cidfd by blocks": (
        lambda: losses.CIDFDLoss(9, 9, WIDTH, cross_block=False),
        salient,
        ["salient", "background", "indices", "reference", "reference_indices"],
    ),
    "hier": (
        lambda: losses.HIERLoss(WIDTH, n_proxies=8, neighbors=3, draws=5),
        in_ball,
        ["points", "labels"],
    ),
}


@pytest.mark.parametrize("name", CASES)
@given(b=st.integers(2, 8), seed=st.integers(0, 10**6))
def test_the_loss_and_its_gradients_are_finite(name, b, seed):
    loss, make, _ = CASES[name]
    arguments = make(b, seed)
    module = loss()
    trained = [x for x in tensors(arguments.values()) if x.requires_grad]
    for tensor in trained:
        tensor.retain_grad()
    value = module(**arguments)
    assert value.shape == () and torch.isfinite(value)
    value.backward()
    gradients = [x.grad for x in (*trained, *module.parameters()) if x.grad is not None]
    assert gradients
    for gradient in gradients:
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("name", "argument"), [(name, argument) for name in CASES for argument in CASES[name][2]]
)
@given(b=st.integers(2, 8), left=st.integers(0, 7), seed=st.integers(0, 10**6))
def test_too_few_rows_give_no_number(name, argument, b, left, seed):
    loss, make, _ = CASES[name]
    arguments = make(b, seed)
    arguments[argument] = arguments[argument][: min(left, b - 1)]
    with pytest.raises((ValueError, RuntimeError, IndexError)) as refused:
        loss()(**arguments)
    assert refused.type is not ValueError or len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "make",
    [
        losses.DNALoss,
        losses.NTXentLoss,
        losses.SimCSELoss,
        losses.ISIFLoss,
        losses.SupervisedContrastiveLoss,
        lambda value: losses.ConsistencyLoss(ramp_epochs=value),
        lambda value: losses.STARLoss(base=value),
    ],
)
@given(value=st.floats(max_value=0) | st.just(float("nan")))
def test_a_setting_that_must_be_above_zero_is_refused_in_one_sentence(make, value):
    with pytest.raises(ValueError, match="expected a number above 0") as refused:
        make(value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda value: losses.DNALoss(sampled_keys=value),
        lambda value: losses.NCLLoss(k=value),
        lambda value: losses.HIERLoss(2, n_proxies=value),
        lambda value: losses.HIERLoss(2, neighbors=value),
        lambda value: losses.HIERLoss(2, draws=value),
        lambda value: losses.Memory(value, 2),
        lambda value: losses.FeatureQueue(value, 2),
    ],
)
@given(value=st.floats() | st.integers(max_value=0) | st.booleans())
def test_a_setting_that_must_be_a_whole_number_is_refused_in_one_sentence(make, value):
    with pytest.raises(ValueError, match="expected a whole number") as refused:
        make(value)
    assert len(str(refused.value).splitlines()) == 1
