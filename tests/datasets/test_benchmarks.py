"""The three benchmarks: read whole, labels consistent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnalib.datasets import benchmarks, load
from dnalib.datasets.benchmarks import read_domains, read_tsv
from dnalib.datasets.download import RemoteFile
from dnalib.files import sha256


@given(
    st.lists(
        st.tuples(
            # All but the line ends and what UTF-8 cannot hold; tabs, quotes, U+2028 included.
            st.text(st.characters(exclude_characters="\r\n", codec="utf-8")),
            st.text(st.characters(exclude_characters="\t\r\n", codec="utf-8"), min_size=1),
        )
    )
)
def test_read_tsv_gives_back_what_was_written(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("tsv") / "t.tsv"
    lines = ["text\tcategory", *(f"{text}\t{label}" for text, label in table)]
    path.write_bytes(("\n".join(lines) + "\n").encode())
    assert list(zip(*read_tsv(path))) == table


def test_read_tsv_splits_on_the_last_tab_and_leaves_quotes(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_bytes(b'text\tlabel\r\nset "this\tand that\ta_b\r\n"\tc_d')
    assert read_tsv(path) == (['set "this\tand that', '"'], ["a_b", "c_d"])


def test_read_tsv_names_the_line_without_a_tab(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("text\tlabel\na\tb\nno tab here\n")
    with pytest.raises(ValueError, match=f"line 3 of {path} holds no tab"):
        read_tsv(path)


def test_read_domains_writes_intents_as_the_data_does(tmp_path):
    path = tmp_path / "domains.json"
    path.write_text('{"home": ["smart home", "shopping_list"]}')
    assert read_domains(path) == {"smart_home": "home", "shopping_list": "home"}


@pytest.fixture
def toy_hwu(tmp_path, monkeypatch):
    """HWU64 in miniature; the test split holds a label that train does not, and the reverse."""
    contents = {
        "train": "text\tlabel\nwake me\talarm_set\nplay it\tmusic_play\n",
        "test": "text\tcategory\nstop\tit\talarm_remove\nwake up\talarm_set\n",
    }
    monkeypatch.setenv("DNALIB_DATA", str(tmp_path))
    (tmp_path / "hwu64").mkdir()
    for split, content in contents.items():
        path = tmp_path / "hwu64" / f"{split}.tsv"
        path.write_text(content)
        file = RemoteFile(f"hwu64/{split}.tsv", "http://127.0.0.1", f"sha256:{sha256(path)}")
        monkeypatch.setattr(benchmarks, f"HWU_{split.upper()}", file)


def test_label_ids_mean_the_same_in_both_splits(toy_hwu):
    dataset = load("hwu64")
    assert dataset.fine_names == ("alarm_remove", "alarm_set", "music_play")
    assert dataset.coarse_names == ("alarm", "music")
    assert dataset.train.fine.tolist() == [1, 2] and dataset.test.fine.tolist() == [0, 1]
    assert dataset.train.coarse.tolist() == [0, 1] and dataset.test.coarse.tolist() == [0, 0]
    assert dataset.test.inputs == ["stop\tit", "wake up"]
    assert dataset.parents.tolist() == [0, 0, 1]


REAL = {  # train, test, coarse, fine
    "clinc150": (18_000, 2_250, 10, 150),
    "hwu64": (8_954, 1_076, 18, 64),
    "wos-test": (2_420, 2_420, 7, 34),
}


@pytest.mark.parametrize("name", REAL)
def test_the_real_files_are_read_whole(real_data, name):
    dataset = load(name)
    sizes = (len(dataset.train), len(dataset.test), dataset.n_coarse, dataset.n_fine)
    assert sizes == REAL[name]
    assert dataset.name == name
    assert list(dataset.fine_names) == sorted(dataset.fine_names)
    for split in (dataset.train, dataset.test):
        assert all(text.strip() for text in split.inputs)
        assert set(split.fine) == set(range(dataset.n_fine))
        assert (dataset.parents[split.fine] == split.coarse).all()


def test_clinc150_is_balanced(real_data):
    dataset = load("clinc150")
    assert np.bincount(dataset.parents).tolist() == [15] * 10
    assert set(np.bincount(dataset.train.fine)) == {120}
    assert set(np.bincount(dataset.test.fine)) == {15}


def test_hwu64_keeps_the_45_texts_with_a_tab(real_data):
    assert sum("\t" in text for text in load("hwu64").test.inputs) == 45


def test_repeated_texts_are_kept(real_data):
    texts = load("clinc150").train.inputs
    assert len(texts) - len(set(texts)) == 5


def test_wos_test_says_what_it_is(real_data):
    dataset = load("wos-test")
    assert "stand in for the train split" in dataset.provenance["note"]
    assert dataset.train.inputs == dataset.test.inputs


def test_wos(real_data):
    if not (real_data / "wos" / "train.tsv").exists():
        pytest.skip(f"{real_data} holds no wos/train.tsv")
    dataset = load("wos")
    assert (len(dataset.train), len(dataset.test), dataset.n_coarse) == (8_362, 2_420, 7)


def test_wos_without_its_train_file_names_the_way_out(own_cache, monkeypatch):
    unreachable = RemoteFile("wos/train.tsv", "http://127.0.0.1:9/train.tsv", "sha256:0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(benchmarks, "WOS_TRAIN", unreachable)
    with pytest.raises(FileNotFoundError, match="put it at .*wos/train.tsv, or load 'wos-test'"):
        load("wos")
