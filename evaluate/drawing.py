"""What all drawings share: colours that colour-blind readers can tell apart, and deterministic SVG and PDF."""

import io
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# A page turns these three into its own colours, so that drawings follow dark mode.
INK, FAINT, PAPER = "#1c2024", "#c3c8ce", "#fefefe"
COLOURS = ("#0077bb", "#ee7733", "#009988", "#cc3311", "#33bbee", "#ee3377", "#999933", "#aa4499")
REAL_COLOUR = "#7a8088"
WIDTH = 4.6  # inches: about as many CSS pixels as a phone is wide
STAMP_COLOUR, STAMP_LETTERS = "#cc3311", 13  # letters to an inch
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "crossprobe",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,  # fonts that can be searched, and that publishers take
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


def svg(figure: Figure, stamp: str = "") -> str:
    """The figure as SVG: the same bytes for the same drawing, no date, text as text; ``stamp`` stands below it."""
    return _saved(figure, stamp, "svg", "Date").decode("utf-8")


def pdf(figure: Figure, stamp: str = "") -> bytes:
    """The figure as PDF, for print: the same bytes for the same drawing, no date, its fonts in it, ``stamp`` below."""
    return _saved(figure, stamp, "pdf", "CreationDate")


@mpl.rc_context(STYLE)
def _saved(figure: Figure, stamp: str, form: str, date: str) -> bytes:
    _add_stamp(figure, stamp)
    target = io.BytesIO()
    figure.savefig(target, format=form, metadata={date: None}, bbox_inches="tight", facecolor=PAPER)
    return target.getvalue()


def _add_stamp(figure: Figure, stamp: str) -> None:
    lines = "\n".join(wrap(stamp, int(STAMP_LETTERS * figure.get_figwidth())))
    if not stamp or any(text.get_text() == lines for text in figure.texts):
        return  # the one that another format was stamped with
    # What a flat figure has below its axes reaches beyond its own size.
    below = min(0.0, figure.get_tightbbox().y0 / figure.get_figheight())
    figure.text(0.01, below - 0.02, lines, color=STAMP_COLOUR, fontsize=8, va="top")


def evenly(most: int, *coordinates: np.ndarray) -> np.ndarray:
    """Places of points that lie evenly along a path, as few as are wanted, its two ends among them.

    Parameters
    ----------
    most : int
        At least 2; a path of no more points is kept whole.
    *coordinates : ndarray of float, shape (n,)
        Each is measured in its own range.

    Returns
    -------
    ndarray of int, shape (m,)
        Rising; each point left out follows a kept one by less than 1 / (``most`` - 1) of the path.

    Examples
    --------
    >>> evenly(3, np.array([0.0, 0.1, 0.2, 0.5, 0.9, 1.0]))
    array([0, 3, 5])
    """
    n = len(coordinates[0])
    if n <= most:
        return np.arange(n)
    steps = sum(np.abs(np.diff(values)) / (np.ptp(values) or 1.0) for values in coordinates)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    places = np.searchsorted(along, np.linspace(0.0, along[-1], most))
    places[-1] = n - 1
    return np.unique(places)


def new_axes(width: float, height: float, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """An empty figure of a size in inches, and its axes from above, which share what runs across."""
    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    return figure, list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
