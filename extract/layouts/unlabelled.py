"""A plain folder without labels: pictures and videos that are only to be predicted."""

import posixpath
from pathlib import Path

from cache.identity import Name
from extract.layouts.base import UNLABELLED, ClassFolder, Listing, sorted_listing
from extract.layouts.files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, glance, list_files, valid_text
from extract.layouts.places import Place, placed_sources
from extract.layouts.rows import FRAME_STEM

EXPECTED = "pictures and videos of which nothing is known (label -1, only to be predicted)"


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where pictures or videos lie in folders, whose names may say more."""
    suffixes = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    names = glance(root, depth=1)
    if any(name.endswith("/") for name in names):
        return ""
    found = next((name for name in names if posixpath.splitext(name)[1].lower() in suffixes), "")
    return f"files such as {valid_text(found)} in no folder: without labels, only to be predicted" if found else ""


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources of a folder of which nothing is known: label -1, manipulation "unknown".

    A video file is a video, a picture stands for itself; pictures in a folder whose names are only numbers
    (``clip/0012.jpg``, ``clip/frame_0012.jpg``) are the frames of one video.

    Parameters
    ----------
    root : Path
    dataset : str, optional
        The root's name by default.

    Raises
    ------
    InputError
        The root is missing or holds no picture and no video; two files give the same sample.
    """
    files = list_files(root)
    folder = ClassFolder("", valid_text(dataset or root.resolve().name), "unknown", UNLABELLED)

    def place(path: str, is_video: bool) -> Place | str:
        stem = posixpath.splitext(path)[0]
        parent, _, file = stem.rpartition("/")
        is_frame = bool(parent) and not is_video and FRAME_STEM.fullmatch(file) is not None
        video = parent if is_frame else stem
        return Place(folder, Name(video, video), "", is_frame)

    return sorted_listing(root, *placed_sources(files, place))
