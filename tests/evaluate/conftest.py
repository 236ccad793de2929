"""Small synthetic runs, written as `classify` writes them."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cache.predictions import COLUMNS, write
from evaluate.runs import evaluate_tree

LIFT = {"FaceSwap": 0.3, "NeuralTextures": 0.05}  # how much higher than a real's a fake's score lies


def make_predictions(
    *, groups: int = 24, frames: int = 3, lift: Mapping[str, float] = LIFT, split: str = "test", seed: int = 0
) -> pd.DataFrame:
    """Each group has one real video and one fake of each manipulation; scores in (0, 1), videos clustered."""
    rng = np.random.default_rng(seed)
    rows = []
    for group in range(groups):
        for manipulation in ("real", *lift):
            middle = 0.4 + lift.get(manipulation, 0.0) + rng.normal(scale=0.12)
            video = f"FF++/c23/{manipulation}/{split}{group:03d}"
            for frame in range(frames):
                score = float(np.clip(middle + rng.normal(scale=0.05), 0.01, 0.99))
                home = ["FF++", "c23", manipulation, video, f"{split}{group:03d}", split]
                rows.append([f"{video}/{frame}", *home, int(manipulation != "real"), score, int(score >= 0.5)])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def write_run(
    folder: Path,
    *,
    head: str = "logistic",
    train: Sequence[str] = ("FaceSwap",),
    tables: Sequence[pd.DataFrame] | None = None,
    **settings: Any,
) -> Path:
    """A run folder with what `classify` promises to state; ``settings`` replace or add keys of run.json."""
    folder.mkdir(parents=True)
    if tables is None:
        seen = {name: LIFT[name] for name in train}
        tables = [make_predictions(lift=seen, split="val", seed=1), make_predictions()]
    table = pd.concat(tables, ignore_index=True)
    write(folder / "predictions.csv", table)
    source = "balanced accuracy of out-of-fold scores"
    thresholds = {"frame": {"value": 0.5, "source": source}, "video": {"value": 0.55, "source": source}}
    made = {"model": "ViT-B-32", "crop": "given", "view": "clean", "sampling": "3 frames"}
    config = {
        "format": 1,
        "kind": "run",
        "head": head,
        "train": list(train),
        "test": sorted(set(table.loc[table["label"] == 1, "manipulation"])),
        "features": ["embedding"],
        "normalize": "l2",
        "prompt_set": None,
        "parameters": {"C": 1.0},
        "score": "squashed margin, no probability",
        "seed": 0,
        "command": "python pipeline.py classify x.h5 --train FaceSwap",
        "cache": {"path": "x.h5", "fingerprint": "abc", "provenance": made},
        "split": {"method": "grouped", "test_size": 0.3, "disjoint": "identity", "groups": {"train": 24, "test": 24}},
        "train_groups": sorted(set(table.loc[table["split"] == "val", "group"])),
        "thresholds": thresholds,
        "search": {"criterion": "AUC", "results": [{"params": {"C": 1.0}, "auc": 0.9}]},
        "versions": {"python": "3.11"},
        "timings": {"fit": 1.5},
        "caveats": [],
    } | settings
    (folder / "run.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """One run: trained on FaceSwap, tested on it and on NeuralTextures."""
    return write_run(tmp_path / "run")


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """`write_run`."""
    return write_run


@pytest.fixture(scope="session")
def predictions_table() -> Callable[..., pd.DataFrame]:
    """`make_predictions`."""
    return make_predictions


def write_tree(folder: Path) -> Path:
    """Two trainings by two heads; the second head is better in training and worse on test."""
    for train in LIFT:
        for seed, head in enumerate(("logistic", "mlp")):
            fold = make_predictions(lift={train: 0.25 + 0.2 * seed}, split="val", seed=1)
            lift = {name: (0.35 if name == train else 0.05) - 0.05 * seed for name in LIFT}
            test = make_predictions(lift=lift, seed=2)
            write_run(folder / train / head, head=head, train=(train,), tables=[fold, test])
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder by `write_tree`, to change."""
    return write_tree(tmp_path / "tree")


@pytest.fixture(scope="session")
def evaluated_tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A folder by `write_tree` that was evaluated, to look at, and what came of it."""
    folder = write_tree(tmp_path_factory.mktemp("evaluated") / "tree")
    return folder, evaluate_tree(folder)
