"""Hundreds of bad, odd and rare files: the right pixels, or a line in the failures; no crash, no hang."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cache.errors import NothingReadableError
from cache.reader import Cache, open_cache
from cache.verify import verify
from extract.frames import packet_timeline
from extract.images import Unreadable, hash_pixels, read_image
from extract.layouts import LAYOUTS
from extract.layouts.base import file_path
from extract.layouts.files import valid_text
from extract.video import Sampling, count_slots, decoder_version, read_slots
from tests.extract.media import Case, corruptions, encoded, photo
from tests.extract.tiny import run_tiny

ROOT = Path(__file__).parents[2]
EXTRACT = """
import sys
from pathlib import Path
from tests.extract.tiny import run_tiny
run_tiny(Path(sys.argv[1]), Path(sys.argv[2]), batch_size=32, part_rows=512)
"""
LIMIT = 120  # seconds: far more than it takes, far less than for ever


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return corruptions(tmp_path_factory.mktemp("media") / "data", np.random.default_rng(0))


@pytest.fixture(scope="module")
def root(cases: list[Case]) -> Path:
    return next(parent for parent in cases[0].path.parents if parent.name == "data")


@pytest.fixture(scope="module")
def cache(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """All of it extracted, by another process: a crash or a hang of a decoder is seen."""
    out = tmp_path_factory.mktemp("out") / "media.h5"
    command = [sys.executable, "-W", "error", "-c", EXTRACT, str(root), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no warning, no decoder that talks past the progress display
    assert verify(out) == []
    return open_cache(out)


def by_file(table: pd.DataFrame, root: Path) -> dict[Path, pd.DataFrame]:
    return {file_path(root, path): rows for path, rows in table.groupby("path")}


def test_every_file_is_accounted_for(cases: list[Case], root: Path, cache: Cache) -> None:
    assert len(cases) > 500
    samples, failures = by_file(cache.samples, root), by_file(cache.failures, root)
    skipped = Counter(path for path, _ in LAYOUTS["folders"](root, None).skipped)
    assert skipped == Counter(
        valid_text(str(case.path.relative_to(root))) for case in cases if case.expected == "skipped"
    )
    for case in cases:
        if case.expected == "skipped":
            continue
        outcome = {"ok": case.path in samples, "failure": case.path in failures}
        assert any(outcome.values()), case.path
        if case.expected != "either":
            assert [key for key, value in outcome.items() if value] == [case.expected], case.path
    assert {case.path for case in cases} >= samples.keys() | failures.keys()


def test_readable_ones_have_the_right_pixels(cases: list[Case], root: Path, cache: Cache) -> None:
    samples = by_file(cache.samples, root)
    for case in cases:
        if case.expected == "ok":
            rows = samples[case.path].sort_values("frame")
            assert len(rows) == case.frames, case.path
            assert case.pixels is not None
            assert rows["pixel_hash"].iloc[0] == hash_pixels(case.pixels), case.path
            assert (rows["height"].iloc[0], rows["width"].iloc[0]) == case.pixels.shape[:2], case.path


def test_failures_have_a_stage_and_a_sentence(cache: Cache) -> None:
    assert len(cache.failures) > 200
    assert set(cache.failures["stage"]) == {"open", "decode"}
    for reason in cache.failures["reason"].unique():
        assert len(reason) > 10 and "\n" not in reason
        assert not any(word in reason for word in ("Error", "Traceback", "NoneType")), reason


def test_a_batch_of_nothing_but_bad_files(tmp_path: Path) -> None:
    good = encoded(photo(np.random.default_rng(0)), "PNG")
    for number in range(14):  # in batches of four: the second and the third are wholly bad
        folder = tmp_path / "data" / "real" / f"{number:03d}"
        folder.mkdir(parents=True)
        (folder / "0.png").write_bytes(good if number in (0, 13) else good[:60])
    summary = run_tiny(tmp_path / "data", tmp_path / "out.h5")
    assert (summary.samples, len(summary.failures)) == (2, 12)
    cache = open_cache(tmp_path / "out.h5")
    assert cache.samples["path"].tolist() == ["real/000/0.png", "real/013/0.png"]
    assert np.array_equal(*cache.array("embedding"))  # bad neighbours change no bit of a good one


def test_nothing_readable_is_said(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / "data" / "real" / str(number)).mkdir(parents=True)
        (tmp_path / "data" / "real" / str(number) / "0.jpg").write_bytes(b"")
    with pytest.raises(NothingReadableError):
        run_tiny(tmp_path / "data", tmp_path / "out.h5")
    assert not (tmp_path / "out.h5").exists()


def test_pictures_with_lossy_alpha_and_turned_avif_are_near(tmp_path: Path) -> None:
    stored = photo(np.random.default_rng(0))
    exif = Image.Exif()
    exif[0x0112] = 6
    stored.save(tmp_path / "a.avif", exif=exif, quality=95)
    pixels = read_image(tmp_path / "a.avif").pixels.astype(int)
    upright = np.asarray(stored.transpose(Image.Transpose.ROTATE_270)).astype(int)
    assert pixels.shape == upright.shape
    assert np.abs(pixels - upright).mean() < 6


def test_the_disk_failing_under_a_video_is_no_crash(
    make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video("a.mkv", frames=200, size=(256, 128))
    packet_timeline(path)

    class Failing:
        """A file that can be read at its start only."""

        def __init__(self, raw: object) -> None:
            self.place = 0

        def read(self, size: int) -> bytes:
            if self.place > 40_000:
                raise OSError(5, "Input/output error")
            content = path.read_bytes()[self.place : self.place + size]
            self.place += len(content)
            return content

        def __enter__(self) -> "Failing":
            return self

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr("extract.frames._File", Failing)
    with pytest.raises(Unreadable, match="Input/output error"):
        count_slots(path, Sampling())


def test_frames_larger_than_a_picture_may_be_are_refused(
    make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video("a.mp4", frames=3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48)
    assert len(read_slots(path, Sampling(), range(3))) == 3
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48 - 1)
    with pytest.raises(Unreadable, match="larger than 3071 pixels: 64 x 48"):
        read_slots(path, Sampling(), range(3))


def test_the_decoders_are_named() -> None:
    assert all(name in decoder_version() for name in ("simplejpeg", "Pillow", av.__version__))
