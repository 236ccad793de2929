"""WebDataset: tar archives of pictures, each beside a .json or .cls that says what it is; read without unpacking."""

import json
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cache.errors import InputError
from extract.archives import SUFFIX, Member, list_members
from extract.layouts.base import Listing, Source, sorted_listing
from extract.layouts.files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, check_root, glance, list_files, valid_text
from extract.layouts.rows import FRAME_STEM, number_frames, row_source
from extract.layouts.table import COLUMNS, Row

EXPECTED = "*.tar with 000.jpg and 000.json (label, video ...) or 000.cls (1 is fake)"
LABEL_FILE = ".cls"


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where it is not."""
    found = next((path for path in glance(root, depth=2) if path.endswith(SUFFIX)), "")
    return f"archives such as {valid_text(found)}" if found else ""


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources inside the tar archives of a folder; a path is ``shard.tar/000.jpg``.

    What a picture is stands in the members of its name: a ``.json`` with the fields of a manifest (`COLUMNS`, of which
    only the label is required), or a ``.cls`` with the label. Where no field tells the video, a name that is only a
    number stands for itself; others are read as in class folders.

    Parameters
    ----------
    root : Path
    dataset : str, optional
        By default the field, else the root's name.

    Raises
    ------
    InputError
        The root is missing or has no archive with a picture; an archive is damaged or holds a name twice; a picture
        has no label, or one that means nothing; two pictures give the same sample.

    References
    ----------
    https://github.com/webdataset/webdataset
    """
    check_root(root)
    files = list_files(root)
    archives = [path for path, _ in files.skipped if path.endswith(SUFFIX)]
    if not archives:
        raise InputError(f"no {SUFFIX} archive in {root}; expected {EXPECTED}")
    skipped = [(path, reason) for path, reason in files.skipped if path not in set(archives)]
    skipped += [(path, "in no archive") for path in (*files.images, *files.videos)]
    default = valid_text(root.resolve().name)
    rows: list[Row] = []
    sources: list[Source] = []
    for archive in archives:
        for row, path in _rows(root, archive, skipped):
            try:
                sources.append(row_source(row, valid_text(path), dataset, default))
            except InputError as error:
                raise InputError(f"{valid_text(path)}: {error}") from error
            rows.append(row)
    return sorted_listing(root, number_frames(rows, sources), skipped)


def _rows(root: Path, archive: str, skipped: list[tuple[str, str]]) -> Iterator[tuple[Row, str]]:
    """(what is said of it, path) of each picture of an archive; other files that tell nothing are ``skipped``."""
    members: dict[str, Member] = {}
    for name, member in list_members(root / archive):
        if name in members:
            raise InputError(f"{archive} holds {name} twice; make it anew")
        members[name] = member
    with open(root / archive, "rb") as file:
        for number, name in enumerate(members, 1):
            suffix = posixpath.splitext(name)[1].lower()
            path = f"{archive}/{name}"
            if suffix in IMAGE_SUFFIXES:
                key = _key(name)
                said: dict[str, Any] = {}
                for extension in (LABEL_FILE, ".json"):
                    if description := members.get(key + extension):
                        file.seek(description.offset)
                        said |= _fields(file.read(description.size), f"{archive}/{key}{extension}")
                yield _row(number, path, key, said), path
            elif suffix in VIDEO_SUFFIXES:
                skipped.append((path, "a video inside an archive; unpack it"))
            elif suffix not in (LABEL_FILE, ".json"):
                skipped.append((path, "neither a picture nor its description by its suffix"))


def _key(name: str) -> str:
    """What the members of one sample share: the name up to the first dot."""
    folder, file = posixpath.split(name)
    return posixpath.join(folder, file.partition(".")[0])


def _fields(content: bytes, name: str) -> dict[str, Any]:
    try:
        if name.endswith(LABEL_FILE):
            return {"label": content.decode().strip()}
        fields = json.loads(content)
        return {str(key).lower(): value for key, value in fields.items() if isinstance(value, (str, int, float))}
    except (ValueError, AttributeError) as error:
        raise InputError(f"cannot read {name}: {error}; expected {EXPECTED}") from error


def _row(number: int, path: str, key: str, said: dict[str, Any]) -> Row:
    texts = {}
    for column, accepted in COLUMNS.items():
        texts[column] = next((str(said[name]).strip() for name in accepted if name in said), "")
    if not texts["label"]:
        raise InputError(
            f"{valid_text(path)} has no label: neither a field of {key}.json nor {key}{LABEL_FILE} gives one"
        )
    if not texts["video"] and FRAME_STEM.fullmatch(posixpath.basename(key)):
        texts["video"] = posixpath.join(posixpath.splitext(path.partition(f"{SUFFIX}/")[0])[0], key)
    return Row(number, **{**texts, "path": path})
