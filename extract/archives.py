"""Files, and members of tar archives below the archive's name (`shard.tar/000.jpg`), read where they lie."""

import os
import posixpath
import tarfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cache.errors import InputError

SUFFIX = ".tar"


class Member(NamedTuple):
    """Where the bytes of a member begin in its archive, and how many they are."""

    offset: int
    size: int


def list_members(archive: str | Path) -> list[tuple[str, Member]]:
    """The regular files of an uncompressed tar archive, in its order, some perhaps several times.

    Raises
    ------
    InputError
        It is damaged, compressed, or no tar archive.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            return [
                (posixpath.normpath(member.name), Member(member.offset_data, member.size))
                for member in tar
                if member.isreg() and not member.issparse()
            ]
    except tarfile.TarError as error:
        raise InputError(f"cannot read {archive} as an uncompressed tar archive: {error}") from error


def has_member(path: str | Path) -> bool:
    """Whether a path names a member of an archive."""
    return _locate(path) is not None


def read_file(path: str | Path) -> bytes:
    """Bytes of a file or member.

    Raises
    ------
    OSError
        It is not there or cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except (NotADirectoryError, FileNotFoundError):
        located = _locate(path)
        if located is None:
            raise
    archive, member = located
    with open(archive, "rb") as file:
        file.seek(member.offset)
        return file.read(member.size)


def size_and_time(path: str | Path) -> tuple[int, float]:
    """Bytes of a file or member, and when it, or its archive, was written to (seconds since the epoch).

    Raises
    ------
    OSError
        It is not there.
    """
    try:
        status = os.stat(path)
        return status.st_size, status.st_mtime
    except (NotADirectoryError, FileNotFoundError):
        located = _locate(path)
        if located is None:
            raise
    archive, member = located
    return member.size, os.stat(archive).st_mtime


def _locate(path: str | Path) -> tuple[str, Member] | None:
    """The archive that a path goes through, and its member there."""
    text = os.fspath(path).replace(os.sep, "/")
    end = text.find(f"{SUFFIX}/")
    while end >= 0:
        archive, name = text[: end + len(SUFFIX)], text[end + len(SUFFIX) + 1 :]
        if os.path.isfile(archive):
            status = os.stat(archive)
            member = _index(archive, status.st_mtime_ns, status.st_size).get(name)
            return None if member is None else (archive, member)
        end = text.find(f"{SUFFIX}/", end + 1)
    return None


@cache  # pictures come in the order of the plan, not of the archives: none is indexed twice
def _index(archive: str, modified: int, size: int) -> dict[str, Member]:
    """Members by name; an archive that was written to since is another one."""
    try:
        return dict(list_members(archive))
    except InputError as error:
        raise OSError(str(error)) from error
