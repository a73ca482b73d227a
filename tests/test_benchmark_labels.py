"""The labels kept beside the runs."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from dnalib.benchmark import labels
from tests.helpers import make_texts


def test_writers_at_the_same_time_lose_no_labels(tmp_path, monkeypatch):
    atomic_path, path = labels.atomic_path, tmp_path / "results" / "labels.json"

    def slowly(target):
        time.sleep(0.05)
        return atomic_path(target)

    monkeypatch.setattr(labels, "atomic_path", slowly)
    with ThreadPoolExecutor(4) as pool:
        named = [replace(make_texts(8), name=name) for name in "abcd"]
        list(pool.map(lambda dataset: labels.write_labels(dataset, path), named))
    assert sorted(json.loads(path.read_text())) == list("abcd")
