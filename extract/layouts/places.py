"""Files of a data set whose layout says, of each path, where it belongs: place -> source."""

import posixpath
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from cache.identity import Name, parse_video
from extract.layouts.base import (
    CONTAINERS,
    NO_FRAME,
    WHOLE_VIDEO,
    ClassFolder,
    Source,
    frame_numbers,
    make_source,
    parse_file,
)
from extract.layouts.files import Files


class Place(NamedTuple):
    """What a layout knows of one file.

    Attributes
    ----------
    folder : ClassFolder
        Its ``path`` plays no part here.
    name : Name
        The frame is None where the name has none.
    split : str
    in_video_folder : bool
        The file is a frame of a folder named after its video: its number is in its name, or is its place there.
    """

    folder: ClassFolder
    name: Name
    split: str = ""
    in_video_folder: bool = False


def placed_sources(
    files: Files, place: Callable[[str, bool], Place | str]
) -> tuple[list[Source], list[tuple[str, str]]]:
    """Sources of the files that a layout finds a place for, and those left out, each with the reason.

    Where a video is there as a file and as frames, the frames are read.

    Parameters
    ----------
    files : Files
    place : callable
        (path, is a video file) -> its place, or why it has none.
    """
    skipped = list(files.skipped)
    videos: dict[tuple[ClassFolder, str], list[tuple[str, Place]]] = defaultdict(list)
    frames: dict[tuple[ClassFolder, str], list[tuple[str, Place]]] = defaultdict(list)
    for paths, found in ((files.images, frames), (files.videos, videos)):
        for path in paths:
            known = place(path, found is videos)
            if isinstance(known, str):
                skipped.append((path, known))
            else:
                found[known.folder, known.name.video].append((path, known))
    sources = []
    for key, placed in videos.items():
        if key in frames:
            skipped += [(path, f"its frames are read instead, as {frames[key][0][0]}") for path, _ in placed]
        else:
            sources += [make_source(path, one.folder, one.name, WHOLE_VIDEO, split=one.split) for path, one in placed]
    for placed in frames.values():
        numbers = frame_numbers([path for path, _ in placed])
        for (path, one), number in zip(placed, numbers, strict=True):
            if one.name.frame is not None or not one.in_video_folder:
                number = one.name.frame or NO_FRAME
            sources.append(make_source(path, one.folder, one.name, number, split=one.split))
    return sources, skipped


def name_below(rest: str, manipulation: str, is_video: bool) -> tuple[Name, bool]:
    """Video of a file by its path below a class folder, and whether it is a frame in a folder of that video.

    Folders that only say what lies in them (frames, videos ...) are no part of the video's name.

    Examples
    --------
    >>> name_below("frames/018_019/0012.png", "FaceSwap", False)
    (Name(video='018_019', target='018', sources=('019',), frame=None), True)
    """
    *folders, file = posixpath.splitext(rest)[0].split("/")
    folders = [folder for folder in folders if folder.lower() not in CONTAINERS]
    if is_video:
        return parse_video(file, manipulation)._replace(video="/".join([*folders, file])), False
    if folders:
        return parse_video(folders[-1], manipulation)._replace(video="/".join(folders)), True
    return parse_file(rest, manipulation), False
