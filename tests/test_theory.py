"""Every statement of `dnalib.theory` against loops written from the formulas, in float64."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnalib import theory
from dnalib.datasets import CoarseDataset, Split
from dnalib.losses import DNALoss
from dnalib.methods import run
from dnalib.neighbors import build_graph

TOLERANCE = {"atol": 1e-10, "rtol": 1e-10}


def close(actual, expected):
    torch.testing.assert_close(
        torch.as_tensor(actual, dtype=torch.float64),
        torch.as_tensor(expected, dtype=torch.float64),
        **TOLERANCE,
    )


def random_problem(seed=0, batch=6, n=25, d=7, width=5, tau=0.07, exclude_self=False, unit=True):
    """Queries are the first keys, moved a little; between 1 and `width` positives each."""
    generator = np.random.default_rng(seed)
    keys = torch.as_tensor(generator.normal(size=(n, d)))
    queries = keys[:batch] + 0.5 * torch.as_tensor(generator.normal(size=(batch, d)))
    if unit:
        queries, keys = theory.unit_rows(queries), theory.unit_rows(keys)
    positives = np.full((batch, width), -1)
    for row in range(batch):
        others = np.setdiff1d(np.arange(n), [row])
        count = generator.integers(1, width + 1)
        # Padding anywhere, as a mask over retrieved neighbors leaves it.
        slots = generator.permutation(width)[:count]
        positives[row, slots] = generator.choice(others, size=count, replace=False)
    self_index = torch.arange(batch) if exclude_self else None
    return queries, keys, torch.as_tensor(positives), tau, self_index


def rows(problem):
    """Each query with the list of its positives' keys and the list of the keys of Z."""
    queries, keys, positives, tau, self_index = problem
    for i, q in enumerate(queries):
        left_out = None if self_index is None else int(self_index[i])
        yield (
            q,
            [keys[p] for p in positives[i].tolist() if p >= 0],
            [h for k, h in enumerate(keys) if k != left_out],
            tau,
        )


def naive_loss(q, positive_keys, all_keys, tau):
    z = sum(math.exp(float(q @ h) / tau) for h in all_keys)
    terms = [-math.log(math.exp(float(q @ h) / tau) / z) for h in positive_keys]
    return sum(terms) / len(terms)


problems = st.builds(
    random_problem,
    seed=st.integers(0, 10**6),
    batch=st.integers(1, 4),
    n=st.integers(6, 20),
    d=st.integers(2, 9),
    width=st.integers(1, 5),
    tau=st.floats(0.03, 2.0),
    exclude_self=st.booleans(),
)


# --- the four forms ------------------------------------------------------------------------------


@settings(deadline=None)
@given(problems)
def test_all_forms_equal_the_naive_loss(problem):
    expected = [naive_loss(*row) for row in rows(problem)]
    parts = theory.decompose(*problem)
    close(parts.loss, expected)
    close(parts.total(), expected)
    close(theory.pairwise_form(*problem).total(), expected)
    close(theory.unit_center_form(*problem).total(), expected)
    close(theory.any_norm_form(*problem), expected)


@pytest.mark.parametrize("exclude_self", [False, True])
def test_each_term_is_what_its_formula_says(exclude_self):
    problem = random_problem(exclude_self=exclude_self)
    parts = theory.decompose(*problem)
    pairs = theory.pairwise_form(*problem)
    for i, (q, positive_keys, all_keys, tau) in enumerate(rows(problem)):
        center = sum(positive_keys) / len(positive_keys)
        spread = sum(float((h - center) @ (h - center)) for h in positive_keys)
        spread /= len(positive_keys)
        close(parts.center[i], center)
        close(parts.center_norm[i], center.norm())
        close(parts.alignment[i], float((q - center) @ (q - center)) / (2 * tau))
        close(parts.spread[i], spread / (2 * tau))
        close(parts.spread[i], (1 - float(center @ center)) / (2 * tau))
        close(parts.log_partition[i], math.log(sum(math.exp(float(q @ h) / tau) for h in all_keys)))
        squares = [float((q - h) @ (q - h)) for h in positive_keys]
        close(pairs.attraction[i], sum(squares) / len(squares) / (2 * tau))
        close(
            pairs.repulsion[i],
            math.log(sum(math.exp(-float((q - h) @ (q - h)) / (2 * tau)) for h in all_keys)),
        )
    assert parts.constant == pytest.approx(-1 / problem[3])


