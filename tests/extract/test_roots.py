"""Roots as a user names them: what is said of them, and one cache of several, members of archives included."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cache.errors import InputError
from cache.reader import open_cache
from extract.prompts import load_prompts
from extract.roots import plan_folder
from extract.run import extract
from extract.video import Sampling
from tests.extract.test_layout_families import picture, shard
from tests.extract.tiny import TinyEncoder


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    """Reals in folders of frames, fakes in an archive, of one of which the original is absent."""
    rng = np.random.default_rng(0)
    reals = tmp_path / "reals"
    for frame in range(3):
        path = reals / "real" / "018" / f"{frame}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(path)
    fakes = {}
    for video in ("018_019", "020_021"):
        fakes |= {f"{video}_001.png": picture(50), f"{video}_001.cls": b"1"}
    shard(tmp_path / "fakes" / "s.tar", {**fakes, "018_019_002.png": b"no picture", "018_019_002.cls": b"1"})
    return [reals, tmp_path / "fakes"]


def test_one_cache_of_several_roots(roots: list[Path], tmp_path: Path) -> None:
    said: list[str] = []
    plan = plan_folder(roots, dataset="set", say=said.append)
    assert plan.layout == "folders, webdataset"
    assert f"{roots[0]}: layout folders (class folders such as real)" in said
    assert any(
        sentence.startswith("note: of 2 fake videos whose original is known, it is absent for 1") for sentence in said
    )
    out = tmp_path / "x.h5"
    options = {"batch_size": 2, "workers": 0}
    extract(plan.inputs, out, TinyEncoder(), [load_prompts("seed_000")], Sampling(), **options)
    cache = open_cache(out)
    assert cache.samples[["root", "path", "group"]].values.tolist() == [
        [str(roots[1]), "s.tar/018_019_001.png", "set/018"],
        [str(roots[1]), "s.tar/020_021_001.png", "set/020"],
        *([str(roots[0]), f"real/018/{frame}.png", "set/018"] for frame in range(3)),
    ]
    assert cache.failures[["root", "path", "stage"]].values.tolist() == [
        [str(roots[1]), "s.tar/018_019_002.png", "open"]
    ]
    again = plan_folder(roots[::-1], dataset="set")
    done = extract(again.inputs, out, TinyEncoder(), [load_prompts("seed_000")], Sampling(), **options)
    assert done.complete_before and done.notes == []
    with pytest.raises(InputError, match=r"roots is .* now and was"):
        one = plan_folder(roots[0], dataset="set")
        extract(one.inputs, out, TinyEncoder(), [load_prompts("seed_000")], Sampling(), **options)


def test_roots_that_do_not_go_together(roots: list[Path]) -> None:
    with pytest.raises(InputError, match="a root is named twice"):
        plan_folder([roots[0], roots[0]])
    with pytest.raises(InputError, match="lies in it; name each root once"):
        plan_folder([roots[0], roots[0] / "real"], layout="unlabelled")
    with pytest.raises(InputError, match="--frames and --fps exclude each other"):
        plan_folder(roots[0], frames=1, fps=1)
    with pytest.raises(InputError, match="--limit is 1 or more, not 0"):
        plan_folder(roots[0], limit=0)
