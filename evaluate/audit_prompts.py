"""Whether prompts say what they are declared to say: by their words, and by what they reach without training."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cache.schema import FAKE, REAL, PromptScores
from evaluate.audit_findings import Finding, finding
from evaluate.bootstrap import bootstrap
from evaluate.intervals import group_draws, interval
from evaluate.metrics import auc
from evaluate.prompt_words import against_words
from evaluate.wording import with_interval

BLOCK = 100_000  # rows whose similarities are held at once


def prompt_polarity(name: str, texts: list[str], labels: np.ndarray) -> list[Finding]:
    """Prompts whose words say the other class than the one they are declared for.

    Parameters
    ----------
    name : str
        Of the prompt set.
    texts : list of str, length P
    labels : ndarray of int, shape (P,)
        0 real, 1 fake, as declared.

    Returns
    -------
    list of Finding
        Of kind "prompts": a warning where a prompt is inverted. A low zero-shot AUC proves nothing by itself, because
        training adapts to inverted prompts; the words do.
    """
    wrong = against_words(texts, labels)
    if not wrong:
        return []
    text = f"{len(wrong)} of {len(texts)} prompts of {name} are declared against their own words"
    return [finding("prompts", "warning", text, {"inverted": len(wrong), "total": len(texts)}, wrong)]


def zero_shot(samples: pd.DataFrame, prompts: Mapping[str, PromptScores], *, seed: int = 0) -> list[Finding]:
    """Prompt sets by which, without any training, fakes score significantly lower than reals.

    A video's score is the mean over its frames of the mean similarity to the fake prompts less that to the real ones.

    Parameters
    ----------
    samples : DataFrame
        ``video_id``, ``group``, ``label``; the index holds the rows of each set's ``similarity``.
    prompts : dict of PromptScores
        By the name of the set.

    Returns
    -------
    list of Finding
        Of kind "zero_shot": notes.
    """
    rows = samples[samples["label"].isin([REAL, FAKE])]
    found = []
    for name, one in prompts.items():
        lean = rows[["video_id", "group", "label"]].assign(lean=_lean(one, rows.index.to_numpy()))
        videos = lean.groupby("video_id").agg({"group": "first", "label": "first", "lean": "mean"})
        if videos["label"].nunique() < 2:
            continue
        y, score, group = videos["label"].to_numpy(int), videos["lean"].to_numpy(), videos["group"].to_numpy(str)
        drawn = bootstrap(y, score, group, group_draws(group, y, seed=seed), ("auc",))
        area = auc(y, score)
        reached = {"value": area, **interval(drawn["auc"], area)}
        if (area == 0) if reached["high"] is None else reached["high"] < 0.5:  # 0 in every draw has no interval
            text = f"zero-shot AUC of {name} is {with_interval(reached, 2)} (videos), below guessing"
            after = ": its prompts may be inverted, or describe something else than this forgery"
            found.append(finding("zero_shot", "note", text, reached, after=after))
    return found


def _lean(prompts: PromptScores, rows: np.ndarray) -> np.ndarray:
    """Mean similarity to the fake prompts less that to the real ones, (n,), read a block of rows at a time."""
    lean = np.empty(len(rows))
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        similarity = np.asarray(prompts.similarity[rows[block]], np.float64)
        fake, real = (similarity[:, prompts.labels == label].mean(axis=1) for label in (FAKE, REAL))
        lean[block] = fake - real
    return lean
