"""The words of the format: sample columns, their dtypes, the version, and what makes two caches comparable."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xxhash

from cache.errors import InputError

FORMAT_VERSION = 1

REAL, FAKE, UNKNOWN = 0, 1, -1  # values of `label`

SPLITS = ("train", "val", "test")


class Column(NamedTuple):
    """One column of the sample table: a dtype ("str" is UTF-8 of the width that the plan needs) and its meaning."""

    dtype: str
    meaning: str


SAMPLE_COLUMNS: dict[str, Column] = {
    "sample_id": Column("str", "dataset/compression/manipulation/video/frame: the stable key"),
    "dataset": Column("str", "name of the data set"),
    "compression": Column("str", "raw, c0, c23, c40, or 'unknown'"),
    "manipulation": Column("str", "name of the manipulation, 'real' for originals"),
    "video_id": Column("str", "dataset/compression/manipulation/video: unique across manipulations"),
    "scene": Column("str", "dataset/video that a fake was made from; a real's own"),
    "identities": Column("str", "targets, sources, originals and actors, joined by spaces"),
    "group": Column("str", "what never stands on two sides of a split"),
    "split": Column("str", "train, val, test as the data set says, or empty"),
    "label": Column("i1", "0 real, 1 fake, -1 unknown"),
    "frame": Column("i4", "number of the frame in its video; 0 for a single picture"),
    "root": Column("str", "folder that `path` is relative to"),
    "path": Column("str", "file, relative to `root`, percent-encoded where not UTF-8"),
    "file_hash": Column("str", "xxh3-128 of the source file's bytes"),
    "pixel_hash": Column("str", "xxh3-128 of the decoded upright RGB pixels"),
    "width": Column("i4", "of the decoded upright frame, in pixels"),
    "height": Column("i4", "of the decoded upright frame, in pixels"),
    "byte_size": Column("i8", "of the source file, in bytes"),
    "format": Column("str", "container or codec of the source: JPEG, PNG, h264 ..."),
    "quantization": Column("str", "xxh3-64 of the JPEG quantisation tables, or empty"),
}

FAILURE_COLUMNS: dict[str, Column] = {
    "path": Column("str", "file, relative to `root`"),
    "root": Column("str", "folder that `path` is relative to"),
    "stage": Column("str", "open, decode, face or embed"),
    "reason": Column("str", "what was found"),
    "manipulation": Column("str", "so that a gap in coverage between classes is seen"),
    "frames": Column("i4", "how many samples the failure cost"),
}


@dataclass(frozen=True)
class Provenance:
    """A fingerprint of all that changes a number in one feature space.

    Every field is a string, so that two caches are compared field by field and a refusal names the field.
    """

    model: str  # the name the user gave
    architecture: str  # hash of the model's configuration, activation included
    weights: str  # hash of every tensor
    adapter: str  # "none", or the hash of an adapter's weights
    preprocessing: str  # size, resize mode, interpolation, mean, std, and the version of our code for it
    decoder: str  # libraries that turned bytes into pixels
    sampling: str  # which frames of a video
    crop: str  # none, given, face ...
    view: str  # clean, jpeg-50 ...
    tokens: str  # what is stored beside the embedding
    precision: str  # float32, float16 ...
    prompts: str  # hash of the prompt set, or "none"
    software: str  # versions of the libraries that compute

    def differences(self, other: "Provenance", fields: Iterable[str] | None = None) -> list[str]:
        """One phrase per differing field, with both values."""
        names = list(asdict(self)) if fields is None else list(fields)
        pairs = ((name, getattr(self, name), getattr(other, name)) for name in names)
        return [f"{name} is {mine!r} here and {theirs!r} there" for name, mine, theirs in pairs if mine != theirs]


@dataclass
class PromptScores:
    """Prompts of one set with their text embeddings, and the similarity of every sample to each.

    Attributes
    ----------
    texts : list of str, length P
    labels : ndarray of int8, shape (P,)
        0 where the prompt describes a real picture, 1 where a fake one; declared, never inferred.
    text_embeddings : ndarray of float32, shape (P, D)
        Unit length.
    similarity : ndarray of float32, shape (N, P)
        Cosine, from the unrounded embeddings.
    """

    texts: list[str]
    labels: np.ndarray
    text_embeddings: np.ndarray
    similarity: np.ndarray


@dataclass
class Space:
    """One feature space: arrays aligned with the sample table, and where they come from.

    Attributes
    ----------
    arrays : dict of ndarray
        ``embedding`` (N, D) float16, optionally ``cls`` (N, W) float16; every first axis is N.
    scalars : dict of float
        ``logit_scale``, ``logit_bias`` where the model has one, ``encoder_parameters``.
    prompts : dict of PromptScores
        By the name of the set.
    """

    provenance: Provenance
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    scalars: dict[str, float] = field(default_factory=dict)
    prompts: dict[str, PromptScores] = field(default_factory=dict)


def json_hash(value: Any) -> str:
    """xxh3-128 of a value's canonical JSON, as hex."""
    return xxhash.xxh3_128_hexdigest(json.dumps(value, sort_keys=True, ensure_ascii=False).encode())


def check_table(table: pd.DataFrame, columns: dict[str, Column], name: str) -> pd.DataFrame:
    """``table`` with exactly ``columns``, in their order and dtypes.

    Raises
    ------
    InputError
        A column is missing.
    """
    missing = [column for column in columns if column not in table]
    if missing:
        raise InputError(f"the {name} table lacks the columns {', '.join(missing)}")
    typed = {key: "object" if column.dtype == "str" else column.dtype for key, column in columns.items()}
    return table[list(columns)].astype(typed).reset_index(drop=True)
