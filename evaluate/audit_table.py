"""Other people's split files: a path, a label and a split in each row -> samples as the audit reads them."""

import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import xxhash

from cache.errors import InputError
from evaluate.path_table import COLUMNS, LABELS, SPLIT_NAMES, mapped, named, plain_path, recognised
from evaluate.table_file import open_table, texts

SPLIT_COLUMNS: dict[str, tuple[str, ...]] = {  # ours -> names accepted, in lower case
    **COLUMNS,
    "split": ("split", "set", "partition", "fold", "subset"),
    "pixel_hash": ("pixel_hash",),
    "file_hash": ("file_hash", "hash", "md5", "sha1", "sha256"),
    "byte_size": ("byte_size", "file_size", "filesize", "bytes", "size"),
    "width": ("width",),
    "height": ("height",),
    "format": ("format",),
}
REQUIRED = ("path", "label", "split")
WHOLE_NUMBERS = ("byte_size", "width", "height")


def read_split_table(path: Path, columns: Iterable[str] = (), *, hash_files: bool = False) -> pd.DataFrame:
    """Samples that a table names, by the rules of `cache.identity`.

    The class folder, the video and its identities are read from the path, unless columns tell them. Where the files
    are there (relative to the table), their sizes are looked up.

    Parameters
    ----------
    path : Path
        Of a table as `evaluate.table_file.open_table` reads it.
    columns : iterable of str
        ``ours=theirs``: which column is meant, where the table calls it otherwise (`SPLIT_COLUMNS`).
    hash_files : bool
        Read the files too, so that equal ones are found whatever they are called.

    Returns
    -------
    DataFrame
        One row a line: path, label, split, dataset, compression, manipulation, video_id, scene, identities, group, and
        what metadata there are (byte_size, width, height, format, file_hash, pixel_hash).

    Raises
    ------
    InputError
        The table cannot be read, is empty, lacks a column or has two that may be meant, or a row says something that
        means nothing or contradicts the folder that it names.
    """
    file = open_table(path)
    found = recognised(file, columns, SPLIT_COLUMNS, REQUIRED)
    if missing := [name for name in REQUIRED if name not in found]:
        accepted = ", ".join(SPLIT_COLUMNS[missing[0]])
        raise InputError(
            f"{path} has no column for the {missing[0]}: it has {', '.join(file.header)}; accepted: {accepted}, or "
            f"say which with --column {missing[0]}=NAME (a splits.csv of `classify` is audited with its cache: audit "
            f"CACHE --split {path})"
        )
    cells = file.read([*dict.fromkeys(found.values())])
    table = pd.DataFrame({name: texts(cells[theirs]) for name, theirs in found.items()})
    if (empty := table["path"] == "").any():
        raise InputError(f"{file.at(empty.idxmax())}: no path; name the file, or leave the line out")
    table["path"] = [plain_path(one) for one in table["path"]]
    table["label"] = mapped(table["label"], LABELS, "label", file)
    table["split"] = mapped(table["split"], SPLIT_NAMES, "split", file)
    for name in WHOLE_NUMBERS:
        if name in table:
            table[name] = pd.to_numeric(table[name], errors="coerce").fillna(0)
    samples = named(table, file).drop(columns="frame").reset_index(drop=True)
    if "format" not in samples:
        samples["format"] = [os.path.splitext(one)[1].lower() for one in samples["path"].tolist()]
    return _with_files(samples, path.parent, hash_files)


def _with_files(table: pd.DataFrame, folder: Path, hash_files: bool) -> pd.DataFrame:
    """The table with the sizes of its files, and their hashes where wanted, where all of them are there."""
    if not (folder / table["path"].iloc[0]).is_file():
        return table
    paths = [folder / one for one in table["path"]]
    try:
        if "byte_size" not in table:
            table["byte_size"] = [path.stat().st_size for path in paths]
        if hash_files and "file_hash" not in table and "pixel_hash" not in table:
            table["file_hash"] = [xxhash.xxh3_128_hexdigest(path.read_bytes()) for path in paths]
    except OSError as error:
        raise InputError(f"{error.filename} is named but cannot be read: {error.strerror}") from error
    return table
