"""Hard negatives against a loop that makes every candidate."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from dnalib.losses import mix_hard_negatives
from tests.losses.helpers import unit_rows


def naive_mixes(query, unlabeled, labeled, n_far, n_hard, repeats, drawn):
    far = sorted(range(len(unlabeled)), key=lambda j: float(query @ unlabeled[j]))[:n_far]
    places = far * (2 * repeats)
    candidates = []
    for place, (u, l) in enumerate(zip(places, drawn, strict=True)):
        part = 1 / 3 if place < len(places) // 2 else 2 / 3
        candidates.append(normalize(part * unlabeled[u] + (1 - part) * labeled[l], dim=0))
    candidates.sort(key=lambda mix: -float(query @ mix))
    return torch.stack(candidates[:n_hard])


@given(
    st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(1, 4),
    st.sampled_from([3, 400]), st.integers(1, 3), st.integers(0, 9999),
)  # fmt: skip
def test_equals_the_loop_over_all_candidates(b, u, l, n_far, n_hard, repeats, seed):
    queries, unlabeled, labeled = (unit_rows(n, 4, seed + n) for n in (b, u + 10, l + 30))
    unlabeled, labeled = unlabeled[:u], labeled[:l]
    generator = torch.Generator().manual_seed(seed)
    mixes = mix_hard_negatives(queries, unlabeled, labeled, n_far, n_hard, repeats, generator)
    count = 2 * repeats * min(n_far, u)
    generator.manual_seed(seed)
    drawn = torch.randint(l, (b, count), generator=generator).tolist()
    for i, query in enumerate(queries):
        expected = naive_mixes(query, unlabeled, labeled, n_far, n_hard, repeats, drawn[i])
        # Mixes of one similarity may come in either order.
        torch.testing.assert_close(mixes[i] @ query, expected @ query, rtol=0, atol=1e-10)
    assert mixes.shape == (b, min(n_hard, count), 4)
    torch.testing.assert_close(mixes.norm(dim=2), torch.ones_like(mixes[:, :, 0]))


def test_one_of_each_gives_the_closed_form():
    rows = torch.eye(3, dtype=torch.float64)
    mixes = mix_hard_negatives(rows[:1], rows[1:2], rows[2:], n_far=1, repeats=1)
    expected = torch.tensor([[[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]]], dtype=torch.float64) / 5**0.5
    torch.testing.assert_close(mixes, expected)


def test_opposite_parts_are_finite_and_nothing_has_a_gradient():
    rows = unit_rows(1, 3).requires_grad_()
    mixes = mix_hard_negatives(rows, -rows, rows, n_far=1)
    assert torch.isfinite(mixes).all() and not mixes.requires_grad


def test_the_generator_decides():
    queries, unlabeled, labeled = (unit_rows(n, 4, n) for n in (2, 20, 30))
    one, same, other = (
        mix_hard_negatives(
            queries, unlabeled, labeled, 5, generator=torch.Generator().manual_seed(seed)
        )
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)


@pytest.mark.parametrize(
    ("rows", "settings", "sentence"),
    [
        ((0, 2), {"n_far": 1}, "unlabeled holds no feature: expected at least one"),
        ((2, 0), {"n_far": 1}, "labeled holds no feature: expected at least one"),
        ((2, 2), {"n_far": 0}, "n_far is 0: expected at least 1"),
        ((2, 2), {"n_far": 1, "n_hard": 0}, "n_hard is 0: expected at least 1"),
    ],
)
def test_bad_input_is_one_sentence(rows, settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        mix_hard_negatives(unit_rows(1, 2), *(unit_rows(n, 2) for n in rows), **settings)
