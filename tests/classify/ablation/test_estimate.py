"""The time of a grid, from a fit on some of the groups of one cell."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from classify import training
from classify.ablation import estimate as module
from classify.ablation.estimate import BESIDE, estimate
from classify.ablation.grid import Grid, GridCell
from classify.ablation.ledger import declare
from classify.ablation.prepare import forget
from classify.ablation.sections import CacheFiles

TRAINED = 112  # rows: 14 of 20 groups, in each two real and two fake videos of two frames


@pytest.fixture
def grid(tmp_path: Path, build_cache: Callable[..., Path]) -> Grid:
    caches = {"cache": CacheFiles(build_cache(groups=20, frames=2, dimension=2))}
    options = {"cache": "cache", "head": "knn", "train": ["FaceSwap"], "seed": 1}
    cells = [GridCell({}, {**options, "parameters": {"k": k}}) for k in (1, 3, 5)]
    return Grid(tmp_path / "grid.toml", caches, (), cells, 0)


@pytest.mark.parametrize(("most", "fitted"), [(TRAINED // 2, 56), (TRAINED // 4, 32), (2000, TRAINED)])
def test_the_seconds_of_some_groups_are_scaled_to_all_rows(
    most: int, fitted: int, grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget()
    rows: list[int] = []

    def noted(head: str, features: Any, labels: Any, *more: Any, **options: Any) -> list[None]:
        assert len(features) == len(labels) and set(labels) == {0, 1}
        rows.append(len(labels))
        return [None]

    ticks = iter((10.0, 13.0))
    monkeypatch.setattr(module, "ROWS", most)
    monkeypatch.setattr(training, "fit_heads", noted)
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    found = estimate(grid, declare(grid), tmp_path / "out", jobs=2)
    assert rows == [fitted] and found.untimed == {}
    assert found.by_head == {"knn": pytest.approx(3.0 * TRAINED / fitted + BESIDE)}
    assert found.seconds == pytest.approx(3 * found.by_head["knn"] / 2)
