"""Files that are written once, whole, and never again: HDF5 behind a user block with the hash of everything behind it.

A file appears under its name only after its bytes are on the disk; nothing here ever opens an existing file for
writing, and no name that is taken is ever replaced.
"""

import contextlib
import io
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import xxhash

from cache.errors import InputError
from cache.schema import FORMAT_VERSION

BLOCK = 512  # bytes of the HDF5 user block
MAGIC = b"crossprobe feature cache\n"
CHUNK = 1 << 24
CHECKED = ("v108", "v108")  # structures of HDF5 1.8, which carry checksums: the older ones, h5py's default, do not


def render_block(length: int, digest: str) -> bytes:
    """The 512 bytes in front of the HDF5 part: magic, format version, length of the file, hash of the rest."""
    text = MAGIC + f"format {FORMAT_VERSION}\nbytes {length}\nxxh3-128 {digest}\n".encode()
    return text.ljust(BLOCK, b"\0")


def read_block(path: Path) -> tuple[int, str]:
    """(length, digest) as the file's user block states them.

    Raises
    ------
    InputError
        The file is missing, is not one of ours, is of a newer format, or is shorter or longer than it says.
    """
    try:
        with open(path, "rb") as file:
            block = file.read(BLOCK)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if not block.startswith(MAGIC):
        raise InputError(f"{path} is not a feature cache of this program; `extract` makes one")
    try:
        fields = dict(line.split(" ", 1) for line in block[len(MAGIC) :].rstrip(b"\0").decode().splitlines())
        version, length, digest = int(fields["format"]), int(fields["bytes"]), fields["xxh3-128"]
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: the user block is damaged; extract again or copy the file anew") from error
    if version > FORMAT_VERSION:
        raise InputError(
            f"{path} has format version {version}; this program reads up to {FORMAT_VERSION}: update crossprobe"
        )
    if size != length:
        raise InputError(
            f"{path} has {size} bytes where it was sealed with {length}: truncated or appended to; copy it anew"
        )
    return length, digest


def digest_behind_block(path: Path) -> str:
    """xxh3-128 of all bytes behind the user block, as hex."""
    digest = xxhash.xxh3_128()
    with open(path, "rb") as file:
        file.seek(BLOCK)
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def is_intact(path: Path) -> bool:
    """Whether every byte of a sealed file is as it was sealed."""
    try:
        length, digest = read_block(path)
        with open(path, "rb") as file:
            block = file.read(BLOCK)
        return block == render_block(length, digest) and digest_behind_block(path) == digest
    except (InputError, OSError):
        return False


class _Target(io.FileIO):
    """A new file for HDF5 to write to, which keeps the first error to itself: where a write fails, HDF5 crashes.

    Attributes
    ----------
    error : BaseException or None
        Why the file is worthless.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "x+")
        self.error: BaseException | None = None

    def write(self, content: Any, /) -> int:
        """Write all of it, or, once there is an error, nothing."""
        left = memoryview(content)
        try:
            while self.error is None and left:
                left = left[super().write(left) :]
        except BaseException as error:  # also one that a signal raises here
            self.error = error
        return len(content)

    def truncate(self, size: int | None = None, /) -> int:
        """Set the length, as HDF5 does when it closes the file."""
        try:
            return super().truncate(size)
        except BaseException as error:
            self.error = self.error or error
            return size or 0


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file with an empty user block; what went wrong with writing is raised when it is closed."""
    with _Target(path) as target:
        try:
            with h5py.File(target, "w", userblock_size=BLOCK, libver=CHECKED) as file:
                yield file
        finally:
            if target.error is not None:
                raise target.error


@contextlib.contextmanager
def sealing(path: Path, scratch: Path | None = None) -> Iterator[h5py.File]:
    """An HDF5 file to fill, which becomes ``path`` when the block ends without an exception, or never.

    Parameters
    ----------
    path : Path
        Must not exist.
    scratch : Path, optional
        Folder of the unfinished file, on the same file system; that of ``path`` by default.

    Raises
    ------
    InputError
        ``path`` exists already.
    """
    temporary = (scratch or path.parent) / f".{path.name}.{uuid.uuid4().hex[:8]}.tmp"
    try:
        with _new_file(temporary) as file:
            yield file
        with open(temporary, "r+b") as raw:
            raw.write(render_block(os.fstat(raw.fileno()).st_size, digest_behind_block(temporary)))
        publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_durably(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file, then give it its name; the name must be free."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        write(temporary)
        publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def publish(temporary: Path, path: Path) -> None:
    """Give a finished file its name, durably: fsync, link, fsync of the folder. A taken name is never replaced."""
    with open(temporary, "r+b") as file:
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise InputError(f"{path} exists already and is never overwritten; name another file") from error
    except OSError:  # a file system without hard links
        if path.exists():
            raise InputError(f"{path} exists already and is never overwritten; name another file") from None
        os.rename(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable (where the system can: not on Windows)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
