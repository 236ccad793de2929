"""Others' scores: one file of labels and scores -> predictions, with the videos and groups that its names tell."""

import posixpath
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.predictions import COLUMNS as PREDICTIONS
from evaluate.path_table import (
    COLUMNS,
    LABELS,
    SPLIT_NAMES,
    VIDEO_SUFFIXES,
    mapped,
    named,
    plain_name,
    plain_path,
    recognised,
)
from evaluate.table_file import TableFile, file_hash, numbers, open_table, texts
from evaluate.wording import listed, plural

SCORE_COLUMNS: dict[str, tuple[str, ...]] = {  # ours -> names accepted, in lower case
    **COLUMNS,
    "score": (
        "score", "scores", "fake_score", "fake_probability", "fake_probability_score", "fake_prob", "prob_fake",
        "p_fake", "prob", "probability", "avg_score", "mean_score", "video_score", "y_score", "y_prob", "logit",
        "logits",
    ),
    "frame": ("frame", "frame_id", "frame_idx", "frame_index", "frame_number", "frame_no"),
    "sample_id": ("sample_id",),
    "split": ("split",),
    "manipulation": ("manipulation", "method", "forgery"),
    "original": ("original", "original_video", "target_video"),
}  # fmt: skip
DECISIVE = ("path", "label", "score", "video")
STATED = ("sample_id", "dataset", "compression", "manipulation", "video_id", "group")
OURS = {"dataset", "compression", "manipulation", "video", "group", "split"}  # predictions that this program wrote
ALONE = (
    "No path and no video column: every row counts as a video and a group of its own; where several rows show one "
    "video or one scene, the intervals are too narrow"
)
UNPAIRED = "Without a path or video column a file cannot be compared in pairs with another: they share no sample"


class Scores(NamedTuple):
    """One file of scores.

    Attributes
    ----------
    table : DataFrame
        `cache.predictions.COLUMNS` without ``predicted``, and ``scene`` and ``identities`` of each row.
    columns : dict of str
        Ours -> the file's name of each column that was read.
    notes : list of str
        What the reader of a report has to know of how the file was read, one sentence each.
    bare : bool
        Nothing names a row but its video, without a folder, and nothing but the label tells real from fake.
    """

    table: pd.DataFrame
    columns: dict[str, str]
    notes: list[str]
    bare: bool


def read_scores(path: Path, columns: Iterable[str] = ()) -> Scores:
    """Labels and scores of a table that anybody wrote, as predictions.

    1 means fake, and a higher score means more fake. The class folder, the video and its identities are read from the
    path unless columns tell them; groups are connected components of identities. Without a path the video column
    tells, and rows of one video are its frames in file order unless a frame column numbers them. Without either every
    row counts as a video and a group of its own. Where there is a split, test rows (and ``val``, out-of-fold rows of
    the training side) are kept. Predictions that this program wrote keep their videos and groups as they are.

    Parameters
    ----------
    path : Path
        Of a table as `evaluate.table_file.open_table` reads it.
    columns : iterable of str
        ``ours=theirs``: which column is meant, where the table calls it otherwise (`SCORE_COLUMNS`).

    Raises
    ------
    InputError
        The table cannot be read, lacks a column or has two that may be meant; a label, score or split means nothing;
        a label contradicts the path; a path, or a frame of a video, stands twice; the test rows lack a class.
    """
    path, columns = Path(path), [*columns]
    file = open_table(path, lambda names: _require(path, names, columns))
    found = recognised(file, columns, SCORE_COLUMNS, DECISIVE)
    _require(path, file.header, columns)
    cells = file.read([*dict.fromkeys(found.values())])
    told = pd.DataFrame({name: texts(cells[theirs]) for name, theirs in found.items()})
    told["label"] = mapped(told["label"], LABELS, "label", file)
    told["score"] = _finite(cells[found["score"]], file)
    kept, left_out = _of_test(told, file)
    table = identified(kept, file)
    nameless = found.keys().isdisjoint(("path", "video", "sample_id"))
    alone = [*[ALONE] * ("group" not in found), UNPAIRED] if nameless else []
    bare = "video" in found and found.keys().isdisjoint(("path", "sample_id", "manipulation"))
    bare = bare and not told["video"].str.contains(r"[/\\]").any()
    known = [name for name in PREDICTIONS if name != "predicted"]
    return Scores(table[[*known, "scene", "identities"]].reset_index(drop=True), found, [*alone, *left_out], bare)


def _require(path: Path, names: list[str], columns: list[str]) -> None:
    """Refuse a header, or the names in a first record, that has no label or no score."""
    given = {one.partition("=")[0] for one in columns}
    there = {plain_name(name) for name in names}
    for wanted in ("label", "score"):
        if wanted not in given and there.isdisjoint(SCORE_COLUMNS[wanted]):
            raise InputError(
                f"{path} has no column for the {wanted}: it has {', '.join(names)}; accepted: "
                f"{', '.join(SCORE_COLUMNS[wanted])}, or say which with --column {wanted}=NAME"
            )


