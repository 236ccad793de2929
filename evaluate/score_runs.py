"""From files of others' scores to run folders, which are then measured like any other run."""

import json
import math
import re
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from cache.errors import InputError, choose
from cache.identity import canonical
from cache.predictions import AGGREGATES, COLUMNS, VIDEO_COLUMNS, to_videos, write
from evaluate.folders import write_json
from evaluate.score_caveats import one_sided, score_caveats
from evaluate.score_reals import with_reals
from evaluate.scores import Scores, read_scores
from evaluate.table_file import file_hash, open_table
from evaluate.training_list import Leak, find_leak, leak_sentence, own_training, read_training
from evaluate.wording import CLASS, listed

FORMAT = 1
PROBABILITY = "probability of fake, as the file has it: all lie in 0 to 1"
RANK = "the file's own scale: it ranks, and tells no probability"
USUAL: dict[str, Any] = {"value": 0.5, "source": "0.5, the usual default"}
NO_DEFAULT: dict[str, Any] = {
    "value": 0.5,
    "source": "0.5 for want of another (--threshold), on a scale that is no probability",
}
SETTINGS = ("kind", "head", "train", "training", "aggregate", "threshold", "source.hash", "source.columns")


def make_runs(
    paths: Sequence[Path],
    out: Path,
    *,
    columns: Iterable[str] = (),
    threshold: float | None = None,
    trained_on: Sequence[str] = (),
    training: Path | None = None,
    aggregate: str | None = None,
    command: str = "",
) -> list[Path]:
    """Make a run without a model of each file of scores.

    Parameters
    ----------
    paths : sequence of Path
        Files as `evaluate.scores.read_scores` reads them.
    out : Path
        The run of one file; of several, the folder of their runs, called as the files are.
    columns : iterable of str
        ``ours=theirs``, for every file that has such a column.
    threshold : float, optional
        A score from which on it means fake; 0.5 by default.
    trained_on : sequence of str
        The manipulations trained on, where they are known.
    training : Path, optional
        A list of the samples trained on (`evaluate.training_list.read_training`). A leak is stated, not refused.
    aggregate : {"mean", "median", "max"}, optional
        How frames become videos; mean by default.
    command : str
        What the user typed.

    Returns
    -------
    list of Path
        The run folders, in the order of the files: ``run.json``, ``predictions.csv`` and ``video_predictions.csv``.

    Raises
    ------
    InputError
        A file cannot be measured, two contradict each other, or a folder holds something else already; nothing is
        written then.
    """
    paths, out = [Path(path) for path in paths], Path(out)
    aggregate = aggregate or "mean"
    choose(AGGREGATES, aggregate, "aggregate")
    if threshold is not None and not math.isfinite(threshold):
        raise InputError(f"--threshold {threshold} is no finite number")
    asked = {
        "train": [canonical(name) for name in trained_on],
        "training": None if training is None else {"path": str(training), "hash": file_hash(Path(training))},
        "aggregate": aggregate,
        "threshold": threshold,
        "command": command,
    }
    trained = None if training is None else read_training(Path(training))
    names = _names(paths)
    folders = [out] if len(paths) == 1 else [out / name for name in names]
    given = _columns_of(paths, [*columns])
    read = [read_scores(*one) for one in zip(paths, given, strict=True)]
    _refuse_contradictions(paths, read)
    runs = []
    for path, name, scores in zip(paths, names, read, strict=True):
        frames, _ = with_reals(scores.table)
        listed_here = own_training(path, scores.columns) if trained is None else trained
        runs.append((_record(path, name, scores, asked, listed_here), frames, to_videos(frames, aggregate)))
    _refuse_others(out, {folder: record for folder, (record, *_) in zip(folders, runs, strict=True)})
    for place, (folder, (record, *tables)) in enumerate(zip(folders, runs, strict=True)):
        _write(folder, {**record, "place": place}, *tables)  # the first is what the others are compared with
    return folders


