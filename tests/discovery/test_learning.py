"""How often the encoder is trained, and for how many categories."""

import pytest

from dnalib.clustering import NumberEstimate
from dnalib.discovery import learning


@pytest.fixture
def trained_for(monkeypatch):
    """Return a function that sets the counts to come; it gives the k of every training."""

    def watch(*counts):
        coming, asked, run = iter(counts), [], learning._run

        def count(features, coarse, wanted, **_):
            number = next(coming)
            return {0: NumberEstimate(number, number, number), 1: NumberEstimate(1, 1, 1)}

        def running(model, method, dataset, **settings):
            if "k" in settings:
                asked.append(settings["k"])
            return run(model, method, dataset, **settings)

        monkeypatch.setattr(learning, "count_categories", count)
        monkeypatch.setattr(learning, "_run", running)
        return asked

    return watch


@pytest.mark.parametrize(
    ("counts", "ks"),
    [
        ((9, 8), [10]),  # 10 categories were expected and 9 found
        ((19, 9, 10), [5, 10]),  # 20 were expected and 10 found: train again for 10
        ((9, 19, 4), [10, 5]),  # once more, and no third time
    ],
)
def test_it_trains_again_where_the_number_was_far_off(make, table, trained_for, counts, ks):
    asked = trained_for(*counts)
    model = make(method="dna", epochs=1).fit(*table)
    assert asked == ks
    assert len(model.centers_) == counts[len(ks)] + 1


def test_a_k_of_the_users_own_is_trained_with_once(make, table, trained_for):
    asked = trained_for(19, 9)
    make(method="dna", epochs=1, settings={"k": 7}).fit(*table)
    assert asked == [7]
