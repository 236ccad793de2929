"""DFDC: parts with a metadata.json each, which says of every video whether it is real, and from which it was made."""

import json
import posixpath
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cache.errors import InputError, choose
from cache.identity import REAL_MANIPULATION, Name
from cache.schema import REAL
from extract.layouts.base import ClassFolder, Listing, parse_file, sorted_listing
from extract.layouts.files import glance, list_files, valid_text
from extract.layouts.places import Place, placed_sources
from extract.layouts.rows import LABELS, SPLIT_NAMES

METADATA = "metadata.json"
EXPECTED = f"dfdc_train_part_N/{METADATA} beside the videos, or folders of their frames"


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where it is not."""
    found = [path for path in glance(root, depth=2) if posixpath.basename(path) == METADATA]
    first = next((path for path in found if '"label"' in _beginning(root / path)), "")
    return f"{first} lists videos with their labels" if first else ""


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources of DFDC: one part (its ``metadata.json`` in the root) or several in folders below.

    A file is a video that the part's metadata names, a picture in a folder named after one, or a picture
    ``<video>_<frame>``. The original of a fake is its scene and identity; the split is the metadata's.

    Parameters
    ----------
    root : Path
    dataset : str, optional
        "DFDC" by default.

    Raises
    ------
    InputError
        The root is missing, has no metadata, or holds none of the files that it names; the metadata are damaged, name
        a file twice, or hold a label or split that means nothing; two files give the same sample.

    References
    ----------
    B. Dolhansky et al., "The DeepFake Detection Challenge (DFDC) Dataset", arXiv:2006.07397
    """
    files = list_files(root)
    parts = {posixpath.dirname(path): _read(root / path, path) for path in _named_metadata(files.skipped)}
    if not parts:
        raise InputError(f"no {METADATA} in {root} or below; expected {EXPECTED}")
    name = valid_text(dataset or "DFDC")
    found: set[tuple[str, str]] = set()

    def place(path: str, is_video: bool) -> Place | str:
        part = next((folder for folder in _above(path) if folder in parts), None)
        if part is None:
            return f"no {METADATA} in a folder above it"
        *folders, file = posixpath.splitext(path[len(part) :].strip("/"))[0].split("/")
        flat = Name(file, file) if is_video else parse_file(path, "DFDC")
        video = next((one for one in (file, flat.video, *reversed(folders)) if one in parts[part]), None)
        if video is None:
            return f"not in {posixpath.join(part, METADATA)}"
        found.add((part, video))
        manipulation, original, split = parts[part][video]
        frame = flat.frame if video == flat.video else None
        known = Name(video, original or video, frame=frame)
        return Place(ClassFolder("", name, "unknown", manipulation), known, split, video in folders)

    sources, skipped = placed_sources(files, place)
    skipped = [(path, reason) for path, reason in skipped if posixpath.basename(path) != METADATA]
    gone = ((part, video) for part, videos in parts.items() for video in videos if (part, video) not in found)
    skipped += [(posixpath.join(part, video), f"{METADATA} names it, but it is not there") for part, video in gone]
    return sorted_listing(root, sources, skipped)


def _named_metadata(skipped: Iterable[tuple[str, str]]) -> list[str]:
    return [path for path, _ in skipped if posixpath.basename(path) == METADATA]


def _above(path: str) -> Iterable[str]:
    """Folders above a file, the nearest first, the root ("") last."""
    while path:
        path = posixpath.dirname(path)
        yield path


def _read(path: Path, name: str) -> dict[str, tuple[str, str, str]]:
    """(manipulation, original or "", split) of each video of a part, by its name without suffix."""

    def refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise ValueError(f"it names {key!r} twice")
            found[key] = value
        return found

    try:
        entries = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=refuse_repeated)
        videos = {}
        for file, entry in entries.items():
            label = choose(LABELS, str(entry["label"]).lower(), f"label of {file}:")
            split = choose({**SPLIT_NAMES, "": ""}, str(entry.get("split") or "").lower(), f"split of {file}:")
            original = posixpath.splitext(str(entry.get("original") or ""))[0]
            manipulation = REAL_MANIPULATION if label == REAL else "DFDC"
            videos[posixpath.splitext(file)[0]] = manipulation, "" if label == REAL else original, split
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"cannot read {path} as DFDC's metadata ({error}); expected {{video: {{label, original}}}}"
        ) from error
    return videos


def _beginning(path: Path) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(2000)
    except OSError:
        return ""
