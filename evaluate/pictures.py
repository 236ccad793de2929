"""Small pictures of chosen samples as data URIs, from a cache's thumbnails or from the data set."""

import base64
import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from cache.errors import InputError
from cache.reader import Cache, open_cache

SIDE = 160  # pixels of the longer side of what is made from the data set
QUALITY = 85
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")  # no other reader is tried: one runs an interpreter
JPEG_START = b"\xff\xd8"
HOW = "extract with --thumbnails 96, or name the data set with --root"


class Picture(NamedTuple):
    """A picture as a page embeds it, or why there is none.

    Attributes
    ----------
    uri : str or None
        ``data:image/jpeg;base64,...``
    why : str or None
        A sentence without its full stop, of a sample without a picture.
    """

    uri: str | None
    why: str | None = None


def find_cache(config: dict[str, Any], named: Path | None = None) -> tuple[Cache | None, str]:
    """The cache that a run was tested on: the one named, else the one that ``run.json`` states, where it still is.

    Parameters
    ----------
    config : dict
        ``run.json``.
    named : Path, optional
        A cache where the user says it lies.

    Returns
    -------
    cache : Cache or None
    why : str
        Where there is none: a sentence without its full stop, with what to do; else empty.

    Raises
    ------
    InputError
        The one named cannot be read, or holds another sample table than the run was made with.
    """
    stated = config.get("test_cache") or config.get("cache") or {}
    path = named or (Path(stated["path"]) if stated.get("path") else None)
    if path is None:
        return None, "there is no cache behind these scores: name the folder of the pictures with --root"
    try:
        cache = open_cache(path)
    except InputError:
        if named is not None:
            raise
        lost = "cannot be read" if path.exists() else "is not there"
        return None, f"the cache {path} {lost}: name it with --cache, or the data set with --root"
    if stated.get("table") in (None, cache.table_hash):
        return cache, ""
    if named is not None:
        raise InputError(
            f"{path} holds another sample table than the run was made with: name a copy of {stated['path']}, or leave "
            "--cache out"
        )
    return None, f"{path} holds another sample table by now: name the run's cache with --cache, or the data with --root"


def pictures(sample_ids: Sequence[str], cache: Cache | None = None, root: Path | None = None) -> dict[str, Picture]:
    """A picture of each sample: from the data set where its folder is named, else the cache's thumbnail.

    Parameters
    ----------
    sample_ids : sequence of str
    cache : Cache, optional
        Where the thumbnails are, and the paths of the samples below ``root``.
    root : Path, optional
        Folder of the data set; a sample that no cache knows is looked for under its own name. Pictures only: frames
        of videos are not decoded.

    Returns
    -------
    dict of Picture
        By sample_id; one that cannot be had has a sentence instead.

    Raises
    ------
    InputError
        ``root`` is no folder.
    """
    if root is not None and not root.is_dir():
        raise InputError(f"{root} is no folder: --root names the one that the samples' paths are relative to")
    rows = rows_of(cache, sample_ids)
    paths = _paths(cache, rows, sample_ids)
    found = {}
    for sample_id, row, path in zip(sample_ids, rows.tolist(), paths, strict=True):
        tried = [_read(root, path)] if root is not None else []
        if cache is not None:
            tried.append(_thumbnail(cache, row))
        shown = [one for one in tried if one.uri is not None]
        found[sample_id] = [*shown, *tried, Picture(None, f"no picture: {HOW}")][0]
    return found


def rows_of(cache: Cache | None, sample_ids: Sequence[str]) -> np.ndarray:
    """Row of each sample in the cache, int; -1 where it is not there."""
    if cache is None or not len(sample_ids):
        return np.full(len(sample_ids), -1)
    return pd.Index(cache.column("sample_id")).get_indexer(pd.Index(sample_ids))


def _paths(cache: Cache | None, rows: np.ndarray, sample_ids: Sequence[str]) -> list[str]:
    """Path of each sample below the root, by the cache's table; scores of others name their samples by it."""
    if cache is None:
        return list(sample_ids)
    of_rows = cache.column("path")
    return [of_rows[row] if row >= 0 else name for row, name in zip(rows, sample_ids, strict=True)]


def _thumbnail(cache: Cache, row: int) -> Picture:
    if row < 0:
        return Picture(None, f"the sample is not in {cache.path}")
    if not cache.has_thumbnails:
        return Picture(None, f"{cache.path} holds no thumbnails: {HOW}")
    content = cache.thumbnail(row)
    return _embedded(content) if content.startswith(JPEG_START) else Picture(None, f"{cache.path} holds no JPEG of it")


def _read(root: Path, path: str) -> Picture:
    """A small upright JPEG of a picture below ``root``; nothing outside of it is opened."""
    file = Path(os.path.normpath(root / path.replace("\\", "/")))
    if not file.is_relative_to(os.path.normpath(root)):
        return Picture(None, f"{path} does not lie below {root}")
    if not file.is_file():
        return Picture(None, f"there is no file {file}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata that play no part here
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _embedded(_small(file))
    except Exception as error:  # Pillow's readers raise many kinds on a damaged file, and one picture less is no harm
        kind = "no picture, or a video, whose frames are not read here"
        known = isinstance(error, Image.UnidentifiedImageError)
        return Picture(None, f"{file} is {kind if known else 'damaged or too large'}")


def _small(file: Path) -> bytes:
    target = io.BytesIO()
    with Image.open(file, formats=FORMATS) as image:
        image.draft("RGB", (2 * SIDE, 2 * SIDE))  # a JPEG is decoded no larger than needed
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    upright.save(target, "JPEG", quality=QUALITY)
    return target.getvalue()


def _embedded(jpeg: bytes) -> Picture:
    return Picture(f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}")
