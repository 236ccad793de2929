"""The drawings of a grid: mean AUC along an axis of numbers, and what a cell costs against what it reaches."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from evaluate.ablation.drawn import Drawn, DrawnCell, DrawnGrid
from evaluate.ablation.effects import HEAD, SEED, Marginals, marginal_means
from evaluate.ablation.folder import GridFolder, joined, said
from evaluate.drawing import COLOURS, STYLE, WIDTH, new_axes
from evaluate.wording import file_name

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = len(COLOURS)  # more could not be told apart
WIDE_RANGE = 20  # largest value over the smallest: beyond, steps are factors
FAR = 200  # the same: beyond, powers of ten alone are labelled
LABELS = 10  # more values of an axis than this are not each written below it
LEAST_TEXT = 8


class Drawing(NamedTuple):
    """A figure, the name of its file, and what the reader should see in it."""

    name: str
    figure: Figure
    caption: str


def drawings(drawn: DrawnGrid) -> list[Drawing]:
    """A learning curve of each axis of numbers, and cost against AUC; those that have something to draw."""
    curves = [_curve(drawn, axis) for axis in numeric_axes(drawn.grid)]
    return [one for one in [*curves, _cost(drawn)] if one]


def numeric_axes(grid: GridFolder) -> list[str]:
    """Axes whose values are numbers that stand in an order; a seed does not."""
    return [axis for axis in grid.axes if axis != SEED and _numbers(grid.values(axis))]


def _numbers(values: Mapping[str, Any]) -> bool:
    kinds = [isinstance(one, int | float) and not isinstance(one, bool) for one in values.values()]
    return len(kinds) > 1 and all(kinds)


def line_name(cells: Sequence[DrawnCell], axis: str) -> str:
    """What tells the lines of a curve apart: heads, else trainings, where there are several."""
    for name in (HEAD, "train"):
        if name != axis and len({_named(one, name) for one in cells}) > 1:
            return name
    return HEAD


def _named(one: DrawnCell, name: str) -> str:
    return joined(one.cell.run.get(name))


def _curve(drawn: DrawnGrid, axis: str) -> Drawing | None:
    cells = [one for one in drawn.cells if one.cell.axes.get(axis) is not None and one.mean]
    by = line_name(cells, axis) if cells else HEAD
    names = list(dict.fromkeys(_named(one, by) for one in cells))
    lines = {}
    for name in names[:LINES]:
        lines[name] = marginal_means([one for one in cells if _named(one, by) == name], axis, drawn.grid.axes)
    lines = {name: line for name, line in lines.items() if len(line.means) > 1}
    if not lines:
        return None
    figure = curve_figure(axis, {key: float(value) for key, value in drawn.grid.values(axis).items()}, lines, drawn)
    told = f"Mean AUC at video level along {axis}, over the combinations of the other axes that all its values have"
    told += f", a line for each {by}" if len(lines) > 1 else ""
    left = f"; {len(names) - LINES} more are not drawn" if len(names) > LINES else ""
    unbalanced = [name for name, line in lines.items() if not line.combinations]
    loose = f" Not balanced, other axes differ too: {', '.join(unbalanced)}." if unbalanced else ""
    counted = {frozenset(one.counted) for one in cells if _named(one, by) in lines}
    apart = (
        " Lines are over different manipulations: compare their course, not their height." if len(counted) > 1 else ""
    )
    caption = f"{told}{left}. Bands are 95 % intervals, which hold the trained models fixed.{loose}{apart}"
    return Drawing(f"curve_{file_name(axis)}", figure, caption)


@mpl.rc_context(STYLE)
def curve_figure(axis: str, places: Mapping[str, float], lines: Mapping[str, Marginals], drawn: DrawnGrid) -> Figure:
    """Mean AUC on test above, out of fold below, along an axis of numbers.

    Parameters
    ----------
    axis : str
    places : mapping of str to float
        The number that each value stands for.
    lines : mapping of str to Marginals
    drawn : DrawnGrid
        Tells what means are over.
    """
    folds = any(one for line in lines.values() for one in line.out_of_fold.values())
    figure, rows = new_axes(WIDTH, 5.0 if folds else 3.0, 1 + folds)
    for at, (name, line) in enumerate(lines.items()):
        _line(rows[0], at, name, places, line.means)
        if folds:
            _line(rows[1], at, name, places, line.out_of_fold)
    rows[0].set(title=f"AUC along {axis}", ylabel=drawn.subject)
    if folds:
        rows[1].set(ylabel="out of fold")
    used = sorted({places[key] for line in lines.values() for key in line.means})
    if used[0] > 0 and used[-1] / used[0] >= WIDE_RANGE:
        _make_log(rows[-1], used[-1] / used[0])
    if len(used) <= LABELS:
        rows[-1].xaxis.set_minor_locator(NullLocator())
        rows[-1].set_xticks(used, [said(value) for value in used])
    rows[-1].set_xlabel(axis)
    if len(lines) > 1:
        _legend_below(rows[-1])
    return figure


def _line(axes: Axes, at: int, name: str, places: Mapping[str, float], means: Mapping[str, Drawn | None]) -> None:
    known = sorted((places[key], one.figure) for key, one in means.items() if one is not None)
    if not known:
        return
    x, colour = [place for place, _ in known], COLOURS[at]
    low, high = ([np.nan if one[end] is None else one[end] for _, one in known] for end in ("low", "high"))
    style: Any = {"color": colour, "marker": MARKERS[at], "markersize": 4.5, "linewidth": 1.6, "label": name}
    axes.plot(x, [one["value"] for _, one in known], **style)
    axes.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)


def _make_log(axes: Axes, reach: float) -> None:
    """Factors as steps along x, labelled with plain numbers: names are no formulas, nor are these."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if reach > FAR else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: said(float(value))))
    axes.xaxis.set_minor_locator(NullLocator())


def _legend_below(axes: Axes) -> None:
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2, fontsize=LEAST_TEXT)


def _cost(drawn: DrawnGrid) -> Drawing | None:
    points = [one for one in drawn.cells if one.mean and one.cell.seconds]
    if len(points) < 2:
        return None
    caption = (
        "A dot is a cell: the seconds that reading, fitting and scoring took in it, and its mean AUC at video level on "
        f"{drawn.subject}. Cells that were fitted together have equal shares of that time; what was read once for "
        "several counts in each."
    )
    return Drawing("cost", cost_figure(points, drawn.subject), caption)


@mpl.rc_context(STYLE)
def cost_figure(cells: Sequence[DrawnCell], subject: str) -> Figure:
    """Seconds of each cell against its mean AUC, coloured by head.

    Parameters
    ----------
    cells : sequence of DrawnCell
        Each with a mean and seconds.
    subject : str
        What means are over.
    """
    figure, (axes,) = new_axes(WIDTH, 3.2)
    heads = list(dict.fromkeys(_named(one, HEAD) for one in cells))
    for at, head in enumerate(heads):
        found = [(one.cell.seconds, one.mean.values[0]) for one in cells if one.mean and _named(one, HEAD) == head]
        style: Any = {"color": COLOURS[at % len(COLOURS)], "marker": MARKERS[at % len(MARKERS)]}
        axes.plot(*zip(*found, strict=True), linestyle="", markersize=5, alpha=0.7, label=head, **style)
    seconds = [one.cell.seconds or 0.0 for one in cells]
    _make_log(axes, max(seconds) / min(seconds))
    axes.set(title="Cost against AUC", xlabel="seconds (read, fit, score)", ylabel=subject)
    if len(heads) > 1:
        _legend_below(axes)
    return figure
