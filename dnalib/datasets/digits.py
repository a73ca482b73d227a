"""scikit-learn's own digits, for the methods that come from vision."""

import numpy as np
from sklearn.datasets import load_digits as load_sklearn_digits

from dnalib.datasets.core import CoarseDataset, Split, stratified_split

# By the closed loops one draws. Unlike parity, it is a property of the image, as the coarse label
# of a text is a property of the text.
LOOPS = {"no loop": (1, 2, 3, 5, 7), "loop": (0, 4, 6, 8, 9)}


def load_digits() -> CoarseDataset:
    """Return 1,797 images (8, 8) of handwritten digits, in [0, 1], with nothing to download.

    The fine label is the digit. The coarse label says whether the digit holds a closed loop:
    0, 4, 6, 8 and 9 do, 1, 2, 3, 5 and 7 do not. (Some people write an open 4: as everywhere, the
    coarse label belongs to the category.) A fifth of each digit is the test split.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    digits = load_sklearn_digits()
    images = (digits.images / 16).astype(np.float32)
    fine = digits.target.astype(np.int64)
    coarse = np.isin(fine, LOOPS["loop"]).astype(np.int64)
    train, test = (
        Split(images[rows], coarse[rows], fine[rows])
        for rows in stratified_split(fine, test_size=0.2, seed=0)
    )
    provenance = {
        "source": "sklearn.datasets.load_digits",
        "license": "CC BY 4.0",
        "sizes": {"train": len(train), "test": len(test)},
    }
    fine_names = tuple(str(digit) for digit in range(10))
    return CoarseDataset("digits", "image", train, test, tuple(LOOPS), fine_names, provenance)
