"""What every layout shares: the source of one sample, made from a path below a class folder, and the sorted listing."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from cache.errors import InputError
from cache.identity import Name, is_real, parse_frame, parse_video
from cache.schema import FAKE, REAL, UNKNOWN
from extract.layouts.files import file_path, valid_text

__all__ = [
    "CONTAINERS", "UNLABELLED", "ClassFolder", "Listing", "Source", "file_path", "frame_numbers", "image_sources",
    "label_of", "make_source", "parse_file", "parse_folders", "refuse_one_sample_twice", "sample_key",
    "sorted_listing", "video_sources", "who",
]  # fmt: skip

UNLABELLED = "unknown"  # the manipulation of what is only to be predicted

NO_FRAME = 0  # frame number of a single picture
WHOLE_VIDEO = -1  # frame number of a video file: its frames are chosen later
LAST_FRAME = 2**31 - 1  # greatest number the format holds; longer runs of digits are dates or hashes

CONTAINERS = {"frames", "images", "videos", "faces", "crops"}  # folders that name no video


@dataclass(frozen=True, slots=True)
class Source:
    """One input: a picture that becomes one sample, or a video file that becomes several.

    Attributes
    ----------
    path : str
        File, relative to the root, with forward slashes; percent-encoded where not valid UTF-8.
    dataset, compression, manipulation, video : str
        The parts of the sample's key.
    frame : int
        Number of the frame; 0 for a single picture, -1 for a video file.
    is_video : bool
    scene : str
        ``dataset/target``: the video that a fake was made from, a real's own.
    identities : tuple of str
        Each ``dataset/identity``, white space percent-encoded.
    label : int
        0 real, 1 fake, -1 unknown.
    split : str
        As the data set says: train, val, test, or empty.
    """

    path: str
    dataset: str
    compression: str
    manipulation: str
    video: str
    frame: int
    is_video: bool
    scene: str
    identities: tuple[str, ...]
    label: int
    split: str = ""


class Listing(NamedTuple):
    """The sources of a data set, sorted; the files left out, each with the reason; what else is to be said."""

    sources: list[Source]
    skipped: list[tuple[str, str]]
    notes: tuple[str, ...] = ()


class ClassFolder(NamedTuple):
    """Where the files of one class lie, and the part of their samples' key that they share."""

    path: str  # relative to the root
    dataset: str
    compression: str
    manipulation: str


def image_sources(paths: Iterable[str], folder: ClassFolder) -> Iterator[Source]:
    """Sources of pictures below a class folder.

    What stands between class folder and file is the video; a file directly in the class folder has it in its name.
    """
    for place, group in groupby(sorted(paths, key=_split), key=lambda path: _split(path)[0]):
        files = list(group)
        between = place[len(folder.path) :].strip("/")
        if between:
            video = parse_folders(between, folder.manipulation)
            names = [video._replace(frame=number) for number in frame_numbers(files)]
        else:
            names = [parse_file(path, folder.manipulation) for path in files]
        for path, name in zip(files, names, strict=True):
            yield make_source(path, folder, name, NO_FRAME if name.frame is None else name.frame)


def video_sources(paths: Iterable[str], folder: ClassFolder) -> Iterator[Source]:
    """Sources of video files below a class folder; folders between class and file are part of the video's name."""
    for path in paths:
        stem = os.path.splitext(path[len(folder.path) :].strip("/"))[0]
        yield make_source(path, folder, parse_folders(stem, folder.manipulation), WHOLE_VIDEO)


def sorted_listing(
    root: Path, sources: Iterable[Source], skipped: Sequence[tuple[str, str]], notes: Sequence[str] = ()
) -> Listing:
    """The listing of a data set in its one order.

    Raises
    ------
    InputError
        There is no source, or two files give the same sample, or a video is there as a file and as frames.
    """
    ordered = sorted(sources, key=lambda source: (*sample_key(source), source.path))
    left_out = sorted((valid_text(path), reason) for path, reason in skipped)
    if not ordered:
        found = f"{len(left_out)} left out, such as {left_out[0][0]} ({left_out[0][1]})" if left_out else "no file"
        raise InputError(f"no picture and no video of the layout in {root}: {found}")
    refuse_one_sample_twice(ordered, [source.path for source in ordered])
    return Listing(ordered, left_out, tuple(notes))


def refuse_one_sample_twice(ordered: Sequence[Source], paths: Sequence[str]) -> None:
    """Refuse sources, sorted by `sample_key`, of which two are one sample; ``paths`` name them.

    Raises
    ------
    InputError
        Two files give the same sample, or a video is there as a file and as frames.
    """
    keys = list(map(sample_key, ordered))
    for place, (one, other) in enumerate(pairwise(keys)):
        if one[:-1] == other[:-1] and (one == other or one[-1] == WHOLE_VIDEO):  # a video file precedes its frames
            sample = "/".join(map(str, other))
            raise InputError(
                f"{paths[place]} and {paths[place + 1]} are both sample {sample}; remove or rename one of them"
            )


def _split(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder, name


def _stem(path: str) -> str:
    return os.path.splitext(_split(path)[1])[0]


def parse_file(path: str, manipulation: str) -> Name:
    """Video and frame that the name of a picture says; digits too long for a frame number belong to the video."""
    name = parse_frame(_stem(path), manipulation)
    return parse_video(_stem(path), manipulation) if (name.frame or 0) > LAST_FRAME else name


def parse_folders(between: str, manipulation: str) -> Name:
    """The video that nested folders name: all of them together; who is in it, the last that names a video says."""
    folders = between.split("/")
    telling = [name for name in folders if name.lower() not in CONTAINERS] or folders
    return parse_video(telling[-1], manipulation)._replace(video=between)


def frame_numbers(paths: list[str]) -> list[int]:
    """Frame number of each file of one video: the last digits of its name, or its place where a name has none."""
    runs = [re.findall(r"\d+", _stem(path)) for path in paths]
    numbers = [int(run[-1]) if run else -1 for run in runs]
    if all(0 <= number <= LAST_FRAME for number in numbers):
        return numbers
    return list(range(len(paths)))


def make_source(path: str, folder: ClassFolder, name: Name, frame: int, *, split: str = "") -> Source:
    """The source of one file, by what is known of it; ``frame`` -1 is a video file."""
    scene, identities = who(folder.dataset, name.target, name.identities)
    return Source(
        path=valid_text(path),
        dataset=folder.dataset,
        compression=folder.compression,
        manipulation=valid_text(folder.manipulation),
        video=valid_text(name.video),
        frame=frame,
        is_video=frame == WHOLE_VIDEO,
        scene=scene,
        identities=identities,
        label=label_of(folder.manipulation),
        split=split,
    )


def label_of(manipulation: str) -> int:
    """0 real, 1 fake, -1 for `UNLABELLED`."""
    return REAL if is_real(manipulation) else UNKNOWN if manipulation == UNLABELLED else FAKE


@lru_cache(maxsize=1024)
def who(dataset: str, target: str, identities: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Scene and identities; as these are stored joined by spaces, white space inside one is percent-encoded."""
    names = [f"{dataset}/{valid_text(name)}" for name in dict.fromkeys(identities)]
    encoded = tuple(re.sub(r"\s", lambda match: quote(match[0]), name) for name in names)
    return f"{dataset}/{valid_text(target)}", encoded


def sample_key(source: Source) -> tuple[str, str, str, str, int]:
    """What names one sample: data set, compression, manipulation, video, frame."""
    return source.dataset, source.compression, source.manipulation, source.video, source.frame
