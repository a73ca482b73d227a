"""What every dataset is: inputs with coarse labels, and fine labels for scoring only."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Split:
    """One part of a dataset.

    Attributes
    ----------
    inputs : list of str or numpy.ndarray
        n texts, images float32 in [0, 1], (n, h, w) gray, (n, h, w, 3) in color,
        or vectors (n, d).
    coarse : numpy.ndarray
        Coarse label ids, (n,) int64. A method may train on them.
    fine : numpy.ndarray or None
        Fine label ids, (n,) int64, for scoring only; None where nobody has annotated any.
    titles : list of str or None
        What each input is called, for tables; None where inputs have no names.
    """

    inputs: list[str] | np.ndarray
    coarse: np.ndarray
    fine: np.ndarray | None = None
    titles: list[str] | None = None

    def __post_init__(self):
        for name, labels in (("coarse", self.coarse), ("fine", self.fine)):
            if labels is not None and labels.shape != (len(self.inputs),):
                raise ValueError(
                    f"{name} labels have the shape {labels.shape}, expected "
                    f"({len(self.inputs)},): give one label for each input"
                )

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class CoarseDataset:
    """A dataset for fine-grained category discovery under coarse labels.

    Attributes
    ----------
    name : str
        What `load` calls it, or the file that it was read from.
    kind : str
        ``"text"``, ``"image"`` or, of texts that were embedded, ``"vector"``.
    train, test : Split
        Label ids mean the same in both.
    coarse_names : tuple of str
        The name of each coarse id.
    fine_names : tuple of str or None
        The name of each fine id; None without fine labels.
    provenance : dict
        Where it comes from: source, license, digests, sizes.
    """

    name: str
    kind: str
    train: Split
    test: Split
    coarse_names: tuple[str, ...]
    fine_names: tuple[str, ...] | None
    provenance: dict

    @property
    def n_coarse(self) -> int:
        """The number of coarse categories."""
        return len(self.coarse_names)

    @property
    def n_fine(self) -> int | None:
        """The number of fine categories; None without fine labels."""
        return None if self.fine_names is None else len(self.fine_names)

    @property
    def parents(self) -> np.ndarray | None:
        """The coarse id that most inputs of each fine category carry, (n_fine,) int64."""
        if self.fine_names is None:
            return None
        counts = np.zeros((self.n_fine, self.n_coarse), dtype=np.int64)
        for split in (self.train, self.test):
            np.add.at(counts, (split.fine, split.coarse), 1)
        return counts.argmax(axis=1)

    @property
    def shows_texts(self) -> bool:
        """Whether texts may stand in a notebook's output: not where they are other people's data.

        Names of categories and measured figures may stand there always.
        """
        return self.kind == "text" and not self.provenance.get("third_party", False)

    def frame(self) -> pd.DataFrame:
        """Return all texts as a table: ``text``, ``coarse`` and, where known, ``fine``, by name.

        Train comes first, then test.

        Raises
        ------
        ValueError
            When the inputs are no texts.
        """
        if self.kind != "text":
            raise ValueError(f"{self.name} holds {self.kind}s, expected texts: choose another one")
        parts = (self.train, self.test)
        columns = {
            "text": [text for part in parts for text in part.inputs],
            "coarse": [self.coarse_names[c] for part in parts for c in part.coarse],
        }
        if self.fine_names is not None:
            columns["fine"] = [self.fine_names[f] for part in parts for f in part.fine]
        return pd.DataFrame(columns)

    def summary(self) -> pd.DataFrame:
        """Return one row for each split: how much there is of what.

        Returns
        -------
        pandas.DataFrame
            Index ``train`` and ``test``. Columns: ``texts`` or ``images``; ``coarse`` and
            ``fine``, the numbers of categories present; ``smallest_fine`` and ``largest_fine``,
            the sizes of the smallest and largest fine category present; ``median_words`` for
            texts; all 0 in a split without rows. Columns about fine categories are missing without
            fine labels.
        """
        splits = {"train": self.train, "test": self.test}
        return pd.DataFrame({name: self._describe(split) for name, split in splits.items()}).T

    def _describe(self, split: Split) -> dict[str, int]:
        row = {f"{self.kind}s": len(split), "coarse": len(np.unique(split.coarse))}
        if split.fine is not None:
            sizes = np.unique(split.fine, return_counts=True)[1]
            row |= {
                "fine": len(sizes),
                "smallest_fine": min(sizes, default=0),
                "largest_fine": max(sizes, default=0),
            }
        if self.kind == "text":
            words = [len(text.split()) for text in split.inputs]
            row["median_words"] = int(np.median(words)) if words else 0
        return row


def encode(labels: list[str], names: tuple[str, ...]) -> np.ndarray:
    """Return the position of each label in `names`, (n,) int64."""
    position = {name: index for index, name in enumerate(names)}
    return np.array([position[label] for label in labels], dtype=np.int64)


def stratified_split(
    labels: np.ndarray, test_size: float = 0.2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows into train and test so that each class stands in both.

    Parameters
    ----------
    labels : numpy.ndarray
        The class of each row, (n,).
    test_size : float, default 0.2
        The share of each class, rounded, that goes to test: at least one row and never all of
        them. A class of a single row goes to train.
    seed : int, default 0
        Which rows are drawn.

    Returns
    -------
    train, test : numpy.ndarray
        Row numbers, ascending, int64. Together they hold every row once.

    Raises
    ------
    ValueError
        When `test_size` does not lie strictly between 0 and 1.
    """
    if not 0 < test_size < 1:
        raise ValueError(f"test_size is {test_size}, expected a share between 0 and 1, such as 0.2")
    rng = np.random.default_rng(seed)
    in_test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        in_test[rows[: _test_rows(len(rows), test_size)]] = True
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def _test_rows(n_rows: int, test_size: float) -> int:
    return min(max(round(test_size * n_rows), 1), n_rows - 1)