def test_unit_center_terms():
    problem = random_problem()
    form = theory.unit_center_form(*problem)
    for i, (q, positive_keys, _, tau) in enumerate(rows(problem)):
        center = sum(positive_keys) / len(positive_keys)
        length = float(center.norm())
        unit = center / length
        close(form.alignment[i], length * float((q - unit) @ (q - unit)) / (2 * tau))
        close(form.constant[i], -length / tau)


def test_closed_form_when_query_and_positives_coincide():
    # q = h_1 and one opposite key: Z = e^{1/tau} + e^{-1/tau}, L = log(1 + e^{-2/tau}).
    keys = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    parts = theory.decompose(keys[:1], keys, [[0]], 0.5)
    close(parts.loss, [math.log1p(math.exp(-4))])
    close(parts.alignment, [0.0])
    close(parts.spread, [0.0])


def test_means_average_the_terms():
    parts = theory.decompose(*random_problem())
    means = parts.means()
    assert means["loss"] == pytest.approx(float(parts.loss.mean()))
    terms = ("alignment", "log_partition", "spread", "constant")
    assert sum(means[name] for name in terms) == pytest.approx(means["loss"])


def test_padding_changes_nothing():
    queries, keys, positives, tau, _ = random_problem()
    wider = torch.cat([torch.full((len(positives), 2), -1), positives], dim=1)
    close(
        theory.decompose(queries, keys, wider, tau).total(),
        theory.decompose(queries, keys, positives, tau).total(),
    )


def test_vectors_of_any_length_need_their_norms():
    problem = random_problem(unit=False, tau=1.0)
    expected = torch.tensor([naive_loss(*row) for row in rows(problem)], dtype=torch.float64)
    close(theory.any_norm_form(*problem), expected)
    # What the unit-length statement would give: wrong by far.
    queries, keys, positives, tau, _ = problem
    mean = [torch.stack(row[1]).mean(0) for row in rows(problem)]
    spread = [torch.stack(row[1]).var(0, correction=0).sum() for row in rows(problem)]
    wrong = (
        (queries - torch.stack(mean)).square().sum(1) / (2 * tau)
        + torch.logsumexp(queries @ keys.T / tau, dim=1)
        + torch.stack(spread) / (2 * tau)
        - 1 / tau
    )
    assert (wrong - expected).abs().min() > 0.1


def test_deviations_are_rounding_in_each_precision():
    queries, keys, positives, tau, self_index = random_problem(exclude_self=True)
    double = theory.deviations(queries, keys, positives, tau, self_index)
    assert set(double) == {"center", "pairwise", "unit_center", "any_norm"}
    assert max(double.values()) < 1e-12
    single = theory.deviations(queries.float(), keys.float(), positives, tau, self_index)
    assert 1e-8 < max(single.values()) < 1e-4


