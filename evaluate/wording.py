"""How a number, its interval and a list are written, the same in the console, the report and the figures."""

import re
from collections.abc import Sequence
from typing import Any

from cache.schema import FAKE, REAL

CLASS = {REAL: "real", FAKE: "fake"}


def number(value: float | None, digits: int = 3) -> str:
    """A figure with fixed digits, nought without a sign; "-" where there is none.

    Examples
    --------
    >>> number(0.98765), number(-0.0001), number(None)
    ('0.988', '0.000', '-')
    """
    return "-" if value is None else f"{round(float(value), digits) + 0.0:.{digits}f}"


def p_text(p: float | None) -> str:
    """A p-value; "-" where there is none.

    Examples
    --------
    >>> p_text(0.0214), p_text(1e-9), p_text(None)
    ('0.021', '<0.001', '-')
    """
    return "<0.001" if p is not None and p < 0.001 else number(p)


FEW = "†"  # beside what rests on too few groups


def with_interval(figure: dict[str, Any] | None, digits: int = 3, few: bool = False) -> str:
    """A figure and its 95 % interval; "-" where there is none; marked where it rests on too few groups.

    Examples
    --------
    >>> with_interval({"value": 0.8, "low": 0.75, "high": 0.875}, 2)
    '0.80 (0.75 to 0.88)'
    >>> with_interval({"value": 0.8, "low": 0.75, "high": 0.875}, 2, few=True)
    '0.80 (0.75 to 0.88, too few groups)'
    """
    if figure is None:
        return "-"
    value = number(figure["value"], digits)
    range_ = "no interval"
    if figure["low"] is not None:
        range_ = f"{number(figure['low'], digits)} to {number(figure['high'], digits)}"
    return f"{value} ({range_}{', too few groups' if few or figure.get('few_groups') else ''})"


def tight_interval(figure: dict[str, Any]) -> str:
    """A figure with three digits and its 95 % interval with two, for columns of text.

    Examples
    --------
    >>> tight_interval({"value": 0.8, "low": 0.75, "high": 0.875})
    '0.800 (0.75-0.88)'
    """
    return f"{number(figure['value'])} ({ends(figure)})"


def figure_text(figure: dict[str, Any] | None) -> str:
    """As `tight_interval`, marked where it rests on too few groups; "-" where there is none.

    Examples
    --------
    >>> figure_text({"value": 0.8, "low": 0.75, "high": 0.875, "few_groups": True})
    '†0.800 (0.75-0.88)'
    """
    return f"{FEW if figure['few_groups'] else ''}{tight_interval(figure)}" if figure else "-"


def ends(figure: dict[str, Any]) -> str:
    """The 95 % interval alone, two digits, as narrow as can be.

    Examples
    --------
    >>> ends({"low": 0.75, "high": 0.875}), ends({"low": -0.05, "high": -0.02}), ends({"low": None, "high": None})
    ('0.75-0.88', '-0.05 to -0.02', 'no interval')
    """
    if figure["low"] is None:
        return "no interval"
    low, high = number(figure["low"], 2), number(figure["high"], 2)
    return f"{low} to {high}" if low.startswith("-") else f"{low}-{high}"


NOT_TRAINED = "no training"  # what the row of such a head says
NO_NUMBERS = "none"  # of a head that keeps its training rows instead


def is_trained(head: str) -> bool:
    """Whether a head learns from the training side; zero_shot takes no more than its threshold from there."""
    return head != "zero_shot"


def shares(*values: float) -> str:
    """Shares of a whole, from least to most, in per cent with two digits that count.

    Examples
    --------
    >>> shares(0.00142), shares(0.0000034), shares(0.001, 0.002), shares(0.0)
    ('0.14 %', '0.00034 %', '0.1 to 0.2 %', '0 %')
    """
    texts = [f"{100 * value:.8f}".rstrip("0").rstrip(".") if value else "0" for value in map(_two_digits, values)]
    return f"{spread(texts[0], texts[-1])} %"


def _two_digits(value: float) -> float:
    return float(f"{value:.1e}")


def run_name(result: dict[str, Any]) -> str:
    """One of several runs in a few words: its training, and its head as the comparison names it.

    Examples
    --------
    >>> run_name({"run": {"train": ["FaceSwap", "Deepfakes"]}, "comparison": {"head": "scenes/svm"}})
    'FaceSwap+Deepfakes / scenes/svm'
    """
    return " / ".join(filter(None, ["+".join(result["run"]["train"]), result["comparison"]["head"]]))


def plural(count: int, word: str) -> str:
    """A count and its noun.

    Examples
    --------
    >>> plural(1, "group"), plural(1200, "video")
    ('1 group', '1,200 videos')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def listed(names: Sequence[str], most: int = 6) -> str:
    """Names as a sentence has them; beyond ``most`` the rest is counted.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], 2)
    ('a, b and c', 'a, b and 1 more')
    """
    shown = [*names] if len(names) <= most else [*names[:most], f"{len(names) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def spread(low: float | str, high: float | str) -> str:
    """Two ends of a range, or one number where they are the same.

    Examples
    --------
    >>> spread(5, 5), spread(3, 8)
    ('5', '3 to 8')
    """
    return str(low) if low == high else f"{low} to {high}"


def capital(sentence: str) -> str:
    """A sentence with a capital first letter."""
    return sentence[:1].upper() + sentence[1:]


def file_name(name: str) -> str:
    """A name with what a file's may not have replaced.

    Examples
    --------
    >>> file_name("scenes/svm (2)")
    'scenes_svm_2_'
    """
    return re.sub(r"[^\w.+-]+", "_", name)
