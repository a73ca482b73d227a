"""The DNA loss against a loop over the formula, closed forms and empty cases."""

import math
import platform

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.losses import DNALoss, rank_weights
from dnalib.losses.dna import neighborhood_nll
from dnalib.losses.whole_bank import fastest_product


def unit_rows(n, d, generator):
    rows = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return rows / rows.norm(dim=1, keepdim=True)


def make_case(n, d, p, seed):
    generator = torch.Generator().manual_seed(seed)
    keys = unit_rows(n, d, generator)
    b = max(1, n // 2)
    own = torch.randperm(n, generator=generator)[:b]
    positives = torch.full((b, p), -1)
    for row in range(b):
        others = torch.tensor([j for j in range(n) if j != own[row]])
        count = int(torch.randint(0, min(p, n - 1) + 1, (), generator=generator))
        positives[row, :count] = others[torch.randperm(n - 1, generator=generator)[:count]]
    return unit_rows(b, d, generator), keys, positives, own


def naive_loss(queries, keys, positives, temperature, own=None):
    losses = []
    for i, query in enumerate(queries):
        kept = [int(j) for j in positives[i] if j >= 0]
        if not kept:
            continue
        left_out = None if own is None else int(own[i])
        denominator = sum(
            math.exp(float(query @ key) / temperature)
            for k, key in enumerate(keys)
            if k != left_out
        )
        terms = [math.exp(float(query @ keys[j]) / temperature) / denominator for j in kept]
        losses.append(-sum(math.log(term) for term in terms) / len(kept))
    return sum(losses) / len(losses) if losses else 0.0


@given(
    st.integers(2, 12), st.integers(1, 6), st.integers(1, 5), st.integers(0, 9999),
    st.sampled_from([0.07, 0.5, 1.0]), st.booleans(),
)  # fmt: skip
def test_equals_the_loop_over_the_formula(n, d, p, seed, temperature, exclude_self):
    queries, keys, positives, own = make_case(n, d, p, seed)
    own = own if exclude_self else None
    loss = DNALoss(temperature)(queries, keys, positives, own)
    expected = naive_loss(queries, keys, positives, temperature, own)
    assert loss.item() == pytest.approx(expected, abs=1e-10)


def test_orthogonal_keys_give_the_closed_form():
    keys = torch.eye(5, dtype=torch.float64)
    loss = DNALoss(temperature=0.5)(keys[:1], keys, torch.tensor([[1, 2]]), torch.tensor([0]))
    assert loss.item() == pytest.approx(math.log(4))
    with_self = DNALoss(temperature=0.5)(keys[:1], keys, torch.tensor([[1, 2]]))
    assert with_self.item() == pytest.approx(math.log(4 + math.exp(2)))


def test_order_and_padding_of_positives_do_not_matter():
    queries, keys, _, own = make_case(8, 4, 3, 0)
    one = torch.tensor([[5, 6, -1, -1]]).expand(len(queries), -1)
    other = torch.tensor([[-1, 6, -1, 5]]).expand(len(queries), -1)
    loss = DNALoss()
    assert loss(queries, keys, one, own).item() == loss(queries, keys, other, own).item()


@pytest.mark.parametrize("exclude_self", [True, False])
def test_gradients_in_float64(exclude_self):
    queries, keys, positives, own = make_case(7, 3, 3, 1)
    own = own if exclude_self else None
    queries.requires_grad_()
    loss = DNALoss(0.2)
    assert torch.autograd.gradcheck(lambda q: loss(q, keys, positives, own), (queries,))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@given(st.integers(2, 60), st.integers(1, 6), st.integers(0, 9999), st.booleans())
def test_value_and_gradient_equal_the_plain_operations(dtype, n, p, seed, exclude_self):
    queries, keys, positives, own = make_case(n, 5, p, seed)
    queries, keys = queries.to(dtype).requires_grad_(), keys.to(dtype)
    positives[0, 0] = own[0]  # as DOWN and the released code have it
    own = own if exclude_self else None
    weights = torch.rand(p, generator=torch.Generator().manual_seed(seed)) + 0.1
    plain = neighborhood_nll(queries @ keys.T / 0.1, positives, own, weights)
    fast = DNALoss(0.1)(queries, keys, positives, own, weights)
    near = {torch.float64: 1e-10, torch.float32: 1e-4}[dtype]
    torch.testing.assert_close(fast, plain, atol=near, rtol=near)
    (expected,) = torch.autograd.grad(plain, queries)
    (found,) = torch.autograd.grad(fast, queries)
    torch.testing.assert_close(found, expected, atol=10 * near, rtol=near)


@pytest.mark.parametrize(
    ("machine", "amx", "asked_for"),
    [("x86_64", False, True), ("x86_64", True, False), ("aarch64", False, False)],
)
def test_the_fastest_product_is_not_asked_for_where_it_rounds_and_leaves_no_trace(
    machine, amx, asked_for, monkeypatch
):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    products = torch.backends.mkldnn.matmul
    before = products.fp32_precision
    with pytest.raises(KeyError), fastest_product():
        assert products.fp32_precision == ("bf16" if asked_for else before)
        raise KeyError
    assert products.fp32_precision == before


def test_without_any_positive_the_loss_is_zero_with_a_gradient():
    queries, keys, positives, own = make_case(6, 3, 2, 2)
    queries.requires_grad_()
    loss = DNALoss()(queries, keys, torch.full_like(positives, -1), own)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(queries.grad, torch.zeros_like(queries))


def test_small_temperatures_do_not_overflow():
    queries, keys, positives, own = make_case(10, 4, 3, 3)
    loss = DNALoss(1e-3)(queries.float(), keys.float(), positives, own)
    assert torch.isfinite(loss)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_bad_temperature_is_one_sentence(temperature):
    with pytest.raises(ValueError, match="expected a number above 0"):
        DNALoss(temperature)


@given(st.integers(2, 10), st.integers(1, 4), st.integers(0, 9999), st.booleans())
def test_weights_equal_the_loop_over_the_weighted_formula(n, p, seed, exclude_self):
    queries, keys, positives, own = make_case(n, 4, p, seed)
    own = own if exclude_self else None
    weights = torch.rand(positives.shape, generator=torch.Generator().manual_seed(seed)).double()
    expected = []
    for i in range(len(queries)):
        kept = [c for c in range(p) if positives[i, c] >= 0]
        if kept:
            single = [
                naive_loss(
                    queries[i : i + 1], keys, positives[i : i + 1, c : c + 1], 0.5,
                    None if own is None else own[i : i + 1],
                )
                for c in kept
            ]  # fmt: skip
            total = sum(float(weights[i, c]) for c in kept)
            terms = zip(kept, single, strict=True)
            expected.append(sum(float(weights[i, c]) * v for c, v in terms) / total)
    expected = sum(expected) / len(expected) if expected else 0.0
    loss = DNALoss(0.5)(queries, keys, positives, own, weights)
    assert loss.item() == pytest.approx(expected, abs=1e-10)


def test_equal_weights_change_nothing_and_weights_of_zero_drop():
    queries, keys, positives, own = make_case(9, 4, 3, 5)
    loss = DNALoss()
    plain = loss(queries, keys, positives, own)
    assert loss(queries, keys, positives, own, torch.full((3,), 0.3).double()).item() == (
        pytest.approx(plain.item(), abs=1e-12)
    )
    dropped = torch.where(torch.arange(3) == 2, -1, positives)
    weights = torch.tensor([1.0, 1.0, 0.0])
    assert loss(queries, keys, positives, own, weights).item() == pytest.approx(
        loss(queries, keys, dropped, own).item(), abs=1e-12
    )


@given(st.integers(1, 30), st.floats(1.0, 200.0))
def test_rank_weights_fall_from_one_to_one_over_base(k, base):
    weights = rank_weights(k, base).tolist()
    assert len(weights) == k + 1
    assert weights == pytest.approx([base ** (-r / k) for r in range(k + 1)], rel=1e-5)


@pytest.mark.parametrize(
    ("k", "base", "expected"), [(0, 2.0, "a whole number, 1 or more"), (3, 0.0, "a number above 0")]
)
def test_bad_rank_weights_are_one_sentence(k, base, expected):
    with pytest.raises(ValueError, match=f"is 0.*: expected {expected}"):
        rank_weights(k, base)


def test_the_mean_over_draws_of_the_sampled_denominator_is_the_exact_one():
    torch.manual_seed(0)
    keys = unit_rows(40, 4, None)
    query, own, positive = keys[:1], torch.tensor([0]), torch.tensor([[1]])
    exact = DNALoss(0.3)(query, keys, positive, own)
    sampled = DNALoss(0.3, sampled_keys=8)
    losses = torch.stack([sampled(query, keys, positive, own) for _ in range(4000)])
    # The loss is the logarithm of the denominator less the positive's logit.
    denominators = (losses - exact).exp()
    assert abs(denominators.mean() - 1) < 4 * denominators.std() / len(losses) ** 0.5
    assert losses.mean() < exact


@pytest.mark.parametrize("exclude_self", [True, False])
def test_sampling_has_gradients_and_nearly_exact_values_with_many_draws(exclude_self):
    queries, keys, positives, own = make_case(300, 6, 4, 8)
    own = own if exclude_self else None
    queries.requires_grad_()
    gradients, values = [], []
    for loss in (DNALoss(0.5), DNALoss(0.5, sampled_keys=299)):
        torch.manual_seed(0)
        value = loss(queries, keys, positives, own)
        gradients.append(torch.autograd.grad(value, queries)[0])
        values.append(value.item())
    assert values[0] == pytest.approx(values[1], abs=0.02)
    assert (gradients[0] - gradients[1]).norm() < 0.1 * gradients[0].norm()


def test_a_bank_no_larger_than_the_sample_is_taken_whole():
    queries, keys, positives, own = make_case(9, 4, 3, 5)
    plain = DNALoss()(queries, keys, positives, own)
    assert DNALoss(sampled_keys=9)(queries, keys, positives, own).item() == plain.item()


def test_sampling_counts_no_key_twice():
    keys = torch.eye(3, dtype=torch.float64)
    loss = DNALoss(1.0, sampled_keys=2)
    # Of three keys one is the query's own and one its positive: whatever is drawn, only the third
    # may stand for the rest.
    for seed in range(20):
        torch.manual_seed(seed)
        value = loss(keys[:1], keys, torch.tensor([[1]]), torch.tensor([0])).item()
        assert value == pytest.approx(math.log(2)) or value == pytest.approx(0)
