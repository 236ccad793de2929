"""Class folders: pictures or videos by class, frames nested in a folder per video or named after it."""

from collections import defaultdict
from pathlib import Path

from cache.errors import InputError
from cache.identity import canonical, folder_says
from extract.layouts.base import ClassFolder, Listing, Source, image_sources, sorted_listing, video_sources
from extract.layouts.files import glance, list_files, valid_text

EXPECTED = "<class>/<video>/<frame>.png, <class>/<video>_<frame>.png or <class>/<video>.mp4, as real/004.mp4"


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where no class folder's name says real or fake."""
    tops = [name.rstrip("/") for name in glance(root, depth=1) if name.endswith("/")]
    telling = [name for name in tops if folder_says(name)]
    return f"class folders such as {valid_text(telling[0])}" if telling else ""


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources of a folder with one folder per class.

    ``<class>/<video>/<frame>``, ``<class>/<video>_<frame>`` (the flattened form) and ``<class>/<video file>``, told
    apart for each file. Class folders are named as `cache.identity.canonical` reads them.

    Parameters
    ----------
    root : Path
    dataset : str, optional
        The root's name by default.

    Raises
    ------
    InputError
        The root is missing or has no class folder with a picture or a video; two files give the same sample.
    """
    files = list_files(root)
    skipped = list(files.skipped)
    classes: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for kind, paths in enumerate((files.images, files.videos)):
        for path in paths:
            class_name, slash, _ = path.partition("/")
            if slash:
                classes[class_name][kind].append(path)
            else:
                skipped.append((path, "in no class folder"))
    if not classes:
        loose = next((path for path, reason in skipped if reason == "in no class folder"), None)
        found = f"pictures or videos such as {valid_text(loose)}, but in no class folder" if loose else "neither"
        raise InputError(f"no class folder with pictures or videos in {root}: found {found}; expected {EXPECTED}")
    dataset = valid_text(dataset or root.resolve().name)
    sources: list[Source] = []
    for class_name, (images, videos) in classes.items():
        folder = ClassFolder(class_name, dataset, "unknown", canonical(class_name))
        sources += image_sources(images, folder)
        sources += video_sources(videos, folder)
    return sorted_listing(root, sources, skipped)
