"""One's own tables, good and bad."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnalib.datasets import from_table

FRAME = pd.DataFrame(
    {
        "message": ['lost "card"', "stolen, card", "NA", "late\tparcel", "where\nis it"],
        "desk": ["1.10", "1.10", "1.1", "1.1", "2"],
        "topic": ["b", "a", "b", "a", "c"],
        "price": [1, 2, 3, 4, 5],
    }
)

SAVE = {
    "t.csv": lambda frame, path: frame.to_csv(path, index=False),
    "t.csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "t.tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "t.TSV.gz": lambda frame, path: frame.to_csv(path, index=False, sep="\t", compression="gzip"),
    "t.parquet": lambda frame, path: frame.to_parquet(path),
    "t.xlsx": lambda frame, path: frame.to_excel(path, index=False),
    "t.jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "t.jsonl.gz": lambda frame, path: frame.to_json(path, orient="records", lines=True),
}


def rows(dataset):
    """The (text, coarse name, fine name) triples of both splits, sorted."""
    return sorted(
        (text, dataset.coarse_names[coarse], dataset.fine_names[fine])
        for split in (dataset.train, dataset.test)
        for text, coarse, fine in zip(split.inputs, split.coarse, split.fine)
    )


@pytest.mark.parametrize("name", SAVE)
def test_every_format_gives_the_rows_as_written(tmp_path, name):
    SAVE[name](FRAME, tmp_path / name)
    dataset = from_table(tmp_path / name, text="message", coarse="desk", fine="topic")
    assert dataset.name == name
    assert dataset.coarse_names == ("1.1", "1.10", "2")
    assert rows(dataset) == sorted(zip(FRAME["message"], FRAME["desk"], FRAME["topic"]))


def test_a_category_of_one_row_goes_to_train():
    dataset = from_table(FRAME, text="message", coarse="desk")
    assert sorted(dataset.test.coarse) == [0, 1]
    assert sorted(dataset.train.coarse) == [0, 1, 2]
    assert dataset.fine_names is None and dataset.train.fine is None


def test_whole_numbers_that_a_gap_made_floats_are_their_digits():
    frame = pd.DataFrame({"t": ["a b", "b c", "c d"], "c": [1.0, 2.0, 1.0]})
    assert from_table(frame, text="t", coarse="c").coarse_names == ("1", "2")


def test_labels_may_be_numbers_or_categories():
    frame = FRAME.assign(desk=[3, 3, 10, 10, 10], topic=FRAME["topic"].astype("category"))
    frame["message"] = frame["message"].astype("category")
    dataset = from_table(frame, text="message", coarse="desk", fine="topic")
    assert dataset.coarse_names == ("10", "3") and dataset.fine_names == ("a", "b", "c")


@given(
    table=st.lists(
        st.tuples(
            st.text(min_size=1).filter(lambda text: text.strip() and not text.strip().isdigit()),
            st.sampled_from("xyz"),
            st.sampled_from("pqrs"),
        ),
        min_size=2,
        max_size=30,
    ).filter(lambda table: len({coarse for _, coarse, _ in table}) > 1),
    seed=st.integers(0, 3),
)
def test_a_frame_comes_back_whole(table, seed):
    texts, coarse, fine = zip(*[(f"t{text}", coarse, fine) for text, coarse, fine in table])
    frame = pd.DataFrame({"text": texts, "coarse": coarse, "fine": fine})
    dataset = from_table(frame, text="text", coarse="coarse", fine="fine", seed=seed)
    assert rows(dataset) == sorted(zip(texts, coarse, fine))
    assert len(dataset.train) >= 1
    for split in (dataset.train, dataset.test):
        assert split.coarse.dtype == split.fine.dtype == np.int64
        assert ((0 <= split.coarse) & (split.coarse < dataset.n_coarse)).all()
        assert ((0 <= split.fine) & (split.fine < dataset.n_fine)).all()


def put(column, row, value):
    frame = FRAME.astype(object)
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "columns", "sentence"),
    [
        (FRAME, {"text": "body"}, "has no column 'body', expected one of: 'message', 'desk'"),
        (FRAME, {"coarse": "dept"}, "has no column 'dept', expected one of: 'message', 'desk'"),
        (FRAME, {"fine": "kind"}, "has no column 'kind', expected one of: 'message', 'desk'"),
        (FRAME.iloc[:, [0, 0, 1]], {}, "has 2 columns 'message'"),
        (FRAME.iloc[:0], {}, "holds no rows"),
        (put("message", 3, None), {}, r"'message' of .* empty in 1 of 5 rows .* row 3, count"),
        (put("message", 1, "  "), {}, r"'message' of .* empty in 1 of 5 rows .* row 1, count"),
        (put("desk", 2, None), {}, r"'desk' of .* empty in 1 of 5 rows .* row 2, count"),
        (put("topic", 0, np.nan), {"fine": "topic"}, r"'topic' of .* empty in 1 of 5 rows"),
        (put("message", 2, 7.5), {}, "'message' of data frame holds 7.5, expected texts"),
        (FRAME, {"text": "price"}, "'price' of data frame holds 1, expected texts"),
        (FRAME.assign(desk="all"), {}, r"one coarse category only \('all'\), expected at least 2"),
    ],
)
def test_bad_frames(frame, columns, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        from_table(frame, **{"text": "message", "coarse": "desk"} | columns)
    assert "\n" not in str(caught.value)


def test_numbers_in_a_csv_are_not_texts(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ValueError, match="column 'price' of t.csv holds '1', expected texts"):
        from_table(tmp_path / "t.csv", text="price", coarse="desk")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file .*none.csv: check the path"):
        from_table(tmp_path / "none.csv", text="message", coarse="desk")


def test_unsupported_suffix(tmp_path):
    with pytest.raises(ValueError, match=r"t.docx .* ending in one of: .csv, .txt, .tsv"):
        from_table(tmp_path / "t.docx", text="message", coarse="desk")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b""),
        ("t.csv", b"message,desk\na,b\nc,d,e\n"),
        ("t.csv", b"message,desk\n\x00\x01\xff,b\n"),
        ("t.xlsx", b"PK\x03\x04"),
        ("t.jsonl", b"[1, 2"),
        ("t.csv.gz", b"plain"),
        ("t.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"),
        ("t.parquet", b"PAR1"),
    ],
)
def test_unreadable_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} cannot be read as") as caught:
        from_table(tmp_path / name, text="message", coarse="desk")
    assert "\n" not in str(caught.value)


def test_labels_that_are_bytes_keep_their_written_form():
    frame = pd.DataFrame({"t": ["x y", "z"], "c": [b"a", "a"]})
    assert from_table(frame, text="t", coarse="c").coarse_names == ("a", "b'a'")
