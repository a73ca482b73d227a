"""Tables as people save them: separators, encodings, and what is said of them."""

from zipfile import ZipFile

import pandas as pd
import pytest

from dnalib.datasets import read_table


def read(folder, content):
    (folder / "t.csv").write_bytes(content)
    return read_table(folder / "t.csv")


# --- separators ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"text;label\nhello there;a;\nbye now;b;\n",
        b"text;label\nhello there;a;\nbye now;b\n",
        b"text,label\nhello there,a,\nbye now,b,\n",
    ],
)
def test_rows_that_end_in_a_separator_keep_their_columns(tmp_path, content):
    frame = read(tmp_path, content).frame
    assert frame.to_dict("list") == {"text": ["hello there", "bye now"], "label": ["a", "b"]}
    assert frame.index.tolist() == [0, 1]


@pytest.mark.parametrize("more", [b"hello, there,a\n", b"hello there,a,\nhello, there,a\n"])
def test_values_without_a_column_are_refused_and_not_dropped(tmp_path, more):
    with pytest.raises(ValueError, match="more values than the header has columns, 2") as caught:
        read(tmp_path, b"text,label\n" + more)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (b'"Text, full";Label\n"hello, there";a\n', ["Text, full", "Label"]),
        (b'"Text; full",Label\n"hello; there",a\n', ["Text; full", "Label"]),
        (b'size 5";Label\nhello;a\n', ['size 5"', "Label"]),
        (b"sep=;\nText, full;Label\nhello;a\n", ["Text, full", "Label"]),
        (b"\xef\xbb\xbfSEP=\t\r\nText\tLabel\r\nhello\ta\r\n", ["Text", "Label"]),
        (b"sep=a\nhello\n", ["sep=a"]),
        (b'"Ticket\ntext";"Dept"\n"a b";x\n', ["Ticket\ntext", "Dept"]),
    ],
)
def test_a_separator_is_not_looked_for_in_quotes_and_may_be_said(tmp_path, content, columns):
    frame = read(tmp_path, content).frame
    assert frame.columns.tolist() == columns and len(frame) == 1


# --- encodings -----------------------------------------------------------------------------------

PLAIN = b"a message without any accents,a\n"
ACCENTED = (
    "Ich möchte heute Käse für die Gäste kaufen,b\n"
    "Wo ist die Straße nach Köln und wie weit ist es,a\n"
    "Die müden Bären hören die Vögel nicht,b\n"
    "Können Sie mir bitte die Öffnungszeiten schicken,a\n"
)


def test_an_encoding_is_guessed_from_the_lines_that_tell_it(tmp_path):
    late = ACCENTED.encode("latin-1")
    table = read(tmp_path, b"text,label\n" + PLAIN * 9000 + late)
    written = [line.rpartition(",")[0] for line in ACCENTED.splitlines()]
    assert table.frame["text"].tolist()[9000:] == written
    assert "(a guess)" in table.note


def test_on_a_tie_an_encoding_is_that_of_western_europe(tmp_path):
    written = [
        "Não consigo entrar na minha conta desde ontem",
        "A senha não foi aceita e a mensagem não chegou",
        "O cartão foi cobrado duas vezes na última fatura",
        "Preciso de informações sobre a devolução do produto",
        "A aplicação não abre depois da atualização",
        "Vocês têm previsão de reposição do estoque",
    ]
    lines = "".join(f"{text},a\n" for text in written)
    table = read(tmp_path, ("text,label\n" + lines).encode("cp1252"))
    assert table.frame["text"].tolist() == written


@pytest.mark.parametrize("column", ["date", "modified", "customer_at"])
def test_labels_in_lines_of_json_stay_as_they_are_written(tmp_path, column):
    (tmp_path / "t.jsonl").write_text(f'{{"text": "a", "{column}": "2024-01"}}\n')
    assert read_table(tmp_path / "t.jsonl").frame[column].tolist() == ["2024-01"]


def test_of_a_workbook_the_first_sheet_is_read_and_named(tmp_path):
    with pd.ExcelWriter(path := tmp_path / "t.xlsx") as book:
        for name, column in (("Info", "note"), ("Data", "text")):
            pd.DataFrame({column: ["a"]}).to_excel(book, sheet_name=name, index=False)
    table = read_table(path)
    assert table.frame.columns.tolist() == ["note"]
    assert table.note.endswith("read as .xlsx, the first of 2 sheets, 'Info'")


def test_a_workbook_whose_xml_is_cut_off_is_one_sentence(tmp_path):
    pd.DataFrame({"text": ["a"]}).to_excel(whole := tmp_path / "whole.xlsx", index=False)
    with ZipFile(whole) as book, ZipFile(cut := tmp_path / "cut.xlsx", "w") as damaged:
        for name in book.namelist():
            content = book.read(name)
            damaged.writestr(name, content[:-30] if "sheet1.xml" in name else content)
    with pytest.raises(ValueError, match="cut.xlsx cannot be read as .xlsx .*: save the table"):
        read_table(cut)


def test_one_damaged_character_leaves_the_others_as_they_are(tmp_path):
    table = read(tmp_path, b"\xef\xbb\xbftext,label\n" + ACCENTED.encode() * 3 + b"caf\xe9,b\n")
    assert table.frame["text"].iloc[0] == "Ich möchte heute Käse für die Gäste kaufen"
    assert table.frame["text"].iloc[-1] == "caf\ufffd"
    assert table.frame.columns[0] == "text"
    assert "UTF-8 (damaged characters, shown as \ufffd: 1)" in table.note


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_with_and_without_its_mark(tmp_path, encoding):
    table = read(tmp_path, ("text,label\n" + ACCENTED).encode(encoding))
    assert table.frame["text"].iloc[0] == "Ich möchte heute Käse für die Gäste kaufen"
    assert table.frame["label"].tolist() == list("baba") and encoding.upper() in table.note


@pytest.mark.parametrize(
    "content",
    [b"text,l\nx\x00,a\n", b"text,l\nx\x00,a\n\n", ("text,l\n" + ACCENTED).encode("utf-32")],
)
def test_text_with_nul_characters_is_refused(tmp_path, content):
    with pytest.raises(ValueError, match="it is a binary file, not text"):
        read(tmp_path, content)
