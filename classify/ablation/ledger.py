"""What became of a grid's cells, as ``grid.json`` tells the report: read off the folders, never remembered."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cache.errors import InputError
from classify.ablation.grid import Grid
from classify.ablation.keys import Identity, code_version, difference, fingerprints, identity, key_of
from classify.ablation.work import CELLS, FAILED, Declared
from classify.record import write_json

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
    made_of = [identity(cell, known) for cell in grid.cells]
    return [Declared(key_of(one), one, cell) for one, cell in zip(made_of, grid.cells, strict=True)]


def write_ledger(out: Path, grid: Grid, declared: Sequence[Declared], command: str) -> Ledger:
    """Write what a grid declares, and what is there of it; what ``grid.json`` holds."""
    ledger = {
        "format": FORMAT,
        "name": grid.path.stem,
        "command": command,
        "code": code_version(),
        "axes": list(grid.axes),
        "baseline": declared[grid.baseline].key,
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
        known = ledger["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{out} holds no grid ({FILE}): `ablate GRID.toml --out {out}` makes one") from error
    if known != FORMAT:
        raise InputError(f"{out / FILE} is of format {known}, known is {FORMAT}; use the version that made it")
    if ledger["code"] != code_version():
        why = "the code has changed since it was made: run the grid again"
        told = {one["key"] for one in ledger["stale"]}
        ledger["stale"] += [{"key": one["key"], "why": why} for one in ledger["cells"] if one["key"] not in told]
    return _written(out, ledger)


def _written(out: Path, ledger: Ledger) -> Ledger:
    ledger["cells"] = [{**one, **_state(out, one["key"])} for one in ledger["cells"]]
    out.mkdir(parents=True, exist_ok=True)
    draft = out / f".{FILE}.{uuid.uuid4().hex[:8]}.tmp"  # of several shards each writes its own
    write_json(draft, ledger)
    draft.replace(out / FILE)
    return ledger


def _state(out: Path, key: str) -> dict[str, Any]:
    if (out / CELLS / key).is_dir():
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
