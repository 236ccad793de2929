"""Drawings of a run and of a matrix, in colours that colour-blind readers can tell apart, as deterministic SVG."""

import io
from collections.abc import Callable, Sequence
from itertools import pairwise
from textwrap import wrap
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from evaluate.curve import roc, roc_area
from evaluate.levels import cells, is_seen
from evaluate.wording import FEW, ends, number, with_interval

INK, FAINT, PAPER = (
    "#1c2024",
    "#c3c8ce",
    "#fefefe",
)  # the page turns these into its own colours, so that drawings follow dark mode
COLOURS = ("#0077bb", "#ee7733", "#009988", "#cc3311", "#33bbee", "#ee3377", "#999933", "#aa4499")
UNSEEN_LINES = ("--", ":", "-.")
LEGEND_ROWS = 6  # more would cover the curves
REAL_COLOUR = "#7a8088"
LABEL_LETTERS = 26  # as many as two neighbouring labels have room for
WIDTH = 4.6  # inches: about as many CSS pixels as a phone is wide
BINS = 40
STAMP_COLOUR, STAMP_LETTERS = "#cc3311", 13  # letters to an inch
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "crossprobe",
    "svg.fonttype": "none",
    "text.parse_math": False,  # names are names, dollar signs included
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


@mpl.rc_context(STYLE)
def roc_figure(videos: pd.DataFrame, train: Sequence[str], threshold: float) -> Figure:
    """ROC of each test manipulation; solid where it was trained on, broken where not; a dot at the threshold.

    Parameters
    ----------
    videos : DataFrame
        Test predictions, one row a video.
    train : sequence of str
        Manipulations trained on.
    threshold : float
    """
    figure, axes = _axes(WIDTH, WIDTH * 0.95)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
    for at, (name, cell) in enumerate(cells(videos).items()):
        fpr, tpr, cuts = roc(cell["label"].to_numpy(), cell["score"].to_numpy())
        seen, colour = is_seen(cell, train), COLOURS[at % len(COLOURS)]
        label = f"{name}{', seen' if seen else ''}  {number(float(roc_area(fpr, tpr)), 2)}"
        line = "-" if seen else UNSEEN_LINES[at // len(COLOURS) % len(UNSEEN_LINES)]
        axes.plot(fpr, tpr, line, color=colour, linewidth=1.8, label=label)
        here = np.searchsorted(-cuts, -threshold, side="right") - 1
        axes.plot(fpr[here], tpr[here], "o", color=colour, markersize=5)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set(xlabel="reals called fake (FPR)", ylabel="fakes found (TPR)", title="ROC, video level")
    inside = len(axes.lines) <= 1 + 2 * LEGEND_ROWS
    below: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 2}
    axes.legend(**({"loc": "lower right"} if inside else below), fontsize=8, title="AUC", title_fontsize=8)
    return figure


@mpl.rc_context(STYLE)
def scores_figure(videos: pd.DataFrame, train: Sequence[str], threshold: float) -> Figure:
    """How the scores of reals and of each manipulation are spread, and the threshold; parameters as `roc_figure`."""
    parts = {"real": videos.loc[videos["label"] == 0, "score"].to_numpy()}
    for name, cell in cells(videos).items():
        parts[f"{name}, seen" if is_seen(cell, train) else name] = cell.loc[cell["label"] == 1, "score"].to_numpy()
    figure, axes = _axes(WIDTH, 0.9 + 0.55 * len(parts))
    low, high = min(0.0, videos["score"].min()), max(1.0, videos["score"].max())
    edges = np.linspace(low, high, BINS + 1)
    for at, scores in enumerate(parts.values()):
        counts = np.histogram(scores, edges)[0]
        heights = 0.85 * counts / counts.max()
        colour = COLOURS[(at - 1) % len(COLOURS)] if at else REAL_COLOUR
        axes.stairs(heights - at, edges, baseline=-at, fill=True, color=colour, alpha=0.85)
        called = f"{np.mean(scores >= threshold):.0%}"
        axes.text(1.02, -at + 0.12, called, transform=axes.get_yaxis_transform(), fontsize=8)
    axes.axvline(threshold, color=INK, linewidth=1, linestyle=":")
    axes.text(1.02, 1.0, "called\nfake", transform=axes.transAxes, fontsize=7, va="bottom")
    axes.set_yticks([0.2 - at for at in range(len(parts))], list(parts))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(low, high), ylim=(-len(parts) + 0.95, 1), xlabel="score (dotted: threshold)")
    axes.set_title("Scores, video level")
    return figure


