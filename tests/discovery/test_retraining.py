"""Training again from other seeds."""

import numpy as np
import pytest

from dnalib.discovery import FineCategoryDiscovery, retrain


def test_the_same_seed_gives_the_same_categories(make, table):
    model = make({"animal": 3, "plant": 2}, method="dna", epochs=1).fit(*table)
    labels = model.labels_.copy()
    again = retrain(model, *table, seeds=[model.seed])
    assert again.seeds.to_dict("records") == [{"seed": 0, "categories": 5, "ari": 1.0}]
    assert again.agreement.index.tolist() == [0, 1, 2, 3, 4] and (again.agreement == 1).all()
    assert model.labels_.tolist() == labels.tolist() and model.seed == 0


def test_agreement_is_the_share_that_comes_back(make, table, monkeypatch):
    texts, coarse = [*table[0][:8], None], [*table[1][:8], "animal"]
    model = make(2).fit(texts, coarse)
    model.labels_ = np.array([0, 0, 0, 0, 1, 1, 1, 1, -1])
    others = {1: [5, 5, 5, 7, 7, 7, 7, 7, -1], 2: [2, 2, 2, 2, 3, 3, 9, 9, -1]}

    def fit(self, *_):
        self.labels_ = np.array(others[self.seed])
        return self

    monkeypatch.setattr(FineCategoryDiscovery, "fit", fit)
    again = retrain(model, texts, coarse)
    assert again.seeds["seed"].tolist() == [1, 2]
    assert again.seeds["categories"].tolist() == [2, 3]
    assert again.agreement.to_dict() == {0: (3 / 4 + 1) / 2, 1: (1 + 1 / 2) / 2}


def test_no_seed_and_other_texts_are_refused(make, table):
    model = make(4).fit(*table)
    with pytest.raises(ValueError, match="seeds is empty: expected at least one"):
        retrain(model, *table, seeds=[])
    with pytest.raises(ValueError, match="there are 1 texts but the model has 100"):
        retrain(model, ["cat"], ["animal"])
