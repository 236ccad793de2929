"""Parameters of heads as the user fixes them: read, checked, and taken out of the search."""

import json
import warnings
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from cache.errors import InputError, choose
from classify.heads import HEADS, Head
from classify.heads.base import FROM_THE_CACHE, Prompts
from classify.heads.ensemble import MEMBERS, Ensemble, member_heads

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
    """Refuse parameters of a head that is not fitted, names that a head does not have, and values that it refuses.

    Raises
    ------
    InputError
        Naming what is known.
    """
    chosen = {name: choose(HEADS, name, "head") for name in heads}
    for head, values in parameters.items():
        if choose(HEADS, head, "head") and head not in chosen:
            raise InputError(
                f"parameters are given for {head}, which is not among the heads fitted: {', '.join(chosen)}"
            )
        known = settable(HEADS[head])
        if not isinstance(values, Mapping):
            raise InputError(f"parameters of {head} are names with values, as {{'C': 1.0}}, not {values!r}")
        for name, value in values.items():
            choose(known, name, f"parameter of {head}")
            _check_value(f"{head}.{name}", value)
        if values:
            _try_out(head, values)


def settable(head: type[Head]) -> dict[str, Any]:
    """Parameters that a user may fix, with their defaults; the seed is given once for all heads."""
    ours = ("random_state", *FROM_THE_CACHE)
    return {name: value for name, value in head().get_params(deep=False).items() if name not in ours}


def candidates(head: type[Head], fixed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the head's grid, what is fixed taken out of it; the strongest regularisation first."""
    grid = {name: values for name, values in head.GRID.items() if name not in fixed}
    return [{**dict(zip(grid, values, strict=True)), **fixed} for values in product(*grid.values())]


def _check_value(name: str, value: Any) -> None:
    """Refuse what ``run.json`` cannot hold, and truth values: heads have none, and scikit-learn takes them for 1."""
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name} is a finite number, or a list of them, not {value!r}") from error
    if any(isinstance(part, bool) for part in (value if isinstance(value, list | tuple) else [value])):
        raise InputError(f"{name} is a number, or a list of them, not {value!r}")


def _try_out(head: str, values: Mapping[str, Any]) -> None:
    """Fit four rows, in one epoch: the head says at once what it refuses."""
    if "text_tower" in HEADS[head].needs:
        return  # nothing can be fitted without
    if HEADS[head] is Ensemble:
        try:
            member_heads(values.get("members", MEMBERS))
        except ValueError as error:
            raise InputError(str(error)) from error
        return
    toy = {"prompts": Prompts(("real", "fake"), np.array([0, 1]), np.eye(2, dtype=np.float32), 100.0)}
    try:
        once = {"epochs": min(values.get("epochs", 1), 1)} if HEADS[head].chooses_epochs else {}
        needed = {name: toy[name] for name in HEADS[head].needs}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            HEADS[head](**{**values, **once, **needed}).fit([[0, 1], [0, 2], [1, 0], [2, 0]], [0, 0, 1, 1])
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"{head} cannot be fitted with {dict(values)}: {error}") from error