@mpl.rc_context(STYLE)
def matrix_figure(table: dict[str, Any], head: str) -> Figure:
    """Heatmap of AUC: trainings down, test manipulations across, seen cells framed, their means below.

    Parameters
    ----------
    table : dict
        One head at video level, as `evaluate.matrix.compare` gives it.
    head : str
        Named in the title.
    """
    trains, tests = table["trains"], table["tests"]
    figure, axes = _axes(1.6 + 0.95 * len(tests), 1.5 + 0.62 * len(trains))
    colours = mpl.colormaps["RdBu"]
    for row, train in enumerate(trains):
        for column, cell in ((tests.index(name), cell) for name, cell in table["cells"][train].items()):
            colour = colours(
                0.08 + 0.84 * cell["value"]
            )  # white is chance; the ends of the map are too dark to read on
            ink = "#ffffff" if np.dot(colour[:3], (0.299, 0.587, 0.114)) < 0.55 else "#000000"
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor="none"))
            middle: Any = {"ha": "center", "va": "center", "color": ink}
            axes.text(column + 0.5, row + 0.42, number(cell["value"], 2), fontsize=12, **middle)
            axes.text(column + 0.5, row + 0.78, ends(cell) + FEW * cell["few_groups"], fontsize=7, **middle)
            if cell["seen"]:
                inside = Rectangle(
                    (column + 0.04, row + 0.04), 0.92, 0.92, fill=False, edgecolor="#000000", linewidth=1.6
                )
                axes.add_patch(inside)
    axes.set(xlim=(0, len(tests)), ylim=(len(trains), 0), ylabel="trained on")
    crowded = any(len(left) + len(right) > LABEL_LETTERS for left, right in pairwise(tests))
    slanted: Any = {"rotation": 30, "ha": "right"} if crowded else {}
    axes.set_xticks(np.arange(len(tests)) + 0.5, tests, **slanted)
    axes.set_yticks(np.arange(len(trains)) + 0.5, trains)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{head}: AUC, video level")
    means = [f"{kind} {with_interval(table[kind], 2)}" for kind in ("seen", "unseen", "gap") if table[kind]]
    shown = [cell for row in table["cells"].values() for cell in row.values()]
    few = f"; {FEW} too few groups" if any(cell["few_groups"] for cell in shown) else ""
    axes.set_xlabel("\n".join([f"tested on (framed: seen in training{few})", *means]))
    return figure


class RunFigure(NamedTuple):
    """One entry of `FIGURES`: ``draw(videos, train, threshold)``, and what the reader should see."""

    draw: Callable[[pd.DataFrame, Sequence[str], float], Figure]
    caption: str


FIGURES: dict[str, RunFigure] = {
    "roc": RunFigure(
        roc_figure,
        "Each line is one manipulation against the reals of its data set; broken where it was not trained on. The dot "
        "is where the threshold stands.",
    ),
    "scores": RunFigure(
        scores_figure,
        "Where the scores of reals and of each manipulation lie. Right of the dotted threshold a video is called fake.",
    ),
}


@mpl.rc_context(STYLE)
def svg(figure: Figure, stamp: str = "") -> str:
    """The figure as SVG: the same bytes for the same drawing, no date, text as text; ``stamp`` stands below it."""
    target = io.StringIO()
    if stamp:
        lines = "\n".join(wrap(stamp, int(STAMP_LETTERS * figure.get_figwidth())))
        figure.text(0.01, -0.02, lines, color=STAMP_COLOUR, fontsize=8, va="top")
    figure.savefig(target, format="svg", metadata={"Date": None}, bbox_inches="tight", facecolor=PAPER)
    return target.getvalue()


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    return figure, figure.add_subplot()
