"""Embedded batches -> rows of the cache: gathered until a part is full, then sealed by a thread of its own."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from types import TracebackType

import numpy as np
import pandas as pd

from cache.errors import InterruptedWork
from cache.ledger import Ledger
from cache.parts import Part, write_part
from cache.schema import FAILURE_COLUMNS, SAMPLE_COLUMNS, PromptScores, Provenance, Space
from extract.device import Arrays, Encoder
from extract.faces import FaceCrop
from extract.images import FrameInfo
from extract.prepare import Failure
from extract.prompts import PromptSet, similarities

PLANNED = (
    "dataset", "compression", "manipulation", "scene", "identities", "group", "split", "label", "root", "path",
)  # fmt: skip
MEASURED = ("file_hash", "pixel_hash", "width", "height", "byte_size", "format", "quantization")


@dataclass
class _Rows:
    """Results of an unbroken range of slots."""

    start: int
    stop: int
    slots: list[int] = field(default_factory=list)  # of the frames
    frames: list[FrameInfo] = field(default_factory=list)
    failures: dict[tuple[int, str, str], int] = field(default_factory=dict)  # (input, stage, reason) -> frames
    arrays: dict[tuple[str, str], list[np.ndarray]] = field(default_factory=dict)  # (view, name) -> blocks

    def append(self, other: "_Rows") -> None:
        """Take what follows without a gap."""
        self.stop = other.stop
        self.slots += other.slots
        self.frames += other.frames
        for failure, frames in other.failures.items():
            self.failures[failure] = self.failures.get(failure, 0) + frames
        for key, blocks in other.arrays.items():
            self.arrays.setdefault(key, []).extend(blocks)


class Collected(AbstractContextManager["Collected"]):
    """Rows that are embedded but not yet sealed; at the end of its context, whatever ended it, they all are.

    Attributes
    ----------
    sealed : list of Part
        The parts written so far.
    attributes : dict
        Written with every part that is sealed from now on.
    """

    def __init__(
        self,
        ledger: Ledger,
        encoder: Encoder,
        prompts: Sequence[PromptSet],
        spaces: dict[str, Provenance],
        folder: Path,
        *,
        rows: int,
        has_thumbnails: bool,
        faces: FaceCrop | None = None,
    ) -> None:
        self._inputs = ledger.inputs
        self._input_of_slot = ledger.input_of_slot()
        self._texts = {one.name: (one, encoder.embed_prompts(one)) for one in prompts}
        self._scalars = {"logit_scale": encoder.logit_scale, "encoder_parameters": float(encoder.n_parameters)}
        if encoder.logit_bias is not None:
            self._scalars["logit_bias"] = encoder.logit_bias
        self._spaces = spaces
        self._folder = folder
        self._part_rows = rows
        self._has_thumbnails = has_thumbnails
        self._faces = faces
        self._batches: list[_Rows] = []  # a batch joins whole or not at all, whatever interrupts: no slot is lost
        self._writer = ThreadPoolExecutor(1)
        self._writing: Future[Part] | None = None
        self.sealed: list[Part] = []
        self.attributes: dict[str, int] = {}

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.seal()
            self._written()
        finally:
            self._writer.shutdown()

    def goes_on_at(self, start: int) -> bool:
        """Whether a batch from slot ``start`` on may join: it follows without a gap, and the part is not full."""
        if not self._batches:
            return True
        first, last = self._batches[0], self._batches[-1]
        return start == last.stop and last.stop - first.start < self._part_rows

    def add(self, start: int, stop: int, frames: Sequence[FrameInfo | Failure | None], views: Sequence[Arrays]) -> None:
        """Take the results of the slots ``start`` to ``stop``, in each view; rows behind them are padding.

        Raises
        ------
        InterruptedWork
            A frame has no face, and that is to end the work.
        """
        rows = _Rows(start, stop)
        with np.errstate(over="ignore"):  # beyond float16's range becomes infinite, and so a failure
            halves = [{name: array.astype(np.float16) for name, array in arrays.items()} for arrays in views]
        finite = _finite(halves)
        good = []
        for position, slot in enumerate(range(start, stop)):
            frame = frames[position]
            if isinstance(frame, FrameInfo) and not finite[position]:
                frame = Failure("embed", "the embedding is not finite")
            if isinstance(frame, FrameInfo):
                rows.slots.append(slot)
                rows.frames.append(frame)
                good.append(position)
            elif isinstance(frame, Failure):
                if frame.stage == "face":
                    self._refuse_faceless(slot, frame)
                key = (int(self._input_of_slot[slot]), frame.stage, frame.reason)
                rows.failures[key] = rows.failures.get(key, 0) + 1
        for view, arrays, rounded in zip(self._spaces, views, halves, strict=True):
            for name, array in rounded.items():
                rows.arrays[view, name] = [array[good]]
            for name, (_, texts) in self._texts.items():
                scores = similarities(arrays["embedding"][good], texts)  # from the unrounded vectors
                rows.arrays[view, f"similarity {name}"] = [scores]
            if self._faces:
                rows.arrays |= {(view, name): [array] for name, array in _face_arrays(rows.frames).items()}
        self._batches.append(rows)

    def _refuse_faceless(self, slot: int, failure: Failure) -> None:
        if self._faces and self._faces.no_face == "fail":
            path = self._inputs["path"].iloc[self._input_of_slot[slot]]
            raise InterruptedWork(
                f"{path}: {failure.reason}; with --no-face skip the same command goes on from there and leaves such "
                "frames out; --no-face full, which takes them whole, begins anew"
            )

    def seal(self) -> None:
        """Let the rows gathered so far be written as a part, and begin anew; the part before it is written then."""
        self._written()
        batches, self._batches = self._batches, []
        if batches:
            self._writing = self._writer.submit(self._write, batches, dict(self.attributes))

    def _written(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            self.sealed.append(writing.result())

    def _write(self, batches: Sequence[_Rows], attributes: dict[str, int]) -> Part:
        rows = batches[0]
        for batch in batches[1:]:
            rows.append(batch)
        return write_part(
            self._folder,
            rows.start,
            rows.stop,
            self._sample_table(rows),
            {view: self._space(view, provenance, rows) for view, provenance in self._spaces.items()},
            self._failure_table(rows),
            thumbnails=[frame.thumbnail for frame in rows.frames] if self._has_thumbnails else None,
            attributes=attributes,
        )

    def _space(self, view: str, provenance: Provenance, rows: _Rows) -> Space:
        joined = {name: np.concatenate(blocks) for (of, name), blocks in rows.arrays.items() if of == view}
        prompts = {
            name: PromptScores(list(one.texts), one.labels, texts, joined.pop(f"similarity {name}"))
            for name, (one, texts) in self._texts.items()
        }
        return Space(provenance, joined, self._scalars, prompts)

    def _sample_table(self, rows: _Rows) -> pd.DataFrame:
        planned = self._inputs.iloc[self._input_of_slot[rows.slots]]
        table = planned[list(PLANNED)].reset_index(drop=True)
        for name in MEASURED:
            table[name] = list(map(attrgetter(name), rows.frames))
        table["frame"] = [frame.index for frame in rows.frames]
        return with_keys(table, planned["video"])

    def _failure_table(self, rows: _Rows) -> pd.DataFrame:
        table = self._inputs[["root", "path", "manipulation"]].iloc[[one for one, _, _ in rows.failures]]
        table = table.reset_index(drop=True)
        table["stage"] = [stage for _, stage, _ in rows.failures]
        table["reason"] = [reason for _, _, reason in rows.failures]
        table["frames"] = list(rows.failures.values())
        return table[list(FAILURE_COLUMNS)]


def _face_arrays(frames: Sequence[FrameInfo]) -> dict[str, np.ndarray]:
    """What is known of the face of each frame: a row each."""
    faces = [frame.face for frame in frames if frame.face is not None]
    return {
        "face/box": np.array([face.box for face in faces], np.float32).reshape(-1, 4),
        "face/landmarks": np.array([face.landmarks for face in faces], np.float32).reshape(-1, 5, 2),
        "face/score": np.array([face.score for face in faces], np.float32),
        "face/count": np.array([face.found for face in faces], np.int32),
    }


def with_keys(table: pd.DataFrame, videos: Iterable[str]) -> pd.DataFrame:
    """The sample table with ``video_id`` and ``sample_id`` made of its other columns and the names of the videos."""
    names = zip(table["dataset"], table["compression"], table["manipulation"], videos, strict=True)
    table["video_id"] = list(map("/".join, names))
    table["sample_id"] = [f"{video}/{frame}" for video, frame in zip(table["video_id"], table["frame"], strict=True)]
    return table[list(SAMPLE_COLUMNS)]


def _finite(views: Sequence[Arrays]) -> np.ndarray:
    """Rows of which every array in every view is finite, shape (B,)."""
    arrays = [array for view in views for array in view.values()]
    return np.all([np.isfinite(array).reshape(len(array), -1).all(axis=1) for array in arrays], axis=0)
