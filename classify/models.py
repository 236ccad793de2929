"""Fitted heads on the disk: saved without pickle, read back only as what we save.

skops is imported where it is used: it walks through all of scikit-learn and so loads torch where that is installed.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import xxhash
from sklearn.pipeline import Pipeline

from cache.errors import InputError
from classify.fit import Fitted
from classify.heads import HEADS
from classify.normalize import Normalize

FORMAT = 1
OURS: tuple[type, ...] = (Normalize, *HEADS.values())
TRUSTED = [f"{kind.__module__}.{kind.__qualname__}" for kind in OURS]  # beside what skops itself holds harmless


class Model(NamedTuple):
    """A head that was read back, and what is known of it.

    Attributes
    ----------
    pipeline : Pipeline
        `Normalize`, then the head; takes the float32 feature matrix of `classify.features`.
    meta : dict
        What `save_model` was given: features, prompt set, provenance of the encoder, thresholds ...
    """

    pipeline: Pipeline
    meta: dict[str, Any]


def save_model(folder: Path, fitted: Fitted, meta: dict[str, Any]) -> None:
    """Write ``model.skops`` and ``meta.json`` into a folder.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    fitted : Fitted
    meta : dict
        What a later prediction needs to refuse features of another kind; JSON values. Thresholds join by themselves.
    """
    import skops.io

    folder.mkdir(parents=True, exist_ok=True)
    data = skops.io.dumps(fitted.estimator)
    known = {**meta, "thresholds": fitted.thresholds, "format": FORMAT, "hash": xxhash.xxh3_128_hexdigest(data)}
    (folder / "model.skops").write_bytes(data)
    (folder / "meta.json").write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_model(folder: Path) -> Model:
    """Read a model written by `save_model`; nothing in the files is executed.

    Raises
    ------
    InputError
        A file is missing or damaged, of a newer format, or holds a type that no head of ours consists of.
    """
    try:
        data = (folder / "model.skops").read_bytes()
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        version, digest = meta["format"], meta["hash"]
    except OSError as error:
        raise InputError(f"{folder} is no model: {error.strerror} ({error.filename}); `classify` makes one") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / 'meta.json'} is damaged: {error}") from error
    if version != FORMAT:
        raise InputError(f"{folder} has model format {version}; this program reads {FORMAT}: update crossprobe")
    if digest != xxhash.xxh3_128_hexdigest(data):
        raise InputError(f"{folder / 'model.skops'} is not the file that was saved with its meta.json; fit it again")
    return Model(_read(data, folder), meta)


def _read(data: bytes, folder: Path) -> Pipeline:
    import skops.io

    try:
        foreign = sorted(set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED))
        if foreign:
            raise InputError(f"{folder / 'model.skops'} holds foreign types ({', '.join(foreign)}) and is not opened")
        model = skops.io.loads(data, trusted=TRUSTED)
    except InputError:
        raise
    except Exception as error:  # skops raises whatever a damaged archive leads to
        raise InputError(f"{folder / 'model.skops'} does not open: {error}") from error
    steps = [type(step) for _, step in model.steps] if isinstance(model, Pipeline) else []
    if len(steps) != 2 or steps[0] is not Normalize or steps[1] not in HEADS.values():
        raise InputError(f"{folder / 'model.skops'} is no head of this program")
    return model
