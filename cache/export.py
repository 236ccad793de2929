"""A cache for other programs: clip-retrieval's folders of .npy and Parquet, or one CSV file."""

import importlib.util
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from cache.errors import InputError, choose
from cache.reader import Cache
from cache.sealed import sync_folder, write_durably
from cache.store import refuse_taken, row_blocks

CSV_ROWS = 4096  # rows turned into text at a time


def export(cache: Cache, out: Path, form: str = "npy", space: str | None = None) -> None:
    """Write the sample table, prompt similarities and embeddings of a cache for other programs, whole or not at all.

    Parameters
    ----------
    cache : Cache
        With its additions.
    out : Path
        A folder (npy) or a file (csv); must not exist.
    form : str
        A name of `FORMS`.
    space : str, optional
        Feature space; "clean" by default.

    Raises
    ------
    InputError
        ``out`` exists, an unknown form or space, a space without embeddings, or no pyarrow to write Parquet with.
    """
    write = choose(FORMS, form, "export format")
    refuse_taken(out)
    embedding = cache.array("embedding", space=space)
    table = pd.concat([cache.samples, _similarities(cache, space)], axis=1)
    out.parent.mkdir(parents=True, exist_ok=True)
    write(table, embedding, out)


def write_folder(table: pd.DataFrame, embedding: np.ndarray, out: Path) -> None:
    """Write ``img_emb/img_emb_0.npy`` and, row for row with it, ``metadata/metadata_0.parquet``.

    The embeddings are float16 as stored: unnormalised, where clip-retrieval's own are of unit length (normalise
    them before an index by inner product). Its ``text_emb`` is a caption's embedding per image; a prompt set is no
    caption, so its similarities stand in the table instead.

    References
    ----------
    clip-retrieval, clip_inference/writer.py: https://github.com/rom1504/clip-retrieval
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError("Parquet needs pyarrow: `pip install pyarrow`, or export with --format csv")
    paths = table["root"].str.cat(table["path"], sep="/")
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        for name in ("img_emb", "metadata"):
            (temporary / name).mkdir(parents=True)
        _write_npy(temporary / "img_emb" / "img_emb_0.npy", embedding)
        metadata = temporary / "metadata" / "metadata_0.parquet"
        pd.concat([paths.rename("image_path"), table], axis=1).to_parquet(metadata, engine="pyarrow", index=False)
        _make_durable(temporary)
        refuse_taken(out)
        os.rename(temporary, out)
        sync_folder(out.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_csv(table: pd.DataFrame, embedding: np.ndarray, out: Path) -> None:
    """Write one CSV file: the table, then ``emb_0`` to ``emb_{D-1}``; every number reads back to the bits stored."""
    names = [f"emb_{index}" for index in range(embedding.shape[1])]
    floats = table.select_dtypes("float32").columns
    texts = table.assign(**{name: [f"{value:.9g}" for value in table[name]] for name in floats})

    def write(temporary: Path) -> None:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            for block in row_blocks(len(table), CSV_ROWS):
                numbers = pd.DataFrame(embedding[block].astype(np.float32), columns=names)
                rows = pd.concat([texts.iloc[block].reset_index(drop=True), numbers], axis=1)
                # 5 digits tell all float16 apart
                rows.to_csv(file, header=block.start == 0, index=False, float_format="%.5g", lineterminator="\n")

    write_durably(out, write)


FORMS: dict[str, Callable[[pd.DataFrame, np.ndarray, Path], None]] = {"npy": write_folder, "csv": write_csv}


def _similarities(cache: Cache, space: str | None) -> pd.DataFrame:
    """One column a prompt, ``similarity_<set>_<number>``."""
    columns = {}
    for name in cache.prompt_sets(space):
        similarity = cache.similarity(name, space=space)
        columns.update({f"similarity_{name}_{index}": values for index, values in enumerate(similarity.T)})
    return pd.DataFrame(columns, index=range(len(cache)))


def _write_npy(path: Path, array: np.ndarray) -> None:
    target = np.lib.format.open_memmap(path, "w+", array.dtype, array.shape)
    for block in row_blocks(len(array)):
        target[block] = array[block]
    target.flush()


def _make_durable(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir():
            sync_folder(path)
        else:
            with open(path, "r+b") as file:
                os.fsync(file.fileno())
