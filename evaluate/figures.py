"""The drawings of one run: its ROC, its scores, how far they can be taken as probabilities, and how it learned."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evaluate.curve import roc, roc_area
from evaluate.drawing import COLOURS, FAINT, INK, REAL_COLOUR, STYLE, WIDTH, evenly, new_axes
from evaluate.folders import Run
from evaluate.levels import cells, is_seen
from evaluate.reliability import calibration_error, reliability_bins
from evaluate.robustness_figure import draw_robustness
from evaluate.timeline import CAPTION as TIMELINE_CAPTION
from evaluate.timeline import draw as draw_timeline
from evaluate.wording import number

UNSEEN_LINES = ("--", ":", "-.")
LEGEND_ROWS = 6  # more would cover the curves
BINS = 40
CURVE_POINTS = 1000  # more cannot be seen
FEW_EPOCHS = 30  # more points than this are drawn as a line alone


@mpl.rc_context(STYLE)
def roc_figure(videos: pd.DataFrame, train: Sequence[str] | None, threshold: float) -> Figure:
    """ROC of each test manipulation; solid where it was trained on, broken where not; a dot at the threshold.

    Parameters
    ----------
    videos : DataFrame
        Test predictions, one row a video.
    train : sequence of str or None
        Manipulations trained on; None: unknown.
    threshold : float
    """
    figure, (axes,) = new_axes(WIDTH, WIDTH * 0.95)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
    for at, (name, cell) in enumerate(cells(videos).items()):
        fpr, tpr, cuts = roc(cell["label"].to_numpy(), cell["score"].to_numpy())
        seen, colour = is_seen(cell, train), COLOURS[at % len(COLOURS)]
        label = f"{name}{', seen' if seen else ''}  {number(float(roc_area(fpr, tpr)), 2)}"
        kept = evenly(CURVE_POINTS, fpr, tpr)
        axes.plot(fpr[kept], tpr[kept], _line(at, seen), color=colour, linewidth=1.8, label=label)
        here = np.searchsorted(-cuts, -threshold, side="right") - 1
        axes.plot(fpr[here], tpr[here], "o", color=colour, markersize=5)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set(xlabel="reals called fake (FPR)", ylabel="fakes found (TPR)", title="ROC, video level")
    _legend(axes, "AUC", inside="lower right")
    return figure


@mpl.rc_context(STYLE)
def scores_figure(videos: pd.DataFrame, train: Sequence[str] | None, threshold: float) -> Figure:
    """How the scores of reals and of each manipulation are spread, and the threshold; parameters as `roc_figure`."""
    parts = {"real": videos.loc[videos["label"] == 0, "score"].to_numpy()}
    for name, cell in cells(videos).items():
        parts[f"{name}, seen" if is_seen(cell, train) else name] = cell.loc[cell["label"] == 1, "score"].to_numpy()
    figure, (axes,) = new_axes(WIDTH, 0.9 + 0.55 * len(parts))
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
def reliability_figure(videos: pd.DataFrame, train: Sequence[str] | None) -> Figure:
    """Share of fakes against mean score, bin by bin, classes alike; parameters as `roc_figure`."""
    figure, (axes,) = new_axes(WIDTH, WIDTH * 0.95)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
    for at, (name, cell) in enumerate(cells(videos).items()):
        labels, scores = cell["label"].to_numpy(), cell["score"].to_numpy()
        bins, seen, colour = reliability_bins(labels, scores), is_seen(cell, train), COLOURS[at % len(COLOURS)]
        label = f"{name}{', seen' if seen else ''}  {number(calibration_error(labels, scores), 2)}"
        axes.plot(bins.score, bins.fakes, _line(at, seen), color=colour, linewidth=1.2, label=label)
        axes.scatter(bins.score, bins.fakes, 8 + 200 * bins.weight, color=colour, alpha=0.6, linewidths=0)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal", title="Reliability, video level")
    axes.set(xlabel="mean score of a bin", ylabel="share of fakes, classes alike")
    _legend(axes, "ECE")  # below: bins of few videos scatter into every corner
    return figure


@mpl.rc_context(STYLE)
def history_figure(history: pd.DataFrame, kept: int | None = None) -> Figure:
    """Loss by epoch, below it the AUC of the groups held out where there are any; dotted: the epoch kept.

    Parameters
    ----------
    history : DataFrame
        ``epoch``, ``train_loss``, and with validation ``validation_loss``, ``validation_auc``.
    kept : int, optional
        The epoch whose weights the head has: chosen on the groups held out, fixed beforehand where there are none.
    """
    held = "validation_auc" in history
    figure, rows = new_axes(WIDTH, 4.4 if held else 2.6, 1 + held)
    lines = {"train_loss": (COLOURS[0], "training"), "validation_loss": (COLOURS[1], "held-out groups")}
    for name, (colour, label) in lines.items():
        if name in history:
            _by_epoch(rows[0], history, name, colour, label)
    rows[0].set(ylabel="loss", title="Learning, epoch by epoch")
    if held:
        _by_epoch(rows[1], history, "validation_auc", COLOURS[1], "held-out groups")
        rows[1].set(ylabel="AUC, frame level")
    if kept is not None:
        label = f"chosen: {kept}" if is_chosen(history) else f"kept: {kept} (fixed)"
        for axes in rows:
            axes.axvline(kept, color=INK, linewidth=1, linestyle=":", label=label)
    rows[0].legend(fontsize=8)
    rows[-1].set(xlabel="epoch")
    rows[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def is_chosen(history: pd.DataFrame) -> bool:
    """Whether the epoch was chosen on groups held out; else it was fixed beforehand."""
    return "validation_loss" in history


def _by_epoch(axes: Axes, history: pd.DataFrame, name: str, colour: str, label: str) -> None:
    marker = "o" if len(history) <= FEW_EPOCHS else ""
    axes.plot(history["epoch"], history[name], color=colour, linewidth=1.6, marker=marker, markersize=4, label=label)


def _line(at: int, seen: bool | None) -> str:
    """Solid where seen in training or nobody knows, broken where not, another way once the colours are used up."""
    return "-" if seen or (seen is None and at < len(COLOURS)) else UNSEEN_LINES[at // len(COLOURS) % len(UNSEEN_LINES)]


def _legend(axes: Axes, title: str, inside: str | None = None) -> None:
    """In a corner of the drawing, or below it where none is free or there are many manipulations."""
    below: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 2}
    few = len(axes.get_legend_handles_labels()[1]) <= LEGEND_ROWS
    axes.legend(**({"loc": inside} if inside and few else below), fontsize=8, title=title, title_fontsize=8)


Metrics = Mapping[str, Any]


class RunFigure(NamedTuple):
    """One entry of `FIGURES`.

    Attributes
    ----------
    draw : callable
        Takes the run, and what was measured of it (``metrics.json``); None where it has nothing to draw.
    caption : callable
        What the reader should see of the run.
    """

    draw: Callable[[Run, Metrics], Figure | None]
    caption: Callable[[Run], str]


def _draw_roc(run: Run, _: Metrics) -> Figure:
    return roc_figure(run.at_level(run.rows("test"), "video"), run.trained_on, run.threshold("video")["value"])


def _draw_scores(run: Run, _: Metrics) -> Figure:
    return scores_figure(run.at_level(run.rows("test"), "video"), run.trained_on, run.threshold("video")["value"])


def _draw_reliability(run: Run, _: Metrics) -> Figure | None:
    return (
        reliability_figure(run.at_level(run.rows("test"), "video"), run.trained_on)
        if run.gives_probabilities("video")
        else None
    )


def _draw_history(run: Run, _: Metrics) -> Figure | None:
    return None if run.history is None else history_figure(run.history, run.kept_epoch)


def _history_caption(run: Run) -> str:
    if run.history is not None and is_chosen(run.history):
        return (
            "Loss and AUC after each pass over the training rows, where groups were held out to choose the epoch on "
            "them. Dotted: the epoch chosen."
        )
    return "Loss after each pass over the training rows. Dotted: the epoch kept, fixed beforehand."


FIGURES: dict[str, RunFigure] = {
    "roc": RunFigure(
        _draw_roc,
        lambda _: (
            "Each line is one manipulation against the reals of its data set; broken where it was not trained on. "
            "The dot is where the threshold stands."
        ),
    ),
    "scores": RunFigure(
        _draw_scores,
        lambda _: (
            "Where the scores of reals and of each manipulation lie. Right of the dotted threshold a video is "
            "called fake."
        ),
    ),
    "reliability": RunFigure(
        _draw_reliability,
        lambda _: (
            "Whether a score can be taken as the probability of fake where half of the videos are fake: on the "
            "diagonal it can; below it, too much is called fake. A larger dot holds more videos; bins of few videos "
            "scatter."
        ),
    ),
    "history": RunFigure(
        _draw_history,
        _history_caption,
    ),
    "robustness": RunFigure(
        draw_robustness,
        lambda _: (
            "The same test videos in other views of their frames: compressed, blurred, made smaller. Each line is one "
            "manipulation, with its 95 % interval; the dotted line is guessing."
        ),
    ),
    "timeline": RunFigure(lambda run, _: draw_timeline(run), lambda _: TIMELINE_CAPTION),
}
