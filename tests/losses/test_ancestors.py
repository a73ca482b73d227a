"""Hinges over sampled ancestors against the same formula left to torch's own gradients."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.losses import ancestors
from dnalib.losses.ancestors import ancestor_hinges
from tests.losses.helpers import checks_gradient

SETTINGS = {"margin": 0.1, "temperature": 0.5}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def make_distances(n, p, seed=0):
    return 3 * torch.rand(n, p, generator=seeded(seed), dtype=torch.float64)


def make_triplets(n, t, seed=0):
    return torch.rand(t, n, generator=seeded(seed)).argsort(1)[:, :3]


def plain_choice(reach, temperature, generator):
    """One-hot ``(t, p)`` in value, with the gradient of the softmax."""
    uniform = torch.rand(reach.shape, generator=generator, dtype=reach.dtype)
    noise = -torch.log(-torch.log(uniform.clamp(min=1e-20)))
    soft = (noise - reach / temperature).softmax(1)
    hard = torch.zeros_like(soft).scatter_(1, soft.argmax(1, keepdim=True), 1.0)
    return hard - soft.detach() + soft


def plain_hinges(distances, triplets, *, margin, temperature, own=None, generator=None):
    members = distances[triplets]
    reach = members if own is None else members.masked_fill(own[triplets], 1e9)
    pair = plain_choice(reach[:, :2].amax(1), temperature, generator)
    triple = plain_choice(reach.amax(1), temperature, generator)
    to_pair, to_triple = ((members * chosen[:, None]).sum(2) for chosen in (pair, triple))
    sides = torch.tensor([1.0, 1.0, -1.0], dtype=distances.dtype)
    hinges = (sides * (to_pair - to_triple) + margin).clamp(min=0).sum(1)
    return (hinges * (pair.argmax(1) != triple.argmax(1))).mean()


def value_and_gradient(function, distances, *arguments, **settings):
    leaf = distances.clone().requires_grad_()
    value = function(leaf, *arguments, **settings)
    value.backward()
    return value.detach(), leaf.grad


@given(
    st.integers(3, 9), st.integers(4, 9), st.integers(1, 20), st.integers(0, 9999), st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_value_and_gradient_equal_the_plain_form(n, p, t, seed, with_own, with_ties):
    distances, triplets = make_distances(n, p, seed), make_triplets(n, t, seed)
    if with_ties:
        distances = distances.round()
    own = torch.eye(n, p, dtype=torch.bool) if with_own else None
    plain, fast = (
        value_and_gradient(f, distances, triplets, own=own, generator=seeded(seed), **SETTINGS)
        for f in (plain_hinges, ancestor_hinges)
    )
    torch.testing.assert_close(fast, plain, rtol=1e-10, atol=1e-10)


def test_chunks_do_not_change_what_is_computed(monkeypatch):
    # At this temperature the noise decides nothing, so that its order does not matter.
    distances, triplets = make_distances(9, 6), make_triplets(9, 50)
    settings = {"margin": 0.1, "temperature": 1e-4}
    whole = value_and_gradient(ancestor_hinges, distances, triplets, **settings)
    monkeypatch.setattr(ancestors, "CHUNK", 7)
    parts = value_and_gradient(ancestor_hinges, distances, triplets, **settings)
    torch.testing.assert_close(parts, whole)
    assert whole[0] > 0


def test_gradients_in_float64_where_no_ancestor_changes():
    # The straight-through gradient is not that of the value; the distances' own gradient is.
    triplets = make_triplets(7, 12)
    settings = {"margin": 0.1, "temperature": 1e-4}
    value = ancestor_hinges(make_distances(7, 6), triplets, **settings)
    assert value > 0
    assert checks_gradient(
        lambda d: ancestor_hinges(d, triplets, generator=seeded(0), **settings),
        make_distances(7, 6),
    )


def test_at_low_temperature_the_ancestor_is_the_nearest_to_the_farthest_member():
    # Points 0, 1 and 2 on a line at 0, 1 and 9, the proxies at 0.5, 5 and 40.
    places, proxies = torch.tensor([0.0, 1.0, 9.0]), torch.tensor([0.5, 5.0, 40.0])
    distances = (places[:, None] - proxies).abs()
    got = ancestor_hinges(distances, torch.tensor([[0, 1, 2]]), margin=0.1, temperature=1e-4)
    assert got.item() == 0  # the pair's is 0.5 and the triple's 5: all three hinges are met
    got = ancestor_hinges(distances, torch.tensor([[0, 1, 2]]), margin=5.0, temperature=1e-4)
    # d(i): 0.5 - 5 + 5, d(j): 0.5 - 4 + 5, d(k): 4 - 8.5 + 5.
    assert got.item() == pytest.approx(0.5 + 1.5 + 0.5)


def test_a_point_is_never_its_own_ancestor():
    # Each proxy at 0 from itself: without `own`, the proxy 2 is chosen for the triple (0, 1, 2).
    distances = torch.tensor([[0.0, 2, 1, 5], [2, 0, 1, 5], [1, 1, 0, 5]], dtype=torch.float64)
    triplet, settings = torch.tensor([[0, 1, 2]]), {"margin": 9.0, "temperature": 1e-3}
    own = torch.eye(3, 4, dtype=torch.bool)
    assert ancestor_hinges(distances, triplet, **settings).item() == 0
    # Now the pair's is 2, which k itself may be, and the triple's is 3, at 5 from all.
    got = ancestor_hinges(distances, triplet, own=own, **settings)
    assert got.item() == pytest.approx((1 - 5 + 9) + (1 - 5 + 9) + (5 - 0 + 9))


def test_gumbel_draws_follow_the_softmax():
    reach = torch.tensor([0.1, 0.4, 0.9, 0.2])
    drawn = ancestors._noisy_logits(reach.expand(20_000, 4), 0.5, seeded(0)).argmax(1)
    shares = drawn.bincount(minlength=4) / 20_000
    torch.testing.assert_close(shares, (-reach / 0.5).softmax(0), rtol=0, atol=0.015)
