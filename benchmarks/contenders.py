"""How others do the same work: a plain DataLoader loop, and clip-retrieval; run in an interpreter of their own.

python benchmarks/contenders.py '{"who": "loop", "folder": "pictures", "model": "ViT-B-32", "checkpoint": "x.pt",
"sleep": null, "batch_size": 32, "workers": 2, "device": "cpu", "out": "out"}'

Needs torch, open_clip and, for "clip_retrieval", that; nothing of ours. Leaves `out`.json: the time before the first
image, [time, images done] after each batch, the time at the end; models are loaded before.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset


class Timed:
    """A model, or a sleep in its place, that notes when each batch was done."""

    def __init__(self, model: Any, sleep: float | None) -> None:
        self.model, self.sleep = model, sleep
        self.progress: list[tuple[float, int]] = []

    def encode_image(self, pictures: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D), or ones after a while."""
        if self.sleep is None:
            embeddings = self.model.encode_image(pictures)
        else:
            time.sleep(self.sleep)
            embeddings = torch.ones(len(pictures), 512)
        self.progress.append((time.perf_counter(), len(pictures) + (self.progress[-1][1] if self.progress else 0)))
        return embeddings

    def encode_text(self, texts: torch.Tensor) -> torch.Tensor:
        """Not asked for."""
        raise NotImplementedError


class Pictures(Dataset):
    """All files of a folder of class folders through open_clip's own preprocessing."""

    def __init__(self, folder: Path, preprocess: Callable[[Image.Image], torch.Tensor]) -> None:
        self.paths = sorted(path for path in folder.rglob("*") if path.is_file())
        self.preprocess = preprocess

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.preprocess(Image.open(self.paths[index]).convert("RGB"))


def loop(timed: Timed, preprocess: Callable[[Image.Image], torch.Tensor], task: dict[str, Any]) -> None:
    """PIL, DataLoader with two workers, float32, one array at the end: as the usual notebook has it."""
    loader = DataLoader(Pictures(Path(task["folder"]), preprocess), batch_size=task["batch_size"], num_workers=2)
    with torch.no_grad():
        blocks = [timed.encode_image(pictures.to(task["device"])).cpu().numpy() for pictures in loader]
    np.save(task["out"] + ".npy", np.concatenate(blocks))


def clip_retrieval(timed: Timed, preprocess: Callable[[Image.Image], torch.Tensor], task: dict[str, Any]) -> None:
    """Its `clip_inference`, with the batch size and the workers that we have too."""
    from clip_retrieval.clip_inference import mapper, worker
    from clip_retrieval.clip_inference.main import main as clip_inference

    mapper.load_clip = worker.load_clip = lambda **options: (timed, preprocess, None)
    clip_inference(
        task["folder"],
        task["out"],
        batch_size=task["batch_size"],
        num_prepro_workers=task["workers"],
        enable_text=False,
    )


def load(task: dict[str, Any]) -> tuple[Timed, Callable[[Image.Image], torch.Tensor]]:
    """Model and preprocessing, as open_clip gives them."""
    if task["sleep"] is not None:
        return Timed(None, task["sleep"]), open_clip.image_transform(224, is_train=False)
    model, _, preprocess = open_clip.create_model_and_transforms(task["model"], pretrained=task["checkpoint"])
    model = model.eval().to(task["device"])
    blank = preprocess(Image.new("RGB", (64, 64))).expand(task["batch_size"], -1, -1, -1).to(task["device"])
    with torch.no_grad():
        for _ in range(2):
            model.encode_image(blank)
    return Timed(model, None), preprocess


def main(task: dict[str, Any]) -> None:
    """Run one contender, write its times."""
    timed, preprocess = load(task)
    started = time.perf_counter()
    {"loop": loop, "clip_retrieval": clip_retrieval}[task["who"]](timed, preprocess, task)
    Path(task["out"] + ".json").write_text(json.dumps([started, timed.progress, time.perf_counter()]))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
