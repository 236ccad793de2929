"""Features, prompts and small pictures of one cache, and of two whose rows follow one another."""

import io
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from cache.reader import open_cache
from evaluate.audit_pictures import SIDE, Pictures

Build = Callable[..., Path]


def jpeg(pixels: np.ndarray) -> bytes:
    target = io.BytesIO()
    matplotlib.image.imsave(target, pixels, format="jpeg")
    return target.getvalue()


@pytest.fixture
def two(build_cache: Build) -> Pictures:
    """A cache of 36 frames and one of 18."""
    paths = build_cache(groups=2, name="a.h5"), build_cache(groups=1, seed=1, name="b.h5")
    return Pictures(*map(open_cache, paths))


def test_rows_of_two_caches_in_the_order_asked_for(two: Pictures) -> None:
    one, other = (cache.array("embedding") for cache in two.caches)
    rows = np.array([40, 0, 35, 36, 53])
    assert np.array_equal(two.array("embedding", rows), np.stack([other[4], one[0], one[35], other[0], other[17]]))
    assert len(two.manipulations) == 54 and len(two.failures) == 0
    prompts = two.prompts()["pair"]
    assert prompts.similarity.shape == (54, 2)
    assert np.array_equal(prompts.similarity[36:], two.caches[1].similarity("pair"))


def test_one_cache_named_twice_is_one(build_cache: Build) -> None:
    cache = open_cache(build_cache(groups=1))
    pictures = Pictures(cache, cache)
    assert len(pictures.caches) == 1
    assert isinstance(pictures.prompts()["pair"].similarity, np.memmap), "of one cache nothing is copied"
    assert np.array_equal(pictures.array("embedding", np.array([3, 1])), cache.array("embedding")[[3, 1]])
    assert pictures.has("embedding") and not pictures.has("face/score") and not pictures.has("embedding", "background")


def test_pictures_from_files_or_not_at_all(build_cache: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = Pictures(open_cache(build_cache(groups=1)))
    monkeypatch.chdir(tmp_path)
    assert pictures.grey(0) is None, "the file is not there"
    pixels = np.zeros((2 * SIDE, 3 * SIDE, 3), np.uint8)
    pixels[:, : 3 * SIDE // 2] = 200
    path = tmp_path / str(pictures.caches[0].column("path")[0])
    path.parent.mkdir(parents=True)
    matplotlib.image.imsave(path, pixels)
    grey = pictures.grey(0)
    assert grey is not None and grey.shape == (SIDE, SIDE)
    assert grey[:, 0].min() > 10 * grey[:, -1].max()
    path.write_bytes(b"no picture")
    assert pictures.grey(0) is None


def test_pictures_from_thumbnails(build_cache: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = open_cache(build_cache(groups=1))
    small, large = jpeg(np.zeros((8, 8, 3), np.uint8)), jpeg(np.full((64, 48, 3), 120, np.uint8))
    monkeypatch.setattr(type(cache), "has_thumbnails", True)
    monkeypatch.setattr(cache, "thumbnail", lambda row: large if row else small)
    assert Pictures(cache).grey(0) is None
    grey = Pictures(cache).grey(1)
    assert grey is not None and np.ptp(grey) == 0 and abs(grey[0, 0] - 120) < 2
