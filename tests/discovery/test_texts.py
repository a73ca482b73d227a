"""Texts as people have them."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnalib.discovery.notes import table_notes
from dnalib.discovery.texts import LONGEST, clean, is_missing, prepare, prepare_new


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("<p>Hello,</p><p>the <b>app</b><br>freezes</p>", "Hello, the app freezes"),
        ("if a < b and c > d", "if a < b and c > d"),
        ("I <3 it", "I <3 it"),
        ("&lt;b&gt; &amp; co&nbsp;KG", "<b> & co KG"),
        ("a<script>alert(1)</script>b<!-- x -->c", "a b c"),
        ("a<style>p {color: red}", "a"),
        ("a<style type='text/css'>p {}</style >b", "a b"),
        ("Put code in a <script> tag. My <b>page</b>", "Put code in a tag. My page"),
        ("I see <!-- in my page", "I see <!-- in my page"),
        ("price <style & colour, please advise", "price <style & colour, please advise"),
        ("if x <y and z> w then", "if x <y and z> w then"),
        ("log in as <username> </x>", "log in as <username>"),
        ("<p class=MsoNormal>Hi<o:p></o:p><br clear=all><v-x a='1'>you</v-x>", "Hi you"),
        ("<jo@x.org> or <https://x.org/?a=b>", "<jo@x.org> or <https://x.org/?a=b>"),
        ("zero\u200bwidth \ufeffmark\x00", "zerowidth mark"),
        ("so 🙈\n\n\tsorry", "so 🙈 sorry"),
        ("half \ud83d of one", "half ? of one"),
        ("\u200b \n", ""),
        ("<br><br/>", ""),
        ('<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://w3.org/x.dtd"><p>Hi', "Hi"),
        (
            "<?xml version='1.0'?><![if !supportLists]>one<![endif]> <!> <?> <! really>",
            "one <!> <?> <! really>",
        ),
        ("<style>" + "p.a {color: red}\n" * 2000 + "</style><p>My invoice", "My invoice"),
        (f'<img src="data:image/png;base64,{"A" * 33_000}"><p>login fails</p>', "login fails"),
    ],
)
def test_clean(text, cleaned):
    assert clean(text) == cleaned


@given(st.text())
def test_cleaning_is_safe(text):
    cleaned = clean(text)
    assert cleaned == " ".join(cleaned.split())
    assert len(cleaned) <= LONGEST
    cleaned.encode("utf-8")


def test_endless_texts_are_cut():
    assert len(clean("<" * 100_000)) <= LONGEST
    assert len(clean("word " * 100_000)) <= LONGEST
    assert clean("a " * LONGEST).split() == ["a"] * (LONGEST // 2)


@pytest.mark.parametrize("part", ["<", "<!--", "<script>", "<x ", '<x ="', "</x ", "<x:y "])
def test_cleaning_takes_no_time_whatever_is_not_closed(part):
    started = time.process_time()
    clean(part * LONGEST)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("value", [None, np.nan, float("nan"), pd.NA, pd.NaT, "", " \n"])
def test_missing(value):
    assert is_missing(value)


@pytest.mark.parametrize("value", ["x", 0, 1.5, False, [1], np.array([1.0, 2.0]), {}])
def test_not_missing(value):
    assert not is_missing(value)


def test_copies_are_found_within_a_class():
    rows = prepare(["Hi there", "hi  THERE", "hi there", None, "x", "y"], list("aabab") + [None])
    assert rows.copy_of.tolist() == [0, 0, 2, -1, 4, -1]
    assert rows.distinct.tolist() == [0, 2, 4]
    assert rows.coarse.tolist() == [0, 0, 1, 0, 1, -1]
    assert rows.has_text.tolist() == [True, True, True, False, True, True]


@pytest.mark.parametrize(
    ("texts", "coarse", "sentence"),
    [
        ("one text", ["a"], "texts are one str"),
        ([], [], "there are no texts"),
        ([3, "x"], ["a", "b"], "text 0 is 3, expected text"),
        ([b"x", "x"], ["a", "b"], "text 0 is b'x', expected text"),
        ([["x"], "x"], ["a", "b"], "text 0 is .*'x'.*, expected text"),
        (["x", "y"], ["a"], "there are 1 coarse labels for 2 texts"),
        (["x", "y"], ["a", "a"], r"too few coarse labels \(only 'a'\)"),
        (["x", "y"], ["a", None], r"too few coarse labels \(only 'a'\)"),
        (["x", "", None], ["a", "b", "c"], r"too few coarse labels \(only 'a'\)"),
        ([None, ""], ["a", "b"], "all 2 texts are empty"),
        (["x", None], [None, "b"], r"too few coarse labels \(none\)"),
        (["3", "4,5", "", "-1e3"], list("abab"), "the texts are numbers, such as '3'"),
        (["x", "y"], "ab", "coarse labels are one str"),
        (np.array("x"), ["a"], "texts are one ndarray"),
        (pd.DataFrame({"text": ["x"]}), ["a"], r"texts are a table \(DataFrame\), expected one"),
        ({"x": "a"}, ["a"], r"texts are a table \(dict\), expected one column of it"),
        (["x"], pd.DataFrame({"coarse": ["a"]}), r"coarse labels are a table \(DataFrame\)"),
        (np.array([["x"]]), ["a"], r"texts are a table \(ndarray\).*, such as df\['text'\]"),
    ],
)
def test_bad_tables(texts, coarse, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        prepare(texts, coarse)
    assert len(str(caught.value).splitlines()) == 1


def test_a_column_of_ids_for_labels_makes_no_endless_sentence():
    labels = [f"ticket-{number}" for number in range(5000)]
    rows = prepare([f"text {label}" for label in labels], labels)
    (note,) = table_notes(rows, most=9000, n_learned=5000, n_asked=0, n_found=5000)
    assert len(note) < 300 and note.endswith("… (5000 in all).")
    with pytest.raises(ValueError, match=r"'ticket-x' is unknown .* \(5000 in all\)") as caught:
        prepare_new(["a text"], ["ticket-x"], rows.parents)
    assert len(str(caught.value)) < 300


def test_whole_numbers_are_the_same_label_where_one_is_missing():
    coarse = pd.Series([1, 2, None, 1])
    assert coarse.dtype == float
    rows = prepare(["cat", "rose", "dog", "paw"], coarse)
    assert rows.parents == ("1", "2")
    _, given = prepare_new(["cat", "rose"], [1, 2], rows.parents)
    assert given.tolist() == [0, 1]
