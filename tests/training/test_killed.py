"""SIGKILL in the middle of training, and the run that goes on from there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from dnalib.training import TrainingConfig
from tests.training.test_loop import CONFIG, make_trainer, numbers

ROOT = Path(__file__).parents[2]
LONG = TrainingConfig(**CONFIG.to_dict() | {"epochs": 60})

TRAIN = """
import sys
from pathlib import Path
from tests.training.test_killed import LONG
from tests.training.test_loop import make_trainer
make_trainer(config=LONG, checkpoint_path=Path(sys.argv[1])).fit()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_run_killed_for_real_resumes_to_the_same_bits(tmp_path):
    path = tmp_path / "run.pt"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", TRAIN, str(path)]
    training = subprocess.Popen(command, cwd=ROOT, env=environment)
    while not path.exists():
        assert training.poll() is None, "it ended before its first checkpoint"
        time.sleep(0.001)
    training.kill()
    assert training.wait() == -signal.SIGKILL  # and not its end

    resumed = make_trainer(config=LONG, checkpoint_path=path)
    history = resumed.fit()
    whole = make_trainer(config=LONG)
    expected = whole.fit()
    pd.testing.assert_frame_equal(numbers(history), numbers(expected), check_exact=True)
    for name, value in whole.encoder.state_dict().items():
        assert torch.equal(value, resumed.encoder.state_dict()[name])
