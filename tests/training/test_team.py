"""Two processes train to the numbers of one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dnalib.encoders import ConvEncoder, VectorEncoder, load_encoder
from dnalib.methods import METHODS
from dnalib.training import Task, Team, Trainer, TrainingConfig, seed_everything
from tests.helpers import make_texts, make_tiny_bert
from tests.training.test_loop import make_vectors

ROOT = Path(__file__).parents[2]
EPOCHS = 3
CASES = ("ntxent-on-texts", "dna", "idfd", "deepcluster")
"""Texts and negatives in the batch; a bank; a memory; labels from clusters."""


def make_trainer(case: str, folder: Path, **keywords) -> Trainer:
    """Return a trainer without dropout, which processes draw apart from each other."""
    method = METHODS[case.removesuffix("-on-texts")]
    settings = {"epochs": EPOCHS, "batch_size": 9, "k": 5, "learning_rate": 1e-3, "view": "drop"}
    # Nothing is clipped: AdamW alone would hide a gradient of the wrong length.
    settings |= {"filters": ("label",), "clip": 1e6}
    config = TrainingConfig(**{**method.settings, **settings})
    inputs, coarse = make_vectors()
    encoder = VectorEncoder(inputs.shape[1], hidden=16)
    if case.endswith("texts"):
        texts = make_texts(len(coarse)).train
        inputs, coarse = texts.inputs, texts.coarse
        encoder = load_encoder(str(folder / "bert"), precision="float32")
    seed_everything(0)
    task = Task(encoder.dim, 2, len(coarse), encoder, n_clusters=4)
    objective = method.objective(task, config)
    for module in [*encoder.modules(), *objective.modules()]:
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    store = encoder.prepare(inputs, progress=False)
    return Trainer(encoder, store, coarse, objective, config, progress=False, **keywords)


def trained(trainer: Trainer) -> list[torch.nn.Parameter]:
    parameters = [*trainer.encoder.parameters(), *trainer.objective.parameters()]
    return [p for p in parameters if p.requires_grad]


def weights_of(trainer: Trainer) -> list[float]:
    return torch.cat([p.detach().flatten() for p in trained(trainer)]).tolist()


def last_gradients_of(trainer: Trainer) -> list[float]:
    return torch.cat([p.grad.flatten() for p in trained(trainer) if p.grad is not None]).tolist()


class KeepEarlier:
    """A monitor that keeps the checkpoint from before the last epoch."""

    def __init__(self, path: Path):
        self.path = path

    def after_mining(self, graph):
        return {}

    def after_epoch(self, encoder, epoch):
        if epoch == EPOCHS - 1:
            shutil.copy(self.path, self.path.with_suffix(".earlier"))
        return {}


def train_all(folder: Path) -> None:
    """Train every case; what a launched process does."""
    for case in CASES:
        path = folder / f"{case}.pt"
        trainer = make_trainer(case, folder, checkpoint_path=path, monitor=KeepEarlier(path))
        history = trainer.fit().drop(columns="seconds").to_dict("list")
        found = {"size": trainer.team.size, "history": history}
        found |= {"weights": weights_of(trainer), "gradients": last_gradients_of(trainer)}
        (folder / f"{case}-{trainer.team.rank}.json").write_text(json.dumps(found))


LAUNCHED = """
import sys
from pathlib import Path
from tests.training.test_team import train_all
train_all(Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """Return the folder in which two processes trained every case."""
    folder = tmp_path_factory.mktemp("team")
    make_tiny_bert(folder / "bert")
    (folder / "train.py").write_text(LAUNCHED)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [*launch, str(folder / "train.py"), str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def read(folder: Path, case: str, rank: int) -> dict:
    return json.loads((folder / f"{case}-{rank}.json").read_text())


@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_to_the_numbers_of_one(launched, case):
    alone = make_trainer(case, launched)
    expected = alone.fit().drop(columns="seconds")
    found = read(launched, case, 0)
    assert found["size"] == 2
    assert set(found["history"]) == set(expected)
    for name in expected:
        np.testing.assert_allclose(found["history"][name], expected[name], rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(found["weights"], weights_of(alone), atol=2e-4)
    gradients = np.array(last_gradients_of(alone))
    off = np.linalg.norm(found["gradients"] - gradients) / np.linalg.norm(gradients)
    assert off < 1e-2


@pytest.mark.parametrize("case", CASES)
def test_both_processes_hold_the_same(launched, case):
    first, second = (read(launched, case, rank) for rank in (0, 1))
    assert first["history"] == second["history"]
    assert first["weights"] == second["weights"]
    assert first["gradients"] == second["gradients"]


def test_one_process_goes_on_where_two_stopped(launched):
    trainer = make_trainer("dna", launched, checkpoint_path=launched / "dna.earlier")
    history = trainer.fit()
    found = read(launched, "dna", 0)
    assert history["loss"].tolist()[:-1] == found["history"]["loss"][:-1]
    np.testing.assert_allclose(history["loss"], found["history"]["loss"], rtol=1e-5)
    np.testing.assert_allclose(weights_of(trainer), found["weights"], atol=2e-4)
    assert trainer.optimizer.state  # it did take steps


def test_alone_nothing_is_divided():
    team = Team()
    assert (team.size, team.rank, team.is_first) == (1, 0, True)
    assert list(range(5))[team.own] == [0, 1, 2, 3, 4]
    team.require_divisible(ConvEncoder((8, 8), normalization="batch"), 7, 3)


def test_what_cannot_be_divided_is_refused_in_a_sentence():
    team = Team()
    team.size = 4
    with pytest.raises(ValueError, match="leaves a batch of 2 inputs of 10: expected at least 4"):
        team.require_divisible(VectorEncoder(4), 10, 8)
    with pytest.raises(ValueError, match="ConvEncoder has batch normalization, .*='group'"):
        team.require_divisible(ConvEncoder((8, 8), normalization="batch"), 64, 8)
