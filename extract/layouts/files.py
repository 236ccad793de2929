"""The files below a folder: pictures, videos, and what is left out with the reason."""

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from cache.errors import InputError
from extract.archives import has_member

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".gif", ".ppm"}
VIDEO_SUFFIXES = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"}


class Files(NamedTuple):
    """Pictures and videos below a folder, relative to the root, and what was left out, each with the reason."""

    images: list[str]
    videos: list[str]
    skipped: list[tuple[str, str]]


def list_files(root: Path, leave_out: Mapping[str, str] | None = None) -> Files:
    """All files below a folder; symbolic links are followed, except back to a folder above; hidden names are left out.

    Parameters
    ----------
    root : Path
    leave_out : mapping of str to str, optional
        Names of folders not to enter, at any depth, each with the reason.

    Raises
    ------
    InputError
        The root is missing, is a file, may not be read, or has a name that is not UTF-8.
    """
    check_root(root)
    files = Files([], [], [])
    for path, reason in _walk(str(root), "", leave_out or {}, frozenset()):
        suffix = os.path.splitext(path)[1].lower()
        if reason:
            files.skipped.append((path, reason))
        elif path != valid_text(path) and os.path.lexists(root / valid_text(path)):
            files.skipped.append((path, "not UTF-8, and another file has its percent-encoded name; rename one of them"))
        elif suffix in IMAGE_SUFFIXES:
            files.images.append(path)
        elif suffix in VIDEO_SUFFIXES:
            files.videos.append(path)
        else:
            files.skipped.append((path, "neither a picture nor a video by its suffix"))
    return files


def file_path(root: str | Path, path: str) -> Path:
    """Where a source's file lies: undoes the percent-encoding of names that are not valid UTF-8.

    A member of an archive lies below the archive's name, as `extract.archives` reads it.
    """
    literal = os.path.join(root, path)
    if "%" not in path or os.path.lexists(literal) or has_member(literal):
        return Path(literal)
    return Path(root, os.fsdecode(unquote_to_bytes(path)))


def valid_text(name: str) -> str:
    """A file name as valid UTF-8: percent-encoded where its bytes are not."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return quote(os.fsencode(name))
    return name


def glance(root: Path, depth: int = 3, limit: int = 2000) -> list[str]:
    """Names nearest the top of a folder, breadth first, relative to it; folders end in a slash.

    A bounded number of them, however large the folder: enough to recognise a layout by.
    """
    found: list[str] = []
    level = [""]
    for _ in range(depth):
        below = []
        for folder in level:
            try:
                entries = sorted(islice(os.scandir(root / folder), limit), key=lambda entry: entry.name)
            except OSError:  # listed with the reason when the files are read
                continue
            for entry in entries:
                if not entry.name.startswith("."):
                    is_folder = _kind(entry)[0]
                    found.append(f"{folder}{entry.name}{'/' if is_folder else ''}")
                    below += [found[-1]] * is_folder
            if len(found) > limit:
                return found
        level = below
    return found


def check_root(root: Path) -> None:
    """Refuse a root that is no folder, or may not be read."""
    if not root.is_dir():
        found = "is a file" if root.exists() else "does not exist"
        raise InputError(f"{root} {found}; name the folder of a data set")
    if (path := str(root.resolve())) != valid_text(path):  # it stands in the cache, for whoever looks for the files
        raise InputError(f"{valid_text(path)} is not UTF-8; rename the folder (names below it may be anything)")
    if not os.access(root, os.R_OK | os.X_OK):
        raise InputError(f"{root} may not be read; ask for the right to, or name another folder")


def _walk(
    folder: str, relative: str, leave_out: Mapping[str, str], ancestors: frozenset[tuple[int, int]]
) -> Iterator[tuple[str, str]]:
    """(relative path, reason why it is left out or "") of everything below a folder, sorted."""
    try:
        status = os.stat(folder)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield relative, f"cannot be read: {error.strerror}"
        return
    here = (status.st_dev, status.st_ino)
    if here in ancestors:
        yield relative, "a symbolic link back to a folder above it"
        return
    for entry in entries:
        path = f"{relative}/{entry.name}" if relative else entry.name
        is_folder, is_file = _kind(entry)
        if entry.name.startswith("."):
            yield path, "hidden"
        elif is_folder and entry.name in leave_out:
            yield path, leave_out[entry.name]
        elif is_folder:
            yield from _walk(entry.path, path, leave_out, ancestors | {here})
        else:
            yield path, "" if is_file else "a broken link, or no regular file"


def _kind(entry: os.DirEntry[str]) -> tuple[bool, bool]:
    """(is a folder, is a file), links followed; a link to itself is neither."""
    try:
        return entry.is_dir(), entry.is_file()
    except OSError:
        return False, False
