"""What a grid found, for the console: plain text in 100 columns."""

from collections.abc import Iterable, Sequence
from textwrap import TextWrapper, wrap

from evaluate.ablation.drawn import DrawnGrid
from evaluate.ablation.effects import Effect
from evaluate.ablation.ranking import Ranked
from evaluate.compare import signed
from evaluate.console import WIDTH, columns
from evaluate.wording import figure_text, p_text

ROWS = 10
LABEL = 36  # letters of a cell's name beside its figures


def console_lines(
    drawn: DrawnGrid, ranked: Sequence[Ranked], found: Sequence[Effect], lead: Sequence[str], caveats: Sequence[str]
) -> list[str]:
    """The first of the order, each axis, and what must be read beside them.

    Parameters
    ----------
    drawn : DrawnGrid
    ranked : sequence of Ranked
    found : sequence of Effect
    lead, caveats : sequence of str
        As `evaluate.ablation.words` says them.
    """
    grid = drawn.grid
    lines = [f"Grid {grid.name}", f"  {grid.folder}", "", *wrap(" ".join(lead), WIDTH, break_on_hyphens=False)]
    if ranked:
        count = f"the first {min(ROWS, len(ranked))} of {len(ranked):,}"
        lines += ["", f"AUC at video level, by out-of-fold score: {count}"]
        rows = [[_cut(one.drawn.cell.short), *_figures(one)] for one in ranked[:ROWS]]
        lines += columns([["cell", "out of fold", drawn.subject.split()[0], "to baseline", "Holm"], *rows])
    spreads = [one for one in found if one.spread and one.ends]
    if spreads:
        lines += ["", f"Mean AUC on {drawn.subject}, the highest value of an axis less its lowest"]
        lines += _bullets(_spread(one) for one in sorted(spreads, key=lambda one: -(one.spread or {})["value"]))
    missing = [f"{cell.label}: {cell.error}" for cell in grid.missing if cell.error]
    if missing:
        lines += ["", "Failed", *_bullets(missing[:ROWS]), *_more(len(missing) - ROWS, "the report")]
    lines += ["", "Read with care", *_bullets(caveats)]
    return [*lines, "", f"Report: {grid.folder / 'report.html'}"]


def _figures(one: Ranked) -> list[str]:
    against = one.drawn.difference
    change = signed(against["value"], 3) if against.get("value") is not None else "-"
    return [figure_text(one.out_of_fold), figure_text(one.mean), change, p_text(against.get("p_holm"))]


def _spread(effect: Effect) -> str:
    assert effect.spread and effect.ends
    return f"{effect.axis}: {figure_text(effect.spread)}, from {effect.ends[0]} to {effect.ends[1]}"


def _cut(name: str) -> str:
    return name if len(name) <= LABEL else f"{name[: LABEL - 1]}…"


def _more(count: int, where: str) -> list[str]:
    return [f"  {count:,} more in {where}"] if count > 0 else []


def _bullets(sentences: Iterable[str]) -> list[str]:
    wrapper = TextWrapper(WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)
    return [line for one in sentences for line in wrapper.wrap(one)]
