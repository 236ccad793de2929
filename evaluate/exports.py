"""The tables of several runs as files: CSV to compute with, Markdown to read, LaTeX to publish."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from evaluate import cell_tables
from evaluate.markup import TextTable, latex, markdown
from evaluate.tables import heads_table, heads_text

Results = Sequence[Mapping[str, Any]]


class Export(NamedTuple):
    """One entry of `EXPORTS`: all numbers at all levels, and what is shown of them."""

    frame: Callable[[Results], pd.DataFrame]
    text: Callable[[Results], TextTable]


EXPORTS: dict[str, Export] = {
    "heads": Export(heads_table, heads_text),
    "matrix": Export(cell_tables.matrix_table, cell_tables.matrix_text),
    "comparisons": Export(cell_tables.comparisons_table, cell_tables.comparisons_text),
    "datasets": Export(cell_tables.datasets_table, cell_tables.datasets_text),
}


def exports(results: Results) -> dict[str, str]:
    """Text of each file, by its name; a table that has no row is left out.

    Parameters
    ----------
    results : sequence of dict
        As `evaluate.runs.evaluate_tree` returns them for several runs.
    """
    files = {}
    for name, export in EXPORTS.items():
        frame = export.frame(results)
        if not frame.empty:
            files[f"{name}.csv"] = frame.to_csv(index=False, lineterminator="\n")
            text = export.text(results)
            files |= {f"{name}.md": markdown(text), f"{name}.tex": latex(text)}
    return files
