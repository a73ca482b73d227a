"""HIER against a loop over its formula, and the sampling of triplets and ancestors."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.hyperbolic import distance, to_ball
from dnalib.losses import HIERLoss
from dnalib.losses.hier import sample_triplets
from tests.losses.helpers import unit_rows


def make_points(n, d, seed=0):
    return to_ball(1.5 * unit_rows(n, d, seed))


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def naive_triplet_loss(to_pair, to_triple, margin):
    """Distances of i, j, k to the ancestor of the pair and to that of the triple."""
    return (
        max(0.0, to_pair[0] - to_triple[0] + margin)
        + max(0.0, to_pair[1] - to_triple[1] + margin)
        + max(0.0, to_triple[2] - to_pair[2] + margin)
    )


def naive_term(similarity, distances, loss, generator, among_themselves):
    """The loop: the same draws, every maximum, softmax and hinge written out."""
    triplets = sample_triplets(similarity, loss.neighbors, loss.draws, generator).tolist()
    if not triplets:
        return 0.0
    n_proxies = distances.shape[1]
    noises = [
        torch.rand(len(triplets), n_proxies, generator=generator, dtype=torch.float64)
        for _ in range(2)
    ]
    total = 0.0
    for t, triplet in enumerate(triplets):
        ancestors = []
        for noise, members in zip(noises, (triplet[:2], triplet), strict=True):
            scores = {}
            for p in range(n_proxies):
                if among_themselves and p in members:
                    continue
                reach = max(float(distances[i, p]) for i in members)
                gumbel = -math.log(-math.log(float(noise[t, p])))
                scores[p] = gumbel - reach / loss.temperature
            ancestors.append(max(scores, key=scores.get))
        if ancestors[0] != ancestors[1]:
            ways = [[float(distances[i, a]) for i in triplet] for a in ancestors]
            total += naive_triplet_loss(*ways, loss.margin)
    return total / len(triplets)


@given(
    st.integers(1, 9), st.integers(4, 9), st.integers(2, 4), st.integers(1, 5),
    st.integers(0, 9999), st.booleans(),
)  # fmt: skip
def test_equals_the_loop_over_the_formula(n, n_proxies, d, neighbors, seed, labeled):
    points = make_points(n, d, seed)
    labels = torch.arange(n) % 3 if labeled else None
    loss = HIERLoss(d, n_proxies, neighbors, draws=3, temperature=1.0, seed=seed).double()
    generator = seeded(seed)
    similarity = torch.exp(-distance(points, points))
    if labeled:
        similarity += (labels[:, None] == labels).double()
    proxies = loss.proxies.detach()
    among = distance(proxies, proxies)
    expected = naive_term(similarity, distance(points, proxies), loss, generator, False)
    expected += naive_term(-among, among, loss, generator, True)
    got = loss(points, labels, generator=seeded(seed))
    assert got.item() == pytest.approx(expected, abs=1e-10)


@given(st.integers(1, 12), st.integers(1, 14), st.integers(0, 9999))
def test_triplets_are_an_anchor_a_mutual_neighbor_and_an_other(n, neighbors, seed):
    points = make_points(n, 3, seed)
    similarity = -distance(points, points)
    near = [set(sorted(range(n), key=lambda j: -row[j])[:neighbors]) for row in similarity.tolist()]
    mutual = [{j for j in near[i] if i in near[j] and j != i} for i in range(n)]
    triplets = sample_triplets(similarity, neighbors, 4, seeded(seed)).tolist()
    for i, j, k in triplets:
        assert j in mutual[i]
        assert k not in mutual[i] and k != i
    anchors = [i for i in range(n) if len(mutual[i]) > 1 and len(mutual[i]) < n - 1]
    assert [t[0] for t in triplets] == [i for i in anchors for _ in range(4)]


def test_labels_decide_the_neighbors():
    points = make_points(12, 3)
    labels = torch.arange(12) % 3
    similarity = torch.exp(-distance(points, points)) + (labels[:, None] == labels)
    for i, j, k in sample_triplets(similarity, 4, 10, seeded(0)).tolist():
        assert labels[i] == labels[j] != labels[k]


def test_both_points_and_proxies_learn_and_descent_lowers_the_loss():
    points = make_points(20, 3).requires_grad_()
    loss = HIERLoss(3, n_proxies=8, neighbors=5).double()
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.05)
    values = []
    for step in range(40):
        value = loss(points, generator=seeded(step))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert points.grad.abs().sum() > 0
    assert sum(values[-5:]) < 0.8 * sum(values[:5])


@pytest.mark.parametrize("n", [1, 2])
def test_a_batch_without_triplets_is_zero_for_the_points(n):
    points = make_points(n, 3).requires_grad_()
    loss = HIERLoss(3, n_proxies=4, neighbors=1).double()
    value = loss(points)
    value.backward()
    assert value.item() == 0
    assert torch.equal(points.grad, torch.zeros_like(points))


def test_identical_points_and_points_at_the_edge_are_finite():
    for points in (make_points(1, 3).expand(6, -1), to_ball(1e6 * unit_rows(6, 3), radius=1e6)):
        for dtype in (torch.float32, torch.float64):
            leaf = points.detach().to(dtype).requires_grad_()
            loss = HIERLoss(3, n_proxies=6, neighbors=3).to(dtype)
            value = loss(leaf, generator=seeded(0))
            value.backward()
            assert torch.isfinite(value)
            assert torch.isfinite(leaf.grad).all() and torch.isfinite(loss.vectors.grad).all()


def test_the_generator_decides():
    points, loss = make_points(10, 3), HIERLoss(3, n_proxies=8, neighbors=4).double()
    one, same, other = (loss(points, generator=seeded(s)).item() for s in (0, 0, 1))
    assert one == same != other


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"n_proxies": 3}, "n_proxies is 3: expected a whole number, 4 or more"),
        ({"neighbors": 0}, "neighbors is 0: expected a whole number, 1 or more"),
        ({"temperature": 0}, "temperature is 0: expected a number above 0"),
        ({"c": -1}, "c is -1: expected a number above 0"),
    ],
)
def test_bad_settings_are_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        HIERLoss(3, **settings)
