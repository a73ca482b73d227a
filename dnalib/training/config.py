"""Every setting of a training run, in one frozen record."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from numbers import Real

from dnalib.neighbors import FILTERS
from dnalib.whole import require_whole

VIEWS = ("drop", "replace", "crop", "none")
IMAGE_PARTS = ("zoom", "turn", "flip", "jitter", "gray")
"""What the view ``"crop"`` is made of, see `dnalib.training.images.augment`."""

TEXT_RATE = 0.15
SOME_VIEW = (
    f"one of {', '.join(VIEWS)}, or 'crop-' and parts of it to leave out: {', '.join(IMAGE_PARTS)}"
)
SOME_FILTERS = f"a list with some of {', '.join(FILTERS)}"
WHOLE = {"epochs": 1, "batch_size": 1, "pretrain_epochs": 0, "m": 1, "rank_epochs": 0}
"""Settings that are whole numbers, and the least each may be."""


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of one training run.

    Parameters
    ----------
    epochs : int, default 8
        Passes over the training texts; neighbors are mined anew before each. Twice as many took
        DNA on pydocs from 47.7 to 48.9 ACC, which is within the spread of seeds.
    batch_size : int, default 64
        Texts a step.
    learning_rate : float, default 2e-4
        Peak rate of AdamW. The paper's 5e-5 is for all twelve layers of BERT; two layers of
        MiniLM take more.
    weight_decay : float, default 0.01
        Of matrices only; biases and normalization weights have none.
    warmup : float, default 0.1
        Share of all steps over which the rate rises linearly; it then falls linearly to 0.
    clip : float, default 1.0
        Largest norm of the gradient.
    pretrain_epochs : int, default 0
        Of the epochs, how many first ones use the coarse cross-entropy alone; of methods that are
        built on DNA only. The rate rises and falls once, over all epochs.
    coarse_weight : float, default 1.0
        Weight of the coarse cross-entropy beside the method's own loss.
    k : int or None, default None
        Neighbors retrieved. None: the mean size of a fine category, ``n / n_fine``, which gives
        the paper's own 120 on CLINC150, but about 246 on WOS and 140 on HWU64, where it has 250 and
        120.
    filters : tuple of str, default ("label", "reciprocal", "rank")
        Filters of `dnalib.neighbors` that every mining applies, but see ``rank_epochs``.
    m : int, default 5
        Coordinates that the rank filter compares.
    rank_epochs : int, default 1
        First minings that the rank filter takes part in; the released code has 1.
    temperature : float, default 0.07
        Of the softmax over the bank.
    momentum : float, default 0.99
        Of the momentum encoder; 1 freezes it.
    view : {"drop", "replace", "crop", "none"}, default "drop"
        "drop" hides tokens from attention and pooling and works on stored states; "replace" is
        the paper's random token replacement and runs the frozen layers again at each step. "crop"
        is the random resized crop of images with what goes with it
        (`dnalib.training.images.augment`); ``"crop-zoom"``, ``"crop-jitter-gray"`` and so on
        leave parts of it out: zoom, turn, flip, jitter, gray.
    view_rate : float, optional
        Share of the tokens dropped, by default 0.15; for "replace" that of the tokens chosen,
        nine tenths of which change; strength of "crop", by default 1.
    compat : bool or "self", default False
        Of ``dna`` and ``dna-hier`` only.
        True: positives as the released code has them, faults included
        (`dnalib.neighbors.released_positives`). "self": of these faults only that the query is
        its own positive.
    """

    epochs: int = 8
    batch_size: int = 64
    learning_rate: float = 2e-4
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip: float = 1.0
    pretrain_epochs: int = 0
    coarse_weight: float = 1.0
    k: int | None = None
    filters: tuple[str, ...] = FILTERS
    m: int = 5
    rank_epochs: int = 1
    temperature: float = 0.07
    momentum: float = 0.99
    view: str = "drop"
    view_rate: float | None = None
    compat: bool | str = False

    def __post_init__(self):
        if self.view_rate is None:
            rate = 1.0 if str(self.view).startswith("crop") else TEXT_RATE
            object.__setattr__(self, "view_rate", rate)
        for name, least in WHOLE.items():
            self._require_whole(name, least)
        for name in ("learning_rate", "temperature", "clip"):
            self._check(name, Real, lambda value: 0 < value < math.inf, "a number above 0")
        for name in ("weight_decay", "coarse_weight"):
            self._check(name, Real, lambda value: 0 <= value < math.inf, "a number, 0 or more")
        for name in ("warmup", "momentum", "view_rate"):
            self._check(name, Real, lambda value: 0 <= value <= 1, "a number in [0, 1]")
        if self.k is not None:
            self._require_whole("k", 1)
        self._check("view", str, _is_view, SOME_VIEW)
        self._check("filters", list | tuple, _are_filters, SOME_FILTERS)
        self._check("compat", bool | str, _is_compat, "True, False or 'self'")
        object.__setattr__(self, "filters", tuple(self.filters))

    @classmethod
    def check_names(cls, settings: Iterable[str]) -> None:
        """Raise a ValueError for a name that is no setting."""
        known = cls.__dataclass_fields__
        for name in settings:
            if name not in known:
                raise ValueError(f"setting {name!r} is unknown: expected one of {', '.join(known)}")

    def _require_whole(self, name: str, least: int) -> None:
        object.__setattr__(self, name, require_whole(name, getattr(self, name), least))

    def _check(self, name: str, kind, holds: Callable[[object], bool], expected: str) -> None:
        value = getattr(self, name)
        is_number = kind is Real  # for which Python takes True and False as well
        right_kind = isinstance(value, kind) and not (is_number and isinstance(value, bool))
        if not right_kind or not holds(value):
            raise ValueError(f"{name} is {value!r}: expected {expected}")
        if is_number:  # NumPy's would not go into JSON
            object.__setattr__(self, name, float(value))

    def to_dict(self) -> dict:
        """Return the settings as plain values, for JSON."""
        return {**asdict(self), "filters": list(self.filters)}


def _is_view(text: str) -> bool:
    name, *left_out = text.split("-")
    return name in VIEWS and (name == "crop" or not left_out) and {*left_out} <= {*IMAGE_PARTS}


def _is_compat(value: bool | str) -> bool:
    return isinstance(value, bool) or value == "self"


def _are_filters(values: list) -> bool:
    return all(value in FILTERS for value in values)
