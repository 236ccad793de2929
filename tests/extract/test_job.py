"""An extraction as a user names it, with a small real CLIP: views, thumbnails, shards, and what is read again."""

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cache.errors import InputError
from cache.info import info, lines
from cache.merge import merge
from cache.reader import Cache, open_cache
from cache.verify import verify
from extract.encoder import Encoder, load_encoder
from extract.job import extract_folder, list_folder
from extract.prompts import load_prompt_sets
from extract.rescore import score_prompts


@pytest.fixture(scope="module")
def make(tiny_clip: Path) -> Callable[..., Cache]:
    """Extract a folder in batches of 4, in this process."""

    def run(data: Path, out: Path, **options: Any) -> Cache:
        settings = {"model": str(tiny_clip), "batch_size": 4, "part_rows": 8, "workers": 0, "device": "cpu"}
        extract_folder(data, out, **{**settings, **options})
        assert verify(out) == []
        return open_cache(out)

    return run


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of two classes, 4 videos with 5 frames each, and a video of 9 frames; two pictures are damaged."""
    root = tmp_path_factory.mktemp("data") / "set"
    rng = np.random.default_rng(0)
    for video in ("real/000", "real/001", "FaceSwap/000_001", "FaceSwap/002_003"):
        (root / video).mkdir(parents=True)
        for frame in range(5):
            coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8))
            coarse.resize((80, 60)).save(root / video / f"{frame}.jpg")
    (root / "FaceSwap/000_001/2.jpg").write_bytes(b"")
    (root / "real/001/4.jpg").write_text("no picture")
    return root


def assert_same(one: Cache, other: Cache) -> None:
    assert one.table_hash == other.table_hash
    assert one.spaces == other.spaces
    for space in one.spaces:
        assert one.provenance(space) == other.provenance(space)
        for name in one.arrays(space):
            assert one.array(name, space=space).tobytes() == other.array(name, space=space).tobytes()
        assert one.similarity(space=space).tobytes() == other.similarity(space=space).tobytes()
    assert (one.thumbnails is None) == (other.thumbnails is None)
    if one.thumbnails is not None and other.thumbnails is not None:
        assert list(one.thumbnails) == list(other.thumbnails)


def test_views_are_spaces_of_the_same_samples(make: Callable[..., Cache], data: Path, tmp_path: Path) -> None:
    plain = make(data, tmp_path / "plain.h5")
    cache = make(data, tmp_path / "views.h5", views="clean,jpeg-10,flip", thumbnails=32)
    assert set(cache.spaces) == {"clean", "jpeg-10", "flip"} and len(cache) == 18
    assert {name: cache.provenance(name).view for name in cache.spaces} == {name: name for name in cache.spaces}
    clean, jpeg, flip = (cache.array("embedding", space=name) for name in ("clean", "jpeg-10", "flip"))
    assert clean.tobytes() == plain.array("embedding").tobytes(), "further views change nothing"
    assert not np.array_equal(clean, jpeg) and not np.array_equal(clean, flip)
    small = Image.open(io.BytesIO(cache.thumbnail(0)))
    assert (small.format, small.size) == ("JPEG", (32, 24))
    with pytest.raises(InputError, match="views is 'clean' now"):
        make(data, tmp_path / "views.h5", thumbnails=32)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_shards_merge_into_the_file_of_one_go(
    make: Callable[..., Cache], data: Path, tmp_path: Path, count: int
) -> None:
    whole = make(data, tmp_path / "whole.h5", views="clean,flip", thumbnails=32)
    shards = [tmp_path / f"{number}.h5" for number in range(1, count + 1)]
    for number, path in enumerate(shards, 1):
        make(data, path, views="clean,flip", thumbnails=32, shard=f"{number}/{count}")
    merge(shards[::-1], tmp_path / "merged.h5")
    merged = open_cache(tmp_path / "merged.h5")
    assert_same(merged, whole)
    assert merged.fingerprint == whole.fingerprint, "to the last byte"


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "a/b", "1/9"])
def test_a_shard_that_cannot_be(make: Callable[..., Cache], data: Path, tmp_path: Path, shard: str) -> None:
    with pytest.raises(InputError, match=r"--shard is i/n|9 shards for a plan of 5 batches"):
        make(data, tmp_path / "x.h5", shard=shard)


def test_shards_need_a_batch_size(make: Callable[..., Cache], data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--shard needs --batch-size"):
        make(data, tmp_path / "x.h5", shard="1/2", batch_size=None)


class TestReadAgain:
    """What failed, came or changed since a cache was finished is read, and the rest taken over."""

    @pytest.fixture
    def mended(self, data: Path, tmp_path: Path) -> Path:
        """The folder under the same name with one damaged picture repaired."""
        root = tmp_path / "again" / "set"
        shutil.copytree(data, root)
        shutil.copy(data / "real/000/0.jpg", root / "FaceSwap/000_001/2.jpg")
        return root

    @pytest.fixture
    def old(self, make: Callable[..., Cache], data: Path, mended: Path, tmp_path: Path) -> Path:
        """A cache that was made while the picture was damaged."""
        good = (mended / "FaceSwap/000_001/2.jpg").read_bytes()
        (mended / "FaceSwap/000_001/2.jpg").write_bytes(b"")
        make(mended, tmp_path / "old.h5")
        (mended / "FaceSwap/000_001/2.jpg").write_bytes(good)
        return tmp_path / "old.h5"

    def test_what_failed(self, make: Callable[..., Cache], mended: Path, old: Path, tmp_path: Path) -> None:
        before = old.read_bytes()
        notes: list[str] = []
        again = make(mended, tmp_path / "new.h5", retry_failed=old, say=notes.append)
        assert_same(again, make(mended, tmp_path / "fresh.h5"))
        assert len(again) == 19 and again.failures["path"].tolist() == ["real/001/4.jpg"]
        assert old.read_bytes() == before

    def test_only_batches_with_failures_are_embedded(
        self, make: Callable[..., Cache], mended: Path, old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batches = []
        original = Encoder.embed_images
        monkeypatch.setattr(
            Encoder, "embed_images", lambda self, pixels: batches.append(len(pixels)) or original(self, pixels)
        )
        make(mended, tmp_path / "new.h5", retry_failed=old)
        assert batches == [4, 4], "of five batches those of the two damaged pictures"

    def test_what_came_and_what_changed(
        self, make: Callable[..., Cache], mended: Path, old: Path, tmp_path: Path
    ) -> None:
        (mended / "real/007").mkdir()
        shutil.copy(mended / "real/000/1.jpg", mended / "real/007/0.jpg")
        shutil.copy(mended / "real/000/1.jpg", mended / "FaceSwap/002_003/4.jpg")
        again = make(mended, tmp_path / "new.h5", retry_failed=old)
        fresh = make(mended, tmp_path / "fresh.h5")
        assert again.table_hash == fresh.table_hash
        assert np.allclose(again.array("embedding"), fresh.array("embedding"), atol=1e-3)

    def test_what_was_written_to_at_the_same_size(
        self, make: Callable[..., Cache], mended: Path, old: Path, tmp_path: Path
    ) -> None:
        path = mended / "real/000/0.jpg"
        content = bytearray(path.read_bytes())
        content[-10] ^= 1  # the size stays
        path.write_bytes(content)
        os.utime(path, (old.stat().st_mtime + 10,) * 2)
        again = make(mended, tmp_path / "new.h5", retry_failed=old)
        assert again.table_hash == make(mended, tmp_path / "fresh.h5").table_hash

    def test_what_was_named_otherwise(self, make: Callable[..., Cache], tmp_path: Path, data: Path) -> None:
        root = tmp_path / "table"
        shutil.copytree(data, root)
        lines = [f"{path.relative_to(root)},1,{{}},{path.parent.name}" for path in sorted(root.rglob("FaceSwap/*/*"))]
        for name, out, options in (
            ("FaceSwap", "old.h5", {}),
            ("Deepfakes", "new.h5", {"retry_failed": tmp_path / "old.h5"}),
            ("Deepfakes", "fresh.h5", {}),
        ):
            text = "\n".join(["path,label,manipulation,video", *(line.format(name) for line in lines)])
            (root / "metadata.csv").write_text(text)
            make(root, tmp_path / out, layout="manifest", **options)
        new, fresh = open_cache(tmp_path / "new.h5"), open_cache(tmp_path / "fresh.h5")
        assert new.samples["sample_id"].str.contains("/Deepfakes/").all()
        assert_same(new, fresh)

    def test_a_cache_with_more_in_it_is_refused_before_any_work(
        self, make: Callable[..., Cache], mended: Path, old: Path, tmp_path: Path, tiny_clip: Path
    ) -> None:
        (tmp_path / "mine.toml").write_text('real = ["a face"]\nfake = ["a mask"]\n')
        encoder = load_encoder(str(tiny_clip), device="cpu")
        score_prompts(old, tmp_path / "prompts.h5", load_prompt_sets([str(tmp_path / "mine.toml")]), encoder)
        merge([old, tmp_path / "prompts.h5"], tmp_path / "both.h5")
        with pytest.raises(InputError, match="holds other spaces or prompts"):
            make(mended, tmp_path / "new.h5", retry_failed=tmp_path / "both.h5")
        assert not (tmp_path / "new.h5.work").exists()

    def test_refusals(self, make: Callable[..., Cache], mended: Path, old: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is finished and never changes: name another --out"):
            make(mended, old, retry_failed=old)
        with pytest.raises(InputError, match="made with other settings: crop is 'given' now"):
            make(mended, tmp_path / "new.h5", retry_failed=old, crop="given")
        with pytest.raises(InputError, match="cannot read"):
            make(mended, tmp_path / "new.h5", retry_failed=tmp_path / "none.h5")


def test_memory_for_two_frames_at_a_time_is_recorded(
    make: Callable[..., Cache], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Encoder.embed_images

    def small(self: Encoder, pixels: np.ndarray) -> dict[str, np.ndarray]:
        if len(pixels) > 2:
            raise MemoryError("too many")
        return original(self, pixels)

    whole = make(data, tmp_path / "whole.h5")
    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "embed_images", small)
        halved = make(data, tmp_path / "halved.h5")
        shards = [tmp_path / "1.h5", tmp_path / "2.h5"]
        for number, path in enumerate(shards, 1):
            make(data, path, shard=f"{number}/2")
    merge(shards, tmp_path / "merged.h5")
    again = make(data, tmp_path / "again.h5", retry_failed=tmp_path / "halved.h5")
    assert [cache.rows_at_once for cache in (whole, halved, open_cache(tmp_path / "merged.h5"), again)] == [0, 2, 2, 2]
    assert "2 frames at a time" in "\n".join(lines(info(halved)))
    assert halved.table_hash == whole.table_hash
    np.testing.assert_allclose(halved.array("embedding"), whole.array("embedding"), atol=1e-2)


def test_listing_counts_and_estimates_without_writing(tiny_clip: Path, data: Path, tmp_path: Path) -> None:
    (plan, counts, expected), nothing = (
        list_folder(data, model=str(tiny_clip), batch_size=4, workers=0, device="cpu"),
        list_folder(data)[2],
    )
    assert nothing is None and plan.layout == "folders"
    assert counts[["manipulation", "videos", "frames", "groups"]].to_dict("records") == [
        {"manipulation": "FaceSwap", "videos": 2, "frames": 10, "groups": 2},
        {"manipulation": "real", "videos": 2, "frames": 10, "groups": 1},
    ]
    assert expected is not None and expected.timed == 16 and expected.unreadable == 0.1
    assert expected.seconds == pytest.approx(20 / expected.rate)
    assert list(tmp_path.iterdir()) == []


def test_the_estimated_size_is_about_right(
    make: Callable[..., Cache], data: Path, tmp_path: Path, tiny_clip: Path
) -> None:
    root = tmp_path / "set"
    for number in range(200):
        (root / f"real/{number:03d}").mkdir(parents=True)
        for frame in range(5):
            shutil.copy(data / "real/000/0.jpg", root / f"real/{number:03d}/{frame}.jpg")
    cache = make(root, tmp_path / "x.h5", thumbnails=32, batch_size=32, part_rows=8000)
    expected = list_folder(root, model=str(tiny_clip), thumbnails=32, workers=0, device="cpu")[2]
    assert expected is not None and 0.8 < expected.size / cache.path.stat().st_size < 1.25


class TestFaces:
    def test_options_that_do_not_go_together(self, make: Callable[..., Cache], data: Path, tmp_path: Path) -> None:
        refusals: dict[str, dict[str, Any]] = {
            "unknown crop 'tight'; known: face, given, none": {"crop": "tight"},
            "unknown --no-face 'drop'; known: fail, full, skip": {"crop": "face", "no_face": "drop"},
            "--face-model and --no-face belong to --crop face": {"no_face": "full"},
            "'background' is what a face crop leaves away: add --crop face": {"views": "clean,background"},
            "'background' needs a face of every frame": {"crop": "face", "no_face": "full", "views": "background"},
            "cannot read the face model": {"crop": "face", "face_model": tmp_path / "none.onnx"},
        }
        for message, options in refusals.items():
            with pytest.raises(InputError, match=message):
                make(data, tmp_path / "x.h5", **options)
        with pytest.raises(InputError, match="--face-model and --no-face belong to --crop face"):
            list_folder(data, face_model=tmp_path / "none.onnx")
        assert list(tmp_path.iterdir()) == []

    def test_faces_of_real_videos(
        self, make: Callable[..., Cache], real_data: Path, tmp_path: Path, tiny_clip: Path
    ) -> None:
        model = real_data / "weights" / "face_detection_yunet.onnx"
        options: dict[str, Any] = {"crop": "face", "face_model": model, "frames": 1}
        cache = make(real_data / "ffpp_videos", tmp_path / "x.h5", views="clean,background", workers=2, **options)
        assert len(cache) == 6 and not len(cache.failures) and (cache.array("face/count") == 1).all()
        assert (cache.array("face/score") > 0.9).all()
        assert "YuNet sha256 25a606a1" in cache.provenance().crop
        assert not np.array_equal(cache.array("embedding", space="clean"), cache.array("embedding", space="background"))
        whole = make(real_data / "ffpp_videos", tmp_path / "y.h5", frames=1)
        assert not np.array_equal(cache.array("embedding"), whole.array("embedding"))
        again = extract_folder(
            real_data / "ffpp_videos",
            tmp_path / "x.h5",
            model=str(tiny_clip),
            views="clean,background",
            device="cpu",
            batch_size=4,
            **options,
        )
        assert again.complete_before
        assert again.notes[-1].startswith("frames with a face: Deepfakes 100.0 % of 1,")
        expected = list_folder(real_data / "ffpp_videos", model=str(tiny_clip), workers=0, device="cpu", **options)[2]
        assert expected is not None and expected.unreadable == 0
