"""How a number, its interval and a list are written, the same in the console, the report and the figures."""

from collections.abc import Sequence
from typing import Any


def number(value: float | None, digits: int = 3) -> str:
    """A figure with fixed digits; "-" where there is none.

    Examples
    --------
    >>> number(0.98765), number(None)
    ('0.988', '-')
    """
    return "-" if value is None else f"{value:.{digits}f}"


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


def ends(figure: dict[str, Any]) -> str:
    """The 95 % interval alone, two digits, as narrow as can be."""
    return f"{number(figure['low'], 2)}-{number(figure['high'], 2)}" if figure["low"] is not None else "no interval"


def run_name(result: dict[str, Any]) -> str:
    """One of several runs in a few words: its training, and its head as the comparison names it.

    Examples
    --------
    >>> run_name({"run": {"train": ["FaceSwap", "Deepfakes"]}, "comparison": {"head": "scenes/svm"}})
    'FaceSwap+Deepfakes / scenes/svm'
    """
    return f"{'+'.join(result['run']['train'])} / {result['comparison']['head']}"


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


def spread(low: float, high: float) -> str:
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
