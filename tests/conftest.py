"""What several rooms' tests need: a sample table of FF++-like videos and a small cache of it."""

import contextlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

# Processes of pytest-xdist share the cores out, which is read when numpy and torch are loaded; one alone takes all.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    threads = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, threads)))

import hypothesis
import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from PIL import Image

from cache.schema import SAMPLE_COLUMNS, PromptScores, Provenance, Space
from cache.store import write_cache

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)  # a red run there must be ours
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")

ROOT = Path(__file__).parents[1]
MANIPULATIONS = ("real", "Deepfakes", "FaceSwap")


def make_samples(groups: int = 12, frames: int = 3) -> pd.DataFrame:
    """Groups of two scenes, each with a real video and one fake of each manipulation, ``frames`` frames each."""
    rows = []
    for group in range(groups):
        pair = (f"{2 * group:03d}", f"{2 * group + 1:03d}")
        for target, source in (pair, pair[::-1]):
            for manipulation in MANIPULATIONS:
                video = target if manipulation == "real" else f"{target}_{source}"
                names = (target,) if manipulation == "real" else (target, source)
                video_id = f"FF++/c23/{manipulation}/{video}"
                for frame in range(frames):
                    text = dict.fromkeys((k for k, c in SAMPLE_COLUMNS.items() if c.dtype == "str"), "")
                    number = dict.fromkeys((k for k, c in SAMPLE_COLUMNS.items() if c.dtype != "str"), 1)
                    rows.append(
                        {
                            **text,
                            **number,
                            "sample_id": f"{video_id}/{frame}",
                            "dataset": "FF++",
                            "compression": "c23",
                            "manipulation": manipulation,
                            "video_id": video_id,
                            "scene": f"FF++/{target}",
                            "identities": " ".join(f"FF++/{name}" for name in names),
                            "group": f"FF++/{pair[0]}",
                            "label": int(manipulation != "real"),
                            "frame": frame,
                            "path": f"{manipulation}/{video}/{frame:03d}.png",
                        }
                    )
    return pd.DataFrame(rows)


def make_space(samples: pd.DataFrame, dimension: int = 16, seed: int = 0) -> Space:
    """Features in which fakes of every manipulation lie a little apart from the reals, videos clustered."""
    rng = np.random.default_rng(seed)
    codes = pd.factorize(samples["video_id"])[0]
    videos = rng.normal(size=(codes.max() + 1, dimension))
    embedding = videos[codes] + 0.2 * rng.normal(size=(len(samples), dimension))
    embedding[:, 0] += 2.0 * samples["label"].to_numpy()
    texts = rng.normal(size=(2, dimension))
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    similarity = embedding @ texts.T / np.linalg.norm(embedding, axis=1, keepdims=True)
    prompts = PromptScores(["a real face", "a fake face"], np.array([0, 1], "i1"), texts, similarity)
    provenance = Provenance(**{name: f"some {name}" for name in Provenance.__dataclass_fields__})
    return Space(provenance, {"embedding": embedding.astype("f2")}, {"logit_scale": 100.0}, {"pair": prompts})


@pytest.fixture
def samples() -> pd.DataFrame:
    return make_samples()


@pytest.fixture
def space(samples: pd.DataFrame) -> Space:
    return make_space(samples)


@pytest.fixture
def cache_path(tmp_path: Path, samples: pd.DataFrame, space: Space) -> Path:
    """A small finished cache."""
    path = tmp_path / "small.h5"
    write_cache(path, samples, {"clean": space})
    return path


@pytest.fixture
def build_cache(tmp_path: Path) -> Callable[..., Path]:
    """Make a cache of any size: ``build_cache(groups=30, frames=2, dimension=8, name="x.h5")``."""

    def build(groups: int = 12, frames: int = 3, dimension: int = 16, seed: int = 0, name: str = "built.h5") -> Path:
        table = make_samples(groups, frames)
        write_cache(tmp_path / name, table, {"clean": make_space(table, dimension, seed)})
        return tmp_path / name

    return build


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real videos and crops that the environment names, where there is one."""
    folder = os.environ.get("DEEPFAKE_TEST_DATA")
    if not folder:
        pytest.skip("DEEPFAKE_TEST_DATA is unset: no real videos and crops to test with")
    return Path(folder)


def command(*words: object) -> tuple[int, str, str]:
    """Run a command line in this process: (exit code, standard output, standard error)."""
    import pipeline

    printed, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["pipeline.py", *map(str, words)])
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
            pipeline.main()
    return int(ended.value.code or 0), printed.getvalue(), errors.getvalue()


@pytest.fixture
def cli() -> Callable[..., tuple[int, str, str]]:
    """`command`."""
    return command


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is the same for all processes of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


def draw_frames(root: Path) -> None:
    rng = np.random.default_rng(0)
    for folder in ("Real_youtube", "FaceSwap", "NeuralTextures"):
        (root / folder).mkdir(parents=True)
        for scene in range(40):
            face = rng.integers(0, 256, (6, 6, 3), np.uint8)
            video = f"{scene:03d}" if folder == "Real_youtube" else f"{scene:03d}_{scene ^ 1:03d}"
            for frame in (0, 10):
                noise = rng.integers(-9, 9, face.shape) + 40 * (folder != "Real_youtube")
                picture = Image.fromarray((face + noise).clip(0, 255).astype(np.uint8)).resize((96, 96))
                picture.save(root / folder / f"{video}_{frame:03d}.png")


@pytest.fixture(scope="session")
def frames(shared: Path) -> Path:
    """Coursework folders with the video id in the file name: 40 scenes in 20 pairs, two frames each."""
    root = shared / "coursework"
    with FileLock(shared / "frames.lock"):  # whichever process comes first makes them
        if not root.exists():
            draw_frames(root)
    return root


@pytest.fixture(scope="session")
def cache_file(frames: Path, shared: Path) -> Path:
    """The cache of those folders, by the real command."""
    out = shared / "cache" / "coursework.h5"
    words = ["extract", frames, "--out", out, "--model", "demo", "--crop", "given", "--prompts", "seed_000"]
    with FileLock(shared / "cache.lock"):
        if not out.exists():
            assert command(*words)[0] == 0
    return out
