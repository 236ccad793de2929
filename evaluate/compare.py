"""Whether two scores of the same rows differ: the paired difference of a metric, its p-value, and many of these."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluate.bootstrap import bootstrap
from evaluate.intervals import GroupDraws, interval, lost_draws
from evaluate.metrics import METRICS
from evaluate.wording import number

LEVEL = 0.05  # p-values below it are called significant
NOTHING = 1e-12  # a difference below it is rounding


def differences(
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    groups: np.ndarray,
    draws: GroupDraws,
    metric: str = "auc",
) -> np.ndarray:
    """How much higher a metric of the second score is than that of the first, then the same in each draw.

    Parameters
    ----------
    labels, first, second, groups : ndarray, shape (n,)
        Whole groups are drawn, for both scores at once.
    draws : GroupDraws
        Over these groups, or more.
    metric : str
        Name in `evaluate.metrics.METRICS` of one that reads scores.

    Returns
    -------
    ndarray of float, shape (1 + B,)
        For `judged`.
    """
    one, two = (with_draws(labels, scores, groups, draws, metric) for scores in (first, second))
    return two - one


def with_draws(
    labels: np.ndarray, scores: np.ndarray, groups: np.ndarray, draws: GroupDraws, metric: str = "auc"
) -> np.ndarray:
    """A metric of some rows, then that of each draw, shape (1 + B,); parameters as `differences`."""
    drawn = bootstrap(labels, scores, np.asarray(groups, dtype=str), draws, (metric,))[metric]
    return np.append(METRICS[metric].function(labels, scores), drawn)


def judged(values: np.ndarray) -> dict[str, Any]:
    """A difference and its draws, shape (1 + B,), as ``value``, ``low``, ``high``, ``p`` and ``lost_draws``."""
    return {
        "value": float(values[0]),
        **interval(values[1:]),
        "p": p_value(values[1:]),
        "lost_draws": lost_draws(values[1:]),
    }


def p_value(differences: np.ndarray) -> float | None:
    """Two-sided p-value of no difference: twice the lesser share of the draws that lie on one side of 0.

    A draw of exactly 0 counts on both sides, so that equal scores have p = 1. With B draws it is never below
    2 / (B + 1).

    Parameters
    ----------
    differences : ndarray of float, shape (B,)
        Of the same draws; NaN, which is left out, where a draw had one class.

    Returns
    -------
    float or None
        None where there is no interval either: more than half of the draws do not count.

    References
    ----------
    Davison & Hinkley, Bootstrap Methods and their Application (1997), section 4.4 (a test as the inverse of a
    percentile interval; 1 is added to counts, as in their equation 4.11).

    Examples
    --------
    >>> p_value(np.array([0.1, 0.2, 0.3, -0.1, 0.2, 0.1, 0.4, 0.2, 0.1])), p_value(np.zeros(9))
    (0.4, 1.0)
    """
    counted = differences[~np.isnan(differences)]
    if 2 * len(counted) < len(differences):
        return None
    sides = (counted <= NOTHING).sum(), (counted >= -NOTHING).sum()
    return float(min(1.0, 2 * (1 + min(sides)) / (len(counted) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of one family, corrected so that the chance of any false finding stays below the level asked.

    References
    ----------
    Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6 (1979) 65-70.

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values, float)[order] * steps))
    return corrected.tolist()


def sentence(record: Mapping[str, Any], where: str = "") -> str:
    """One comparison in a line: the second minus the first, its interval, and what it is worth.

    Parameters
    ----------
    record : mapping
        ``first``, ``second`` (names), ``value``, ``low``, ``high``, ``p``, ``p_holm``, ``comparisons`` (how many were
        corrected for), ``draws`` (that counted), ``few_groups``.
    where : str
        What was compared, after the names.

    Examples
    --------
    >>> one = {"first": "V1", "second": "V2", "value": 0.0672, "low": -0.09, "high": 0.21, "p": 0.4, "p_holm": 0.4}
    >>> sentence(one | {"comparisons": 1, "draws": 1000, "few_groups": False})
    'V1 vs V2: +0.067 [-0.09, +0.21], not significant'
    """
    names = f"{record['first']} vs {record['second']}{where}"
    if record["value"] is None:
        return f"{names}: nothing to compare, for they share no samples of both classes"
    few = ", too few groups to trust" if record["few_groups"] else ""
    if record["low"] is None:
        return f"{names}: {signed(record['value'], 3)}, no interval{few}"
    ends = f"[{signed(record['low'], 2)}, {signed(record['high'], 2)}]"
    return f"{names}: {signed(record['value'], 3)} {ends}, {_verdict(record)}{few}"


def signed(value: float, digits: int) -> str:
    """A difference with its sign; nought has none.

    Examples
    --------
    >>> signed(0.0672, 3), signed(-0.0001, 2), signed(-0.5, 2)
    ('+0.067', '0.00', '-0.50')
    """
    text = number(value, digits)
    return f"+{text}" if float(text) > 0 else text


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {number(p)}"


def _verdict(record: Mapping[str, Any]) -> str:
    p, corrected, count = record["p"], record["p_holm"], record["comparisons"]
    if record["value"] == record["low"] == record["high"] == 0:
        return "no difference"
    after = f" after Holm ({_p(corrected)}, {count:,} comparisons)" if count > 1 else f" ({_p(p)})"
    if corrected < LEVEL:
        return f"significant{after}"
    if p >= LEVEL:
        return "not significant"
    if p <= 2 / (record["draws"] + 1) + NOTHING:
        return f"open: {record['draws']:,} draws cannot tell{after}"
    return f"not significant{after}"
