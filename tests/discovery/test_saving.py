"""Models on disk: whole or not at all, whatever was set, and readable by whoever may."""

import os

import pytest

from dnalib.discovery import FineCategoryDiscovery, saving


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_model_is_not_lost_when_a_new_one_cannot_take_its_place(
    make, table, tmp_path, monkeypatch, error
):
    model = make(4).fit(*table).rename(0, "old")
    model.save(tmp_path / "model")
    replace = os.replace

    def failing(source, target):
        if source.name == target.name:  # not to and from "old"
            raise error
        replace(source, target)

    monkeypatch.setattr(saving.os, "replace", failing)
    with pytest.raises(type(error)):
        model.rename(0, "new").save(tmp_path / "model")
    assert FineCategoryDiscovery.load(tmp_path / "model").names_[0] == "old"
    assert [path.name for path in tmp_path.glob("*model*")] == ["model"]
