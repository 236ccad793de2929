"""The report of a grid, written: its table, its page, its texts and its drawings."""

import io
from pathlib import Path

import pandas as pd

from evaluate.ablation.console import console_lines
from evaluate.ablation.drawings import drawings
from evaluate.ablation.drawn import draw_grid
from evaluate.ablation.effects import effects
from evaluate.ablation.folder import read_grid_folder
from evaluate.ablation.page import grid_page
from evaluate.ablation.ranking import ranking
from evaluate.ablation.table import tidy_table
from evaluate.ablation.texts import effects_table, effects_text, ranking_text
from evaluate.ablation.words import caveats, headline
from evaluate.drawing import svg
from evaluate.folders import write_bytes, write_text
from evaluate.markup import latex, markdown


def write_report(out: Path) -> list[str]:
    """Report on a grid, finished or not, into its folder.

    Writes ``table.csv`` and ``table.parquet`` (one row a cell), ``ablation.md`` and ``ablation.tex`` (cells in their
    order), ``effects.csv``, ``.md`` and ``.tex`` (where an axis has several values), drawings (``curve_<axis>.svg``,
    ``cost.svg``) and ``report.html``.

    Parameters
    ----------
    out : Path
        With ``grid.json`` and ``cells/<key>/``.

    Returns
    -------
    list of str
        Lines for the console.

    Raises
    ------
    InputError
        The folder holds no grid.
    """
    drawn = draw_grid(read_grid_folder(out))
    ranked, found = ranking(drawn), effects(drawn)
    lead, told = headline(drawn, ranked, found), caveats(drawn, ranked)
    table = tidy_table(drawn, ranked)
    texts = {"table.csv": _csv(table)}
    text = ranking_text(drawn, ranked)
    texts |= {"ablation.md": markdown(text), "ablation.tex": latex(text)}
    if found:
        text = effects_text(found, drawn.subject)
        texts |= {"effects.csv": _csv(effects_table(found)), "effects.md": markdown(text), "effects.tex": latex(text)}
    figures = drawings(drawn)
    texts |= {f"{one.name}.svg": svg(one.figure) for one in figures}
    texts["report.html"] = grid_page(drawn, ranked, found, figures, lead, told)
    for name, content in texts.items():
        write_text(out / name, content)
    write_bytes(out / "table.parquet", _parquet(table))
    return console_lines(drawn, ranked, found, lead, told)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")


def _parquet(table: pd.DataFrame) -> bytes:
    target = io.BytesIO()
    table.to_parquet(target, index=False)
    return target.getvalue()
