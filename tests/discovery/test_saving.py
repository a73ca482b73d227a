"""Models on disk: whole or not at all, whatever was set, and readable by whoever may."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from dnalib.discovery import FineCategoryDiscovery, saving
from dnalib.methods import METHODS


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_model_is_not_lost_when_a_new_one_cannot_take_its_place(
    make, table, tmp_path, monkeypatch, error
):
    model = make(4).fit(*table).rename(0, "old")
    model.save(tmp_path / "model")
    real = os.replace

    def failing(source, target):
        if source.name == target.name:  # not to and from "old"
            raise error
        real(source, target)

    monkeypatch.setattr(saving.os, "replace", failing)
    with pytest.raises(type(error)):
        model.rename(0, "new").save(tmp_path / "model")
    assert FineCategoryDiscovery.load(tmp_path / "model").names_[0] == "old"
    assert [path.name for path in tmp_path.glob("*model*")] == ["model"]


@pytest.mark.parametrize(
    "labels", [np.array([3, 4]), np.array([3.0, 4.5]), [True, False], ["a\ud83d", "b\udc00 "]]
)
def test_whatever_labels_are_given_numbers_the_model_is_saved(make, table, tmp_path, labels):
    texts, coarse = table[0], [labels[int(name == "plant")] for name in table[1]]
    model = make({labels[0]: np.int64(2), labels[1]: 3}).fit(texts, coarse)
    model.save(tmp_path / "model")
    model.fitted_table().to_csv(tmp_path / "table.csv")
    loaded = FineCategoryDiscovery.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.categories(), model.categories())
    assert loaded.predict(texts, coarse).tolist() == model.labels_.tolist()
    assert sorted(loaded.fit(texts, coarse).categories().groupby("parent").size()) == [2, 3]


def test_an_encoder_that_is_a_path_and_a_method_of_ones_own_are_saved(make, table, tmp_path, bert):
    own = replace(METHODS["embeddings"], name="my own")
    make(4, method=own).set_params(encoder=Path(bert)).fit(*table).save(tmp_path / "model")
    loaded = FineCategoryDiscovery.load(tmp_path / "model")
    assert (loaded.encoder, loaded.method) == (bert, "my own")


def test_a_name_with_half_a_character_is_saved(make, table, tmp_path):
    make(4).fit(*table).rename(0, "cats \ud83d").save(tmp_path / "model")
    assert FineCategoryDiscovery.load(tmp_path / "model").names_[0] == "cats ?"


def test_who_may_read_one_file_of_a_model_may_read_all(make, table, tmp_path, monkeypatch):
    before = os.umask(0o022)
    try:
        make(4).fit(*table).save(tmp_path / "model")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "model").iterdir()} == {0o644}

    def forbidden(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(saving, "load_file", forbidden)
    with pytest.raises(PermissionError, match="arrays.safetensors"):
        FineCategoryDiscovery.load(tmp_path / "model")


def test_what_a_desktop_leaves_in_the_folder_does_not_matter(make, table, tmp_path):
    model = make(4).fit(*table)
    model.save(tmp_path / "model")
    for name in (".DS_Store", "._model.json", "Thumbs.db"):
        (tmp_path / "model" / name).write_bytes(b"\x00")
    model.rename(0, "new").save(tmp_path / "model")
    assert FineCategoryDiscovery.load(tmp_path / "model").names_[0] == "new"


@pytest.mark.parametrize("name", [".git", ".env", "thesis.txt"])
def test_what_a_person_put_into_the_folder_is_not_deleted(make, table, tmp_path, name):
    model = make(4).fit(*table)
    model.save(tmp_path / "model")
    (tmp_path / "model" / name).mkdir()
    with pytest.raises(ValueError, match="holds no model"):
        model.save(tmp_path / "model")
    assert (tmp_path / "model" / name).is_dir()


@pytest.mark.parametrize("change", ["none", "fewer", "smaller"])
def test_weights_of_other_layers_are_refused(make, table, tmp_path, change):
    make(4).fit(*table).save(tmp_path / "model")
    path = tmp_path / "model" / saving.ENCODER
    weights = load_file(path)
    first = min(weights)
    if change == "smaller":
        weights[first] = weights[first][:1].clone()
    save_file({"fewer": dict(list(weights.items())[1:]), "none": {}}.get(change, weights), path)
    with pytest.raises(ValueError, match="encoder.safetensors in .* holds other layers") as caught:
        FineCategoryDiscovery.load(tmp_path / "model")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "part", ["settings", "names", "edits", "temperatures", "n_fine", "sizes", "notes"]
)
def test_a_model_that_lacks_a_part_is_damaged(make, table, tmp_path, part):
    make(4).fit(*table).save(tmp_path / "model")
    path = tmp_path / "model" / saving.MODEL
    plain = json.loads(path.read_text("utf-8"))
    del plain[part]
    path.write_text(json.dumps(plain))
    with pytest.raises(ValueError, match=f"is damaged .*{part}.*: save it again"):
        FineCategoryDiscovery.load(tmp_path / "model")
