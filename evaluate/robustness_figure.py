"""The drawing of a run's robustness: AUC against how severe a view is."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from evaluate.drawing import COLOURS, INK, STYLE, WIDTH
from evaluate.folders import Run
from evaluate.levels import cells, is_seen
from evaluate.robustness import FAMILIES, OTHERS, by_family, family_of, severity

PANELS = 2  # side by side
PANEL_HEIGHT, LEGEND_ROW = 2.1, 0.17  # inches
BAND = 0.14  # opacity
MARKERS = "osD^v"  # another one when the colours are used up
SPREAD = 0.5  # of the place of a view, for points that do not hide each other


def draw_robustness(run: Run, metrics: Mapping[str, Any]) -> Figure | None:
    """The run's AUC at video level in every view of its test rows, as measured; None where it has no other view."""
    found = metrics["robustness"]
    if found is None or not found["views"]:
        return None
    seen = {name: is_seen(cell, run.trained_on) for name, cell in cells(run.rows("test")).items()}
    return robustness_figure(found, seen)


@mpl.rc_context(STYLE)
def robustness_figure(found: Mapping[str, Any], seen: Mapping[str, bool | None]) -> Figure:
    """A panel for each family of views, the severest at the right; a line for each manipulation, its interval a band.

    Parameters
    ----------
    found : dict
        As `evaluate.robustness.robustness` gives it, with the video level.
    seen : mapping of str to bool or None
        Of each test manipulation whether it was trained on: solid, else broken; solid too where nobody knows.
    """
    families = by_family(found["views"])
    columns = min(PANELS, len(families))
    rows, legend_rows = -(-len(families) // columns), -(-len(found["cells"]) // 2)
    height = 0.4 + PANEL_HEIGHT * rows + LEGEND_ROW * legend_rows
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasSVG(figure)
    panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for axes, (family, views) in zip(panels, families.items(), strict=False):
        names = _ordered(found["base"], views, family)
        for at, (name, by_level) in enumerate(found["cells"].items()):
            shift = None if family != OTHERS else SPREAD * ((at + 0.5) / len(found["cells"]) - 0.5)
            label = f"{name}{', seen' if seen[name] else ''}"
            _draw(axes, names, by_level["video"], at, label, seen[name], shift)
        axes.axhline(0.5, color=INK, linewidth=0.8, linestyle=":")
        axes.set_xticks(range(len(names)), [_tick(name, family) for name in names])
        axes.set(xlim=(-0.3, len(names) - 0.7), xlabel=FAMILIES[family].axis if family != OTHERS else " ")
    for axes in panels[len(families) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel("AUC")
    figure.suptitle("AUC in other views, video level", fontsize=mpl.rcParams["axes.titlesize"])
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _ordered(base: str, views: Sequence[str], family: str) -> list[str]:
    """The view tested on and the others: it stands first, or in its place where it is of the family."""
    if family != OTHERS and family_of(base) == family:
        return sorted([base, *views], key=severity)
    return [base, *views]


def _draw(
    axes: Axes,
    names: Sequence[str],
    by_view: Mapping[str, Any],
    at: int,
    label: str,
    seen: bool | None,
    shift: float | None,
) -> None:
    """A line with its band; or, of views without an order, points so far beside their place."""
    here = np.array([place for place, view in enumerate(names) if view in by_view])
    figures = [by_view[names[place]]["auc"] for place in here]
    values, low, high = (np.array([figure[key] for figure in figures], float) for key in ("value", "low", "high"))
    colour = COLOURS[at % len(COLOURS)]
    style: dict[str, Any] = {"color": colour, "marker": MARKERS[at // len(COLOURS) % len(MARKERS)], "label": label}
    if shift is None:
        axes.fill_between(here, low, high, color=colour, alpha=BAND, linewidth=0)
        axes.plot(here, values, "--" if seen is False else "-", linewidth=1.6, markersize=3.5, **style)
    else:
        axes.vlines(here + shift, low, high, color=colour, alpha=0.5, linewidth=1.6)
        fill = "none" if seen is False else "full"
        axes.plot(here + shift, values, linestyle="", fillstyle=fill, markersize=4, **style)


def _tick(view: str, family: str) -> str:
    return view.rpartition("-")[2] if family != OTHERS and family_of(view) == family else view