@pytest.fixture(scope="module")
def trained_run():
    """Small images of four categories under two coarse labels, after two epochs of DNA."""
    rng = np.random.default_rng(0)
    fine = np.arange(80) % 4
    images = rng.normal(size=(4, 3, 3))[fine] + 0.5 * rng.normal(size=(80, 3, 3))
    split = Split(images.astype(np.float32), fine // 2, fine)
    data = CoarseDataset("dots", "image", split, split, ("a", "b"), ("0", "1", "2", "3"), {})
    trained = run(data, "dna", epochs=2, batch_size=16, filters=["label"], progress=False)
    return trained, data


@pytest.mark.parametrize("exclude_self", [False, True])
def test_identities_hold_on_trained_features(trained_run, exclude_self):
    trained, data = trained_run
    features, config = trained.train_features, trained.config
    graph = build_graph(features, data.train.coarse, config.k, config.filters)
    has_positive = torch.as_tensor(graph.keep.any(axis=1)).nonzero().squeeze(1)
    assert len(has_positive) > 40
    keys = theory.unit_rows(features)
    positives = torch.as_tensor(graph.positives())[has_positive]
    self_index = has_positive if exclude_self else None
    problem = (keys[has_positive], keys, positives, config.temperature, self_index)
    assert max(theory.deviations(*problem).values()) < 1e-10
    # The loss that is decomposed is the loss that was trained on, gradient included.
    raw = (2 * problem[0]).requires_grad_()
    unit = torch.nn.functional.normalize(raw)
    loss = DNALoss(config.temperature)(unit, *problem[1:3], self_index)
    close(theory.decompose(*problem).loss.mean(), loss.detach())
    expected = theory.gradients(*problem).tangent / (2 * len(raw))
    close(torch.autograd.grad(loss, raw)[0], expected)


# --- gradient ------------------------------------------------------------------------------------


@settings(deadline=None)
@given(problems)
def test_gradients_agree_with_autograd(problem):
    queries, keys, positives, tau, self_index = problem
    scale = torch.linspace(0.5, 3.0, len(queries), dtype=torch.float64)[:, None]
    raw = (queries * scale).requires_grad_()
    found = theory.gradients(*problem)

    def through_normalization(value_of):
        value = value_of(raw / raw.norm(dim=1, keepdim=True)).sum()
        return torch.autograd.grad(value, raw)[0]

    def parts(q):
        return theory.decompose(q, keys, positives, tau, self_index)

    expected = found.tangent / scale
    close(through_normalization(lambda q: parts(q).loss), expected)
    close(through_normalization(lambda q: parts(q).alignment + parts(q).log_partition), expected)


def test_gradients_before_projection_differ_by_the_radial_term():
    problem = random_problem(exclude_self=True)
    queries, keys, positives, tau, self_index = problem
    free = queries.clone().requires_grad_()
    parts = theory.decompose(free, keys, positives, tau, self_index)
    found = theory.gradients(*problem)
    close(torch.autograd.grad(parts.loss.sum(), free, retain_graph=True)[0], found.loss)
    surrogate = (parts.alignment + parts.log_partition).sum()
    close(torch.autograd.grad(surrogate, free)[0], found.surrogate)
    close(found.surrogate - found.loss, queries / tau)
    close((found.tangent * queries).sum(1), torch.zeros(len(queries)))


# --- bounds --------------------------------------------------------------------------------------


@settings(deadline=None)
@given(problems)
def test_bounds_hold_and_match_their_formulas(problem):
    found = theory.bounds(*problem)
    slack = 1e-10
    assert (found.loss >= found.log_positives - slack).all()
    assert (found.loss >= found.inside_log - slack).all()
    assert (found.log_partition >= found.log_partition_bound - slack).all()
    for i, (q, positive_keys, all_keys, tau) in enumerate(rows(problem)):
        z = sum(math.exp(float(q @ h) / tau) for h in all_keys)
        inside = sum(math.exp(float(q @ h) / tau) for h in positive_keys) / len(positive_keys)
        mean_key = sum(all_keys) / len(all_keys)
        close(found.log_positives[i], math.log(len(positive_keys)))
        close(found.inside_log[i], math.log(z) - math.log(inside))
        close(found.log_partition_bound[i], math.log(len(all_keys)) + float(q @ mean_key) / tau)


def test_bounds_are_attained_where_they_say():
    # Every key coincides and is a positive: softmax uniform on P, all similarities equal.
    keys = torch.tensor([[0.6, 0.8]], dtype=torch.float64).repeat(4, 1)
    query = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    found = theory.bounds(query, keys, [[0, 1, 2, 3]], 0.1)
    close(found.loss, [math.log(4)])
    close(found.loss, found.log_positives)
    close(found.loss, found.inside_log)
    close(found.log_partition, found.log_partition_bound)


# --- alignment and uniformity --------------------------------------------------------------------


def test_uniformity_by_loops():
    features = theory.unit_rows(np.random.default_rng(0).normal(size=(9, 4)))
    kernel = [
        math.exp(-2 * float((features[i] - features[j]).square().sum()))
        for i in range(9)
        for j in range(9)
        if i != j
    ]
    assert theory.uniformity(features) == pytest.approx(math.log(np.mean(kernel)), abs=1e-12)


def test_uniformity_in_blocks(monkeypatch):
    features = theory.unit_rows(np.random.default_rng(0).normal(size=(11, 3)))
    whole = theory.uniformity(features)
    monkeypatch.setattr(theory, "UNIFORMITY_BLOCK", 4)
    assert theory.uniformity(features) == pytest.approx(whole, abs=1e-12)


def test_uniformity_extremes():
    point = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    assert theory.uniformity(point.repeat(3, 1)) == pytest.approx(0.0)
    assert theory.uniformity(torch.cat([point, -point]), t=2) == pytest.approx(-8.0)


def test_alignment_by_loops_and_as_terms_of_the_loss():
    problem = random_problem()
    queries, keys, positives, tau, _ = problem
    distances = [
        np.mean([float((q - h) @ (q - h)) for h in positive_keys])
        for q, positive_keys, _, _ in rows(problem)
    ]
    found = theory.alignment(queries, keys, positives)
    close(found, np.mean(distances))
    parts = theory.decompose(queries, keys, positives, tau)
    close(found, 2 * tau * (parts.alignment + parts.spread).mean())


# --- k-means -------------------------------------------------------------------------------------


def within_cluster_sse(features, labels):
    total = 0.0
    for label in np.unique(labels):
        members = features[labels == label]
        total += float(((members - members.mean(0)) ** 2).sum())
    return total


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=25), st.integers(0, 1000))
def test_a_partition_gives_the_kmeans_objective(labels, seed):
    labels = np.array(labels)
    features = np.random.default_rng(seed).normal(size=(len(labels), 3))
    found = theory.kmeans_gap(features, theory.partition_positives(labels), labels)
    assert found.is_partition
    close(found.cluster_sse, within_cluster_sse(features, labels))
    close(found.gap, 0.0)


