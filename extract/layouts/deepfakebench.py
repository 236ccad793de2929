"""DeepfakeBench's lists: JSON files that name, for each data set, label, split and video, the frames."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cache.errors import InputError
from cache.identity import REAL_MANIPULATION, folder_says, parse_video
from cache.schema import SPLITS
from extract.layouts.base import ClassFolder, Listing, Source, frame_numbers, make_source, sorted_listing
from extract.layouts.df40 import DOMAINS
from extract.layouts.ffpp import COMPRESSIONS
from extract.layouts.files import list_files, valid_text

FOLDERS = ("dataset_json", "preprocessing/dataset_json", ".")
DATASETS = {"FaceForensics++": "FF++", "FaceShifter": "FF++", "DeepFakeDetection": "DFD"}
MANIPULATIONS = {
    "FF-DF": "Deepfakes",
    "FF-F2F": "Face2Face",
    "FF-FS": "FaceSwap",
    "FF-NT": "NeuralTextures",
    "FF-FH": "FaceShifter",
    "DFD_fake": "DeepFakeDetection",
    "CelebDFv1_fake": "Celeb-synthesis",
    "CelebDFv2_fake": "Celeb-synthesis",
    "DFDC_Fake": "DFDC",
}
EXPECTED = f"{FOLDERS[0]}/*.json (data set, label, split, video, frames) beside the frames"


class Video(NamedTuple):
    """One video of a list: where it stands there, and its frames as the list writes them."""

    dataset: str
    label: str
    split: str
    compression: str
    video: str
    frames: list[str]


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where it is not."""
    found = next((path for path in _lists(root) if _is_list(path)), None)
    return f"{found.relative_to(root)} lists videos with their frames" if found else ""


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources that DeepfakeBench's JSON files name, in ``dataset_json`` or at the top of the root.

    Paths are taken as they end: what stands before a folder of the root is dropped. A video under several splits (the
    lists put the test videos of many sets into train and val as well) is test if it is test anywhere, else val. Data
    sets, manipulations, scenes and identities are named as the other layouts name them.

    Parameters
    ----------
    root : Path
    dataset : str, optional
        By default as the lists say.

    Raises
    ------
    InputError
        The root is missing; there is no list, or it is damaged; a label contradicts a folder; no frame is there.

    References
    ----------
    Z. Yan et al., "DeepfakeBench: A Comprehensive Benchmark of Deepfake Detection", NeurIPS 2023;
    https://github.com/SCLBD/DeepfakeBench, preprocessing/rearrange.py
    """
    files = list_files(root)
    there = {valid_text(path): path for path in files.images}
    lists = _lists(root)
    if not lists:
        raise InputError(f"no JSON file in {', '.join(str(root / folder) for folder in FOLDERS)}; expected {EXPECTED}")
    resolve = _Resolver(there)
    splits: dict[tuple[ClassFolder, str], set[str]] = {}
    frames: dict[tuple[ClassFolder, str], dict[str, None]] = {}
    skipped = [(path, reason) for path, reason in files.skipped if not path.endswith(".json")]
    for path in lists:
        for video in _videos(path):
            folder = _class_folder(video, dataset)
            _refuse_contradiction(path, video, folder)
            key = folder, video.video
            splits.setdefault(key, set()).add(video.split)
            for written in video.frames:
                if (found := resolve(written)) is None:
                    skipped.append((written, f"{path.name} names it, but it is not there"))
                else:
                    frames.setdefault(key, {})[found] = None
    sources: list[Source] = []
    for (folder, video_name), paths in frames.items():
        split = _one_split(splits[folder, video_name])
        sources += _sources(sorted(paths), folder, video_name, split)
    named = {path for paths in frames.values() for path in paths}
    skipped += [(path, "in none of the lists") for path in there if path not in named]
    several = sum(len(splits[key]) > 1 for key in frames)
    notes = [f"{several} videos stand under several splits of the lists: test counts, else val"] if several else []
    return sorted_listing(root, sources, list(dict.fromkeys(skipped)), notes)


class _Resolver:
    """Where a frame lies, by the end of its path as a list writes it; what was dropped once is dropped first again."""

    def __init__(self, there: dict[str, str]) -> None:
        self._there = there
        self._dropped = 0

    def __call__(self, written: str) -> str | None:
        parts = [part for part in re.split(r"[\\/]+", written) if part not in ("", ".")]
        for dropped in (self._dropped, *range(len(parts))):
            path = "/".join(parts[dropped:])
            if path in self._there:
                self._dropped = dropped
                return path
        return None


def _sources(paths: list[str], folder: ClassFolder, video: str, split: str) -> Iterator[Source]:
    name = parse_video(video, folder.manipulation)
    for path, number in zip(paths, frame_numbers(paths), strict=True):
        yield make_source(path, folder, name, number, split=split)


def _one_split(splits: set[str]) -> str:
    return next((split for split in reversed(SPLITS) if split in splits), "")


def _lists(root: Path) -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((root / folder).glob("*.json")) if path.is_file()]


def _is_list(path: Path) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return re.search(r'"frames"\s*:\s*\[', file.read(20_000)) is not None
    except OSError:
        return False


def _videos(path: Path) -> Iterator[Video]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for dataset, labels in content.items():
            for label, splits in labels.items():
                for split, videos in splits.items():
                    yield from _below(dataset, label, split, "unknown", videos)
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"cannot read {path} as a list of DeepfakeBench: {error}; expected {EXPECTED}") from error


def _below(dataset: str, label: str, split: str, compression: str, videos: dict[str, Any]) -> Iterator[Video]:
    """Videos below a split, or below a compression there."""
    for name, entry in videos.items():
        if name in COMPRESSIONS and isinstance(entry, dict) and "frames" not in entry:
            yield from _below(dataset, label, split, name, entry)
        elif isinstance(entry, dict) and isinstance(entry.get("frames"), list):  # else a slip of the lists' maker
            yield Video(dataset, label, split, compression, name, entry["frames"])


def _class_folder(video: Video, dataset: str | None) -> ClassFolder:
    """Data set, compression and manipulation as the other layouts call them."""
    method, _, domain = video.dataset.rpartition("_")
    is_real = re.search(r"(^|[_-])real$", video.label.lower()) is not None
    name, compression = DATASETS.get(video.dataset, video.dataset), video.compression
    if method and domain in DOMAINS:  # of DF40
        name, compression = DOMAINS[domain]
    elif video.dataset in MANIPULATIONS:  # a list of one manipulation, as FF-DF.json
        name = "FF++"
    stem = re.sub(r"_fake$", "", video.label, flags=re.IGNORECASE)
    manipulation = REAL_MANIPULATION if is_real else MANIPULATIONS.get(video.label, stem)
    return ClassFolder("", valid_text(dataset or name), compression, manipulation)


def _refuse_contradiction(path: Path, video: Video, folder: ClassFolder) -> None:
    is_real = folder.manipulation == REAL_MANIPULATION
    for frame in video.frames[:1]:
        told = [word for word in map(folder_says, re.split(r"[\\/]+", frame)[:-1]) if word]
        if told and (told[-1] == "real") != is_real:
            raise InputError(
                f"{path.name} lists {video.video} under {video.label}, but {frame} lies in a {told[-1]} folder;"
                " correct one of them"
            )
