"""Which share of each manipulation's frames has a face, counted from the file alone."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cache.reader import Cache, open_cache
from cache.schema import FAILURE_COLUMNS
from cache.store import write_cache
from extract.coverage import GAP, coverage, face_notes
from tests.conftest import make_samples, make_space


def build(path: Path, missed: dict[str, int], counts: dict[int, int] | None = None, stage: str = "face") -> Cache:
    """A cache of 24 frames of each class; further ones without a face; ``counts`` of faces of some rows."""
    samples = make_samples(groups=4, frames=3)
    space = make_space(samples)
    faces = np.ones(len(samples), np.int32)
    for row, count in (counts or {}).items():
        faces[row] = count
    space.arrays["face/count"] = faces
    rows = [
        {**dict.fromkeys(FAILURE_COLUMNS, "x"), "stage": stage, "manipulation": name, "frames": number}
        for name, number in missed.items()
    ]
    write_cache(path, samples, {"clean": space}, pd.DataFrame(rows, columns=list(FAILURE_COLUMNS)))
    return open_cache(path)


def test_shares_by_hand(tmp_path: Path) -> None:
    cache = build(tmp_path / "x.h5", {"FaceSwap": 8, "Face2Face": 5})
    sizes = cache.samples["manipulation"].value_counts()
    table = coverage(cache)
    assert table.loc["FaceSwap"].tolist() == [1, sizes["FaceSwap"] + 8, sizes["FaceSwap"], table["share"]["FaceSwap"]]
    assert table["share"]["FaceSwap"] == pytest.approx(sizes["FaceSwap"] / (sizes["FaceSwap"] + 8))
    assert table.loc["Face2Face"].tolist() == [1, 5, 0, 0], "of which not one frame is stored"
    assert table.loc["real"].tolist() == [0, sizes["real"], sizes["real"], 1]


def test_a_gap_is_told_of_each_manipulation(tmp_path: Path) -> None:
    shares, *gaps = face_notes(build(tmp_path / "x.h5", {"FaceSwap": 8, "Face2Face": 5}))
    assert "Face2Face 0.0 % of 5" in shares and "real 100.0 % of" in shares
    assert [gap.split(" have a face")[0] for gap in gaps] == [
        "0.0 % of the frames of Face2Face and 100.0 % of the reals",
        f"{shares.split('FaceSwap ')[1].split(' %')[0]} % of the frames of FaceSwap and 100.0 % of the reals",
    ]


def test_frames_taken_whole_have_no_face(tmp_path: Path) -> None:
    cache = build(tmp_path / "x.h5", {}, {0: 0, 1: 0})
    name = cache.samples["manipulation"][0]
    assert coverage(cache)["faces"][name] == coverage(cache)["frames"][name] - 2


def test_no_gap_and_one_face_each_is_one_sentence(tmp_path: Path) -> None:
    assert GAP == 0.02
    assert len(face_notes(build(tmp_path / "x.h5", {}))) == 1
    assert len(face_notes(build(tmp_path / "y.h5", {"FaceSwap": 30}, stage="decode"))) == 1, "unreadable, not faceless"


def test_several_faces_are_counted(tmp_path: Path) -> None:
    cache = build(tmp_path / "x.h5", {}, {0: 2, 1: 3, 5: 2})
    videos = cache.samples["video_id"][[0, 1, 5]].nunique()
    assert face_notes(cache)[1].startswith(f"several faces in 3 of {len(cache)} frames, of {videos} videos")
