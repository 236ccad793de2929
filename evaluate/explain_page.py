"""What `explain` writes: a table, the maps laid over their pictures, and a page to read them on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cache.errors import InputError
from evaluate.folders import write_text
from evaluate.overlay import data_uri, overlay, picture, png
from evaluate.report.explain_words import (
    Circumstances,
    Explained,
    caveats,
    left_out,
    means,
    other_sentences,
    sentences,
    unknown_boxes,
)
from evaluate.report.templates import TEMPLATES
from evaluate.saliency import Explanation, saliency_table
from evaluate.wording import CLASS, file_name, listed, number, plural

METHODS = {
    "gradient": "Integrated gradients: how the score follows the pixels, from half blurred to sharp",
    "occlusion": "Occlusion: how far the score falls where a part is blurred",
}
WRITTEN = ("explain.html", "explanations.csv", "overlays")


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier explanation, which `write_explanations` replaces.

    Raises
    ------
    InputError
        Naming what else lies there.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the explanation")
    drawn = tuple(f"_{name}.png" for name in METHODS)
    other = [path for path in folder.glob("*") if path.name not in WRITTEN]
    other += [path for path in (folder / "overlays").glob("*") if not path.name.endswith(drawn)]
    if other := sorted(path for path in other if not path.name.startswith(".")):
        raise InputError(
            f"{folder} holds other things than an earlier explanation ({other[0]}); name a new or an empty folder"
        )


def write_explanations(folder: Path, explained: Explained, known: Circumstances) -> list[str]:
    """Write ``explanations.csv``, ``overlays/`` and ``explain.html`` into a folder, over an earlier explanation there.

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
        Sentences that sum it up, and tell of samples that were left out.

    Raises
    ------
    InputError
        As `check_folder` does.
    """
    check_folder(folder)
    table = saliency_table(explained)
    overlays = folder / "overlays"
    overlays.mkdir(parents=True, exist_ok=True)
    for old in overlays.glob("*.png"):
        old.unlink()
    for at, (run, explanations) in enumerate(explained.items()):
        name_of_run = f"{at + 1}_{file_name(run)}_" if len(explained) > 1 else ""
        for one in explanations:
            for method, values in one.maps.items():
                name = f"{name_of_run}{file_name(one.sample_id)}_{method}.png"
                (overlays / name).write_bytes(png(overlay(one.square, values, one.box)))
    write_text(folder / "explanations.csv", table.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "explain.html", explain_page(explained, table, known))
    return [*sentences(table), *(f"{sentence}." for sentence in (*unknown_boxes(table), *left_out(table, known)))]


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
    lead = sentences(table) if len(explained) == 1 else other_sentences(table)  # of several a table has the means
    return TEMPLATES.get_template("explain.html.jinja").render(
        title=f"What the score of {listed(list(explained))} hangs on",
        lead=[f"{plural(len(by_sample), 'sample')} explained.", *lead],
        caveats=caveats(explained, table, known),
        means=means(table),
        samples=[_sample(pairs, table, len(explained) > 1) for pairs in by_sample.values()],
        methods={name: text for name, text in METHODS.items() if name in set(table["method"])},
        command=known.command,
    )


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
