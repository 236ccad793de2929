"""Files that are tables, files that are not, and what is said of these; nothing but a sentence comes of any bytes."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.errors import InputError
from evaluate import table_file
from evaluate.table_file import numbers, open_table, texts

RECORDS = [{"path": "a.png", "score": 0.1}, {"path": "b.png", "score": 2, "more": [1]}]


def write(folder: Path, content: bytes | str, name: str = "scores.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        "path,score\na.png,0.1\nb.png,2\n",
        "\ufeffpath;score\r\na.png;0.1\r\nb.png;2\r\n",
        'path\tscore\n"a.png"\t0.1\nb.png\t2',
        json.dumps(RECORDS),
        "\ufeff\n" + "\n\n".join(map(json.dumps, RECORDS)) + "\n",
        "\ufeff \n" + json.dumps({"model": "x", "sizes": [1, 2], "results": RECORDS}),
    ],
)
def test_one_table_in_every_form(tmp_path: Path, content: str) -> None:
    file = open_table(write(tmp_path, content, "scores.txt"))
    cells = file.read(["path", "score"])
    assert file.header[:2] == ["path", "score"]
    assert texts(cells["path"]).tolist() == ["a.png", "b.png"]
    assert texts(cells["score"]).tolist() == ["0.1", "2"] and numbers(cells["score"]).tolist() == [0.1, 2.0]
    first = 1 if file.unit == "record" else 2
    assert cells.index.tolist() == [first, first + 1]


def test_parquet_reads_the_columns_wanted_alone(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"label": [True, False], "score": np.array([0.1, 0.2], np.float32), "n": [1.0, np.nan], "s": ["x", None]}
    )
    table.to_parquet(path := tmp_path / "scores.csv")
    file = open_table(path)
    cells = file.read(["label", "n", "s"])
    assert (file.header, file.unit) == (["label", "score", "n", "s"], "row")
    assert [texts(cells[name]).tolist() for name in cells] == [["true", "false"], ["1", ""], ["x", ""]]
    assert numbers(file.read(["score"])["score"]).tolist() == np.array([0.1, 0.2], np.float32).astype(float).tolist()


def test_lines_keep_their_numbers(tmp_path: Path) -> None:
    cells = open_table(write(tmp_path, "a,b\n\n1,2\n\n\n3,4\n\n")).read(["b"])
    assert cells["b"].to_dict() == {3: "2", 6: "4"}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_come_back_bit_for_bit(values: list[float]) -> None:
    assert numbers(pd.Series([repr(value) for value in values], dtype=object)).tolist() == values
    assert numbers(pd.Series(values, dtype=object)).tolist() == values


def test_what_is_no_number() -> None:
    cells = pd.Series(["", "x", "0,5", "1_0", "0x1", True, None, [1]], dtype=object)
    assert numbers(cells).isna().all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("path,score\n", "has a header and no rows"),
        ("path,score\na.png,1\nb.png,1,2\n", "line 3: 3 cells where the header has 2: 'b.png,1,2'"),
        ("path,score\na.png,1\n\nb.png\n", "line 4: 1 cells where the header has 2"),
        ("p\xe4th,score\na.png,1,\xe4\n".encode("latin1"), "line 2: 3 cells where the header has 2"),
        ("path,score\n\xff.png,1\n".encode("latin1"), "as a UTF-8 table with a header: .*invalid UTF8"),
        ("p\xe4th,score\na.png,1\n".encode("latin1"), "as a UTF-8 table with a header"),
        ("path,score\na.png,1\n".encode("utf-16"), "is text in UTF-16"),
        (gzip.compress(b"path,score\na.png,1\n", mtime=0), "is compressed by gzip"),
        (b"PK\x03\x04....", "is a ZIP archive or an Excel workbook"),
        (b"\x00" * 100, "is binary and no Parquet file"),
        (b"PAR1 and no more", "cannot read .* as Parquet"),
        ("{}", "JSON object with 0 lists of records in it .it holds nothing."),
        ('{"path": ["a"], "score": [1]}', "with 0 lists of records in it .it holds 'path', 'score'."),
        ('{"a": [{"x": 1}], "b": [{"x": 1}]}', "with 2 lists of records in it"),
        ("[]", "the list is empty"),
        ('[{"path": "a"}, ["b", 1]]', "record 2 is .*a list of records is wanted"),
        ('{"path": "a"}\n{"path": "b"', "cannot read .* as JSON: Expecting .* in line 2"),
        ('{"path": "a"}\n[1]\n', "record 2 is .*a list of records is wanted"),
        ("3", "is one line: a header is expected and rows below it; tables are read from CSV"),
        ("no workbook", "is one line: a header is expected"),
        ("[" * 100_000, "cannot read .* as JSON: maximum recursion"),
        ("x" * 100_000, "has no line end in its first 64 kB"),
    ],
)
def test_no_table(tmp_path: Path, content: bytes | str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        file = open_table(write(tmp_path, content))
        file.read(file.header)


def test_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in {".": "is a folder", "none.csv": "does not exist", "pipe": "is no regular file"}.items():
        with pytest.raises(InputError, match=message):
            open_table(tmp_path / name)


@pytest.mark.parametrize(
    ("start", "message"),
    [(b"", "is binary"), (b"path,score\n", "is binary"), (b"[" + b" " * 70_000, "5,120 MB of JSON")],
)
def test_five_gigabytes_are_not_read(
    tmp_path: Path, start: bytes, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    path = write(tmp_path, start)
    os.truncate(path, 5 << 30)  # sparse
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("the file was read whole"))
    with pytest.raises(InputError, match=message):
        open_table(path)


TOKENS = st.sampled_from(
    [b"path", b"score", b"label", b",", b";", b"\n", b"\r", b'"', b"0.5", b"1", b"real/a", b"[", b"{", b"}", b"]", b":",
     b'"a"', b"null", b"NaN", b"PAR1", b"\xef\xbb\xbf", b"\x00", b"\xff", b"\\ud800", b"1e999", b"9" * 5000]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.lists(TOKENS, max_size=25).map(b"".join)))
def test_any_bytes_are_a_table_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    path.write_bytes(content)
    try:
        file = open_table(path)
        names = [name for name in dict.fromkeys(file.header) if file.header.count(name) == 1]
        cells = file.read(names)
    except InputError as error:
        assert str(error).count("\n") == 0 and len(str(error)) < 600
    else:
        for name in names:
            assert texts(cells[name]).str.encode("utf-8").notna().all()
            assert numbers(cells[name]).dtype == float


def test_a_broken_parquet_file_is_a_sentence(tmp_path: Path) -> None:
    pd.DataFrame({"label": [0, 1] * 50, "score": np.linspace(0, 1, 100)}).to_parquet(path := tmp_path / "s.parquet")
    whole = path.read_bytes()
    for cut in range(8, len(whole), 97):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match="cannot read"):
            open_table(path)


def test_too_little_memory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(table_file, "read_records", exhausted)
    with pytest.raises(InputError, match=r"needs more memory than there is to be read as JSON: .* convert it to Parq"):
        open_table(write(tmp_path, json.dumps(RECORDS)))


def test_the_hash_of_a_file(tmp_path: Path) -> None:
    content = b"ab" * (1 << 20)
    assert table_file.file_hash(write(tmp_path, content)) == xxhash.xxh3_128_hexdigest(content)
    with pytest.raises(InputError, match=r"cannot read .*none"):
        table_file.file_hash(tmp_path / "none")
