"""Run folders on disk: found, read and checked; and files that appear whole or not at all."""

import json
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from cache.errors import InputError
from cache.predictions import FILES
from evaluate.calibration import Calibration, check, gives_probabilities
from evaluate.curve import check_labels
from evaluate.levels import LEVELS, at_level
from evaluate.run_rows import read_rows
from evaluate.view_scores import ANEW, read_views

SIDES = {"train": "val", "test": "test"}  # as the split counts them, as predictions name them
HISTORY = ("epoch", "train_loss")  # and lr; validation_loss, validation_auc where groups were held out
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
        ``predictions.csv``, or ``predictions.parquet`` as a cell of a grid has it: out-of-fold rows of the training
        side ("val") and test rows ("test").
    history : DataFrame or None
        ``history.csv``: losses by epoch, of a head that has epochs; None too where it cannot be drawn.
    views : DataFrame or None
        ``view_predictions.csv``: scores of the test rows in other views of their frames (view, sample_id, score).
    """

    folder: Path
    config: dict[str, Any]
    table: pd.DataFrame
    history: pd.DataFrame | None = None
    views: pd.DataFrame | None = None

    @property
    def head(self) -> str:
        """Name of the head."""
        return str(self.config["head"])

    @property
    def train(self) -> str:
        """The manipulations that it was trained on, joined by "+"."""
        return "+".join(self.config["train"])

    @property
    def trained_on(self) -> list[str] | None:
        """The same one by one, each with its data set in front where the run tells: FF++/FaceSwap.

        None where nobody knows: scores of others, without a word on their training.
        """
        return list(self.config.get("trained_on") or self.config["train"]) or None

    @property
    def aggregate(self) -> str:
        """How the scores of frames become a video's: mean, median or max."""
        return str(self.config.get("aggregate") or "mean")

    def rows(self, split: str) -> pd.DataFrame:
        """Predictions of one split; no copy of them where they lie together, as `classify` writes them."""
        mine = (self.table["split"] == split).to_numpy()
        first, count = int(mine.argmax()) if len(mine) else 0, int(mine.sum())
        together = slice(first, first + count)
        return self.table.iloc[together] if mine[together].all() else self.table[mine]

    def at_level(self, frames: pd.DataFrame, level: str) -> pd.DataFrame:
        """Some of its predictions with one row a frame, a video or a group, as the run calibrates these."""
        return at_level(frames, level, self.calibration("video"), self.aggregate)

    def calibration(self, level: str) -> Calibration | None:
        """Calibration of a level; None where the run has none."""
        return (self.config.get("calibration") or {}).get(level)

    def gives_probabilities(self, level: str) -> bool:
        """Whether the scores of a level are meant as probabilities: by their calibration, else by their head."""
        level = "video" if level == "group" else level
        made = self.calibration(level)
        if (level == "video" and self.aggregate == "max" and not made) or "made_for" in (made or ()):
            return False  # the highest of several probabilities is none, nor what was calibrated as another aggregate
        if self.config.get("calibration"):
            return gives_probabilities(self.calibration(level))
        return str(self.config.get("score") or "").startswith("probability")

    def threshold(self, level: str) -> dict[str, Any]:
        """Threshold of a level, with its source; groups are judged by that of videos."""
        stated = (self.config.get("thresholds") or {}).get("video" if level == "group" else level)
        return dict(stated or DEFAULT_THRESHOLD)

    @property
    def kept_epoch(self) -> int | None:
        """The epoch whose weights the head has, where its history shows it."""
        epoch = (self.config.get("parameters") or {}).get("epochs")
        return epoch if self.history is not None and (self.history["epoch"] == epoch).any() else None


def find_runs(folder: Path) -> list[Path]:
    """Run folders at or below ``folder``, sorted; hidden folders are not entered.

    Raises
    ------
    InputError
        There is none, or one lost its run.json.
    """
    if (folder / "run.json").is_file():
        return [folder]
    found = _homes(folder, "run.json")
    for name in FILES:
        damaged = [path for path in _homes(folder, name) if path not in found]
        if damaged:
            raise InputError(f"{damaged[0]} holds {name} but no run.json: {ANEW}")
    if not found:
        there = "is no folder" if not folder.is_dir() else "holds no run"
        raise InputError(f"{folder} {there}: a run is a folder with run.json and predictions.csv, as `classify` makes")
    return found


def _homes(folder: Path, name: str) -> list[Path]:
    """Folders that hold a file of this name, hidden ones left out."""
    found = sorted(path.parent for path in folder.rglob(name))
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def read_run(folder: Path) -> Run:
    """Read one run and check that it can be measured.

    Raises
    ------
    InputError
        Naming the file: run.json or the predictions are missing, broken or partial; the test rows lack a class.
    """
    config = _read_config(folder / "run.json")
    path = next((folder / name for name in FILES if (folder / name).is_file()), folder / FILES[0])
    if not path.is_file():
        raise InputError(f"{path} is missing: {ANEW}")
    run = Run(folder, config, read_rows(path), _read_history(folder / "history.csv"))
    run = replace(run, views=read_views(folder, run.rows("test"), config.get("views") or ()))
    _check_videos(run, path)
    try:
        check_labels(run.rows("test")["label"].to_numpy())
    except InputError as error:
        raise InputError(f"{folder}: the test rows of {path} have {error}") from error
    return run


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}; {ANEW}") from error
    missing = [key for key in ("head", "train") if key not in config] if isinstance(config, dict) else ["all keys"]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; {ANEW}")
    if not isinstance(config["train"], list):
        raise InputError(f"{path}: train is {config['train']!r}; a run lists the manipulations that it was trained on")
    _check_thresholds(config.get("thresholds") or {}, path)
    _check_calibration(config.get("calibration"), path)
    return config


def _read_history(path: Path) -> pd.DataFrame | None:
    """The history; None where it cannot be drawn, for no figure but its own curve rests on it."""
    try:
        table = pd.read_csv(path, dtype=float)
    except (OSError, ValueError):
        return None
    return table if set(HISTORY) <= set(table) else None


def _check_thresholds(stated: Any, path: Path) -> None:
    for level, threshold in stated.items() if isinstance(stated, dict) else [("any", stated)]:
        value = threshold.get("value") if isinstance(threshold, dict) and "source" in threshold else None
        if threshold and not (isinstance(value, int | float) and math.isfinite(value)):
            raise InputError(
                f"{path}: the threshold at {level} level is {threshold!r}; it has a finite value and a source; {ANEW}"
            )


def _check_calibration(stated: Any, path: Path) -> None:
    if stated is None:
        return
    try:
        for level in LEVELS:
            check(stated.get(level) if isinstance(stated, dict) else stated)
    except InputError as error:
        raise InputError(f"{path}: calibration: {error}; {ANEW}") from error


def _check_videos(run: Run, path: Path) -> None:
    """Refuse predictions that were cut between two lines: `run.json` tells how many videos there were."""
    stated = (run.config.get("split") or {}).get("videos") or {}
    for side, split in SIDES.items():
        found, expected = run.rows(split)["video_id"].nunique(), stated.get(side)
        without_folds = split == "val" and not found  # no out-of-fold scores, which is no damage
        if expected not in (None, found) and not without_folds:
            raise InputError(
                f"{path} has {found} videos of the {split} rows where run.json counts {expected}: was it cut? {ANEW}"
            )


def write_text(path: Path, text: str) -> None:
    """Write a file so that it appears whole or not at all; what stood there is replaced."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """As `write_text`, of bytes."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, whole or not at all; NaN is refused, for it is no JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
