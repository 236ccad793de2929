"""The drawing of one head's matrix: what was trained on down, what was tested on across."""

from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from evaluate.drawing import STYLE, new_axes
from evaluate.matrix import UNKNOWN
from evaluate.tables import MEANS
from evaluate.wording import FEW, ends, number, with_interval

LABEL_LETTERS = 26  # as many as two neighbouring labels have room for


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
    figure, (axes,) = new_axes(1.6 + 0.95 * len(tests), 1.5 + 0.62 * len(trains))
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
    axes.set_yticks(np.arange(len(trains)) + 0.5, [train or UNKNOWN for train in trains])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{head}: AUC, video level")
    shown = [cell for row in table["cells"].values() for cell in row.values()]
    kinds = MEANS if any(cell["seen"] is not None for cell in shown) else ("mean",)
    means = [f"{kind} {with_interval(table[kind], 2)}" for kind in kinds if table[kind]]
    framed = ["framed: seen in training"] if any(cell["seen"] for cell in shown) else []
    few = [f"{FEW} too few groups"] if any(cell["few_groups"] for cell in shown) else []
    told = f" ({'; '.join(framed + few)})" if framed + few else ""
    axes.set_xlabel("\n".join([f"tested on{told}", *means]))
    return figure
