"""Novel class discovery: what is hidden stays hidden, each stage does one thing, scores hold."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from dnalib.datasets import CoarseDataset, Split
from dnalib.encoders import ConvEncoder, VectorEncoder, encode
from dnalib.methods.novel import (
    ABLATION,
    ClassSplit,
    NovelClassDiscovery,
    assign,
    effective_number,
    halve_classes,
    turn,
)
from dnalib.training import TrainingConfig

CONFIG = TrainingConfig(epochs=2, batch_size=16, learning_rate=1e-2, temperature=0.1, view="none")
CLASSES = ClassSplit(known=(0, 1, 2), novel=(3, 4, 5))


def make_dataset(n=120, shape=(8,), noise=0.5):
    """Return points (or images) around six centers."""
    rng = np.random.default_rng(0)
    fine = np.arange(n) % 6
    centers = rng.normal(size=(6, *shape))

    def split():
        inputs = centers[fine] + noise * rng.normal(size=(n, *shape))
        return Split(inputs.astype(np.float32), fine // 3, fine)

    names = tuple("abcdef")
    return CoarseDataset("points", "image", split(), split(), ("x", "y"), names, {})


def make_discovery(classes=CLASSES, **keywords):
    return NovelClassDiscovery(
        make_dataset(**keywords), classes, VectorEncoder(8, hidden=32), progress=False
    )


def weights(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(before, after):
    return all(torch.equal(before[name], after[name]) for name in before)


def test_labels_of_novel_classes_are_hidden():
    classes = ClassSplit(known=(5, 2), novel=(0, 1))
    labels = classes.labels(np.array([0, 2, 5, 1, 5]))
    assert labels.tolist() == [-1, 1, 0, -1, 0] and labels.dtype == np.int64


@pytest.mark.parametrize(("n", "seed"), [(2, None), (5, None), (10, 0), (11, 3)])
def test_classes_are_halved(n, seed):
    classes = halve_classes(n, seed)
    assert sorted(classes.known + classes.novel) == list(range(n))
    assert len(classes.known) - len(classes.novel) == n % 2
    if seed is None:
        assert classes.known == tuple(range(len(classes.known)))
    assert classes == halve_classes(n, seed)


def test_seeds_draw_other_classes():
    assert len({halve_classes(10, seed) for seed in range(5)}) > 1


def test_one_class_cannot_be_halved():
    with pytest.raises(ValueError, match="n_classes is 1: expected at least 2"):
        halve_classes(1)


def test_images_are_turned_by_quarters():
    images = np.arange(8.0).reshape(2, 2, 2)
    turned, quarters = turn(images)
    assert quarters.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    np.testing.assert_array_equal(turned[:2], images)
    # [[0, 1], [2, 3]], a quarter counterclockwise
    np.testing.assert_array_equal(turned[2], [[1, 3], [0, 2]])
    color, _ = turn(np.stack([images, -images], axis=3))
    np.testing.assert_array_equal(color, np.stack([turned, -turned], axis=3))


def test_stages_read_no_label_of_a_novel_class():
    """Other labels of the novel rows change nothing but the scores."""

    def features(discovery):
        discovery.learn_known(CONFIG)
        return encode(discovery.learn_jointly(CONFIG).encoder, discovery.train)

    honest = make_discovery()
    shuffled = make_discovery()
    fine = shuffled.dataset.train.fine.copy()
    fine[fine >= 3] = np.random.default_rng(0).permutation(fine[fine >= 3])
    train = replace(shuffled.dataset.train, fine=fine)
    shuffled.dataset = replace(shuffled.dataset, train=train)
    assert torch.equal(features(honest), features(shuffled))


def test_the_second_stage_sees_known_rows_only():
    whole, without = make_discovery(), make_discovery()
    without.train.values[without.novel] = torch.nan
    for discovery in (whole, without):
        discovery.learn_known(CONFIG)
    assert same(weights(whole.encoder), weights(without.encoder))


def test_the_first_stage_learns_to_tell_rotations():
    images = make_dataset(n=60, shape=(6, 6), noise=0.1)
    encoder = ConvEncoder((6, 6), dim=8, width=8)
    discovery = NovelClassDiscovery(images, CLASSES, encoder, progress=False)
    before = weights(encoder)
    history = discovery.learn_rotations(replace(CONFIG, epochs=4))
    assert history["loss"].iloc[0] > history["loss"].iloc[-1] < 0.5 * np.log(4)
    assert not same(before, weights(encoder))


def test_joint_training_leaves_the_encoder_for_the_next_variant():
    discovery = make_discovery()
    before = weights(discovery.encoder)
    first = discovery.learn_jointly(CONFIG)
    assert same(before, weights(discovery.encoder))
    again = discovery.learn_jointly(CONFIG)
    assert same(weights(first.encoder), weights(again.encoder))
    assert first.history["acc"].equals(again.history["acc"])


def test_each_row_of_the_ablation_adds_its_term():
    discovery = make_discovery()
    config = replace(CONFIG, epochs=5)  # hard negatives begin with the fourth
    runs = [discovery.learn_jointly(config, **options) for options in ABLATION.values()]
    terms = [{name for name in run.history if name.startswith("loss_")} for run in runs]
    assert terms[0] == {"loss_mse", "loss_ce", "loss_bce"}
    assert terms[1] - terms[0] == {"loss_ncl"}
    assert terms[2] - terms[1] == {"loss_scl"} and terms[3] == terms[2]
    last = [run.history["loss_ncl"].iloc[-1] for run in runs[2:]]
    assert last[1] > last[0]


def test_novel_classes_are_found_with_the_help_of_known_ones():
    discovery = make_discovery(noise=0.3)
    discovery.learn_known(replace(CONFIG, epochs=5))
    joint = discovery.learn_jointly(replace(CONFIG, epochs=25), same_above=0.8)
    scores = discovery.score_head(joint.encoder, joint.objective)
    assert scores["acc"] > 90 and scores["classes_used"] > 2.7
    assert discovery.known_accuracy(joint.encoder, joint.objective) > 90
    assert discovery.score_features(joint.encoder)["test_acc"] > 90
    assert joint.history["acc"].iloc[-1] == scores["acc"]


def test_features_are_scored_on_novel_rows_alone():
    """Known classes on one spot and novel ones apart: only the latter are clustered."""
    discovery = make_discovery(noise=0.01)
    for store, split in (
        (discovery.train, discovery.dataset.train),
        (discovery.test, discovery.dataset.test),
    ):
        store.values[torch.from_numpy(split.fine < 3)] = 1.0
    scores = discovery.score_features()
    assert set(scores) == {f"{p}{s}" for p in ("", "test_") for s in ("acc", "ari", "nmi")}
    assert all(value == pytest.approx(100) for value in scores.values())


def test_a_collapsed_head_uses_one_class():
    discovery = make_discovery()
    joint = discovery.learn_jointly(replace(CONFIG, epochs=1))
    nn.init.zeros_(joint.objective.novel_head.weight)
    with torch.no_grad():
        joint.objective.novel_head.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    scores = discovery.score_head(joint.encoder, joint.objective)
    assert scores["classes_used"] == 1.0 and scores["acc"] == pytest.approx(100 / 3)


def test_inputs_are_assigned_in_their_own_order():
    encoder = VectorEncoder(3)
    store = encoder.prepare(np.eye(3)[[2, 0, 1, 1]])
    head = nn.Linear(3, 3, bias=False)
    nn.init.eye_(head.weight)
    assert assign(encoder, head, store).tolist() == [2, 0, 1, 1]


@pytest.mark.parametrize(
    ("labels", "number"), [([1, 1, 1], 1.0), ([0, 1, 2, 3], 4.0), ([0, 0, 0, 1], 1.7547654)]
)
def test_effective_number_of_classes(labels, number):
    assert effective_number(np.array(labels)) == pytest.approx(number)
