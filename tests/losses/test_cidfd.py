"""The reconstruction of cIDFD against loops, and what it reduces to."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from dnalib.losses import CIDFDLoss, IDFDLoss
from tests.losses.helpers import checks_gradient, dot, log_sum_exp, unit_rows
from tests.losses.test_idfd import naive_decorrelation, naive_discrimination


def make_inputs(b, r, d, seed=0):
    return (
        unit_rows(b, d, seed), unit_rows(b, d, seed + 1), torch.arange(b).flip(0),
        unit_rows(r, d, seed + 2), torch.arange(r) + 1,
    )  # fmt: skip


def naive_loss(loss, salient, background, indices, reference, reference_indices):
    total = 0.0
    for s, z, i in zip(salient, background, indices.tolist(), strict=True):
        logits = [
            (dot(s_bar, s) + loss.sign * dot(z_bar, z)) / loss.temperature
            for s_bar, z_bar in zip(loss.salient.features, loss.background.features, strict=True)
        ]
        total += (log_sum_exp(logits) - logits[i]) / len(salient)
    total += naive_discrimination(
        reference, reference_indices.tolist(), loss.reference.features, loss.temperature
    )
    both = torch.cat([salient, background], dim=1)
    blocks = [both] if loss.cross_block else [salient, background]
    decorrelation = sum(naive_decorrelation(block, 2.0) for block in [*blocks, reference])
    return total + loss.decorrelation_weight * decorrelation


@given(
    st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.integers(0, 9999),
    st.sampled_from([1, -1]), st.booleans(), st.sampled_from([0.3, 1.0]),
)  # fmt: skip
def test_equals_the_loops_over_the_formulas(b, r, d, seed, sign, cross_block, weight):
    loss = CIDFDLoss(
        b + 2, r + 1, d, temperature=0.5, decorrelation_weight=weight, sign=sign,
        cross_block=cross_block, seed=seed,
    ).double()  # fmt: skip
    inputs = make_inputs(b, r, d, seed)
    assert loss(*inputs).item() == pytest.approx(naive_loss(loss, *inputs), abs=1e-10)


@pytest.mark.parametrize("sign", [1, -1])
def test_with_a_constant_background_the_salient_side_is_idfd(sign):
    salient, _, indices, reference, reference_indices = make_inputs(5, 3, 4)
    constant = normalize(torch.ones(5, 4, dtype=torch.float64))
    idfd = IDFDLoss(7, 4, seed=3).double()
    loss = CIDFDLoss(7, 4, 4, sign=sign, cross_block=False, seed=3).double()
    loss.background.features[:] = constant[0]
    gradients = []
    for of in (
        lambda s: idfd(s, indices),
        lambda s: loss(s, constant, indices, reference, reference_indices),
    ):
        leaf = salient.clone().requires_grad_()
        of(leaf).backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_says_whether_a_shared_background_makes_a_hard_negative(sign):
    salient, background, indices = torch.eye(4).double(), torch.eye(4).double(), torch.arange(4)
    background[1] = background[0]
    loss = CIDFDLoss(4, 1, 4, sign=sign, decorrelation_weight=0).double()
    loss.salient.features[:], loss.background.features[:] = salient, background
    salient.requires_grad_()
    loss(salient, background, indices, background[:1], indices[:1]).backward()
    # With orthogonal memories, coordinate j of the gradient is the push away from instance j.
    same_background, another = salient.grad[0, 1:3]
    assert (same_background > another) == (sign == 1)


def test_cross_block_punishes_a_salient_side_that_copies_the_background():
    _, background, _, reference, _ = make_inputs(6, 3, 3)
    other = unit_rows(6, 3, 99)
    for cross_block, differs in ((True, True), (False, False)):
        loss = CIDFDLoss(6, 4, 3, cross_block=cross_block)
        copied = loss.decorrelation(background, background, reference)
        own = loss.decorrelation(other, background, reference)
        alone = loss.decorrelation(other, other, reference)
        between = (copied + alone) / 2 - own
        assert (between.item() > 1e-3) == differs


def test_stop_background_leaves_the_background_to_decorrelation():
    salient, background, *rest = make_inputs(4, 2, 3)
    for stop in (True, False):
        leaf = background.clone().requires_grad_()
        loss = CIDFDLoss(6, 3, 3, stop_background=stop).double()
        loss(salient, leaf, *rest).backward()
        whole = leaf.grad.clone()
        leaf.grad = None
        loss.decorrelation(salient, leaf, rest[1]).backward()
        assert torch.allclose(whole, leaf.grad) == stop


def test_gradients_in_float64():
    salient, background, indices, reference, reference_indices = make_inputs(3, 2, 3)
    loss = CIDFDLoss(5, 4, 3).double()
    assert checks_gradient(
        lambda s, z, b: loss(s, z, indices, b, reference_indices), salient, background, reference
    )


def test_update_moves_all_three_memories():
    salient, background, indices, reference, reference_indices = make_inputs(2, 2, 3)
    loss = CIDFDLoss(4, 3, 3, momentum=0).double()
    loss.update(salient, background, indices, reference, reference_indices)
    torch.testing.assert_close(loss.salient.features[indices], salient)
    torch.testing.assert_close(loss.background.features[indices], background)
    torch.testing.assert_close(loss.reference.features[reference_indices], reference)


def test_a_bad_sign_is_one_sentence():
    with pytest.raises(ValueError, match="sign is 0: expected one of 1, -1"):
        CIDFDLoss(4, 2, 3, sign=0)


def test_it_says_that_it_is_a_reconstruction():
    assert "reconstruction" in CIDFDLoss.__doc__
