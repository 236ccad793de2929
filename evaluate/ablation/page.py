"""The report of a grid as one HTML page."""

from collections.abc import Sequence
from typing import Any

from evaluate.ablation.drawings import Drawing
from evaluate.ablation.drawn import DrawnGrid
from evaluate.ablation.effects import Effect
from evaluate.ablation.folder import said
from evaluate.ablation.ranking import LEAKS, Ranked, shown
from evaluate.ablation.texts import basis, is_plain
from evaluate.ablation.words import difference_sentence
from evaluate.compare import LEVEL
from evaluate.drawing import svg
from evaluate.report.facts import details
from evaluate.report.templates import TEMPLATES, inline
from evaluate.wording import plural

SENTENCES = 6  # the table has the rest


def grid_page(
    drawn: DrawnGrid,
    ranked: Sequence[Ranked],
    found: Sequence[Effect],
    figures: Sequence[Drawing],
    lead: Sequence[str],
    caveats: Sequence[str],
) -> str:
    """The page.

    Parameters
    ----------
    drawn : DrawnGrid
    ranked : sequence of Ranked
        Finished cells in their order.
    found : sequence of Effect
    figures : sequence of Drawing
    lead, caveats : sequence of str
        As `evaluate.ablation.words` says them.
    """
    grid = drawn.grid
    some = shown(ranked)
    compared = [one for one in ranked if one.drawn.difference]
    return TEMPLATES.get_template("ablation.html.jinja").render(
        title=f"{grid.name}: {plural(len(grid.cells), 'cell')}",
        lead=lead,
        caveats=caveats,
        grid=grid,
        base=drawn.base,
        subject=drawn.subject,
        said=said,
        ranked=ranked,
        shown=some,
        seen=any(one.of_seen for one in ranked),
        alarming=LEAKS,
        compared=compared,
        told=[difference_sentence(drawn, one, one.drawn.cell.label) for one in _told(compared)],
        effects=found,
        notes=[basis(effect) for effect in found if not is_plain(effect)],
        figures=[(inline(svg(one.figure), one.name), one.caption) for one in figures],
        facts=_facts(drawn),
        details=[one for one in details(ranked[0].drawn.cell.run) if one[0] == "Versions"] if ranked else [],
    )


def _told(compared: Sequence[Ranked]) -> list[Ranked]:
    """The comparisons in sentences: what differs after Holm, in the order of the cells; of none, the first ones."""
    significant = [one for one in compared if (p := one.drawn.difference["p_holm"]) is not None and p < LEVEL]
    return (significant or list(compared))[:SENTENCES]


def _facts(drawn: DrawnGrid) -> list[tuple[str, Any]]:
    """What was varied, and what is alike in all finished cells."""
    grid = drawn.grid
    varied = [(axis, ", ".join(grid.values(axis))) for axis in grid.axes]
    base = grid.base
    stated = [("Baseline", base.label if base else "not named"), ("Tested on", ", ".join(grid.tests))]
    return [(name, text) for name, text in [*varied, *stated] if text]
