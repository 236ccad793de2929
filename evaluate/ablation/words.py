"""What a grid says in words: what comes first and how sure that is, and what has to be known beside it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from evaluate.ablation.drawn import DrawnGrid
from evaluate.ablation.effects import Effect
from evaluate.ablation.folder import CellResult, GridFolder, joined
from evaluate.ablation.ranking import ALSO_BEST, BEST, WHY_OPTIMISTIC, Ranked
from evaluate.ablation.texts import FIXED
from evaluate.caveats import FEW, LEAK
from evaluate.compare import LEVEL, sentence
from evaluate.intervals import FEW_GROUPS
from evaluate.wording import capital, listed, p_text, plural, with_interval

ORDER = (
    "Cells stand in the order of their out-of-fold AUC on the training side; where these lie closer together than "
    "their intervals are wide, the order is chance. Of a head that searched its parameters it is the best of its "
    "candidates'"
)
TRAININGS = (
    "Cells of different trainings have out-of-fold scores on different manipulations: between them the order tells how "
    "easy the training side is"
)
LEAK_LINES = 3


def headline(drawn: DrawnGrid, ranked: Sequence[Ranked], found: Sequence[Effect]) -> list[str]:
    """The sentences that stand first.

    Parameters
    ----------
    drawn : DrawnGrid
    ranked : sequence of Ranked
        Finished cells in their order.
    found : sequence of Effect
        As `evaluate.ablation.effects.effects` gives them.
    """
    told = [unfinished(drawn.grid)] if drawn.grid.missing else []
    if ranked:
        told += [_first(drawn, ranked), *_against_baseline(drawn, ranked[0]), *_strongest(found, drawn.subject)]
    return told


def unfinished(grid: GridFolder) -> str:
    """How much of the grid there is."""
    failed = sum(cell.state == "failed" for cell in grid.cells)
    pending = len(grid.missing) - failed
    parts = [f"{count:,} {state}" for count, state in ((failed, "failed"), (pending, "pending")) if count]
    return f"{len(grid.done):,} of {plural(len(grid.cells), 'cell')} {_are(len(grid.done))} done ({', '.join(parts)})."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _first(drawn: DrawnGrid, ranked: Sequence[Ranked]) -> str:
    first = ranked[0]
    reached = (
        f"{with_interval(first.mean)} on {drawn.subject} (mean over {len(first.drawn.counted)})"
        if first.mean
        else f"tested on no {drawn.subject}"
    )
    if first.out_of_fold is None:
        return f"No cell has out-of-fold scores, so that none is first. {first.drawn.cell.label}: {reached}."
    name = first.drawn.cell.label
    if len(ranked) == 1:
        return f"{name}: AUC at video level {with_interval(first.out_of_fold)} out of fold, {reached}."
    return f"First by out-of-fold AUC at video level: {name}, {with_interval(first.out_of_fold)}, {reached}."


def _against_baseline(drawn: DrawnGrid, first: Ranked) -> Iterator[str]:
    base = drawn.grid.base
    if len(drawn.grid.cells) == 1:
        return
    if drawn.base is None:
        yield f"Nothing is compared: the baseline ({base.label if base else 'not named'}) has no figures."
        return
    if first.drawn is drawn.base:
        yield "It is the baseline that the others are compared with."
    else:
        yield f"{difference_sentence(drawn, first, 'this cell')}."
    better, worse = ([one for one in _significant(drawn) if (one["value"] > 0) is up] for up in (True, False))
    compared = len(drawn.grid.cells) - 1
    yield (
        f"Of {plural(compared, 'comparison')} with the baseline ({drawn.base.cell.label}), {len(better)} "
        f"{_are(len(better))} significantly better and {len(worse)} worse after Holm."
    )


def _significant(drawn: DrawnGrid) -> list[dict[str, Any]]:
    stated = [one.difference for one in drawn.cells if one.difference]
    return [one for one in stated if one["p_holm"] is not None and one["p_holm"] < LEVEL]


def difference_sentence(drawn: DrawnGrid, one: Ranked, name: str) -> str:
    """A cell, by whatever name, against the baseline in a line."""
    stated = one.drawn.difference
    if stated["value"] is None:
        return capital(f"{name} is not compared with the baseline: {stated['why']}")
    where = f" (mean over {len(stated['tests'])} {drawn.subject})"
    if any(stated["left_out"]):
        where += f", on the {stated['n_common']:,} rows that both have ({sum(stated['left_out']):,} left out)"
    return sentence({**stated, "first": "The baseline", "second": name}, where)


def _strongest(found: Sequence[Effect], subject: str) -> Iterator[str]:
    """Which axis moves the mean most."""
    known = [(effect, effect.spread, effect.ends) for effect in found if effect.spread and effect.ends]
    if not known:
        return
    effect, spread, (low, high) = max(known, key=lambda one: one[1]["value"])
    picked = (
        ", too narrow an interval, for its ends were picked by these figures" if len(effect.differences) > 2 else ""
    )
    yield (
        f"On {subject} the axis {effect.axis} matters most: from {low} to {high} the mean AUC rises by "
        f"{with_interval(spread)}{picked}, the widest of {plural(len(known), 'axis').replace('axiss', 'axes')}."
    )


def caveats(drawn: DrawnGrid, ranked: Sequence[Ranked]) -> list[str]:
    """What must be read beside the figures, the gravest first."""
    return list(dict.fromkeys([*_leaks(drawn.grid), *_lacking(drawn.grid), *_doubts(drawn, ranked)]))


def _leaks(grid: GridFolder) -> Iterator[str]:
    cells_of: dict[str, int] = defaultdict(int)
    for line in (line for cell in grid.done for line in dict.fromkeys(cell.leaks)):
        cells_of[line] += 1
    worst = sorted(cells_of, key=lambda line: -cells_of[line])
    for line in worst[:LEAK_LINES]:
        text = line.removeprefix(LEAK).strip()
        yield f"{LEAK} {text} (in {cells_of[line]:,} of {plural(len(grid.done), 'finished cell')})"
    if (others := len(worst) - LEAK_LINES) > 0:
        count = sum(bool(set(cell.leaks) & set(worst[LEAK_LINES:])) for cell in grid.done)
        yield f"{LEAK} {plural(others, 'other sentence')} of this kind, in {plural(count, 'cell')}: see table.csv"


def _lacking(grid: GridFolder) -> Iterator[str]:
    if grid.outdated:
        yield f"{plural(len(grid.outdated), 'cell')} stale: {_reasons(grid.outdated.values())}"
    if grid.left_over:
        count = plural(len(grid.left_over), "stale result")
        yield f"{count} in this folder left aside: {_reasons(one['why'] for one in grid.left_over)}"
    if grid.missing:
        yield (
            f"{plural(len(grid.missing), 'cell')} without figures count as p = 1 among the comparisons; means and "
            "order are over the finished ones alone"
        )


def _reasons(whys: Iterable[str]) -> str:
    return listed([*dict.fromkeys(whys)], 3)


def _doubts(drawn: DrawnGrid, ranked: Sequence[Ranked]) -> Iterator[str]:
    grid = drawn.grid
    few = sum(any(one.few for one in cell.tests.values()) for cell in drawn.cells)
    if few:
        yield (
            f"{FEW} in {few:,} of {plural(len(drawn.cells), 'finished cell')} a test manipulation has fewer than "
            f"{FEW_GROUPS} groups of a class. An interval from so few is too narrow: read it as the least that the "
            "doubt can be"
        )
    unscored = sum(one.rank is None for one in ranked)
    if unscored:
        cells = plural(unscored, "cell")
        yield f"{cells} without out-of-fold scores (too few training groups) stand last, without rank"
    yield from _differing_versions(grid.done)
    if len(ranked) > 1:
        yield ORDER
        if len({joined(one.drawn.cell.run.get("train")) for one in ranked}) > 1:
            yield TRAININGS
    if len({frozenset(one.counted) for one in drawn.cells if one.counted}) > 1:
        yield (
            f"Means over {drawn.subject} are over different manipulations from cell to cell: compare them where these "
            "are the same, as the differences to the baseline and the effects of the axes do"
        )
    yield from _best(ranked)
    if any(one.difference.get("left_out", (0, 0)) != (0, 0) for one in drawn.cells if one.difference):
        yield (
            "Cells were tested on different videos: each is compared with the baseline on those that both have; the "
            "means of an axis are over the videos of each cell"
        )
    if not drawn.unseen and ranked:
        yield "No cell was tested on a manipulation that it was not trained on: nothing here speaks of unseen ones"
    yield from _too_few_draws(drawn)
    yield FIXED


def _best(ranked: Sequence[Ranked]) -> Iterator[str]:
    for one in ranked:
        if BEST in one.marks:
            yield f"{WHY_OPTIMISTIC} (here {one.drawn.cell.label})"
        if ALSO_BEST in one.marks:
            yield f"The first by out-of-fold AUC is the best on test too ({one.drawn.cell.label})"


def _differing_versions(cells: Sequence[CellResult]) -> Iterator[str]:
    stated: dict[str, set[str]] = defaultdict(set)
    for cell in cells:
        for name, version in (cell.run.get("versions") or {}).items():
            stated[name].add(str(version))
    differing = [f"{name} {' and '.join(sorted(found))}" for name, found in stated.items() if len(found) > 1]
    if differing:
        yield f"Cells were computed with different versions: {listed(differing)}"


def _too_few_draws(drawn: DrawnGrid) -> Iterator[str]:
    told = [one.difference for one in drawn.cells if one.difference.get("p") is not None]
    if not told:
        return
    least, comparisons = 2 / (max(one["draws"] for one in told) + 1), told[0]["comparisons"]
    if comparisons * least >= LEVEL:
        yield (
            f"The draws give no p below {p_text(least)}: over {comparisons:,} comparisons none can be significant "
            "after Holm, so read the intervals there"
        )
