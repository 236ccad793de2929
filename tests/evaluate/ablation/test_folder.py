import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cache.errors import InputError
from evaluate.ablation.folder import CellResult, read_grid_folder


def test_cells_are_read_as_declared(crossed: Path) -> None:
    grid = read_grid_folder(crossed)
    assert [cell.state for cell in grid.cells] == ["done", "done", "done", "failed", "pending"]
    assert [cell.key for cell in grid.done] == ["c0", "c1", "c2"]
    assert [cell.error for cell in grid.missing] == ["InputError: too few groups", None]
    assert grid.axes == ("head", "frames") and grid.values("frames") == {"1": 1, "8": 8}
    assert grid.tests == ["FaceSwap", "NeuralTextures"]
    base = grid.base
    assert base and base.label == "head logistic, frames 1" and base.short == "logistic, frames 1"
    assert base.seconds == 2.0 and not base.leaks and grid.cells[1].leaks


def test_seconds_are_of_what_is_told() -> None:
    def seconds(timings: dict[str, Any] | None) -> float | None:
        return CellResult("c", {}, "done", None, {"timings": timings}, {}, None).seconds

    assert seconds({"fit": 1.0, "other": 5.0}) == 1.0 and seconds(None) is None


@pytest.mark.parametrize("name", ["run.json", "cell_metrics.json", "video_predictions.parquet"])
def test_a_cell_that_cannot_be_read_counts_as_failed(
    name: str, plan: Any, make_grid: Callable[..., Path], tmp_path: Path
) -> None:
    out = make_grid(tmp_path / "grid", [plan({"head": "a"}), plan({"head": "b"})])
    (out / "cells" / "c1" / name).write_text("[]", encoding="utf-8")
    first, second = read_grid_folder(out).cells
    assert first.is_done and second.state == "failed"
    assert second.error and second.error.startswith("its results cannot be read: ")


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '{"cells": [], "axes": []}', '{"cells": [{"key": "a", "axes": {}, "state": "lost"}], "axes": []}'],
    ids=["broken", "empty", "no-cells", "state"],
)
def test_a_broken_grid_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "grid.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"grid\.json"):
        read_grid_folder(tmp_path)


def test_a_folder_without_grid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a grid's folder is what `ablate"):
        read_grid_folder(tmp_path)


def test_no_baseline_is_no_cell(crossed: Path, tmp_path: Path) -> None:
    stated = json.loads((crossed / "grid.json").read_text(encoding="utf-8"))
    stated["cells"], stated["baseline"] = stated["cells"][3:], None
    (tmp_path / "grid.json").write_text(json.dumps(stated), encoding="utf-8")
    grid = read_grid_folder(tmp_path)
    assert grid.base is None and not grid.done and grid.tests == []
