"""Tables of single cells: every training on every test, on every data set, and every comparison of heads."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from evaluate.compare import LEVEL, signed
from evaluate.levels import LEVELS
from evaluate.markup import Cell, Interval, TextTable
from evaluate.matrix import UNKNOWN
from evaluate.tables import auc_cell, by_head, leak_sentences, with_marks
from evaluate.wording import FEW, p_text

SEEN = "*"
MATRIX = "AUC at video level of each training (down) on each test manipulation (across), with the 95 % interval."
DATASETS = (
    "Mean AUC at video level over the manipulations of each data set (across) that a training (down) was tested on, "
    "with the 95 % interval."
)
COMPARISONS = (
    "Differences in AUC at video level, the second minus the first, on the samples that both have, with the 95 % "
    "interval of whole groups drawn for both at once. p: two-sided, from the same draws; Holm: corrected over the "
    "comparisons of means, and over those of single cells; DeLong: where every group is one row alone."
)

Results = Sequence[Mapping[str, Any]]


def matrix_table(results: Results) -> pd.DataFrame:
    """One row for each cell and level of each head."""
    return pd.DataFrame(
        [
            {"head": head, "train": train, "test": test, "level": level, **cell}
            for head, comparison in by_head(results).items()
            for level in LEVELS
            for train, row in comparison[level]["cells"].items()
            for test, cell in row.items()
        ]
    )


def matrix_text(results: Results) -> TextTable:
    """The same at video level: one row for each head and training."""
    tables = {head: comparison["video"] for head, comparison in by_head(results).items()}
    tests = list(dict.fromkeys(test for table in tables.values() for test in table["tests"]))
    rows: list[list[Cell]] = [["head", "trained on", *tests]]
    for head, table in tables.items():
        for train in table["trains"]:
            cells = [table["cells"][train].get(test) for test in tests]
            rows.append([head, train or UNKNOWN, *(_cell(cell, bool(cell and cell["seen"])) for cell in cells)])
    return with_marks(TextTable(rows, 2, MATRIX, leak_sentences(results)), {SEEN: "seen in training"})


def datasets_table(results: Results) -> pd.DataFrame:
    """One row for each head, training, data set and level; empty where there is one data set."""
    return pd.DataFrame(
        [
            {"head": head, "level": level, **record, "trained_on": "+".join(record["trained_on"] or [])}
            for head, comparison in by_head(results).items()
            for level in LEVELS
            for record in comparison[level]["datasets"]
        ]
    )


def datasets_text(results: Results) -> TextTable:
    """The same at video level: one row for each head and training, with the data sets that it was trained on."""
    records = {head: comparison["video"]["datasets"] for head, comparison in by_head(results).items()}
    names = list(dict.fromkeys(record["dataset"] for of_head in records.values() for record in of_head))
    rows: list[list[Cell]] = [["head", "trained on", *names]]
    for head, of_head in records.items():
        for train in dict.fromkeys(record["train"] for record in of_head):
            mine = {record["dataset"]: record for record in of_head if record["train"] == train}
            trained_on = "+".join(next(iter(mine.values()))["trained_on"] or [UNKNOWN])
            cells = [mine.get(name) for name in names]
            rows.append([head, trained_on, *(_cell(cell, bool(cell and cell["seen"])) for cell in cells)])
    meaning = {SEEN: "some of its manipulations were seen in training"}
    return with_marks(TextTable(rows, 2, DATASETS, leak_sentences(results)), meaning)


def comparisons_table(results: Results) -> pd.DataFrame:
    """One row for each comparison (`evaluate.pairs.comparisons`), which the first result has as ``pairs``."""
    table = pd.DataFrame(results[0]["pairs"])
    if table.empty:
        return table
    left_out = pd.DataFrame(table.pop("left_out").tolist(), columns=["left_out_first", "left_out_second"])
    words = table.pop("sentence")
    return table.assign(**left_out, sentence=words)


def comparisons_text(results: Results) -> TextTable:
    """The same at video level."""
    records = [record for record in results[0]["pairs"] if record["level"] == "video"]
    rows: list[list[Cell]] = [
        ["compared", "trained on", "tested on", "difference", "p", "p (Holm)", "p (DeLong)"],
        *(
            [
                f"{record['first']} vs {record['second']}",
                (record["train"] or UNKNOWN) if record["family"] == "cells" else "all",
                record["test"],
                _difference(record),
                *(p_text(record[key]) for key in ("p", "p_holm", "delong_p")),
            ]
            for record in records
        ),
    ]
    return with_marks(TextTable(rows, 3, " ".join(_notes(records)), leak_sentences(results)))


def _notes(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """How to read the comparisons, and what stands against them here."""
    yield COMPARISONS
    if partly := sum(any(record["left_out"]) for record in records):
        yield f"{partly} of {len(records)} leave samples out that only one of the two has."
    told = [record for record in records if record["p"] is not None]
    if not told:
        return
    many = max(told, key=lambda record: record["comparisons"])
    least = 2 / (many["draws"] + 1)
    if many["comparisons"] * least >= LEVEL:
        yield (
            f"{many['draws']:,} draws give no p below {p_text(least)}: over {many['comparisons']:,} comparisons none "
            "can be significant after Holm, so read the intervals there."
        )


def _cell(figure: Mapping[str, Any] | None, seen: bool) -> Cell:
    cell = auc_cell(figure)
    return cell._replace(mark=cell.mark + SEEN) if seen and isinstance(cell, Interval) else cell


def _difference(record: Mapping[str, Any]) -> Cell:
    if record["value"] is None:
        return "-"
    low, high = (None if record[end] is None else signed(record[end], 2) for end in ("low", "high"))
    return Interval(signed(record["value"], 3), low, high, FEW if record["few_groups"] else "")
