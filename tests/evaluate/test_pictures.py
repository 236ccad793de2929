"""Pictures of samples come from thumbnails or from the data set; what cannot be had is said and harms nothing."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cache.errors import InputError
from cache.reader import Cache, open_cache
from cache.store import write_cache
from evaluate.pictures import SIDE, find_cache, pictures

RED, BLUE = (200, 30, 30), (30, 30, 200)
SIZE = (400, 300)


def halves() -> Image.Image:
    """Red to the left, blue to the right."""
    image = Image.new("RGB", SIZE, RED)
    image.paste(BLUE, (SIZE[0] // 2, 0, *SIZE))
    return image


def decoded(uri: str | None) -> Image.Image:
    assert uri is not None and uri.startswith("data:image/jpeg;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def near(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    found = np.asarray(image).astype(int)[place[1], place[0]]
    return bool(np.abs(found - colour).max() < 12)


@pytest.fixture
def cache(tmp_path: Path, samples: pd.DataFrame, space: Any) -> Cache:
    """Thumbnails of the samples; the second sample has an empty one."""
    thumbnails = [b"\xff\xd8" + name.encode() for name in samples["sample_id"]]
    thumbnails[1] = b""
    write_cache(tmp_path / "small.h5", samples, {"clean": space}, thumbnails=thumbnails)
    return open_cache(tmp_path / "small.h5")


def test_thumbnails_as_they_are(cache: Cache) -> None:
    names = list(cache.samples["sample_id"][[5, 0, 1]])
    shown = pictures([*names, "elsewhere"], cache)
    for name in names[:2]:
        assert base64.b64decode(str(shown[name].uri).partition(",")[2]) == b"\xff\xd8" + name.encode()
    assert shown[names[2]] == (None, f"{cache.path} holds no JPEG of it")
    assert shown["elsewhere"] == (None, f"the sample is not in {cache.path}")


def test_a_cache_without_thumbnails_says_how_to_get_them(cache_path: Path, samples: pd.DataFrame) -> None:
    name = samples["sample_id"][0]
    why = pictures([name], open_cache(cache_path))[name].why
    assert why == f"{cache_path} holds no thumbnails: extract with --thumbnails 96, or name the data set with --root"
    assert pictures([name])[name] == (
        None,
        "no picture: extract with --thumbnails 96, or name the data set with --root",
    )


def test_of_the_data_set_by_the_path_that_the_cache_knows(tmp_path: Path, cache: Cache) -> None:
    with_file, without = cache.samples.iloc[0], cache.samples.iloc[5]
    file = tmp_path / "data" / with_file["path"]
    file.parent.mkdir(parents=True)
    halves().save(file)
    names = [with_file["sample_id"], without["sample_id"]]
    shown = pictures(names, cache, tmp_path / "data")
    image = decoded(shown[names[0]].uri)
    assert image.size == (SIDE, SIDE * 3 // 4) and image.format == "JPEG"
    assert near(image, (10, 60), RED) and near(image, (150, 60), BLUE)
    assert shown[names[1]].uri == pictures(names, cache)[names[1]].uri, "a thumbnail where the data set lacks the file"


@pytest.mark.parametrize(
    ("name", "written"),
    [("a/b.png", "a/b.png"), ("./a\\b.png", "a/b.png"), ("{root}/a/b.png", "a/b.png"), ("a/x/../b.png", "a/b.png")],
)
def test_scores_of_others_name_the_file(tmp_path: Path, name: str, written: str) -> None:
    (tmp_path / "a").mkdir()
    halves().save(tmp_path / written)
    name = name.format(root=tmp_path)
    assert decoded(pictures([name], root=tmp_path)[name].uri).width == SIDE


def test_pictures_stand_upright_and_small_ones_stay_small(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # its left side belongs at the top
    halves().save(tmp_path / "turned.jpg", exif=exif, quality=95)
    halves().resize((40, 30)).convert("P").save(tmp_path / "small.png")
    shown = pictures(["turned.jpg", "small.png"], root=tmp_path)
    image = decoded(shown["turned.jpg"].uri)
    assert image.size == (SIDE * 3 // 4, SIDE)
    assert near(image, (60, 10), RED) and near(image, (60, 150), BLUE)
    assert decoded(shown["small.png"].uri).size == (40, 30)


@pytest.mark.parametrize("name", ["../secret.png", "{outside}/secret.png", "a/../../secret.png"])
def test_nothing_outside_the_root_is_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / "root").mkdir()
    halves().save(tmp_path / "secret.png")
    name = name.format(outside=tmp_path)
    shown = pictures([name], root=tmp_path / "root")[name]
    assert shown.uri is None and "does not lie below" in str(shown.why)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\0\0\0\x18ftypmp42", "a video, whose frames are not read here"),
        (b"", "a video, whose frames are not read here"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a video, whose frames are not read here"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "damaged or too large"),
        (None, "there is no file"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, content: bytes | None, why: str) -> None:
    if content is not None:
        (tmp_path / "x.png").write_bytes(content)
    shown = pictures(["x.png"], root=tmp_path)["x.png"]
    assert shown.uri is None and why in str(shown.why)


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    halves().save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)
    assert pictures(["x.png"], root=tmp_path)["x.png"].why == f"{tmp_path / 'x.png'} is damaged or too large"


def test_a_root_that_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere is no folder: --root names the one"):
        pictures([], root=tmp_path / "nowhere")


def test_which_cache_a_run_has(tmp_path: Path, cache: Cache) -> None:
    stated = {"path": str(cache.path), "table": cache.table_hash}
    found, why = find_cache({"cache": stated})
    assert found is not None and found.path == cache.path and why == ""
    gone = {"cache": stated | {"path": str(tmp_path / "gone.h5")}}
    assert find_cache(gone)[1].startswith(f"the cache {tmp_path / 'gone.h5'} is not there: name it with --cache")
    named, _ = find_cache(gone, cache.path)
    assert named is not None and named.path == cache.path
    (tmp_path / "gone.h5").write_text("no cache")
    assert "cannot be read: name it with --cache" in find_cache(gone)[1]
    with pytest.raises(InputError, match="not a feature cache"):
        find_cache({"cache": stated}, tmp_path / "gone.h5")


def test_another_table_under_the_same_path_is_not_taken(cache: Cache) -> None:
    stated = {"path": str(cache.path), "table": "another"}
    assert find_cache({"cache": stated}) == (
        None,
        f"{cache.path} holds another sample table by now: name the run's cache with --cache, or the data with --root",
    )
    with pytest.raises(InputError, match="holds another sample table than the run was made with"):
        find_cache({"cache": stated}, cache.path)
