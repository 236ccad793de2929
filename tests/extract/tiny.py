"""An extraction without torch, for tests that stop it: run as a script it extracts, slowly enough to be killed.

python tests/extract/tiny.py DATA OUT [SECONDS_PER_BATCH [WORKERS [FRAMES]]]
"""

import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from extract.layouts import LAYOUTS
from extract.plan import plan_inputs
from extract.prompts import PromptSet, load_prompts
from extract.run import Summary, extract
from extract.square import Preprocessing
from extract.video import Sampling


class TinyEncoder:
    """Means of a grid of pixels, projected: a stand-in with an encoder's interface."""

    model_name = "tiny"
    architecture = "means of a 4 x 4 grid"
    weights = "0"
    precision = "float32"
    software = "numpy"
    tokens = ()
    n_parameters = 0
    logit_scale = 10.0
    logit_bias = None
    lanes = 1
    preprocessing = Preprocessing(
        size=(16, 16), resize_mode="shortest", interpolation="bicubic", mean=(0, 0, 0), std=(1, 1, 1), fill_color=0
    )

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.batches = 0

    def embed_images(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        time.sleep(self.seconds)
        self.batches += 1
        grid = pixels.reshape(len(pixels), 4, 4, 4, 4, 3).mean(axis=(2, 4)).reshape(len(pixels), -1)  # (B, 48)
        return {"embedding": (grid / 255 + 0.1).astype(np.float32)}

    def fitting_batch_size(self) -> int:
        return 4

    def embed_prompts(self, prompts: PromptSet) -> np.ndarray:
        vectors = np.random.default_rng(0).normal(size=(len(prompts.texts), 48)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def run_tiny(data: Path, out: Path, encoder: TinyEncoder | None = None, **options: object) -> Summary:
    """Extract a data set of class folders with `TinyEncoder`, in batches of 4 and parts of 8."""
    sampling = Sampling(frames=options.pop("frames", None))
    inputs = plan_inputs({data: LAYOUTS["folders"](data, None).sources}, sampling, options.pop("limit", None))
    settings = {"batch_size": 4, "part_rows": 8, "workers": 0, **options}
    prompts = [load_prompts("seed_000")]
    return extract(inputs, out, encoder or TinyEncoder(), prompts, sampling, **settings)


def make_data(root: Path) -> Path:
    """Class folders of pictures and short videos, 62 slots; a picture of each class and a video are damaged."""
    from tests.extract.media import film

    rng = np.random.default_rng(0)
    for folder, videos in (("Real_youtube", ("000", "001", "002")), ("FaceSwap", ("000_001", "001_000", "002_003"))):
        for video in videos:
            (root / folder / video).mkdir(parents=True)
            for frame in range(7):
                pixels = rng.integers(0, 256, (20, 24, 3), np.uint8)
                Image.fromarray(pixels).save(root / folder / video / f"{frame:03d}.png")
        (root / folder / videos[0] / "003.png").write_bytes(b"not a picture")
    film(root / "Real_youtube" / "004.mp4", "libx264", frames=8)
    damaged = film(root / "FaceSwap" / "004_005.avi", "mjpeg", frames=12).path
    content = bytearray(damaged.read_bytes())
    frames = [place + 8 for place in range(len(content)) if content[place : place + 4] == b"00dc"]
    content[frames[4] : frames[5] - 8] = b"\xff" * (frames[5] - 8 - frames[4])
    damaged.write_bytes(content)
    return root


if __name__ == "__main__":
    data, out, seconds, workers, frames = [*sys.argv[1:], *("0", "0", "0")[len(sys.argv) - 3 :]]
    run_tiny(Path(data), Path(out), TinyEncoder(float(seconds)), workers=int(workers), frames=int(frames) or None)
