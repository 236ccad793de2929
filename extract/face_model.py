"""The face detector's model file: fetched once, checked against a hash, kept in the user's cache folder."""

import hashlib
import os
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path

from cache.errors import InputError

NAME = "face_detection_yunet_2023mar.onnx"
COMMIT = "f12e12798e8314f7c074a6656816c048dcc95b7a"
URL = f"https://media.githubusercontent.com/media/opencv/opencv_zoo/{COMMIT}/models/face_detection_yunet/{NAME}"
SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
MOST_BYTES = 10_000_000  # it has 232,589
TIMEOUT = 60.0  # seconds


def cached_model(
    say: Callable[[str], None], *, url: str = URL, sha256: str = SHA256, folder: Path | None = None
) -> Path:
    """Path of the model file, fetched where it is not there yet, or is damaged.

    Parameters
    ----------
    say : callable
        Receives a sentence before anything is fetched.
    folder : Path, optional
        By default ``crossprobe`` in the user's cache folder.

    Raises
    ------
    InputError
        It cannot be fetched, or is another file than the one known.
    """
    path = (folder or user_cache()) / NAME
    if path.exists() and _hash(path.read_bytes()) == sha256:
        return path
    say(f"the face detector is fetched once: {url} -> {path}")
    content = _fetch(url)
    if _hash(content) != sha256:
        raise InputError(
            f"{url} is not the file it was: its SHA-256 is {_hash(content)}, not {sha256}; "
            f"get {NAME} elsewhere and name it by --face-model PATH"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{NAME}.{uuid.uuid4().hex}")
    temporary.write_bytes(content)
    os.replace(temporary, path)  # whole or not at all, also where several fetch it at a time
    return path


def user_cache() -> Path:
    """Folder of what can be fetched again."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "crossprobe"


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return answer.read(MOST_BYTES)
    except OSError as error:
        raise InputError(
            f"cannot fetch {url} ({error}); fetch it on another machine and name it by --face-model PATH"
        ) from error


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
