"""Embedded batches -> rows of the cache: gathered until a part is full, then sealed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from cache.ledger import Ledger
from cache.parts import Part, write_part
from cache.schema import FAILURE_COLUMNS, SAMPLE_COLUMNS, PromptScores, Provenance, Space
from extract.prepare import Failure, FrameInfo, Preprocessing
from extract.prompts import PromptSet, similarities

PLANNED = (
    "dataset", "compression", "manipulation", "scene", "identities", "group", "split", "label", "path",
)  # fmt: skip
MEASURED = ("file_hash", "pixel_hash", "width", "height", "byte_size", "format", "quantization")


class Encoder(Protocol):
    """What an extraction needs of a model: `extract.encoder.Encoder`, or anything like it."""

    model_name: str
    architecture: str
    weights: str
    precision: str
    software: str
    preprocessing: Preprocessing
    tokens: tuple[str, ...]
    n_parameters: int
    logit_scale: float
    logit_bias: float | None

    def embed_images(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """uint8 (B, h, w, 3) -> float32 arrays (B, ...), ``embedding`` among them."""

    def embed_prompts(self, prompts: PromptSet) -> np.ndarray:
        """Unit text embeddings, float32 (P, D)."""


class Collected:
    """Rows that are embedded but not yet sealed, of one unbroken range of slots; and the parts ``sealed`` so far."""

    def __init__(
        self,
        ledger: Ledger,
        encoder: Encoder,
        prompts: Sequence[PromptSet],
        provenance: Provenance,
        rows: int,
    ) -> None:
        self._inputs = ledger.inputs.to_dict("records")
        self._input_of_slot = ledger.input_of_slot()
        self._root = ledger.settings["root"]
        self._texts = {one.name: (one, encoder.embed_prompts(one)) for one in prompts}
        self._scalars = {"logit_scale": encoder.logit_scale, "encoder_parameters": float(encoder.n_parameters)}
        if encoder.logit_bias is not None:
            self._scalars["logit_bias"] = encoder.logit_bias
        self._provenance = provenance
        self._rows = rows
        self.sealed: list[Part] = []
        self._clear()

    def _clear(self) -> None:
        self._start = self._stop = -1
        self._samples: list[dict[str, Any]] = []
        self._failures: dict[tuple[int, str, str], int] = {}
        self._arrays: dict[str, list[np.ndarray]] = {}

    def goes_on_at(self, start: int) -> bool:
        """Whether a batch from slot ``start`` on may join: it follows without a gap, and the part is not full."""
        return self._start < 0 or (start == self._stop and self._stop - self._start < self._rows)

    def add(
        self,
        start: int,
        stop: int,
        frames: Sequence[FrameInfo | Failure | None],
        arrays: dict[str, np.ndarray],
    ) -> None:
        """Take the results of the slots ``start`` to ``stop``; rows behind them are padding."""
        self._start = start if self._start < 0 else self._start
        self._stop = stop
        with np.errstate(over="ignore"):  # beyond float16's range becomes infinite, and so a failure
            halves = {name: array.astype(np.float16) for name, array in arrays.items()}
        finite = np.all([np.isfinite(array).reshape(len(array), -1).all(axis=1) for array in halves.values()], axis=0)
        good = []
        for position, slot in enumerate(range(start, stop)):
            frame = frames[position]
            if isinstance(frame, FrameInfo) and not finite[position]:
                frame = Failure("embed", "the embedding is not finite")
            if isinstance(frame, FrameInfo):
                self._samples.append(self._sample(slot, frame))
                good.append(position)
            elif isinstance(frame, Failure):
                key = (int(self._input_of_slot[slot]), frame.stage, frame.reason)
                self._failures[key] = self._failures.get(key, 0) + 1
        for name, array in halves.items():
            self._arrays.setdefault(name, []).append(array[good])
        for name, (_, texts) in self._texts.items():
            scores = similarities(arrays["embedding"][good], texts)  # from the unrounded vectors
            self._arrays.setdefault(f"similarity {name}", []).append(scores)

    def seal(self, folder: Path) -> None:
        """Write the rows gathered so far as a part, and begin anew."""
        if self._start < 0:
            return
        joined = {name: np.concatenate(blocks) for name, blocks in self._arrays.items()}
        prompts = {
            name: PromptScores(list(one.texts), one.labels, texts, joined.pop(f"similarity {name}"))
            for name, (one, texts) in self._texts.items()
        }
        space = Space(self._provenance, joined, self._scalars, prompts)
        samples = pd.DataFrame(self._samples, columns=list(SAMPLE_COLUMNS))
        spaces = {self._provenance.view: space}
        self.sealed.append(write_part(folder, self._start, self._stop, samples, spaces, self._failure_table()))
        self._clear()

    def _sample(self, slot: int, frame: FrameInfo) -> dict[str, Any]:
        planned = self._inputs[self._input_of_slot[slot]]
        video_id = "/".join(planned[name] for name in ("dataset", "compression", "manipulation", "video"))
        measured = {name: getattr(frame, name) for name in MEASURED}
        known = {name: planned[name] for name in PLANNED}
        sample_id = f"{video_id}/{frame.index}"
        return {
            **known,
            **measured,
            "sample_id": sample_id,
            "video_id": video_id,
            "frame": frame.index,
            "root": self._root,
        }

    def _failure_table(self) -> pd.DataFrame:
        rows = [
            {
                "path": self._inputs[one]["path"],
                "root": self._root,
                "stage": stage,
                "reason": reason,
                "manipulation": self._inputs[one]["manipulation"],
                "frames": count,
            }
            for (one, stage, reason), count in self._failures.items()
        ]
        return pd.DataFrame(rows, columns=list(FAILURE_COLUMNS))
