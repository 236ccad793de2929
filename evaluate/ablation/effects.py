"""What each axis of a grid does: mean AUC of its values over combinations of the other axes that all of them have."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from evaluate.ablation.drawn import Drawn, DrawnCell, DrawnGrid, mean
from evaluate.ablation.folder import said
from evaluate.cell_draws import difference

HEAD, SEED = "head", "seed"
APART = (
    SEED,
    "split",
    "test_size",
    "disjoint",
    "drop_crossing",
    "where",
)  # axes whose values are tested on other videos
Figure = dict[str, Any]


class Marginals(NamedTuple):
    """Mean AUC of each value of an axis, joint in every draw.

    Attributes
    ----------
    means, out_of_fold : dict of Drawn or None
        By the text of the value.
    cells : dict of int
        How many cells each mean is over.
    combinations : int
        Of the other axes, that all values have; 0: no such, and means are over all cells of a value.
    same_tests : bool
        Whether all means are over the same manipulations.
    deviation : float or None
        Standard deviation over the values within a combination (root of the mean variance); None if not balanced.
    """

    means: dict[str, Drawn | None]
    out_of_fold: dict[str, Drawn | None]
    cells: dict[str, int]
    combinations: int
    same_tests: bool
    deviation: float | None


@dataclass(frozen=True)
class Effect:
    """One axis of a grid.

    Attributes
    ----------
    axis : str
    reference : str
        The value that the others are compared with: the baseline's, else the first.
    marginals : Marginals
    differences : dict of dict or None
        By value: its mean less the reference's, with ``low`` and ``high``; None for the reference itself, and where
        the two have no manipulation in common. Where the means of all values are of different manipulations, it is
        over those that count for both.
    ends : tuple of str, or None
        Values of the lowest and the highest mean; None where means are of different things, as of the axes `APART`.
    spread : dict or None
        The highest less the lowest.
    """

    axis: str
    reference: str
    marginals: Marginals
    differences: dict[str, Figure | None]
    ends: tuple[str, str] | None
    spread: Figure | None


def effects(drawn: DrawnGrid) -> list[Effect]:
    """The effect of each axis of which several values have finished cells, in the order of the axes.

    Parameters
    ----------
    drawn : DrawnGrid
    """
    found = []
    for axis in drawn.grid.axes:
        marginals = marginal_means(drawn.cells, axis, drawn.grid.axes)
        values = [name for name in drawn.grid.values(axis) if name in marginals.means]
        if len(values) > 1:
            base = drawn.grid.base
            of_base = said(base.axes.get(axis)) if base else ""
            reference = of_base if of_base in values else values[0]
            others = [name for name in values if name != reference]
            differences = {name: _from_reference(drawn, axis, name, reference, marginals) for name in others}
            found.append(_effect(axis, reference, values, marginals, differences))
    return found


def _from_reference(drawn: DrawnGrid, axis: str, name: str, reference: str, marginals: Marginals) -> Figure | None:
    """A value less the reference: where the means are of different manipulations, over those that count for both."""
    if not marginals.same_tests:
        two = [one for one in drawn.cells if said(one.cell.axes.get(axis)) in (name, reference)]
        marginals = marginal_means(two, axis, drawn.grid.axes)
    if not marginals.same_tests:
        return None
    return _less(marginals.means.get(name), marginals.means.get(reference))


def _effect(
    axis: str,
    reference: str,
    values: Sequence[str],
    marginals: Marginals,
    differences: Mapping[str, Figure | None],
) -> Effect:
    means, ends, spread = marginals.means, None, None
    known = {name: one for name in values if (one := means[name]) is not None}
    if axis not in APART and marginals.combinations and marginals.same_tests and len(known) > 1:
        order = sorted(known, key=lambda name: known[name].values[0])
        ends = order[0], order[-1]
        spread = _less(known[ends[1]], known[ends[0]])
    return Effect(axis, reference, marginals, {name: differences.get(name) for name in values}, ends, spread)


def _less(one: Drawn | None, other: Drawn | None) -> Figure | None:
    if one is None or other is None:
        return None
    return difference(one.values - other.values, one.few or other.few)


def is_nested(name: str, axis: str) -> bool:
    """Whether an axis exists within single values of another: the parameter of a head, ``logistic.C``, within heads."""
    return axis == HEAD and "." in name


def marginal_means(cells: Sequence[DrawnCell], axis: str, axes: Sequence[str]) -> Marginals:
    """Mean AUC of each value of an axis over the cells of the combinations that all its values have.

    Parameters
    ----------
    cells : sequence of DrawnCell
    axis : str
    axes : sequence of str
        All of the grid. Parameters of heads do not tell combinations of heads apart: cells that differ in these alone
        are averaged first.

    Returns
    -------
    Marginals
        Of the values that have a cell. Means are over the manipulations that count for every cell of a combination;
        combinations without any are left out, or where that leaves none, each cell has its own.
    """
    others = [name for name in axes if name != axis and not is_nested(name, axis)]
    combos: dict[tuple[str, ...], dict[str, list[DrawnCell]]] = defaultdict(lambda: defaultdict(list))
    mine = [one for one in cells if one.cell.axes.get(axis) is not None and one.mean is not None]
    for one in mine:
        combos[tuple(said(one.cell.axes.get(name)) for name in others)][said(one.cell.axes[axis])].append(one)
    values = list(dict.fromkeys(said(one.cell.axes[axis]) for one in mine))
    balanced = [combo for combo in combos.values() if len(combo) == len(values)]
    used = [combo for combo in balanced if _common(combo)] or balanced
    groups = used or [_all_in_one(combos.values())]
    same = all(_common(combo) for combo in groups) and bool(values)
    per_value = {name: [combo[name] for combo in groups] for name in values}
    means = {name: [_mean_of(combo[name], _common(combo) if same else None) for combo in groups] for name in values}
    return Marginals(
        {name: mean(of) for name, of in means.items()},
        {name: _out_of_fold(of) for name, of in per_value.items()},
        {name: sum(map(len, of)) for name, of in per_value.items()},
        len(used),
        same,
        _deviation(list(means.values())) if used and len(values) > 1 else None,
    )


def _all_in_one(combos: Any) -> dict[str, list[DrawnCell]]:
    found: dict[str, list[DrawnCell]] = defaultdict(list)
    for combo in combos:
        for name, of in combo.items():
            found[name] += of
    return found


def _common(combo: Mapping[str, Sequence[DrawnCell]]) -> frozenset[str]:
    """Manipulations that count for every cell of a combination."""
    counted = [frozenset(one.counted) for of in combo.values() for one in of]
    return frozenset.intersection(*counted) if counted else frozenset()


def _mean_of(cells: Sequence[DrawnCell], tests: frozenset[str] | None) -> Drawn:
    means = [mean([one.tests[name] for name in one.counted if tests is None or name in tests]) for one in cells]
    found = mean([one for one in means if one is not None])
    assert found is not None  # cells without a mean were left out
    return found


def _out_of_fold(combos: Sequence[Sequence[DrawnCell]]) -> Drawn | None:
    """Mean over combinations of the mean over their cells; None where a cell has no out-of-fold scores."""
    folds = [[one.out_of_fold for one in of] for of in combos]
    if any(fold is None for of in folds for fold in of):
        return None
    found = [mean([fold for fold in of if fold is not None]) for of in folds]
    return mean([one for one in found if one is not None])


def _deviation(means: Sequence[Sequence[Drawn]]) -> float:
    values = np.array([[one.values[0] for one in of] for of in means])  # (values, combinations)
    return float(np.sqrt(values.var(axis=0, ddof=1).mean()))
