"""How often the encoder is trained, by which method, and for how many categories."""

import pytest

from dnalib.clustering import NumberEstimate
from dnalib.discovery import learning
from dnalib.methods import METHODS


@pytest.fixture
def trainings(monkeypatch):
    """Return a function that sets the counts to come; it gives method and k of every training."""

    def watch(*counts):
        coming, seen, run = iter(counts), [], learning.run

        def count(features, coarse, wanted, **_):
            number = next(coming)
            return {0: NumberEstimate(number, number, number), 1: NumberEstimate(1, 1, 1)}

        def running(dataset, method, **settings):
            if "k" in settings:
                seen.append((method, settings["k"]))
            return run(dataset, method, **settings)

        monkeypatch.setattr(learning, "count_categories", count)
        monkeypatch.setattr(learning, "run", running)
        return seen

    return watch


@pytest.mark.parametrize(
    ("counts", "ks"),
    [
        ((9, 8), [10]),  # 10 categories were expected and 9 found
        ((19, 9, 10), [5, 10]),  # 20 were expected and 10 found: train again for 10
        ((19, 9, 4, 5), [5, 10, 19]),
        ((9, 19, 4, 19), [10, 5, 19]),  # three times at most
    ],
)
def test_it_trains_again_where_the_number_was_far_off(make, table, trainings, counts, ks):
    seen = trainings(*counts)
    model = make(method="dna", epochs=1).fit(*table)
    assert seen == [("dna", k) for k in ks]
    assert len(model.centers_) == counts[-1] + 1


def test_a_k_of_the_users_own_is_trained_with_once(make, table, trainings):
    seen = trainings(19, 9)
    make(method="dna", epochs=1, settings={"k": 7}).fit(*table)
    assert seen == [("dna", 7)]


def test_a_method_of_ones_own_is_trained_as_often_as_one_of_the_registry(make, table, trainings):
    seen = trainings(9, 8)
    make(method=METHODS["dna"], epochs=1).fit(*table)
    assert [k for _, k in seen] == [10]


@pytest.mark.parametrize("settings", [{"trainable_layers": 1}, {"seed": 1}, {"epoch": 2}])
def test_a_setting_that_is_none_is_refused_before_anything_is_encoded(
    make, table, trainings, monkeypatch, settings
):
    monkeypatch.setattr(learning, "run", None)
    with pytest.raises(ValueError, match=f"setting '{next(iter(settings))}' is unknown"):
        make(method="dna", settings=settings).fit(*table)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((2, 2, 2), [("dna", 32), ("dna-plus", 32)]),  # 96 texts, three categories
        ((3, 3), [("dna", 24)]),  # 24 texts a category are few
    ],
)
def test_auto_learns_large_categories_by_dna_plus(make, table, trainings, counts, expected):
    seen = trainings(*counts)
    model = make(method="auto", epochs=1).fit(*table)
    assert seen == expected
    assert model.method_ == expected[-1][0]


def test_what_dna_left_open_dna_plus_does_not_close(make, table, monkeypatch):
    counts = iter([(2, 2, 2), (2, 1, 4), (3, 3, 3)])

    def count(features, coarse, wanted, **_):
        number = NumberEstimate(*next(counts))
        return {0: number, 1: number}

    monkeypatch.setattr(learning, "count_categories", count)
    monkeypatch.setattr(learning, "TEXTS_A_CATEGORY", 20)
    model = make(method="auto", epochs=1).fit(*table)
    assert set(model.n_fine_.values()) == {NumberEstimate(3, 1, 4)}


@pytest.mark.parametrize(("n_fine", "method"), [(3, "dna-plus"), (4, "dna")])
def test_auto_trains_once_where_the_number_is_given(make, table, monkeypatch, n_fine, method):
    seen, run = [], learning.run
    monkeypatch.setattr(
        learning, "run", lambda dataset, name, **s: seen.append(name) or run(dataset, name, **s)
    )
    make(n_fine, method="auto", epochs=1).fit(*table)
    assert seen == ["embeddings", method]


@pytest.mark.parametrize("method", ["embeddings", "dna", "auto"])
@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epochs": 0}, "epochs is 0: expected a whole number, 1 or more"),
        ({"settings": {"batch_size": 0}}, "batch_size is 0: expected a whole number, 1 or more"),
        (
            {"settings": {"batch_size": "64"}},
            "batch_size is '64': expected a whole number, 1 or more",
        ),
    ],
)
def test_nothing_is_trained_with_settings_that_are_out_of_range(
    make, table, method, settings, sentence
):
    with pytest.raises(ValueError, match=sentence):
        make(4, method=method, **settings).fit(*table)


def test_epochs_are_the_methods_own_and_more_for_few_texts():
    assert learning.default_epochs(10_000, 64) == 8
    assert learning.default_epochs(10_000, 64, usual=16) == 16
    assert learning.default_epochs(300, 64) == 12
    assert learning.default_epochs(300, 64, usual=16) == 16
    assert learning.default_epochs(50, 64) == learning.MOST_EPOCHS
