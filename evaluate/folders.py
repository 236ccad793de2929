"""Run folders on disk: found, read and checked; and files that appear whole or not at all."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.predictions import read
from evaluate.curve import check_labels

SPLITS = ("val", "test")
DEFAULT_THRESHOLD = {"value": 0.5, "source": "0.5, the run states none"}


@dataclass(frozen=True)
class Run:
    """One head trained on one set of manipulations.

    Attributes
    ----------
    folder : Path
    config : dict
        ``run.json``.
    table : DataFrame
        ``predictions.csv``: out-of-fold rows of the training side ("val") and test rows ("test").
    """

    folder: Path
    config: dict[str, Any]
    table: pd.DataFrame

    @property
    def head(self) -> str:
        """Name of the head."""
        return str(self.config["head"])

    @property
    def train(self) -> str:
        """The manipulations that it was trained on, joined by "+"."""
        return "+".join(self.config["train"])

    def rows(self, split: str) -> pd.DataFrame:
        """Predictions of one split."""
        return self.table[self.table["split"] == split]

    def threshold(self, level: str) -> dict[str, Any]:
        """Threshold of a level, with its source."""
        return dict((self.config.get("thresholds") or {}).get(level) or DEFAULT_THRESHOLD)


def find_runs(folder: Path) -> list[Path]:
    """Run folders at or below ``folder``, sorted; hidden folders are not entered.

    Raises
    ------
    InputError
        There is none.
    """
    if (folder / "run.json").is_file():
        return [folder]
    found = sorted(path.parent for path in folder.rglob("run.json"))
    found = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not found:
        there = "is no folder" if not folder.is_dir() else "holds no run"
        raise InputError(f"{folder} {there}: a run is a folder with run.json and predictions.csv, as `classify` makes")
    return found


def read_run(folder: Path) -> Run:
    """Read one run and check that it can be measured.

    Raises
    ------
    InputError
        Naming the file: run.json or predictions.csv is missing, broken or partial; the test rows lack a class.
    """
    config = _read_config(folder / "run.json")
    table = _checked(read(folder / "predictions.csv"), folder / "predictions.csv")
    run = Run(folder, config, table)
    try:
        check_labels(run.rows("test")["label"].to_numpy())
    except InputError as error:
        raise InputError(f"{folder}: the test rows of {folder / 'predictions.csv'} have {error}") from error
    return run


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}; let `classify` make the run anew") from error
    missing = [key for key in ("head", "train") if key not in config] if isinstance(config, dict) else ["all keys"]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; let `classify` make the run anew")
    if not isinstance(config["train"], list):
        raise InputError(f"{path}: train is {config['train']!r}; a run lists the manipulations that it was trained on")
    return config


def _checked(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """``table`` with numbers as numbers; what cannot be measured is refused with the line it stands in."""
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in ("label", "score")}
    problems = {
        "the label is neither 0 (real) nor 1 (fake)": ~numbers["label"].isin([0, 1]),
        "the score is no finite number": ~np.isfinite(numbers["score"].to_numpy(dtype=float, na_value=np.nan)),
        f"the split is none of {', '.join(SPLITS)}": ~table["split"].isin(SPLITS),
        "the group is empty": table["group"] == "",
        "the video_id is empty": table["video_id"] == "",
    }
    if "sample_id" in table:
        problems["the sample_id stands twice in its split"] = table.duplicated(["sample_id", "split"])
    for problem, rows in problems.items():
        where = np.flatnonzero(rows)
        if len(where):
            raise InputError(f"{path}, line {where[0] + 2}: {problem} ({len(where)} such lines)")
    return table.assign(label=numbers["label"].astype(int), score=numbers["score"].astype(float))


def write_text(path: Path, text: str) -> None:
    """Write a file so that it appears whole or not at all; what stood there is replaced."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, whole or not at all; NaN is refused, for it is no JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
