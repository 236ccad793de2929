"""Values from a file, checked against the annotations of the function that takes them."""

import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cache.errors import InputError, choose

PLAIN: dict[Any, tuple[tuple[type, ...], str]] = {  # annotation -> types that a file may hold for it, in words
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a text"),
    Path: ((str,), "a path"),
    types.NoneType: ((), "left out"),
}


def check_arguments(
    function: Callable[..., Any], values: Mapping[str, Any], where: str, given: Collection[str] = ()
) -> None:
    """Refuse what a function does not take.

    Parameters
    ----------
    function : callable
        Its annotations say what it takes.
    values : mapping
        Arguments by name, as TOML or JSON holds them.
    where : str
        Where they stand, for the message.
    given : collection of str
        Arguments that come from elsewhere.

    Raises
    ------
    InputError
        An unknown name, a value of another type, or an argument that is missing.

    Examples
    --------
    >>> def fit(heads: Sequence[str], seed: int = 0) -> None: ...
    >>> check_arguments(fit, {"heads": "svm"}, "[classify]")
    Traceback (most recent call last):
    ...
    cache.errors.InputError: [classify]: heads is 'svm' where a list (a text each) is needed
    """
    parameters = {name: one for name, one in inspect.signature(function).parameters.items() if name not in given}
    hints = typing.get_type_hints(function)
    for name, value in values.items():
        choose(parameters, name, f"key of {where}")
        if not _fits(value, hints[name]):
            raise InputError(f"{where}: {name} is {value!r} where {_said(hints[name])} is needed")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in values:
            raise InputError(f"{where} lacks {name}, {_said(hints[name])}")


def _fits(value: Any, hint: Any) -> bool:
    kind, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if kind in (types.UnionType, typing.Union):
        return any(_fits(value, one) for one in inner)
    if kind in (Sequence, Iterable, Collection, list):
        return isinstance(value, list) and all(_fits(one, inner[0]) for one in value)
    if kind in (Mapping, dict):
        return isinstance(value, dict) and all(_fits(one, inner[1]) for one in value.values())
    if hint in PLAIN:
        return isinstance(value, PLAIN[hint][0]) and (hint is bool or not isinstance(value, bool))
    return False


def _said(hint: Any) -> str:
    kind, inner = typing.get_origin(hint), typing.get_args(hint)
    if kind in (types.UnionType, typing.Union):
        return " or ".join(_said(one) for one in inner if one is not types.NoneType)
    if kind in (Sequence, Iterable, Collection, list):
        return f"a list ({_said(inner[0])} each)"
    if kind in (Mapping, dict):
        return f"a table ({_said(inner[1])} each)"
    return PLAIN[hint][1] if hint in PLAIN else "anything"
