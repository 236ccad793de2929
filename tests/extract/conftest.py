"""What the tests of extraction need: a tiny CLIP in a folder, and a maker of videos whose frames tell their number."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TINY_CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    },
    "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.25]},
}


def save_clip(folder: Path, config: dict[str, Any]) -> Path:
    """A randomly initialised CLIP of this configuration, as a folder with safetensors."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    save_file(
        open_clip.create_model(f"local-dir:{folder}", load_weights=False).state_dict(),
        folder / "open_clip_model.safetensors",
    )
    return folder


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a CLIP with a vision transformer of two layers, 64 px, embedding 32."""
    return save_clip(tmp_path_factory.mktemp("models") / "tiny_clip", TINY_CONFIG)


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a tiny CLIP with other settings: ``make_clip("name", vision_cfg={...}, preprocess_cfg={...})``."""

    def make(name: str, **changes: dict[str, Any]) -> Path:
        config = json.loads(json.dumps(TINY_CONFIG))
        config["preprocess_cfg"].update(changes.pop("preprocess_cfg", {}))
        for tower, values in changes.items():
            config["model_cfg"][tower].update(values)
        return save_clip(tmp_path_factory.mktemp("models") / name, config)

    return make


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Encode a video: ``make_video("a.mp4", frames=60, codec="libx264", gop=12, rate=25)``."""
    import av

    def make(
        name: str,
        frames: int = 60,
        codec: str = "libx264",
        gop: int = 12,
        rate: int = 25,
        size: tuple[int, int] = (64, 48),
    ) -> Path:
        options = {"movflags": "faststart"} if name.endswith((".mp4", ".mov")) else {}
        rng = np.random.default_rng(0)
        with av.open(str(tmp_path / name), "w", container_options=options) as container:
            stream = container.add_stream(codec, rate=rate)
            stream.width, stream.height = size
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.gop_size = gop
            for number in range(frames):
                pixels = rng.integers(0, 40, (size[1], size[0], 3), np.uint8)
                pixels[: size[1] // 2] += np.uint8(3 * number % 200)  # brighter above: frames and sides can be told
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
            container.mux(stream.encode())
        return tmp_path / name

    return make
