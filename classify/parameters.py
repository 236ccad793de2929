"""Parameters of heads as the user fixes them: read, checked, and taken out of the search."""

import json
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from cache.errors import InputError, choose
from classify.heads import HEADS, Head

Parameters = Mapping[str, Mapping[str, Any]]  # head -> parameter -> value


def parse_parameters(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Parameters by head, from ``head.parameter=value`` with a value in JSON or plain text.

    Raises
    ------
    InputError
        Text of another form.

    Examples
    --------
    >>> parse_parameters(["mlp.lr=5e-5", "mlp.hidden_layer_sizes=[64, 32]", "mlp.alpha=strong"])
    {'mlp': {'lr': 5e-05, 'hidden_layer_sizes': [64, 32], 'alpha': 'strong'}}
    """
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        place, equals, value = text.partition("=")
        head, dot, name = place.partition(".")
        if not (equals and dot and name):
            raise InputError(f"a parameter is head.parameter=value, as mlp.lr=5e-5, not {text!r}")
        try:
            found.setdefault(head, {})[name] = json.loads(value)
        except json.JSONDecodeError:
            found.setdefault(head, {})[name] = value
    return found


def check_parameters(parameters: Parameters, heads: Iterable[str]) -> None:
    """Refuse parameters of a head that is not fitted, and names that a head does not have.

    Raises
    ------
    InputError
        Naming what is known.
    """
    chosen = {name: choose(HEADS, name, "head") for name in heads}
    for head, values in parameters.items():
        known = settable(choose(chosen, head, "head with parameters; fitted are these"))
        for name in values:
            choose(known, name, f"parameter of {head}")


def settable(head: type[Head]) -> dict[str, Any]:
    """Parameters that a user may fix, with their defaults; the seed is given once for all heads."""
    return {name: value for name, value in head().get_params().items() if name != "random_state"}


def candidates(head: type[Head], fixed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the head's grid, what is fixed taken out of it; the strongest regularisation first."""
    grid = {name: values for name, values in head.GRID.items() if name not in fixed}
    return [{**dict(zip(grid, values, strict=True)), **fixed} for values in product(*grid.values())]
