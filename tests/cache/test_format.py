"""Every released version of the format stays readable: one tiny file of each is kept, made by this script.

python tests/cache/test_format.py tests/cache/data/v1.h5
"""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from cache.reader import open_cache
from cache.schema import FAILURE_COLUMNS, FORMAT_VERSION, SAMPLE_COLUMNS, PromptScores, Provenance, Space
from cache.store import write_cache
from cache.verify import verify

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).parent / "data"
EMBEDDING = np.arange(12, dtype="f2").reshape(3, 4) / 8
SIMILARITY = np.array([[0.5, -0.25], [0.125, 1.0], [0.0, 0.75]], "f4")


def build(path: Path) -> None:
    """Three samples (one path beyond ASCII), a failure, a prompt set: everything that the format has."""
    numbers = {name: list(range(3)) for name, column in SAMPLE_COLUMNS.items() if column.dtype != "str"}
    texts = {
        name: [f"{name} {row} é" for row in range(3)] for name, one in SAMPLE_COLUMNS.items() if one.dtype == "str"
    }
    failure = {name: "a reason" if column.dtype == "str" else 2 for name, column in FAILURE_COLUMNS.items()}
    prompts = PromptScores(["a real face", "a fake face"], np.array([0, 1]), np.eye(2, 4), SIMILARITY)
    provenance = Provenance(**{name: f"some {name}" for name in Provenance.__dataclass_fields__})
    space = Space(
        provenance, {"embedding": EMBEDDING, "cls": EMBEDDING[:, :3]}, {"logit_scale": 100.0}, {"pair": prompts}
    )
    write_cache(path, pd.DataFrame({**texts, **numbers}), {"clean": space}, pd.DataFrame([failure]))


def test_version_1_stays_readable() -> None:
    cache = open_cache(KEPT / "v1.h5")
    assert verify(KEPT / "v1.h5") == []
    assert cache.samples["path"].tolist() == ["path 0 é", "path 1 é", "path 2 é"]
    assert cache.samples["frame"].tolist() == [0, 1, 2]
    assert np.array_equal(cache.array("embedding"), EMBEDDING)
    assert np.array_equal(cache.array("cls"), EMBEDDING[:, :3])
    assert np.array_equal(cache.similarity("pair"), SIMILARITY)
    assert cache.prompts().labels.tolist() == [0, 1]
    assert cache.provenance().weights == "some weights"
    assert cache.failures.to_dict("records")[0]["frames"] == 2


def test_this_version_is_kept(tmp_path: Path) -> None:
    """What is written today has the layout of the file that is kept: a change of it needs a new version."""
    build(tmp_path / "now.h5")
    now, kept = open_cache(tmp_path / "now.h5"), open_cache(KEPT / f"v{FORMAT_VERSION}.h5")
    assert now.table_hash == kept.table_hash
    pd.testing.assert_frame_equal(now.samples, kept.samples)
    assert now.arrays() == kept.arrays()
    assert now.provenance() == kept.provenance()


def test_the_document_names_every_column() -> None:
    document = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    names = [*SAMPLE_COLUMNS, *FAILURE_COLUMNS, *Provenance.__dataclass_fields__]
    assert [name for name in names if f"`{name}`" not in document] == []
    assert re.search(rf"format version {FORMAT_VERSION}\b", document)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
