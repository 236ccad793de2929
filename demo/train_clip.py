"""Train the demo's small CLIP on captioned faces of other people: `python -m demo.train_clip --out DIR`."""

import argparse
import json
import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import open_clip
import torch
from open_clip.loss import ClipLoss
from PIL import Image as Pil
from safetensors.torch import save_file

from demo.captions import caption, facts, write_vocabulary
from demo.faces import film
from demo.identity import sample_identity
from demo.photo import QUALITIES, jpeg
from demo.scene import sample_scene
from demo.skin import paint_head

TRAINING_STREAM = 2  # the demo's own people come from stream 1: never the same
PEOPLE, SHOTS, VARIANTS = 1000, 6, 4
STEPS, WARM_UP, RATE = 600, 50, 1.2e-3
BATCH = (24, 2, 4)  # people x shots x qualities of each: quality is what tells the hardest negatives apart
SIZE = 112
MODEL: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": SIZE, "layers": [1, 1, 2, 1], "width": 20, "head_width": 32},
    "text_cfg": {"context_length": 48, "width": 96, "heads": 4, "layers": 2},
}
PREPROCESS: dict[str, Any] = {
    "mean": [0.5, 0.45, 0.4],
    "std": [0.27, 0.27, 0.27],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


def photograph(person_index: int) -> tuple[npt.NDArray[np.uint8], list[tuple[str, list[str]]]]:
    """All pictures of one person, (SHOTS * VARIANTS, SIZE, SIZE, 3), with quality and facts of each."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng([TRAINING_STREAM, person_index])
    person = sample_identity(rng)
    head = paint_head(person)
    pictures, told = [], []
    for _ in range(SHOTS):
        # A clean camera: the caption's quality is what the picture has.
        scene = replace(sample_scene(rng), blur=float(rng.uniform(0.25, 0.5)), noise=0.004)
        shot = film(head, scene, int(rng.integers(500)))
        clean = shot.crop(shot.image)
        for quality in rng.choice(list(QUALITIES), VARIANTS, replace=False):
            picture = jpeg(QUALITIES[quality](clean, rng), scene.quality)
            pictures.append(np.asarray(Pil.fromarray(picture).resize((SIZE, SIZE), Pil.Resampling.BICUBIC)))
            told.append((str(quality), facts(person, scene, shot.pose)))
    return np.stack(pictures), told


def draw_batch(rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Indices of the pictures of one batch."""
    people, shots, variants = BATCH
    chosen = rng.choice(PEOPLE, people, replace=False)
    picked = np.stack([rng.choice(SHOTS, shots, replace=False) for _ in chosen])
    first = (chosen[:, None] * SHOTS + picked) * VARIANTS
    return (first[..., None] + np.arange(variants)).ravel()


def learning_rate(step: int, steps: int) -> float:
    """Warm-up, then a cosine to zero."""
    return RATE * min((step + 1) / WARM_UP, 0.5 * (1 + math.cos(math.pi * step / steps)))


def normalise(pictures: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Pictures (N, H, W, 3) -> what the image tower takes (N, 3, H, W)."""
    mean, std = (torch.tensor(PREPROCESS[key])[:, None, None] for key in ("mean", "std"))
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - mean) / std


def build(folder: Path) -> tuple[torch.nn.Module, open_clip.SimpleTokenizer]:
    """Write vocabulary and configuration into the folder; an untrained model and its tokenizer."""
    size = write_vocabulary(folder / "vocab.txt.gz")
    text = {**MODEL["text_cfg"], "vocab_size": size, "tokenizer_kwargs": {"bpe_path": "vocab.txt.gz"}}
    config = {"model_cfg": {**MODEL, "text_cfg": text}, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
    model = open_clip.create_model(f"local-dir:{folder.resolve()}", load_weights=False)
    return model, open_clip.SimpleTokenizer(str(folder / "vocab.txt.gz"), context_length=48)


def half_precision(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights as float16; counters stay whole numbers."""
    return {name: (value.half() if value.is_floating_point() else value).contiguous() for name, value in state.items()}


def train(folder: Path, steps: int, workers: int) -> None:
    """Photograph, train, and write the model into the folder.

    Parameters
    ----------
    folder : Path
        Gets ``open_clip_config.json``, ``open_clip_model.safetensors`` (float16) and ``vocab.txt.gz``.
    steps : int
        Optimiser steps.
    workers : int
        Processes that render; the pictures do not depend on it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(2)  # sums depend on how they are shared out
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        taken = list(pool.map(photograph, range(PEOPLE), chunksize=8))
    pictures = np.concatenate([images for images, _ in taken])
    told = [entry for _, entries in taken for entry in entries]
    model, tokenizer = build(folder)
    model = model.to(memory_format=torch.channels_last)
    plain = [p for name, p in model.named_parameters() if p.ndim < 2 or "embedding" in name]
    decayed = [p for name, p in model.named_parameters() if not (p.ndim < 2 or "embedding" in name)]
    groups = [{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": 0.1}]
    optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98))
    logit_scale = model.get_parameter("logit_scale")
    loss_of, rng = ClipLoss(), np.random.default_rng([TRAINING_STREAM, PEOPLE])
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps)
        batch = draw_batch(rng)
        texts = tokenizer([caption(quality, phrases, rng) for quality, phrases in (told[int(i)] for i in batch)])
        image, text, scale = model(normalise(pictures[batch]), texts)[:3]
        loss = loss_of(image, text, scale)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            logit_scale.clamp_(0, math.log(100))
        if step % 25 == 0 or step == steps - 1:
            print(f"step {step:4d}  loss {loss.item():.3f}", flush=True)
    save_file(half_precision(model.state_dict()), folder / "open_clip_model.safetensors")


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder that gets the model")
    parser.add_argument("--steps", type=int, default=STEPS, help="optimiser steps (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes that render (default %(default)s)")
    arguments = parser.parse_args()
    train(arguments.out, arguments.steps, arguments.workers)


if __name__ == "__main__":
    main()