def test_a_partition_without_self_inflates_each_block():
    labels = np.array([0] * 4 + [1] * 7)
    features = np.random.default_rng(0).normal(size=(11, 3))
    positives = theory.partition_positives(labels, include_self=False)
    found = theory.kmeans_gap(features, positives, labels)
    expected = sum(
        (n / (n - 1)) ** 2 * within_cluster_sse(features[labels == c], labels[labels == c])
        for c, n in ((0, 4), (1, 7))
    )
    close(found.neighborhood_sse, expected)
    assert not found.is_partition and found.gap > 0


def test_kmeans_gap_agrees_with_fitted_kmeans():
    from dnalib.clustering import kmeans

    features = np.random.default_rng(2).normal(size=(60, 4))
    fitted = kmeans(features, 5, n_init=2)
    found = theory.kmeans_gap(features, theory.partition_positives(fitted.labels), fitted.labels)
    assert found.neighborhood_sse == pytest.approx(fitted.inertia, rel=1e-10)


@pytest.mark.parametrize("n", [4, 12, 100])
def test_circle_counterexample(n):
    features, positives, labels = theory.circle_counterexample(n)
    found = theory.kmeans_gap(features, positives, labels)
    angle = 2 * math.pi / n
    close(found.neighborhood_sse, n * (2 * (1 - math.cos(angle)) / 3) ** 2)
    close(found.cluster_sse, within_cluster_sse(features.numpy(), labels.numpy()))
    assert not found.is_partition
    if n >= 12:
        assert found.cluster_sse > 30 * found.neighborhood_sse


def test_a_missing_member_is_no_partition():
    labels = [0, 0, 0]
    found = theory.kmeans_gap(np.eye(3), [[0, 1, 2], [0, 1, -1], [0, 1, 2]], labels)
    assert not found.is_partition


def test_partition_positives():
    assert theory.partition_positives([5, 2, 5]).tolist() == [[0, 2], [1, -1], [0, 2]]
    without_self = theory.partition_positives([5, 2, 5], include_self=False)
    assert without_self.tolist() == [[-1, 2], [-1, -1], [0, -1]]


