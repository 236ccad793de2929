"""What an explanation says in words: its means, the differences between runs, and what has to be known beside it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from evaluate.caveats import LEAK
from evaluate.compare import LEVEL
from evaluate.intervals import FEW_GROUPS
from evaluate.saliency import Explanation, Figure, beyond_reference, mean_concentration, paired_differences
from evaluate.wording import capital, number, plural, with_interval

Explained = Mapping[str, Sequence[Explanation]]

POOR = 0.3  # rank correlation of the two maps below which neither is to be trusted
NOT_THE_TRUTH = (
    "A map shows what this model's score hangs on, not what makes a picture fake: one that lies on the face does not "
    "make the score right"
)
MEANING = (
    "Concentration is the share of a map's mass, for fake and for real alike, inside the face box, divided by the "
    "box's share of the square: 1 is spread evenly"
)
REFERENCE = (
    "An encoder answers to detail more than to plain ground, so that the score of a head that knows nothing hangs on "
    "the face as well: only what lies beyond that reference, or between two runs, is the head's own"
)
CHOSEN = (
    "The samples are the worst errors and surest hits of the run (of several, of the first, which leans a difference), "
    "not drawn at random: means hold for such samples, and to test a claim about all of them name a random draw"
)


class Circumstances(NamedTuple):
    """What is to be known of explanations beside themselves.

    Attributes
    ----------
    crop : str
        How frames were cropped, as a provenance has it.
    chosen : bool
        Whether the samples are errors and hits that were looked for, and not named.
    failed : dict of str
        Reason by ``sample_id`` of the samples that could not be read again.
    told : sequence of str
        Sentences on leaks of the runs, and on how these pictures differ from those trained on.
    command : str
        That reproduces it.
    """

    crop: str
    chosen: bool
    failed: Mapping[str, str]
    told: Sequence[str] = ()
    command: str = ""


def sentences(table: pd.DataFrame) -> list[str]:
    """The means of a table in words, the differences between its runs, and how far the two methods agree."""
    measured = [row for row in means(table) if row["mean"] is not None]
    return [*map(_mean_sentence, measured), *other_sentences(table)]


def _mean_sentence(row: dict[str, Any]) -> str:
    known = f", {number(row['reference'], 2)} for a head that knows nothing" if row["reference"] else ""
    return f"{row['run']}, {row['method']}: concentration in the face {_said(row['mean'])}{known}."


def other_sentences(table: pd.DataFrame) -> list[str]:
    """Those of `sentences` that a table of the means does not have."""
    found = []
    for one in paired_differences(table):
        found.append(f"{one['run']} less {one['other']}, {one['method']}: concentration {_said(one, signed=True)}.")
    if len(agreed := _agreements(table)):
        found.append(f"The two methods rank the parts of a picture alike at {number(agreed.mean(), 2)} (Spearman).")
    return found


def caveats(explained: Explained, table: pd.DataFrame, known: Circumstances) -> list[str]:
    """What has to be said beside the maps, the gravest first."""
    told = [sentence for sentence in known.told if sentence.startswith(LEAK)]
    told.append(NOT_THE_TRUTH)
    if known.chosen:
        told.append(CHOSEN)
    with_box = table.dropna(subset=["concentration"])
    told += unknown_boxes(table)
    if len(with_box):
        share = with_box["box_share"].mean()
        told.append(f"{MEANING}, {number(1 / share, 2)} all of it in the face, which fills {share:.0%} of a square")
        told.append(REFERENCE)
        if (groups := with_box["group"].nunique()) < FEW_GROUPS:
            told.append(f"{plural(groups, 'group')} only: the intervals themselves cannot be trusted")
    agreed = _agreements(table)
    if poor := int((agreed < POOR).sum()):
        told.append(
            f"In {poor} of {plural(len(agreed), 'pair')} of maps gradient and occlusion agree by less than {POOR} "
            "(Spearman): believe neither there"
        )
    told += [
        f"{run}: {note}" for run, ones in explained.items() for note in dict.fromkeys(one.note for one in ones) if note
    ]
    told.append(f"The encoder sees no more than the square shown (crop {known.crop.partition(':')[0]})")
    told += [capital(sentence) for sentence in known.told if not sentence.startswith(LEAK)]
    told += [f"Left out: {name}: {reason}" for name, reason in known.failed.items()]
    return list(dict.fromkeys(told))


def unknown_boxes(table: pd.DataFrame) -> list[str]:
    """That some samples have no face box; empty where all have one."""
    unknown = table["sample_id"].nunique() - table.dropna(subset=["concentration"])["sample_id"].nunique()
    if not unknown:
        return []
    return [
        f"Of {plural(unknown, 'sample')} no face box is known, so that nothing is measured there: --face-model FILE "
        "finds faces where the cache holds no boxes"
    ]


def left_out(table: pd.DataFrame, known: Circumstances) -> list[str]:
    """How many samples were left out, with the first; the page names each."""
    if not known.failed:
        return []
    name, reason = next(iter(known.failed.items()))
    count = len(known.failed)
    asked = plural(count + table["sample_id"].nunique(), "sample")
    others = f", and {count - 1} more, which explain.html names" if count > 1 else ""
    return [f"{count} of {asked} left out: {name} ({reason}){others}"]


def _agreements(table: pd.DataFrame) -> pd.Series:
    return table.drop_duplicates(["run", "sample_id"])["agreement"].dropna()


def means(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Of each run and method the mean, that of the reference, and the mean beyond it; None where there is none."""
    found = []
    for (run, method), rows in table.groupby(["run", "method"], sort=False):
        reference = rows["reference"].mean()
        found.append(
            {
                "run": run,
                "method": method,
                "mean": mean_concentration(table, run, method),
                "reference": None if pd.isna(reference) else float(reference),
                "beyond": beyond_reference(table, run, method),
            }
        )
    return found


def _said(figure: Figure, signed: bool = False) -> str:
    """A mean with its interval; of a difference also whether it could be nothing."""
    text = with_interval(figure, 2, figure["few_groups"])
    if not signed:
        return text
    text = text if text.startswith("-") else f"+{text}"
    p = figure.get("p_holm", figure["p"])  # of several differences, corrected for their number
    return text if p is None or p < LEVEL else f"{text}, not significant"
