"""Named pictures and videos in a cache: made as the head's features were, and told where they could not be."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cache.errors import InputError
from cache.reader import open_cache
from cache.schema import Provenance
from extract.faces import FaceCrop
from extract.named import Unit
from extract.predict import embed_paths
from extract.prompts import PromptSet
from tests.extract.colour_faces import ColourFaces, frame

NOTHING = Provenance(**dict.fromkeys(Provenance.__dataclass_fields__, ""))
MADE = replace(NOTHING, model="tiny", crop="none", view="clean")
PAIR = {"name": "mine", "texts": ["a face", "a mask"], "labels": [0, 1], "fingerprint": None}


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (80, 70, 3), np.uint8)
    return save(tmp_path / "noise.png", pixels)


def embed(tiny_clip: Path, tmp_path: Path, *paths: Path, made: Provenance = MADE, **options: object) -> list[Unit]:
    told = options.pop("accept", lambda provenance: None)
    return embed_paths(paths, tmp_path / "out.h5", made, told, model=str(tiny_clip), **options)


def test_a_picture_and_a_video(tiny_clip: Path, tmp_path: Path, noise: Path, make_video: Callable[..., Path]) -> None:
    film, asked = make_video("film.mp4", frames=20), []
    units = embed(tiny_clip, tmp_path, film, noise, frames=5, accept=asked.append, tokens=["cls"], prompts=PAIR)
    cache = open_cache(tmp_path / "out.h5")
    assert [(unit.kind, unit.failed, unit.note) for unit in units] == [("video", "", ""), ("picture", "", "")]
    counts = cache.samples["video_id"].value_counts()
    assert [counts[unit.video_id] for unit in units] == [5, 1]
    assert set(cache.samples["label"]) == {-1}
    assert asked == [cache.provenance()], "what was accepted is what was made"
    assert (asked[0].crop, asked[0].view, asked[0].sampling) == ("none", "clean", "5 frames spread evenly")
    assert {"embedding", "cls"} <= set(cache.arrays()) and cache.prompt_sets() == ("mine",)
    assert (cache.prompts().texts, cache.prompts().labels.tolist()) == (["a face", "a mask"], [0, 1])


def test_the_view_of_the_head_is_made(tiny_clip: Path, tmp_path: Path, noise: Path) -> None:
    embed(tiny_clip, tmp_path, noise, made=replace(MADE, view="jpeg-10", crop="given"))
    assert open_cache(tmp_path / "out.h5").provenance().view == "jpeg-10"
    embed_paths([noise], tmp_path / "clean.h5", MADE, lambda made: None, model=str(tiny_clip))
    one, other = (open_cache(tmp_path / name).array("embedding") for name in ("out.h5", "clean.h5"))
    assert not np.allclose(one, other, atol=1e-3)


def test_what_does_not_fit_is_refused_before_any_work(tiny_clip: Path, tmp_path: Path, noise: Path) -> None:
    def refuse(made: Provenance) -> None:
        raise InputError(f"made by {made.model}")

    with pytest.raises(InputError, match="made by tiny_clip"):
        embed(tiny_clip, tmp_path, noise, accept=refuse)
    assert not (tmp_path / "out.h5").exists() and not (tmp_path / "out.h5.work").exists()


def test_what_cannot_be_read_is_told_and_not_dropped(tiny_clip: Path, tmp_path: Path, noise: Path) -> None:
    broken, notes = tmp_path / "broken.png", tmp_path / "notes.txt"
    broken.write_bytes(noise.read_bytes()[:300])
    notes.write_text("no picture")
    units = embed(tiny_clip, tmp_path, broken, noise, notes)
    assert [unit.failed for unit in units] == ["unreadable", "", "unreadable"]
    assert units[0].note and units[2].note
    assert len(open_cache(tmp_path / "out.h5")) == 1


def test_nothing_readable_at_all_is_a_mistake(tiny_clip: Path, tmp_path: Path) -> None:
    broken, notes = tmp_path / "broken.jpg", tmp_path / "notes.txt"
    broken.write_bytes(b"\xff\xd8 broken")
    notes.write_text("no picture")
    with pytest.raises(InputError, match=r"none of the 2 files named can be read: .*broken.jpg: "):
        embed(tiny_clip, tmp_path, broken, notes)
    with pytest.raises(InputError, match=r"none of the 1 files named can be read: .*notes.txt: neither"):
        embed(tiny_clip, tmp_path, notes)


@pytest.mark.parametrize("policy", ["skip", "full"])
def test_faces(tiny_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    """Pictures and frames without one are told; none of them at all is no mistake."""
    faces = FaceCrop(ColourFaces(), policy)
    asked = []

    def given(crop: str, face_model: Path | None, no_face: str, say: object) -> FaceCrop:
        asked.append((crop, no_face))
        return FaceCrop(ColourFaces(), no_face)

    monkeypatch.setattr("extract.predict.face_crop", given)
    (tmp_path / "in" / "clip").mkdir(parents=True)
    face = save(tmp_path / "face.png", frame(red=(8, 8, 20)))
    hill = save(tmp_path / "hill.png", frame())
    for number in range(4):
        pixels = frame() if number == 2 else frame(red=(8, 8, 20))
        save(tmp_path / "in" / "clip" / f"{number:03d}.png", pixels)
    units = embed(tiny_clip, tmp_path, face, hill, tmp_path / "in", made=replace(MADE, crop=faces.describe()))
    cache = open_cache(tmp_path / "out.h5")
    assert asked == [("face", policy)] and cache.provenance().crop == faces.describe()
    if policy == "skip":
        assert [unit.failed for unit in units] == ["", "no face", ""]
        assert [unit.note for unit in units] == ["", "no face found", "1 frame: no face found"]
        assert len(cache) == 4
        (alone,) = embed_paths(
            [hill], tmp_path / "none.h5", cache.provenance(), lambda made: None, model=str(tiny_clip)
        )
        assert alone.failed == "no face" and len(open_cache(tmp_path / "none.h5")) == 0
    else:
        assert len(cache) == 6 and sorted(cache.array("face/count").tolist()) == [0, 0, 1, 1, 1, 1]


def test_the_encoder_is_to_be_named(tmp_path: Path, noise: Path) -> None:
    made = replace(MADE, model="ViT-L-14, openai")
    with pytest.raises(InputError, match=r"name the encoder .*'ViT-L-14, openai'.*--model"):
        embed_paths([noise], tmp_path / "out.h5", made, lambda made: None)


def test_a_detector_is_for_heads_that_were_trained_with_one(tiny_clip: Path, tmp_path: Path, noise: Path) -> None:
    with pytest.raises(InputError, match="--face-model is for a model trained on crops that were detected"):
        embed(tiny_clip, tmp_path, noise, face_model=tmp_path / "yunet.onnx")


def test_prompts_with_templates_are_refused(tiny_clip: Path, tmp_path: Path, noise: Path) -> None:
    plain = PromptSet("mine", ("a face",), ("a mask",))
    filled = replace(plain, templates=("a photo of {}",))
    with pytest.raises(InputError, match=r"'mine' of this model have templates.*--prompts mine.toml"):
        embed(tiny_clip, tmp_path, noise, prompts={**PAIR, "fingerprint": filled.fingerprint()})
    assert not (tmp_path / "out.h5").exists()
    embed(tiny_clip, tmp_path, noise, prompts={**PAIR, "fingerprint": plain.fingerprint()})


def test_pictures_alone_are_not_sampled(
    tiny_clip: Path, tmp_path: Path, noise: Path, make_video: Callable[..., Path]
) -> None:
    made, asked = replace(MADE, sampling="16 frames spread evenly"), []
    embed(tiny_clip, tmp_path, noise, made=made, accept=asked.append)
    film = make_video("film.mp4", frames=4)
    embed_paths([film, noise], tmp_path / "two.h5", made, asked.append, model=str(tiny_clip), frames=2)
    assert [one.sampling for one in asked] == [made.sampling, "2 frames spread evenly"]


def test_no_video_was_cropped_before(
    tiny_clip: Path, tmp_path: Path, noise: Path, make_video: Callable[..., Path]
) -> None:
    """Its frames in a folder may have been."""
    film, made = make_video("film.mp4", frames=4), replace(MADE, crop="given")
    with pytest.raises(InputError, match=r"frames of a video are not.*--differ crop$"):
        embed(tiny_clip, tmp_path, noise, film, made=made, differ=["view"])
    (tmp_path / "in" / "clip").mkdir(parents=True)
    for number in range(2):
        shutil.copy(noise, tmp_path / "in" / "clip" / f"{number}.png")
    units = embed(tiny_clip, tmp_path, tmp_path / "in", made=made)
    assert [(unit.kind, unit.note) for unit in units] == [("video", "taken as it is, uncropped")]
    units = embed_paths(
        [noise, film], tmp_path / "two.h5", made, print, model=str(tiny_clip), frames=2, differ=["view", "crop"]
    )
    assert [unit.note for unit in units] == ["taken as it is, uncropped"] * 2


def test_crops_that_were_given_are_told(tiny_clip: Path, tmp_path: Path, noise: Path) -> None:
    said: list[str] = []
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    units = embed(tiny_clip, tmp_path, noise, broken, made=replace(MADE, crop="given"), say=said.append)
    assert units[0].note == "taken as it is, uncropped" and "uncropped" not in units[1].note
    assert any("cropped before" in sentence for sentence in said)
    assert open_cache(tmp_path / "out.h5").provenance().crop == "given"
