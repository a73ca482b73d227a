"""Memories and queues: what stays, what goes, and that no gradient does."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnalib.losses import FeatureQueue, Memory
from tests.losses.helpers import unit_rows


def test_memory_starts_on_the_sphere_by_its_seed():
    one, same, other = (Memory(5, 3, seed=seed).features for seed in (1, 1, 2))
    torch.testing.assert_close(one.norm(dim=1), torch.ones(5))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 1.0])
def test_memory_moves_named_slots_only(momentum):
    memory = Memory(4, 3, momentum)
    before = memory.features.clone()
    new = unit_rows(2, 3).float().requires_grad_()
    memory.update(new, torch.tensor([3, 1]))
    for slot, row in ((3, 0), (1, 1)):
        expected = momentum * before[slot] + (1 - momentum) * new[row].detach()
        torch.testing.assert_close(memory.features[slot], expected / expected.norm())
    assert torch.equal(memory.features[[0, 2]], before[[0, 2]])
    assert not memory.features.requires_grad


def test_memory_takes_one_instance():
    memory = Memory(1, 2, momentum=0)
    memory.update(torch.tensor([[3.0, 4.0]]), torch.tensor([0]))
    torch.testing.assert_close(memory.features, torch.tensor([[0.6, 0.8]]))


@given(st.integers(1, 6), st.lists(st.integers(0, 9), max_size=6))
def test_queue_holds_the_last_features_put_in(size, batches):
    queue = FeatureQueue(size, 1)
    put = torch.arange(float(sum(batches)))[:, None]
    for batch in put.split(batches) if batches else []:
        queue.update(batch, batch[:, 0].long() + 100)
    expected = put[-size:, 0].tolist() if len(put) else []
    assert len(queue) == len(expected)
    assert sorted(queue.features[:, 0].tolist()) == expected
    assert torch.equal(queue.labels, queue.features[:, 0].long() + 100)


def test_queue_has_no_gradient_and_travels_with_the_state():
    queue = FeatureQueue(3, 2)
    queue.update(torch.ones(2, 2, requires_grad=True))
    assert not queue.features.requires_grad
    assert queue.labels.tolist() == [-1, -1]
    other = FeatureQueue(3, 2)
    other.load_state_dict(queue.state_dict())
    assert len(other) == 2


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match=r"momentum is 1.5: expected a number in \[0, 1\]"):
        Memory(3, 2, momentum=1.5)
    with pytest.raises(ValueError, match="n is 0: expected a whole number, 1 or more"):
        Memory(0, 2)
    with pytest.raises(ValueError, match="size is 0: expected a whole number, 1 or more"):
        FeatureQueue(0, 2)
