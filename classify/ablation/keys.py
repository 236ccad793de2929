"""What a cell is known by: its options, the caches that it reads, and the code that makes it."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import xxhash

from classify.ablation.grid import Grid, GridCell
from classify.ablation.prepare import DEFAULTS
from classify.protocol import SplitPlan

ROOMS = ("cache", "classify", "evaluate")  # whose code a number can depend on
TEXT_TOWER = "extract/text_tower.py"  # that some heads run
CACHES = ("cache", "test_cache")  # options that name one

Identity = dict[str, Any]


@cache
def code_version() -> str:
    """Hash of the source of all that a cell's numbers can depend on; a change of a comment counts, too."""
    root = Path(__file__).parents[2]
    digest = xxhash.xxh3_128()
    for path in sorted([*(path for room in ROOMS for path in (root / room).rglob("*.py")), root / TEXT_TOWER]):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def fingerprints(grid: Grid) -> dict[str, list[str]]:
    """Fingerprints of each cache that a cell names, and of its additions.

    Raises
    ------
    InputError
        A file is missing or foreign.
    """
    used = dict.fromkeys(cell.options[one] for cell in grid.cells for one in CACHES if one in cell.options)
    return {name: grid.caches[name].fingerprints() for name in used}


def identity(cell: GridCell, known: Mapping[str, list[str]]) -> Identity:
    """All that a cell's numbers follow from.

    Parameters
    ----------
    cell : GridCell
    known : mapping
        `fingerprints` of the grid.

    Returns
    -------
    dict
        ``options`` (caches by their fingerprints, so that a name may change), and ``code``.
    """
    named = {one: known[cell.options[one]] for one in CACHES if one in cell.options}
    if path := SplitPlan(cell.options.get("split", "grouped")).path:
        named["split"] = _of_files(Path(path))
    given = {name: value for name, value in cell.options.items() if value != DEFAULTS.get(name)}
    return {"options": {**given, **named}, "code": code_version()}


def _of_files(path: Path) -> list[str]:
    """Hash of a split's file, or of the lists in its folder."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    return [xxhash.xxh3_128_hexdigest(file.read_bytes()) for file in files]


def key_of(made_of: Identity) -> str:
    """The name of a cell's folder: a hash of its identity."""
    return xxhash.xxh3_64_hexdigest(json.dumps(made_of, sort_keys=True).encode())


def difference(now: Identity, then: Identity) -> str | None:
    """Why a cell of the same options is stale: another cache, other code; None where its options differ, too."""
    files = [*CACHES, *(["split"] if isinstance(now["options"].get("split"), list) else [])]
    mine, theirs = ({**one["options"], **dict.fromkeys(files)} for one in (now, then))
    if mine != theirs:
        return None
    changed = [one for one in files if now["options"].get(one) != then["options"].get(one)]
    whys = [f"its {one.replace('_', ' ')} has changed" for one in changed]
    return " and ".join([*whys, *(["the code has changed"] if now["code"] != then["code"] else [])])
