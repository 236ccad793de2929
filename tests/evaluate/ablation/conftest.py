"""Small synthetic grids, written as `ablate` writes them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cache.predictions import VIDEO_COLUMNS
from evaluate.ablation.drawn import DrawnGrid, draw_grid
from evaluate.ablation.folder import read_grid_folder
from evaluate.levels import cells, counts, has_few_groups
from evaluate.metrics import auc

THRESHOLD = {"value": 0.5, "source": "balanced accuracy of out-of-fold scores"}


@dataclass
class Planned:
    """One cell to be written: ``lift`` is how much higher than a real's the fakes of a manipulation score."""

    axes: dict[str, Any]
    lift: Mapping[str, float] = field(default_factory=lambda: {"FaceSwap": 2.0, "NeuralTextures": 1.0})
    fold: float | None = 2.0
    train: Sequence[str] = ("FaceSwap",)
    state: str = "done"
    error: str | None = None
    groups: Sequence[int] = range(24)
    settings: dict[str, Any] = field(default_factory=dict)


def make_videos(split: str, lift: Mapping[str, float], groups: Sequence[int]) -> pd.DataFrame:
    """One real and one fake of each manipulation in each group; the noise of a video is the same in every cell."""
    rows = []
    for group in groups:
        for at, name in enumerate(("real", *lift)):
            score = lift.get(name, 0.0) + float(np.random.default_rng([group, at]).normal())
            home = ["FF++", "c23", name, f"FF++/c23/{name}/{group:03d}", f"{split}{group:03d}", split]
            rows.append([*home, int(name != "real"), score, int(score >= 0.5), 3])
    return pd.DataFrame(rows, columns=list(VIDEO_COLUMNS))


def figures(table: pd.DataFrame) -> dict[str, Any]:
    """What `cell_metrics.json` tells of some rows, with an interval of a fixed width."""
    value = auc(table["label"].to_numpy(), table["score"].to_numpy())
    figure = {"value": value, "low": max(0.0, value - 0.05), "high": min(1.0, value + 0.05)}
    names = ("auc", "eer", "average_precision", "balanced_accuracy")
    more = {"threshold": THRESHOLD, "n": counts(table), "few_groups": has_few_groups(table)}
    return {**dict.fromkeys(names, figure), **more}


@cache
def scored(
    lift: tuple[tuple[str, float], ...], fold: float | None, train: tuple[str, ...], groups: tuple[int, ...]
) -> tuple[bytes, str]:
    """``video_predictions.parquet`` and ``cell_metrics.json`` of a cell."""
    test = make_videos("test", dict(lift), groups)
    tables, out_of_fold = [test], None
    if fold is not None:
        tables = [make_videos("val", dict.fromkeys(train, fold), range(30, 54)), test]
        out_of_fold = dict.fromkeys(("frame", "video"), figures(tables[0]))
    tests = {
        name: {"seen": name in train, **dict.fromkeys(("frame", "video"), figures(part))}
        for name, part in cells(test).items()
    }
    target = BytesIO()
    pd.concat(tables).to_parquet(target, index=False)
    return target.getvalue(), json.dumps({"format": 1, "out_of_fold": out_of_fold, "tests": tests})


def write_cell(folder: Path, plan: Planned) -> None:
    """The files of a finished cell."""
    folder.mkdir(parents=True)
    videos, metrics = scored(tuple(plan.lift.items()), plan.fold, tuple(plan.train), tuple(plan.groups))
    run = {
        "head": plan.axes.get("head", "logistic"),
        "train": list(plan.train),
        "test": list(plan.lift),
        "caveats": [],
        "thresholds": {"frame": THRESHOLD, "video": THRESHOLD},
        "timings": {"read": 0.25, "fit": 1.5, "score": 0.25},
        "trainable_parameters": 513,
        "trainable_share": 3e-6,
        "versions": {"numpy": "2.0"},
        "command": "python pipeline.py classify x.h5 --train FaceSwap",
    } | plan.settings
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    (folder / "cell_metrics.json").write_text(metrics, encoding="utf-8")
    (folder / "video_predictions.parquet").write_bytes(videos)


def write_grid(out: Path, plans: Sequence[Planned], baseline: int | None = 0, **stated: Any) -> Path:
    """The folder of a grid whose cells are called c0, c1, ..."""
    keys = [f"c{at}" for at in range(len(plans))]
    for key, plan in zip(keys, plans, strict=True):
        if plan.state == "done":
            write_cell(out / "cells" / key, plan)
    listed = [
        {"key": key, "axes": plan.axes, "state": plan.state, "error": plan.error}
        for key, plan in zip(keys, plans, strict=True)
    ]
    grid = {
        "format": 1,
        "name": "trial",
        "command": "python pipeline.py ablate grid.toml --out OUT",
        "axes": list(dict.fromkeys(name for plan in plans for name in plan.axes)),
        "baseline": None if baseline is None else keys[baseline],
        "cells": listed,
        "stale": [],
        "code": "0",
    } | stated
    out.mkdir(parents=True, exist_ok=True)
    (out / "grid.json").write_text(json.dumps(grid), encoding="utf-8")
    return out


@pytest.fixture(scope="session")
def plan() -> type[Planned]:
    """`Planned`."""
    return Planned


@pytest.fixture(scope="session")
def make_grid() -> Callable[..., Path]:
    """`write_grid`."""
    return write_grid


@pytest.fixture(scope="session")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two heads by two frame counts, of which the last has failed and another head is pending.

    More frames are better out of fold, and mlp is best on what was not seen, though not first.
    """
    plans = [
        Planned({"head": "logistic", "frames": 1}, fold=1.0),
        Planned({"head": "logistic", "frames": 8}, fold=2.0),
        Planned({"head": "mlp", "frames": 1}, {"FaceSwap": 2.0, "NeuralTextures": 3.0}, fold=1.5),
        Planned({"head": "mlp", "frames": 8}, state="failed", error="InputError: too few groups"),
        Planned({"head": "knn", "frames": 1}, state="pending"),
    ]
    plans[1].settings = {"caveats": ["LEAK: 2 of 24 test groups were in training"], "versions": {"numpy": "2.1"}}
    stale = [{"key": "old", "why": "the cache changed"}]
    return write_grid(tmp_path_factory.mktemp("grids") / "crossed", plans, stale=stale)


@pytest.fixture(scope="session")
def drawn_crossed(crossed: Path) -> DrawnGrid:
    """The same in 200 draws, 600 of them for p-values."""
    return draw_grid(read_grid_folder(crossed), 200, 600)
