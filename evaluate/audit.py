"""The audit of a protocol: everything that makes its numbers mean something else than they seem to."""

from collections.abc import Iterator

import pandas as pd

from cache.errors import InputError
from cache.splits import SIDES
from evaluate.audit_balance import coverage, sides_differ
from evaluate.audit_duplicates import near_duplicates
from evaluate.audit_findings import Finding, finding, gravest_first
from evaluate.audit_pictures import Pictures
from evaluate.audit_prompts import prompt_polarity, zero_shot
from evaluate.audit_sides import COLUMNS, FRAME_KEYS, frame_key, leaks, shared_validation
from evaluate.shortcuts import metadata_columns, metadata_shortcut, picture_probe, shuffle_control
from evaluate.wording import plural

BACKGROUND = "background"  # the view whose frames show everything but the face
DETECTOR = "face/score"


def audit_samples(
    samples: pd.DataFrame, split: pd.Series, *, disjoint: str = "identity", drop_crossing: bool = False, seed: int = 0
) -> list[Finding]:
    """What a table of samples and its split tell, without looking at pictures.

    Parameters
    ----------
    samples : DataFrame
        Columns as `cache.schema.SAMPLE_COLUMNS`, of which `evaluate.audit_table.read_split_table` gives as many as are
        needed; ``detector_score`` is read where it is there.
    split : Series of str
        Side of each: train, val, test, both, or "" for neither. Validation counts as training.
    disjoint, drop_crossing
        What the split promises, as in `evaluate.audit_sides.leaks`.
    seed : int
        Of the folds of probes.

    Returns
    -------
    list of Finding
        The gravest first.

    Raises
    ------
    InputError
        A side is empty.
    """
    looked_at = samples[[name for name in (*COLUMNS, "compression") if name in samples]]  # of what is copied, no more
    trained, tested = (looked_at[split.isin(values)] for values in SIDES.values())
    for side, rows in (("training", trained), ("test", tested)):
        if rows.empty:
            raise InputError(f"no sample is on the {side} side: there is no protocol to audit")
    found = [
        *leaks(trained, tested, disjoint=disjoint, drop_crossing=drop_crossing),
        *shared_validation(looked_at[split == "train"], looked_at[split == "val"]),
        *sides_differ(trained, tested),
        *metadata_shortcut(samples[metadata_columns(samples)][split.ne("")], seed=seed),
        *_left_out(samples, split),
        _compared(trained, tested),
    ]
    return gravest_first(found)


def audit_pictures(
    pictures: Pictures, samples: pd.DataFrame, split: pd.Series, *, deep: bool = False, seed: int = 0
) -> list[Finding]:
    """What features, prompts and failures tell, beside `audit_samples`.

    Parameters
    ----------
    pictures : Pictures
    samples : DataFrame
        Those of its samples that are looked at; the index holds their rows.
    split : Series of str
        As for `audit_samples`.
    deep : bool
        Fit probes on the background view and on shuffled labels.
    """
    samples = samples[["video_id", "group", "label", "manipulation"]]
    used = samples[split.ne("")]
    trained, tested = (samples[split.isin(values)] for values in SIDES.values())
    prompts = pictures.prompts()
    found = [
        *coverage(pictures.manipulations, pictures.failures, set(used["manipulation"])),
        *near_duplicates(trained, tested, lambda rows: pictures.array("embedding", rows), pictures.grey),
        *(one for name, texts in prompts.items() for one in prompt_polarity(name, texts.texts, texts.labels)),
        *zero_shot(used, prompts, seed=seed),
        *(_deep(pictures, used, seed) if deep else ()),
    ]
    return gravest_first(found)


def with_detector_score(samples: pd.DataFrame, pictures: Pictures) -> pd.DataFrame:
    """The table with the face detector's score of each sample, where its pictures are face crops."""
    if not pictures.has(DETECTOR):
        return samples
    return samples.assign(detector_score=pictures.array(DETECTOR, samples.index.to_numpy()).reshape(-1))


def _deep(pictures: Pictures, samples: pd.DataFrame, seed: int) -> Iterator[Finding]:
    if pictures.has("embedding", BACKGROUND):
        what = "embeddings of the background, without the face,"
        yield picture_probe(
            "background", what, lambda rows: pictures.array("embedding", rows, BACKGROUND), samples, seed=seed
        )
    else:
        text = f"the background was not probed: there is no view {BACKGROUND!r}; extract has --crop face --views for it"
        yield finding("background", "note", text)
    yield shuffle_control(lambda rows: pictures.array("embedding", rows), samples, seed=seed)


def _left_out(samples: pd.DataFrame, split: pd.Series) -> Iterator[Finding]:
    out = int(samples.loc[split == "", "video_id"].nunique())
    if out:
        total = int(samples["video_id"].nunique())
        yield finding("left_out", "note", f"{out:,} of {plural(total, 'video')} are on neither side",
                      {"left_out": out, "total": total})  # fmt: skip


def _compared(trained: pd.DataFrame, tested: pd.DataFrame) -> Finding:
    """What was and what could not be compared: silence about a leak must not be taken for its absence."""
    key = frame_key(trained, tested)
    by = FRAME_KEYS[key].removeprefix("by ") if key else "nothing: no hash and no path is there"
    read = f"; {tested['path'].iloc[0]} was read as {tested['video_id'].iloc[0]}" if "path" in tested else ""
    people = int(tested["identities"].str.contains(" ").sum())
    text = (
        f"compared: {len(trained):,} training and {len(tested):,} test frames, exact frames by {by}; "
        f"target and source are both known of {people:,} test frames{read}"
    )
    return finding("compared", "note", text, {"trained": len(trained), "tested": len(tested)})