# --- noise ---------------------------------------------------------------------------------------


@settings(deadline=None)
@given(problems, st.integers(0, 1000))
def test_noise_moves_the_center_by_rate_times_distance(problem, seed):
    _, keys, positives, _, _ = problem
    false = np.random.default_rng(seed).random(positives.shape) < 0.4
    found = theory.noise_shift(keys, positives, false)
    expected = found.rate * found.distance
    torch.testing.assert_close(found.shift, expected, equal_nan=True, **TOLERANCE)
    for i, row in enumerate(positives.tolist()):
        true_keys = [keys[p] for p, f in zip(row, false[i], strict=True) if p >= 0 and not f]
        false_keys = [keys[p] for p, f in zip(row, false[i], strict=True) if p >= 0 and f]
        close(found.rate[i], len(false_keys) / (len(true_keys) + len(false_keys)))
        if not true_keys:
            assert found.shift[i].isnan() and found.distance[i].isnan()
            continue
        true_center = sum(true_keys) / len(true_keys)
        center = (sum(true_keys) + sum(false_keys)) / (len(true_keys) + len(false_keys))
        close(found.shift[i], (center - true_center).norm())


# --- errors --------------------------------------------------------------------------------------

FORMS = [
    theory.decompose,
    theory.pairwise_form,
    theory.unit_center_form,
    theory.gradients,
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", ["queries", "keys"])
def test_unit_length_is_demanded(form, which):
    queries, keys, positives, tau, _ = random_problem()
    bad = queries if which == "queries" else keys
    bad[3] *= 2
    with pytest.raises(ValueError, match=rf"row 3 of {which} has length 2, .*unit_rows"):
        form(queries, keys, positives, tau)


def test_nan_is_not_a_unit_row():
    queries, keys, positives, tau, _ = random_problem()
    keys[1, 0] = math.nan
    with pytest.raises(ValueError, match="row 1 of keys has length nan"):
        theory.decompose(queries, keys, positives, tau)


@pytest.mark.parametrize("form", [*FORMS, theory.bounds, theory.any_norm_form])
@pytest.mark.parametrize(
    "change, message",
    [
        ({"temperature": 0.0}, "temperature=0.0"),
        ({"positives": [[1], [-1]]}, r"query 1 has no positive \(1 such"),
        ({"positives": [[1], [4]]}, "positives run from 1 to 4"),
        ({"positives": [[1], [-2]]}, "positives run from -2 to 1"),
        ({"positives": [[1, 2, 1], [0, -1, -1]]}, "query 0 has the positive 1 twice"),
        ({"positives": [[1]]}, "for 2 queries"),
        ({"queries": np.eye(3)[:2]}, "same d"),
        ({"self_index": [1, 0]}, "query 1 is among its own positives"),
        ({"self_index": [1]}, r"self_index has shape \(1,\)"),
    ],
)
def test_bad_inputs_are_named(form, change, message):
    arguments = {
        "queries": np.eye(4)[:2],
        "keys": np.eye(4),
        "positives": [[2], [0]],
        "temperature": 0.07,
    }
    with pytest.raises(ValueError, match=message):
        form(**(arguments | change))


def test_cancelling_positives_have_no_direction():
    keys = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="positives of query 0 cancel out"):
        theory.unit_center_form(keys[2:], keys, [[0, 1]], 0.07)
    assert theory.decompose(keys[2:], keys, [[0, 1]], 0.07).center_norm.item() == 0.0


def test_other_errors():
    with pytest.raises(ValueError, match="row 1 has length 0"):
        theory.unit_rows([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="n=5"):
        theory.circle_counterexample(5)
    with pytest.raises(ValueError, match="1 row"):
        theory.uniformity(np.eye(2)[:1])
    with pytest.raises(ValueError, match=r"labels have shape \(2,\) for 3 rows"):
        theory.kmeans_gap(np.eye(3), [[0], [1], [2]], [0, 1])
    with pytest.raises(ValueError, match="one flag per positive"):
        theory.noise_shift(np.eye(3), [[0, 1]], [True])
