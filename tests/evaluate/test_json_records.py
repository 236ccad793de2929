"""JSON of any size: what it holds is told by its beginning, and only what can be measured is read whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from cache.errors import InputError
from evaluate import json_records
from evaluate.json_records import read_records

RECORDS: list[dict[str, Any]] = [{"path": "a.png", "label": 0, "more": [{"x": 1}]}, {"path": "b.png"}] * 20


def write(folder: Path, text: str) -> Path:
    path = folder / "theirs.json"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def small_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_records, "BEGINNING", 160)


@pytest.mark.usefixtures("small_beginning")
@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2),
        "\ufeff \n" + json.dumps({"model": "x", "layers": {"of": [{"n": 1}]}, "sizes": [[1], 2], "results": RECORDS}),
        json.dumps({"empty": [], "results": RECORDS}, indent=1),
        "\n".join(map(json.dumps, RECORDS)),
    ],
)
def test_the_first_record_of_every_form(tmp_path: Path, text: str) -> None:
    seen: list[list[str]] = []
    assert read_records(write(tmp_path, text), seen.append) == RECORDS
    assert seen == [["path", "label", "more"]]


@pytest.mark.usefixtures("small_beginning")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(list(range(100))), "record 1 is '0'; a list of records is wanted"),
        (json.dumps({"type": "x", "sizes": list(range(100))}), "shows no whole record in its first"),
        (json.dumps([{"text": "x" * 200}]), "shows no whole record in its first"),
        (json.dumps({f"{at}": at for at in range(100)}), "shows no whole record in its first"),
        ("[" * 200, "shows no whole record in its first"),
        ("{" * 200, "shows no whole record in its first"),
        (json.dumps(RECORDS), "no label in path, label, more"),
        (json.dumps({"features": RECORDS}), "no label in path, label, more"),
    ],
)
def test_what_is_no_table_is_not_read_whole(
    tmp_path: Path, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    def refuse(names: list[str]) -> None:
        raise InputError(f"no label in {', '.join(names)}")

    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("the file was read whole"))
    path = tmp_path / "theirs.json"
    path.write_bytes(text.encode())
    with pytest.raises(InputError, match=message):
        read_records(path, refuse)


def test_the_limit_is_of_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, json.dumps(RECORDS))
    monkeypatch.setattr(json_records, "LARGEST", path.stat().st_size)
    assert read_records(path) == RECORDS
    monkeypatch.setattr(json_records, "LARGEST", path.stat().st_size - 1)
    with pytest.raises(InputError, match=r"which is read whole .*: convert it to CSV or Parquet"):
        read_records(path)
