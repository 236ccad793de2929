"""A cell holds what `classify` makes with the same options, to the last bit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from classify.ablation.ablate import ablate
from classify.ablation.grid import read_grid
from classify.runs import classify
from evaluate.intervals import group_draws
from evaluate.levels import cells, measure

OPTIONS: dict[str, dict[str, Any]] = {
    "calibrated": {"head": "logistic", "calibrate": "platt", "seed": 3, "test_size": 0.4},
    "thinned": {"head": "knn", "frames": 1, "fraction": 0.7, "calibrate": "isotonic", "disjoint": "scene"},
    "fixed": {"head": "linear_svm", "threshold": 0.4, "normalize": "standard", "features": ["embedding", "prompts"]},
    "prompts": {"head": "zero_shot", "calibrate": "platt"},
    "other cache": {"head": "knn", "test_cache": "cache", "allow_leak": True, "seed": 1},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_cell_is_what_classify_makes(name: str, tmp_path: Path, build_cache: Callable[..., Path]) -> None:
    cache = build_cache(groups=30, frames=2, dimension=8)
    options = {"train": ["FaceSwap"], "test": ["Deepfakes", "FaceSwap"], **OPTIONS[name]}
    text = "[[cells]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in options.items())
    (tmp_path / "grid.toml").write_text(text)
    ended = ablate(read_grid(tmp_path / "grid.toml", [str(cache)]), tmp_path / "out", jobs=1)
    assert ended.failed == {}
    folder = tmp_path / "out" / "cells" / ended.ledger["baseline"]
    options.pop("test_cache", None)  # its own test side
    made = classify(cache, tmp_path / "runs", heads=[options.pop("head")], **options)[0]
    mine, theirs = (json.loads((one / "run.json").read_text()) for one in (folder, made))
    own = ("timings", "command", "views")
    assert {k: v for k, v in mine.items() if k not in own} == {k: v for k, v in theirs.items() if k not in own}
    for table in ("predictions", "video_predictions"):
        found, expected = pd.read_parquet(folder / f"{table}.parquet"), pd.read_csv(made / f"{table}.csv")
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=0, atol=1e-12)
    metrics = json.loads((folder / "cell_metrics.json").read_text())
    videos = found[found["split"] == "test"]
    draws = group_draws(videos["group"], videos["label"].to_numpy())
    for test, part in cells(videos).items():
        stated, full = metrics["tests"][test]["video"], measure(part, mine["thresholds"]["video"], draws=draws)
        assert {key: full[key] for key in stated} == stated
