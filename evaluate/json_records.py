"""Records of a JSON file, whose beginning is looked at before all of it is read into several times its size."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cache.errors import InputError

LARGEST = 500 << 20  # bytes
BEGINNING = 1 << 20  # bytes; a file no larger is read at once
BLANKS = re.compile(r"[\s,:]*")
WANTED = "a list of records is wanted, {path, label, score} each"


def read_records(path: Path, check: Callable[[list[str]], None] | None = None) -> list[dict[str, Any]]:
    """Records of one list, of an object that holds one such list, or of JSON Lines.

    Parameters
    ----------
    path : Path
    check : callable, optional
        Is given the names in the first record of a file that is not small before all is read; raises where they lack
        something.

    Raises
    ------
    InputError
        The file is too large, or holds no such list.
    OSError, ValueError, RecursionError, MemoryError
        It cannot be read, or is no JSON.
    """
    if (size := path.stat().st_size) > LARGEST:
        raise InputError(
            f"{path} has {size / 2**20:,.0f} MB of JSON, which is read whole (at most {LARGEST >> 20} MB): convert it "
            "to CSV or Parquet"
        )
    if size > BEGINNING:
        _check_beginning(path, check)
    text = path.read_text(encoding="utf-8-sig")
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data" or not text.lstrip().startswith("{"):
            raise
        found = [_of_line(line, at) for at, line in enumerate(text.split("\n"), 1) if line.strip()]
    return _records(found, path)


def _of_line(line: str, at: int) -> Any:
    """One record of JSON Lines."""
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} in line {at}") from error


def _check_beginning(path: Path, check: Callable[[list[str]], None] | None) -> None:
    with path.open("rb") as file:
        first = _first(file.read(BEGINNING).decode("utf-8-sig", errors="ignore").lstrip())
    if first is None:
        raise InputError(f"{path} shows no whole record in its first {BEGINNING >> 20} MB of JSON: {WANTED}")
    if not isinstance(first, dict):
        raise InputError(f"{path}: record 1 is {str(first)[:40]!r}; {WANTED}")
    if check:
        check([*first])


def _first(text: str) -> Any:
    """The first record of JSON that begins so; None where that does not show it."""
    decode = json.JSONDecoder().raw_decode
    try:
        if text.startswith("["):
            return decode(text, _after(text, 1))[0]
        if _is_record(line := text.partition("\n")[0]):
            return json.loads(line)
        return _of_object(text)
    except (ValueError, RecursionError):
        return None


def _is_record(line: str) -> bool:
    """Whether the first line is a whole record, as in JSON Lines."""
    try:
        return bool(json.loads(line))
    except ValueError:
        return False


def _of_object(text: str) -> Any:
    """The first record of the first list of records directly in an object."""
    decode = json.JSONDecoder().raw_decode
    at = 1
    while True:
        _, at = decode(text, _after(text, at))  # the name
        at = _after(text, at)
        inside = _after(text, at + 1)
        if text.startswith("[", at) and text.startswith("{", inside):
            return decode(text, inside)[0]
        _, at = decode(text, at)


def _after(text: str, at: int) -> int:
    """Where the next value begins."""
    found = BLANKS.match(text, at)
    return found.end() if found else at


def _records(found: Any, path: Path) -> list[dict[str, Any]]:
    if isinstance(found, dict):
        lists = {name: value for name, value in found.items() if _is_records(value)}
        if len(lists) != 1:
            names = ", ".join(map(repr, [*found][:6])) or "nothing"
            raise InputError(
                f"{path} is a JSON object with {len(lists)} lists of records in it (it holds {names}): scores are one "
                "list of records, {path, label, score} each, or an object with one such list"
            )
        found = next(iter(lists.values()))
    if not _is_records(found):
        wrong = next((at for at, one in enumerate(found, 1) if not isinstance(one, dict)), 0)
        what = f"record {wrong} is {str(found[wrong - 1])[:40]!r}" if wrong else "the list is empty"
        raise InputError(f"{path}: {what}; {WANTED}")
    return found


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)
