"""Weights of a head after each epoch, as files that any library reads."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from classify.heads.epochs import Arrays


def write_checkpoints(folder: Path, kept: Iterable[tuple[int, Arrays]]) -> None:
    """Write ``epoch_001.safetensors`` ... into a folder, which is made where there is something to write.

    Parameters
    ----------
    folder : Path
    kept : iterable of (int, dict of ndarray)
        Number and weights of each epoch.
    """
    from safetensors.numpy import save

    for epoch, weights in kept:
        folder.mkdir(exist_ok=True)
        arrays = {name: np.ascontiguousarray(array) for name, array in weights.items()}
        # written here: by safetensors' own save_file only the owner could read it
        (folder / f"epoch_{epoch:03d}.safetensors").write_bytes(save(arrays))
