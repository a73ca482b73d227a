"""The settings of DNA's paper and released code, as far as they are known, for one GPU."""

from __future__ import annotations

from dataclasses import dataclass

from dnalib.methods import Method

ENCODER = "bert-base-uncased"
LAYERS = "all"
PRETRAINING, TRAINING = 10, 20
"""Epochs. The release pretrains for up to 100 and stops early; ours is a fixed number."""

COMMON = {
    "epochs": PRETRAINING + TRAINING,
    "batch_size": 64,
    "learning_rate": 5e-5,
    "temperature": 0.07,
    "momentum": 0.99,
    "m": 5,
    "rank_epochs": 1,
    "view": "replace",
    "view_rate": 0.25,
}


@dataclass(frozen=True)
class PaperSetting:
    """What differs by dataset.

    Attributes
    ----------
    k : int
        Neighbors retrieved.
    max_length : int
        Word pieces, special tokens included.
    """

    k: int
    max_length: int

    def settings(self, method: Method) -> dict[str, object]:
        """Return the fields of `dnalib.training.TrainingConfig`, a method's own over the common.

        Raises
        ------
        ValueError
            If the method cannot be trained so.
        """
        if method.declares("needs_states"):
            raise ValueError(
                f"--paper was asked for {method.name!r}, which needs the stored states below the "
                "trained layers: expected another method, since --paper trains all layers; run it "
                "without --paper"
            )
        # A method's own number of epochs was chosen for two layers of MiniLM.
        own = {name: value for name, value in method.settings.items() if name != "epochs"}
        pretraining = {"pretrain_epochs": PRETRAINING} if method.declares("pretrains") else {}
        return {**COMMON, **pretraining, **own, "k": self.k}


PAPER = {
    "clinc150": PaperSetting(k=120, max_length=30),
    "wos": PaperSetting(k=250, max_length=200),
    "hwu64": PaperSetting(k=120, max_length=10),
}
"""By dataset."""


def paper_setting(dataset: str) -> PaperSetting:
    """Return the paper's setting of a dataset; a ValueError names those that have one."""
    if dataset not in PAPER:
        raise ValueError(
            f"--paper was asked for {dataset!r}: expected one of {', '.join(PAPER)}; name them "
            "with --datasets"
        )
    return PAPER[dataset]
