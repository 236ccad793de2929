"""What `explain` writes: a table, the maps laid over their pictures, and a page to read them on."""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from evaluate.caveats import LEAK
from evaluate.folders import write_text
from evaluate.intervals import FEW_GROUPS
from evaluate.overlay import data_uri, overlay, picture, png
from evaluate.prompt_words import CLASS
from evaluate.report.templates import TEMPLATES
from evaluate.saliency import (
    Explanation,
    Figure,
    beyond_reference,
    mean_concentration,
    paired_difference,
    saliency_table,
)
from evaluate.wording import capital, listed, number, plural, with_interval

Explained = Mapping[str, Sequence[Explanation]]

POOR = 0.3  # rank correlation of the two maps below which neither is to be trusted
METHODS = {
    "gradient": "Integrated gradients: how the score follows the pixels, from half blurred to sharp",
    "occlusion": "Occlusion: how far the score falls where a part is blurred",
}
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
    "The samples are the run's worst errors and surest hits, not drawn at random: means hold for such samples, and to "
    "test a claim about all of them name a random draw"
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


def write_explanations(folder: Path, explained: Explained, known: Circumstances) -> list[str]:
    """Write ``explanations.csv``, ``overlays/`` and ``explain.html`` into a folder; what stood there is replaced.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    explained : mapping of str to sequence of Explanation
        By the name of the run; every run has the same samples.
    known : Circumstances

    Returns
    -------
    list of str
        Sentences that sum it up.
    """
    table = saliency_table(explained)
    overlays = folder / "overlays"
    overlays.mkdir(parents=True, exist_ok=True)
    for old in overlays.glob("*.png"):
        old.unlink()
    for at, (run, explanations) in enumerate(explained.items()):
        name_of_run = f"{at + 1}_{_file_name(run)}_" if len(explained) > 1 else ""
        for one in explanations:
            for method, values in one.maps.items():
                name = f"{name_of_run}{_file_name(one.sample_id)}_{method}.png"
                (overlays / name).write_bytes(png(overlay(one.square, values, one.box)))
    write_text(folder / "explanations.csv", table.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "explain.html", explain_page(explained, table, known))
    return sentences(table)


def explain_page(explained: Explained, table: pd.DataFrame, known: Circumstances) -> str:
    """The page: what the maps show, what they do not, and one section for each sample.

    Parameters
    ----------
    explained, known
        As `write_explanations` takes them.
    table : DataFrame
        As `evaluate.saliency.saliency_table` makes it of them.
    """
    by_sample: dict[str, list[tuple[str, Explanation]]] = {}
    for run, explanations in explained.items():
        for one in explanations:
            by_sample.setdefault(one.sample_id, []).append((run, one))
    lead = sentences(table) if len(explained) == 1 else _other_sentences(table)  # of several a table has the means
    return TEMPLATES.get_template("explain.html.jinja").render(
        title=f"What the score of {listed(list(explained))} hangs on",
        lead=[f"{plural(len(by_sample), 'sample')} explained.", *lead],
        caveats=caveats(explained, table, known),
        means=_means(table),
        samples=[_sample(pairs, table, len(explained) > 1) for pairs in by_sample.values()],
        methods={name: text for name, text in METHODS.items() if name in set(table["method"])},
        command=known.command,
    )


def sentences(table: pd.DataFrame) -> list[str]:
    """The means of a table in words, the differences between its runs, and how far the two methods agree."""
    means = [row for row in _means(table) if row["mean"] is not None]
    return [*map(_mean_sentence, means), *_other_sentences(table)]


def _mean_sentence(row: dict[str, Any]) -> str:
    known = f", {number(row['reference'], 2)} for a head that knows nothing" if row["reference"] else ""
    return f"{row['run']}, {row['method']}: concentration in the face {_said(row['mean'])}{known}."


def _other_sentences(table: pd.DataFrame) -> list[str]:
    found = []
    for one, other in combinations(table["run"].unique(), 2):
        for method in table["method"].unique():
            if (difference := paired_difference(table, one, other, method)) is not None:
                found.append(f"{one} less {other}, {method}: concentration {_said(difference, signed=True)}.")
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
    if unknown := table["sample_id"].nunique() - with_box["sample_id"].nunique():
        told.append(
            f"Of {plural(unknown, 'sample')} no face box is known, so that nothing is measured there: --face-model "
            "FILE finds faces where the cache holds no boxes"
        )
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


def _agreements(table: pd.DataFrame) -> pd.Series:
    return table.drop_duplicates(["run", "sample_id"])["agreement"].dropna()


def _means(table: pd.DataFrame) -> list[dict[str, Any]]:
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
    low, high = figure["low"], figure["high"]
    text = text if text.startswith("-") else f"+{text}"
    return text if low is None or low > 0 or high < 0 else f"{text}, not significant"


def _sample(pairs: Sequence[tuple[str, Explanation]], table: pd.DataFrame, several: bool) -> dict[str, Any]:
    """One section of the page."""
    first = pairs[0][1]
    of_sample = table[table["sample_id"] == first.sample_id].set_index(["run", "method"])["concentration"]
    maps = [
        {
            "picture": data_uri(overlay(one.square, values, one.box)),
            "method": method,
            "run": run if several else "",
            "concentration": None if pd.isna(inside := of_sample[run, method]) else float(inside),
        }
        for run, one in pairs
        for method, values in one.maps.items()
    ]
    verdicts = [
        f"{f'{run}: s' if several else 'S'}core {number(one.score)}, called {CLASS[one.called]} "
        f"(threshold {number(one.threshold)})"
        for run, one in pairs
    ]
    return {
        "sample_id": first.sample_id,
        "truth": CLASS.get(first.label, "unknown"),
        "manipulation": first.manipulation,
        "verdicts": verdicts,
        "picture": data_uri(picture(first.square, first.box)),
        "maps": maps,
        "prompts": [(text, CLASS[label], value) for text, label, value in first.prompts],
    }


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", name)
