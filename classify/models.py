"""Fitted heads on the disk: arrays in safetensors, all else in JSON, read back only as what we save."""

import json
import math
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xxhash
from safetensors import safe_open
from safetensors.numpy import save
from sklearn.pipeline import Pipeline

from cache.errors import InputError
from cache.schema import FAKE, REAL, Provenance, json_hash
from classify.fitted import Fitted
from classify.heads import Head
from classify.normalize import METHODS, Normalize
from classify.outcome import LEVELS
from classify.packing import Arrays, Packed, heads_within, pack_fitted, pack_head, set_fitted, unpack_head
from classify.record import write_json
from evaluate import calibration

FORMAT = 2
TEXT, ARRAYS = "model.json", "model.safetensors"
FIRST_FORMAT = "model.skops"
LARGEST_TEXT = 64_000_000  # bytes: a million groups of training have room
TEXTS = ("features", "train", "train_groups", "train_identities", "caveats")  # lists that every model states
KEYS = {"format", "hash", "arrays", "head", "normalize", "meta"}
BLOCK = 2**24  # bytes hashed at a time
DEPTHS, SHOWN = 4, 3  # how far below a folder runs are looked for, and how many of them are named


class Model(NamedTuple):
    """A head that was read back, and what is known of it.

    Attributes
    ----------
    pipeline : Pipeline
        `Normalize`, then the head; takes the float32 feature matrix of `classify.features`.
    meta : dict
        What `save_model` was given: features, prompt set, provenance of the encoder ...; thresholds and calibration.
    fingerprint : str
        Hash of all that was saved.
    """

    pipeline: Pipeline
    meta: dict[str, Any]
    fingerprint: str

    @property
    def head(self) -> Head:
        """The head without its normalisation."""
        return self.pipeline.named_steps["head"]

    @property
    def takers_of_the_tower(self) -> list[Head]:
        """The head, or members of it, that run the encoder's text tower when they score."""
        return [head for head in heads_within(self.head) if "text_tower" in head.needs_to_score]

    def calibration(self, level: str) -> dict[str, Any] | None:
        """How scores of a level are calibrated, as `evaluate.calibration.apply` takes it."""
        return (self.meta["calibration"] or {}).get(level)

    def threshold(self, level: str) -> float:
        """Score from which on a frame, or a video, is called fake."""
        return self.meta["thresholds"][level]["value"]


def save_model(folder: Path, fitted: Fitted, meta: dict[str, Any]) -> None:
    """Write ``model.safetensors`` and ``model.json`` into a folder.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    fitted : Fitted
    meta : dict
        What a later prediction needs to refuse features of another kind; JSON values. Thresholds and calibration join
        by themselves.
    """
    known = {**meta, "thresholds": fitted.thresholds, "calibration": fitted.calibration}
    write_model(folder, fitted.estimator, known)


def write_model(folder: Path, pipeline: Pipeline, meta: dict[str, Any]) -> None:
    """Write a pipeline of `Normalize` and a head as `save_model` does; ``meta`` holds thresholds and calibration."""
    arrays: Arrays = {}
    normalize, head = pipeline.named_steps["normalize"], pipeline.named_steps["head"]
    scaling = {
        "method": normalize.method,
        "blocks": normalize.blocks,
        "fitted": pack_fitted(normalize, arrays, "normalize"),
    }
    document = {"format": FORMAT, "head": pack_head(head, arrays), "normalize": scaling, "meta": meta}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ARRAYS).write_bytes(save(arrays))  # by its save_file only the owner could read it
    document["arrays"] = _file_hash(folder / ARRAYS)
    as_read = json.loads(json.dumps(document))
    write_json(folder / TEXT, {**as_read, "hash": json_hash(as_read)})


def load_model(folder: Path) -> Model:
    """Read a model written by `save_model`; nothing in the files is executed.

    Parameters
    ----------
    folder : Path
        Of the model, or of the run that it belongs to.

    Raises
    ------
    InputError
        A file is missing, damaged or changed, of another format, or holds anything but a head of ours; or torch is
        missing, where the head needs it.
    """
    if not (folder / TEXT).exists() and (folder / "model").is_dir():
        folder = folder / "model"
    document = _read_document(folder)
    if document["arrays"] != _file_hash(folder / ARRAYS):
        raise InputError(f"{folder / ARRAYS} is not the file that was saved with its {TEXT}; fit the model again")
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return _build(document, _read_arrays(folder / ARRAYS))
    except InputError as error:
        raise InputError(f"{folder} cannot be used: {error}") from error
    except Exception as error:  # a forged file leads numpy, scikit-learn and torch to any of theirs
        raise InputError(f"{folder} is no model of this program: {error}") from error


