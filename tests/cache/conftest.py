"""A cache that has all a cache can have: nested arrays, prompts, thumbnails, failures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cache.schema import FAILURE_COLUMNS, Space
from cache.store import write_cache

Write = Callable[..., Path]


@pytest.fixture
def full_space(space: Space, samples: pd.DataFrame) -> Space:
    """The space with a face's box, landmarks and score beside the embedding."""
    rng = np.random.default_rng(3)
    count = len(samples)
    faces = {"box": (count, 4), "landmarks": (count, 5, 2), "score": (count,)}
    space.arrays.update({f"face/{name}": rng.random(shape, np.float32) for name, shape in faces.items()})
    return space


@pytest.fixture
def pictures(samples: pd.DataFrame) -> list[bytes]:
    return [sample_id.encode() * (row % 3) for row, sample_id in enumerate(samples["sample_id"])]


@pytest.fixture
def failures() -> pd.DataFrame:
    rows = [
        {"path": f"{name}/x.png", "root": "/r", "stage": "open", "reason": "empty", "manipulation": name, "frames": 1}
        for name in ("real", "FaceSwap")
    ]
    return pd.DataFrame(rows, columns=list(FAILURE_COLUMNS))


@pytest.fixture
def write_rows(
    tmp_path: Path, samples: pd.DataFrame, full_space: Space, pictures: list[bytes], failures: pd.DataFrame
) -> Write:
    """Write rows of the samples as a cache: ``write_rows("a.h5", range(10), attributes={...}, table=...)``."""

    def write(name: str, rows: Any = None, table: pd.DataFrame | None = None, **options: Any) -> Path:
        chosen = np.arange(len(samples)) if rows is None else np.array(rows)
        options = {"failures": failures, "thumbnails": pictures, "spaces": {"clean": full_space}, **options}
        table = samples if table is None else table
        write_cache(tmp_path / name, table.iloc[chosen], rows=chosen, **options)
        return tmp_path / name

    return write