def identified(told: pd.DataFrame, file: TableFile, *, once: bool = True) -> pd.DataFrame:
    """Rows with who is in them, of which video they are, and a key of their own.

    Parameters
    ----------
    told : DataFrame
        ``label``, ``split``, and of the other `SCORE_COLUMNS` those that the file has, as text.
    file : TableFile
        Where they are from, for messages.
    once : bool
        Refuse what stands twice; else it counts once.

    Returns
    -------
    DataFrame
        ``label``, ``split``, ``score`` where there is one, ``sample_id``, ``group`` and `evaluate.path_table.READ`.

    Raises
    ------
    InputError
        A row has neither path nor video where others have, a label contradicts its path, or a row stands twice.
    """
    table, key = _located(told, file)
    own = set(told) >= OURS
    key = ["sample_id"] if own and "sample_id" in told else key
    if (nameless := (table["path"] == "") & (table["video"] == "")).any():
        raise InputError(f"{file.at(nameless.idxmax())}: no path and no video; name the file, or leave the row out")
    table["path"] = [plain_path(one) if one else "" for one in table["path"].tolist()]
    if key:
        repeated = table.duplicated(["split", *key]) & (table[key[0]] != "")
        if once and repeated.any():
            _refuse_repeated(table, key, repeated, file)
        table = table[~repeated]
    samples = named(table, file)
    samples["dataset"] = samples["dataset"].replace("", "unknown")
    samples["sample_id"] = _keys(samples, table.get("frame", pd.Series("", table.index)))
    if own:
        stated = told.rename(columns={"video": "video_id"})
        for name in samples.columns.intersection(STATED).intersection(stated.columns):
            samples[name] = stated[name].where(stated[name] != "", samples[name])
    return samples


def _located(told: pd.DataFrame, file: TableFile) -> tuple[pd.DataFrame, list[str]]:
    """Rows with a path or a video each, "" for the other; and what of them stands once at most, nothing for none."""
    nothing = pd.Series("", told.index)
    numbered = ["frame"] * ("frame" in told)
    if "path" in told:
        return told.assign(video=told.get("video", nothing)), ["path", *numbered]
    if "video" in told:
        key = ["video", "frame", "label", *["manipulation"] * ("manipulation" in told)]
        return told.assign(path=nothing), key if numbered else []
    if "sample_id" in told:
        return told.assign(path=told["sample_id"], video=nothing), ["sample_id"]
    own = file_hash(file.path)[:8]  # the same row of another file is another sample
    return told.assign(path=nothing, video=[f"row_{row}_of_{own}" for row in told.index]), []


def _refuse_repeated(table: pd.DataFrame, key: list[str], repeated: pd.Series, file: TableFile) -> None:
    row = repeated.idxmax()
    same = (table[["split", *key]] == table.loc[row, ["split", *key]]).all(axis=1)
    what = ", ".join(f"{name} {table.at[row, name]!r}" for name in key if name != "label")
    raise InputError(
        f"{file.at(row)}: {what} stands in {file.unit} {same.idxmax()} already ({repeated.sum():,} such rows); "
        "score every frame once, or leave one of them out"
    )


def _keys(samples: pd.DataFrame, frames: pd.Series) -> list[str]:
    """The video and the frame of each row: by its number, else its file, else #0, #1 ... of its video."""
    order = samples.groupby(["video_id", "split"]).cumcount()
    columns = (samples["video_id"], frames, samples["frame"], samples["path"], order)
    keys = []
    for video, told, read, path, at in zip(*(column.tolist() for column in columns), strict=True):
        frame = told or read or _frame_file(path) or f"#{at}"
        keys.append(f"{video}/{int(frame) if frame.isdecimal() and len(frame) < 10 else frame}")
    repeated = pd.DataFrame({"key": keys, "split": samples["split"].to_numpy()}).duplicated(keep=False)
    return [f"{key}#{row}" if twice else key for key, row, twice in zip(keys, samples.index, repeated, strict=True)]


def _frame_file(path: str) -> str:
    """What the file of a frame is called; "" for that of a video, and where there is no path."""
    stem, suffix = posixpath.splitext(posixpath.basename(path))
    return "" if suffix.lower() in VIDEO_SUFFIXES else stem


def _finite(cells: pd.Series, file: TableFile) -> pd.Series:
    scores = numbers(cells)
    if (wrong := ~np.isfinite(scores)).any():
        row = wrong.idxmax()
        written = texts(cells[[row]])[row]
        shown = repr(written) if written or isinstance(cells[row], str) else "null" if cells[row] is None else "nan"
        raise InputError(
            f"{file.at(row)}: the score {shown} is no finite number with a decimal point ({wrong.sum():,} "
            "such rows); score what can be judged and leave out the rest, counted"
        )
    return scores


def _of_test(told: pd.DataFrame, file: TableFile) -> tuple[pd.DataFrame, list[str]]:
    """Rows that are measured, and a sentence on those that are not."""
    if "split" not in told:
        told, counts = told.assign(split="test"), {}
    else:
        told = told.assign(split=mapped(told["split"], SPLIT_NAMES, "split", file))
        counts = {name: int(count) for name, count in told["split"].value_counts().items()}
    labels = told.loc[told["split"] == "test", "label"]
    if labels.nunique() < 2:
        found = f"{plural(int((labels == 0).sum()), 'real')} and {plural(int((labels == 1).sum()), 'fake')}"
        others = "".join(f", {plural(count, 'row')} of split {name or 'none'!r}" for name, count in counts.items()
                         if name != "test")  # fmt: skip
        raise InputError(
            f"{file.path} has {found} to test on{others}: both classes are needed, in one file (0 real, 1 fake)"
        )
    out = [f"{plural(count, 'row')} of {f'split {name}' if name else 'no split'}"
           for name, count in counts.items() if name not in ("test", "val")]  # fmt: skip
    return told[told["split"].isin(("test", "val"))], [f"Left out: {listed(out)}"] if out else []