def _read_document(folder: Path) -> Packed:
    path = folder / TEXT
    if not path.exists() and (below := _runs_below(folder)):
        more = " ..." if len(below) > SHOWN else ""
        raise InputError(f"{folder} holds runs below it, name one: {', '.join(map(str, below[:SHOWN]))}{more}")
    if (folder / FIRST_FORMAT).exists() and not path.exists():
        raise InputError(f"{folder} was made by an older version, in a format that is not read any more: fit it again")
    try:
        for file in (folder / ARRAYS, path):
            if not file.is_file():
                raise FileNotFoundError(2, "No such file", str(file))
        if path.stat().st_size > LARGEST_TEXT:
            raise ValueError(f"{path.stat().st_size:,} bytes are too many for it")
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise InputError(
            f"{folder} is no model: {error.strerror} ({error.filename}); `classify` writes one into each run folder"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if not isinstance(document, dict) or "format" not in document:
        raise InputError(f"{path} is no description of a model of this program")
    if document["format"] != FORMAT:
        raise InputError(
            f"{folder} has model format {document['format']!r}; this program reads {FORMAT}: update crossprobe"
        )
    stated = document.pop("hash", None)
    try:
        found = json_hash(document)
    except ValueError as error:  # text that is no text
        raise InputError(f"{path} is damaged: {error}") from error
    if {*document, "hash"} != KEYS or stated != found:
        raise InputError(f"{path} was changed since it was saved; fit the model again")
    return {**document, "hash": stated}


def _runs_below(folder: Path) -> list[Path]:
    """Run folders below a folder, those nearest to it."""
    for depth in range(1, DEPTHS + 1):
        if found := sorted(folder.glob(f"{'*/' * depth}model/{TEXT}")):
            return [path.parent.parent for path in found]
    return []


def _read_arrays(path: Path) -> Arrays:
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("it holds numbers that are not finite")
    return arrays


def _build(document: Packed, arrays: Arrays) -> Model:
    """The model of a document; raises anything where the two do not belong together."""
    scaling = document["normalize"]
    if scaling["method"] not in METHODS:
        raise ValueError(f"unknown normalisation {scaling['method']!r}")
    blocks = scaling["blocks"]
    normalize = Normalize(scaling["method"], blocks and tuple((str(name), int(width)) for name, width in blocks))
    set_fitted(normalize, scaling["fitted"], arrays)
    if not np.shape(normalize.center_) == np.shape(normalize.scale_) == (normalize.n_features_in_,):
        raise ValueError("centre and scale are not those of its features")
    head = unpack_head(document["head"], arrays)
    if head.n_features_in_ != normalize.n_features_in_:
        raise ValueError(f"the head takes {head.n_features_in_} numbers, not {normalize.n_features_in_}")
    if arrays:
        raise ValueError(f"nothing of it takes the array {next(iter(arrays))!r}")
    _check_meta(document["meta"], blocks)
    model = Model(Pipeline([("normalize", normalize), ("head", head)]), document["meta"], document["hash"])
    _try_out(model)
    return model


def _check_meta(meta: Packed, blocks: Any) -> None:
    """Raise where what a prediction reads of it is missing, or of another kind."""
    Provenance(**meta["cache"]["provenance"])
    for name in TEXTS:
        if not (isinstance(meta[name], list) and all(isinstance(text, str) for text in meta[name])):
            raise TypeError(f"{name} is no list of texts")
    if (prompts := meta.get("prompts")) is not None:
        labels = prompts["labels"]
        if not all(isinstance(text, str) for text in prompts["texts"]) or not set(labels) <= {REAL, FAKE}:
            raise TypeError("its prompts are no texts of two classes")
    if meta["blocks"] != blocks or [name for name, _ in blocks] != meta["features"]:
        raise ValueError("features and blocks contradict each other")


def _try_out(model: Model) -> None:
    """Decide two rows: what does not fit together shows; heads that run a text tower have none yet."""
    width = model.pipeline.named_steps["normalize"].n_features_in_
    rows = model.pipeline.named_steps["normalize"].transform(np.ones((2, width), np.float32))
    if not model.takers_of_the_tower:
        decisions = model.head.decision_function(rows)
        if decisions.shape != (2,) or not np.isfinite(decisions).all():
            raise ValueError("its decisions are no finite numbers")
    for level in LEVELS:
        if not math.isfinite(model.threshold(level)):
            raise ValueError(f"its threshold of a {level} is no finite number")
        if (one := model.calibration(level)) is not None:
            calibration.check(one)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _file_hash(path: Path) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
