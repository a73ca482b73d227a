"""`FineCategoryDiscovery`: fitting, using, changing by hand, keeping."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks

from dnalib.discovery import FineCategoryDiscovery, estimator, features


def test_categories_belong_to_their_class(make, table):
    texts, coarse = table
    model = make({"animal": 2, "plant": 3}).fit(texts, coarse)
    categories = model.categories()
    assert categories.groupby("parent").size().to_dict() == {"animal": 2, "plant": 3}
    assert categories["size"].sum() == len(texts) and categories["name"].is_unique
    parent_of = categories["parent"].to_dict()
    assert [parent_of[c] for c in model.labels_] == coarse
    assert np.allclose(categories.groupby("parent")["share"].sum(), 1)


def test_training_is_repeatable_and_recorded(make, table):
    first, second = (make(4, method="dna", epochs=2).fit(*table) for _ in range(2))
    assert first.labels_.tolist() == second.labels_.tolist()
    assert len(first.history_) == 2 and "loss_dna" in first.history_
    assert not np.allclose(first.transform(["cat"]), make(4).fit(*table).transform(["cat"]))


def test_an_interrupted_fit_leaves_the_model_as_it_was(make, table, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    fitted = make(4).fit(*table)
    before, predicted = fitted.categories(), fitted.predict(table[0])
    monkeypatch.setattr(estimator, "judge", interrupted)
    model = make(4)
    for each in (model, fitted.set_params(n_fine=7)):
        with pytest.raises(KeyboardInterrupt):
            each.fit([*table[0], "oak bark", "rose"], [*table[1], "wood", "wood"])
    with pytest.raises(NotFittedError):
        model.predict(["cat"])
    pd.testing.assert_frame_equal(fitted.categories(), before)
    np.testing.assert_array_equal(fitted.predict(table[0]), predicted)


def test_given_parents_bind_and_missing_ones_are_predicted(make, table):
    texts, coarse = table
    model = make(4).fit(texts, coarse)
    parent_of = model.categories()["parent"].to_dict()
    assert {parent_of[c] for c in model.predict(texts, ["plant"] * len(texts))} == {"plant"}
    assert model.predict(texts, coarse).tolist() == model.labels_.tolist()
    assert model.predict(texts[:5]).tolist() == model.predict(texts[:5], [None] * 5).tolist()


def test_probabilities(make, table):
    texts, coarse = table
    model = make({"animal": 3, "plant": 2}).fit(texts, coarse)
    given_parent = model.predict_proba(texts, coarse)
    ids = model.categories().index.to_numpy()
    assert (ids[given_parent.argmax(axis=1)] == model.labels_).all()
    np.testing.assert_allclose(given_parent.sum(axis=1), 1, rtol=1e-5)
    animal = model.categories()["parent"].to_numpy() == "animal"
    assert (given_parent[np.array(coarse) == "animal"][:, ~animal] == 0).all()
    free = model.predict_proba([*texts, None])
    chosen = np.searchsorted(ids, model.predict(texts))  # two closest may round to one number
    assert (free[np.arange(len(texts)), chosen] == free[:-1].max(axis=1)).all()
    np.testing.assert_allclose(free[-1], model.categories()["size"] / len(texts))


def test_features_are_unit_rows_and_zero_without_text(make, table):
    features = make(4).fit(*table).transform(["cat", None, "rose"])
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), [1, 0, 1], atol=1e-5)


def test_missing_rows_and_copies(make, table):
    texts, coarse = table
    odd = [*texts, None, "", "rose petal", texts[0].upper()]
    model = make(4).fit(odd, [*coarse, "plant", None, None, coarse[0]])
    assert model.labels_[-4:-2].tolist() == [-1, -1]
    assert model.labels_[-1] == model.labels_[0] and model.labels_[-2] >= 0
    assert len(odd) - 1 in model.duplicates()["row"].tolist()
    notes = " ".join(model.notes_)
    assert f"2 of {len(odd)} rows hold no text" in notes and "no coarse label" in notes
    shown = model.fitted_table()
    assert shown["row"].tolist() == list(range(len(odd)))
    assert shown.loc[shown["category"] == -1, "confidence"].isna().all()
    assert shown.loc[shown["category"] >= 0, "confidence"].between(0, 1).all()
    assert shown.loc[100, "parent"] == "plant" and shown.loc[100, "name"] == ""


def test_a_label_that_only_blank_rows_have_is_taken_again(make):
    texts, coarse = ["cat", "rose", "dog", ""], ["a", "b", "a", "c"]
    model = make().fit(texts, coarse)
    assert model.predict(texts, coarse).tolist() == model.labels_.tolist()
    assert len(model.table(texts, coarse)) == len(model.predict_proba(texts, coarse)) == 4
    assert model.partial_fit(texts, coarse).labels_[4:].tolist() == model.labels_[:4].tolist()
    assert "no coarse label" not in " ".join(model.notes_)
    with pytest.raises(ValueError, match="coarse label 'c' is unknown to the model"):
        model.predict(["cat"], ["c"])


def test_more_rows_than_are_learned_from(make, table):
    texts, coarse = table
    whole = make(4).fit(texts, coarse)
    part = make(4, max_rows=21).fit(texts, coarse)
    assert len(part.labels_) == len(texts) and (part.labels_ >= 0).all()
    assert "more than max_rows=21: 20 were learned from" in " ".join(part.notes_)
    assert part.labels_.tolist() == part.predict(texts, coarse).tolist()
    assert "max_rows" not in " ".join(whole.notes_)


def test_rows_that_were_not_learned_from_are_encoded_once_each(make, table, monkeypatch):
    texts, coarse = table
    encoded, features_of = [], features.features_of

    def counting(encoder, given, **options):
        encoded.extend(given)
        return features_of(encoder, given, **options)

    monkeypatch.setattr(features, "features_of", counting)
    model = make(4, max_rows=20).fit([*texts, None, *texts], [*coarse, coarse[0], *coarse])
    distinct = len({(text.casefold(), label) for text, label in zip(texts, coarse, strict=True)})
    assert len(encoded) == distinct - 20 + 1
    n = len(texts)
    np.testing.assert_array_equal(model.fitted_features()[:n], model.fitted_features()[n + 1 :])
    assert not model.fitted_features()[n].any()


def test_small_tables_do_not_fail(make):
    model = make(50).fit(["cat purr", "dog bark", "rose"], ["animal", "animal", "plant"])
    assert model.labels_.tolist() in ([0, 1, 2], [1, 0, 2])
    assert "50 categories were asked for" in " ".join(model.notes_)
    assert "single text: plant" in " ".join(model.notes_)
    trained = make("auto", method="dna", epochs=1).fit(["cat", "rose"], ["animal", "plant"])
    assert trained.labels_.tolist() == [0, 1]


def test_partial_fit_moves_nothing(make, table):
    texts, coarse = table
    model = make(4).fit(texts, coarse)
    before, centers = model.labels_.copy(), model.centers_.copy()
    predicted = model.predict(texts)
    model.partial_fit(["cat purr", None, "rose"], ["animal", "animal", None])
    assert model.labels_[: len(texts)].tolist() == before.tolist()
    assert model.labels_[-2] == -1 and len(model.labels_) == len(texts) + 3
    assert " of 2 texts that were added " in model.notes_[-1]
    assert (model.centers_ == centers).all()
    assert model.predict(texts).tolist() == predicted.tolist()
    assert model.categories()["size"].sum() == len(texts) + 2
    assert len(model.fitted_table()) == len(texts) + 3


def test_edits_by_hand_are_remembered(make, table, tmp_path):
    texts, coarse = table
    model = make({"animal": 3, "plant": 2}).fit(texts, coarse)
    before = model.labels_.copy()
    merged = model.merge([0, 2], name="both")
    parts = model.split(3, 2)
    model.rename(parts[0], " petals ")
    assert (merged, parts) == (5, [6, 7])
    assert (model.labels_ == 5).tolist() == np.isin(before, [0, 2]).tolist()
    assert np.isin(model.labels_, parts).tolist() == (before == 3).tolist()
    assert sorted(model.categories().index) == [1, 4, 5, 6, 7]
    names = model.categories()["name"]
    assert names[5] == "both" and names[6] == "petals"
    assert model.predict(texts, coarse).tolist() == model.labels_.tolist()
    probabilities = model.predict_proba(texts)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)

    model.save(tmp_path / "model")
    loaded = FineCategoryDiscovery.load(tmp_path / "model")
    assert loaded.predict(texts, coarse).tolist() == model.labels_.tolist()
    np.testing.assert_array_equal(loaded.predict_proba(texts), probabilities)
    pd.testing.assert_frame_equal(loaded.categories(), model.categories())
    again = loaded.merge([6, 7])
    assert again == 8 and loaded.categories()["name"][8].startswith("petals / ")
    with pytest.raises(ValueError, match="loaded from disk"):
        loaded.split(8)


@pytest.mark.parametrize("name", ["  ", float("nan"), 3])
def test_a_merge_under_no_name_changes_nothing(make, table, name):
    model = make({"animal": 3, "plant": 2}).fit(*table)
    categories, labels = model.categories(), model.labels_.copy()
    for call in (lambda: model.merge([0, 1], name=name), lambda: model.rename(0, name)):
        with pytest.raises(ValueError, match=f"the name is {name!r}, expected a text"):
            call()
    pd.testing.assert_frame_equal(model.categories(), categories)
    assert model.labels_.tolist() == labels.tolist() and model.edits_ == []


def test_saved_models_hold_no_texts_and_no_pickle(make, table, tmp_path):
    texts, coarse = table
    secret = "rose thx SECRETCODE 4711"
    model = make(4).fit([*texts, secret], [*coarse, "plant"]).rename(0, "näme 🙈")
    model.save(tmp_path / "model")
    files = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert files == ["arrays.safetensors", "encoder.safetensors", "model.json"]
    for path in (tmp_path / "model").iterdir():
        assert b"SECRETCODE" not in path.read_bytes()
        with pytest.raises((pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError)):
            pickle.loads(path.read_bytes())
    model.save(tmp_path / "model")
    assert FineCategoryDiscovery.load(tmp_path / "model").names_[0] == "näme 🙈"


def test_a_folder_with_something_else_is_left_alone(make, table, tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    model = make(4).fit(*table)
    with pytest.raises(ValueError, match="holds no model"):
        model.save(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "x"


@pytest.mark.parametrize("name", ["model.json", "arrays.safetensors", "encoder.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\x00" * 40])
def test_damaged_models(make, table, tmp_path, name, content):
    make(4).fit(*table).save(tmp_path / "model")
    (tmp_path / "model" / name).write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        FineCategoryDiscovery.load(tmp_path / "model")


def test_no_model_and_another_encoder(make, table, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no model.json"):
        FineCategoryDiscovery.load(tmp_path)
    make(4).fit(*table).save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    plain = json.loads(path.read_text())
    path.write_text(json.dumps(plain | {"encoder_digest": "0" * 64}))
    with pytest.raises(ValueError, match="another SHA-256"):
        FineCategoryDiscovery.load(tmp_path / "model")


def test_naming_by_a_function(make, table):
    seen = []

    def namer(description):
        seen.append(description)
        return f"{description['parent']} {len(seen)}"

    model = make(4).fit(*table).rename_all(namer, n_texts=2)
    assert model.categories()["name"].tolist() == ["animal 1", "animal 2", "plant 3", "plant 4"]
    assert set(seen[0]) == {"parent", "words", "texts", "siblings"} and len(seen[0]["texts"]) == 2


def test_representative_and_borderline_texts(make, table):
    model = make(4).fit(*table)
    rows = model.central(0, 3)
    assert (model.labels_[rows] == 0).all() and len({table[0][row] for row in rows}) == 3
    inside = np.flatnonzero(model.labels_ == 0)
    center = model._rows.features[inside].mean(axis=0)
    distances = np.linalg.norm(model._rows.features[inside] - center, axis=1)
    assert rows[0] == inside[distances.argmin()]
    confidence = model.fitted_table()["confidence"]
    assert confidence[model.borderline(0, 1)[0]] == confidence[inside].min()


@pytest.mark.parametrize(
    ("n_fine", "sentence"),
    [
        (1, "n_fine is 1 but there are 2 coarse classes"),
        (2.5, "n_fine is 2.5, expected a number"),
        ("many", "n_fine is 'many', expected"),
        ({"animals": 2}, "n_fine names the coarse label 'animals'"),
        ({"animal": 0}, "asks for 0 categories of 'animal'"),
        ({"animal": "2"}, "asks for '2' categories"),
        (True, "n_fine is True"),
    ],
)
def test_bad_numbers(make, table, n_fine, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(n_fine).fit(*table)


def test_bad_use(make, table):
    model = make(4)
    for call in (model.predict, model.transform, model.predict_proba):
        with pytest.raises(NotFittedError, match="call fit"):
            call(["cat"])
    with pytest.raises(ValueError, match="coarse labels are needed"):
        model.partial_fit(["cat"])
    model.fit(*table)
    with pytest.raises(ValueError, match="coarse label 'fungus' is unknown"):
        model.predict(["cat"], ["fungus"])
    with pytest.raises(ValueError, match="there is no category 99"):
        model.rename(99, "x")
    with pytest.raises(ValueError, match="cannot be merged"):
        model.merge([0, 3])
    for wrong in ("01", [2.2, 2.9]):
        with pytest.raises(ValueError, match="there is no category"):
            model.merge(wrong)
    for parts in (1000, 2.0):
        with pytest.raises(ValueError, match=f"cannot be split into {parts} parts"):
            model.split(0, parts)
    for wrong in ({"n_init": 0}, {"seed": None}, {"seed": 1.5}, {"max_rows": None}):
        ((name, value),) = wrong.items()
        with pytest.raises(ValueError, match=f"{name} is {value}: expected a whole number"):
            make(4, **wrong).fit(*table)
    with pytest.raises(ValueError, match="method 'dnaa' is unknown: expected 'auto' or one of"):
        make(4, method="dnaa").fit(*table)
    with pytest.raises(ValueError, match="setting 'epoch' is unknown"):
        make(4, method="dna", settings={"epoch": 1}).fit(*table)


def test_scikit_learn_conventions(make):
    model = FineCategoryDiscovery()
    for check in (
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_valid_tag_types,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_mixin_order,
        estimator_checks.check_estimators_unfitted,
    ):
        check("FineCategoryDiscovery", model)
    changed = clone(make(7)).set_params(seed=3)
    assert (changed.n_fine, changed.seed) == (7, 3)


TEXTS = st.one_of(
    st.sampled_from(["cat purr", "dog", "rose", "oak bark", "", None, "<b></b>", "🙈", "9" * 3000]),
    st.text(max_size=8),
)
NO_TEXTS = st.sampled_from([3, 2.5, b"x", ["x"]])
LABELS = st.sampled_from(["a", "b", "a", "b", "c", None, " a ", 1, 1.0, float("nan")])


@st.composite
def tables(draw):
    """Tables of which most are good: each part is mostly as it should be."""
    rarely = st.sampled_from([False] * 9 + [True])
    rows = draw(st.lists(st.tuples(TEXTS, LABELS), max_size=12))
    if not draw(rarely):
        rows += [("cat paw", "a"), ("oak", "b")]
    if draw(rarely):
        rows.append((draw(NO_TEXTS), "a"))
    n_fine = st.sampled_from(["auto", 4, 30, {"a": 2}, {" a": 3, "b": 1}])
    if draw(rarely):
        n_fine = st.sampled_from([2, {"a": 3, "b": 1, "c": 5}, None])
    return [text for text, _ in rows], [label for _, label in rows], draw(n_fine)


def test_most_tables_are_sorted_and_the_others_refused_in_one_sentence(make):
    outcomes = []

    @settings(max_examples=30, deadline=None)
    @given(
        table=tables(),
        edits=st.lists(
            st.tuples(st.sampled_from(["merge", "split"]), st.integers(0, 9)), max_size=4
        ),
    )
    def check(table, edits):
        outcomes.append(is_sorted_or_refused(make(table[2]), *table[:2], edits))

    check()
    assert np.mean(outcomes) > 1 / 3  # about 0.7


def is_sorted_or_refused(model, texts, coarse, edits):
    """Check what becomes of a table; return whether it was sorted."""
    try:
        model.fit(texts, coarse)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1 and not hasattr(model, "centers_")
        return False
    for kind, where in edits:
        ids = model.categories().index.tolist()
        try:
            model.split(ids[where % len(ids)]) if kind == "split" else model.merge(ids[where:][:2])
        except ValueError as error:
            assert "cannot be" in str(error)
    categories = model.categories()
    assert set(model.labels_.tolist()) <= {*categories.index.tolist(), -1}
    assert categories["name"].notna().all() and (categories["name"] != "").all()
    assert model.predict(texts, coarse).tolist() == model.labels_.tolist()
    shown = model.fitted_table()
    for parent, inside in shown[shown["category"] >= 0].groupby("parent"):
        assert set(categories.loc[inside["category"], "parent"]) == {parent}
    np.testing.assert_allclose(model.predict_proba(texts).sum(axis=1), 1, rtol=1e-4)
    return True
