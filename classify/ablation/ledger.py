"""What became of a grid's cells, as ``grid.json`` tells the report: read off the folders, never remembered."""

import contextlib
import json
import uuid
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from cache.errors import InputError
from classify.ablation.grid import Grid
from classify.ablation.keys import Identity, code_version, difference, fingerprints, identity, key_of
from classify.ablation.work import CELLS, FAILED, Declared, is_done

FORMAT = 1
FILE = "grid.json"
Ledger = dict[str, Any]


def declare(grid: Grid) -> list[Declared]:
    """The cells of a grid with their keys, in the order of the file.

    Raises
    ------
    InputError
        A cache that a cell names cannot be opened.
    """
    known = fingerprints(grid)
    _refuse_twins(known)
    found: dict[str, Declared] = {}
    for cell in grid.cells:
        made_of = identity(cell, known)
        found.setdefault(key_of(made_of), Declared(key_of(made_of), made_of, cell))  # a default spelled out is none
    return list(found.values())


def _refuse_twins(known: Mapping[str, list[str]]) -> None:
    """Refuse two names for one cache: their cells would be the same ones."""
    for one, other in combinations(known, 2):
        if known[one] == known[other]:
            raise InputError(f"the caches {one} and {other} are one and the same: name it once")


def write_ledger(out: Path, grid: Grid, declared: Sequence[Declared], command: str) -> Ledger:
    """Write what a grid declares, and what is there of it; what ``grid.json`` holds."""
    ledger = {
        "format": FORMAT,
        "name": grid.path.stem,
        "command": command,
        "code": code_version(),
        "axes": list(grid.axes),
        "baseline": key_of(identity(grid.cells[grid.baseline], fingerprints(grid))),
        "cells": [{"key": one.key, "axes": one.cell.axes} for one in declared],
        "stale": _stale(out, declared),
    }
    return _written(out, ledger)


def refreshed(out: Path) -> Ledger:
    """What ``grid.json`` holds, with the cells as they are now; cells that other code made are said to be stale.

    Raises
    ------
    InputError
        The folder is not one of a grid.
    """
    try:
        ledger = json.loads((out / FILE).read_text(encoding="utf-8"))
        known, made_by, *_ = (ledger[name] for name in ("format", "code", "cells", "stale", "axes", "baseline"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{out} holds no grid ({FILE}): `ablate GRID.toml --out {out}` makes one") from error
    if known != FORMAT:
        raise InputError(f"{out / FILE} is of format {known}, known is {FORMAT}; use the version that made it")
    declared = {one["key"] for one in ledger["cells"]}
    ledger["stale"] = [one for one in ledger["stale"] if one["key"] not in declared]  # said by an earlier look
    if made_by != code_version():
        why = "the code has changed since it was made: run the grid again"
        ledger["stale"] += [{"key": one["key"], "why": why} for one in ledger["cells"]]
    return _written(out, ledger)


def _written(out: Path, ledger: Ledger) -> Ledger:
    ledger["cells"] = [{**one, **_state(out, one["key"])} for one in ledger["cells"]]
    text = json.dumps(ledger, indent=2, ensure_ascii=False) + "\n"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if (out / FILE).read_text(encoding="utf-8") == text:  # its time tells whether a report is of this state
            return ledger
    out.mkdir(parents=True, exist_ok=True)
    draft = out / f".{FILE}.{uuid.uuid4().hex[:8]}.tmp"  # of several shards each writes its own
    draft.write_text(text, encoding="utf-8")
    draft.replace(out / FILE)
    return ledger


def is_reported(out: Path) -> bool:
    """Whether the report that lies in a grid's folder is of what ``grid.json`` says now."""
    report = out / "report.html"
    return report.exists() and report.stat().st_mtime_ns >= (out / FILE).stat().st_mtime_ns


def _state(out: Path, key: str) -> dict[str, Any]:
    if is_done(out, key):
        return {"state": "done", "error": None}
    try:
        failed = json.loads((out / FAILED / f"{key}.json").read_text(encoding="utf-8"))
        return {"state": "failed", "error": failed["error"]}
    except (OSError, ValueError, KeyError):
        return {"state": "pending", "error": None}


def _stale(out: Path, declared: Sequence[Declared]) -> list[dict[str, str]]:
    """Cells that are there and no longer count, with the reason."""
    keys = {one.key for one in declared}
    there = sorted(path for path in (out / CELLS).glob("[!.]*") if path.name not in keys)
    return [{"key": path.name, "why": _why(path, declared)} for path in there]


def _why(folder: Path, declared: Sequence[Declared]) -> str:
    then = _made_of(folder)
    if then is None:
        return "it does not say what it was made of"
    found = (difference(one.made_of, then) for one in declared)
    return next((why for why in found if why), "the grid does not declare it any more")


def _made_of(folder: Path) -> Identity | None:
    try:
        made_of = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return made_of if isinstance(made_of, dict) and {"options", "code"} <= made_of.keys() else None