def _record(
    path: Path, name: str, scores: Scores, asked: dict[str, Any], training: pd.DataFrame | None
) -> dict[str, Any]:
    """``run.json``."""
    table = scores.table
    test = table[table["split"] == "test"]
    probabilities = bool(table["score"].between(0, 1).all())
    stated = None if asked["threshold"] is None else {"value": float(asked["threshold"]), "source": "given"}
    threshold: dict[str, Any] = stated or (USUAL if probabilities else NO_DEFAULT)
    leak = Leak([], 0, 0) if training is None else find_leak(test, training)
    told = [] if training is None else [leak_sentence(leak, test, training)]
    if threshold is NO_DEFAULT:
        told.append("Scores are no probabilities and no --threshold was given: what was decided at 0.5 says little")
    else:
        told += one_sided(table, threshold["value"])
    told += score_caveats(table, scores.columns, listed_training=training is not None, trained_on=asked["train"])
    told += [*scores.notes, *with_reals(table)[1]]
    return {
        "format": FORMAT,
        "kind": "scores",
        "head": name,
        "test": sorted(set(test.loc[test["label"] == 1, "manipulation"])),
        "train_groups": leak.groups,
        **asked,
        "source": {"path": str(path), "hash": file_hash(path), "rows": len(table), "columns": scores.columns},
        "thresholds": {"frame": threshold, "video": threshold},
        "score": PROBABILITY if probabilities else RANK,
        "calibrate": None,
        "calibration": None,
        "cache": None,
        "split": {
            "groups": {"test": test["group"].nunique()},
            "videos": {"test": test["video_id"].nunique()},
            "allow_leak": training is not None,  # it was asked for, and is stated
        },
        "caveats": told,
    }


def _write(folder: Path, record: dict[str, Any], frames: pd.DataFrame, videos: pd.DataFrame) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for level, table, name, known in (
        ("frame", frames, "predictions.csv", COLUMNS),
        ("video", videos, "video_predictions.csv", VIDEO_COLUMNS),
    ):
        decided = table["score"] >= record["thresholds"][level]["value"]
        write(folder / name, table.assign(predicted=decided.astype(int))[list(known)])
    write_json(folder / "run.json", record)


def _names(paths: Sequence[Path]) -> list[str]:
    """What the runs are called: as their files without suffix, numbered where several are called alike."""
    names: list[str] = []
    for path in paths:
        stem = re.sub(r"[^\w.+-]", "_", path.stem).lstrip(".") or "scores"
        taken = {name.lower() for name in names}
        numbered = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(paths) + 1))
        names.append(next(name for name in numbered if name.lower() not in taken))
    return names


def _columns_of(paths: Sequence[Path], columns: list[str]) -> list[list[str]]:
    """Of several files, those of the columns given that each has; a column that none has is refused by the first."""
    if len(paths) == 1 or not columns:
        return [columns] * len(paths)
    headers = [open_table(path).header for path in paths]
    nowhere = [one for one in columns if not any(one.partition("=")[2] in header for header in headers)]
    return [
        [one for one in columns if one in nowhere or one.partition("=")[2] in header] for header in headers
    ]  # fmt: skip


def _refuse_contradictions(paths: Sequence[Path], read: Sequence[Scores]) -> None:
    """Refuse files of bare video names of which one calls real what another calls fake: their ids would hide it."""
    bare = [(path, _labels_of_names(scores.table)) for path, scores in zip(paths, read, strict=True) if scores.bare]
    for (first, one), (second, two) in combinations(bare, 2):
        mine, other = one.align(two, join="inner")
        if len(differing := mine.index[mine != other]):
            raise InputError(
                f"video {differing[0].rpartition('/')[2]!r} is {CLASS[mine[differing[0]]]} in {first} and "
                f"{CLASS[other[differing[0]]]} in {second} ({len(differing):,} of {len(mine):,} names): the labels "
                "of one are turned round, or other videos are called alike; then name each row's dataset in a column, "
                "or measure the files apart"
            )


def _labels_of_names(table: pd.DataFrame) -> pd.Series:
    """The label of each data set's test videos by name, where a name has only one."""
    test = table[table["split"] == "test"]
    names = test["dataset"] + "/" + test["video_id"].str.rpartition("/")[2]
    found = test["label"].groupby(names).agg(["min", "max"])
    return found.loc[found["min"] == found["max"], "min"]


def _refuse_others(out: Path, records: dict[Path, dict[str, Any]]) -> None:
    """Refuse to write where something else lies: only the same runs are made anew."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not out.is_dir():
        raise InputError(f"--out {out} is a file; name a folder")
    found = {path.parent for path in out.rglob("run.json")}
    if not found:
        raise InputError(f"{out} holds other files and no run; name another --out")
    if others := sorted(str(path) for path in found - records.keys()):
        raise InputError(f"{out} holds other runs already ({listed(others, 3)}); name another --out")
    for folder in sorted(found):
        there = _read_record(folder)
        differing = [name for name in SETTINGS if _at(there, name) != _at(records[folder], name)]
        if differing:
            raise InputError(
                f"{folder} holds a run of other scores or settings ({', '.join(differing)} differs); name another --out"
            )


def _read_record(folder: Path) -> dict[str, Any]:
    try:
        there = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read {folder / 'run.json'}: {error}; remove the folder or name another --out"
        ) from error
    return there if isinstance(there, dict) else {}


def _at(value: Any, name: str) -> Any:
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
