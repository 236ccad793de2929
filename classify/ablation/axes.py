"""What a cell of a grid may set: the options, what each takes, and one spelling of every value."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from cache.arguments import PLAIN
from cache.errors import InputError, choose
from cache.schema import SAMPLE_COLUMNS
from cache.splits import DISJOINT
from classify.caches import NAMED
from classify.choices import BY_DEFAULT, check_choices, members_named, takes_prompts
from classify.features import FEATURES
from classify.fit import check_features
from classify.heads import HEADS
from classify.parameters import settable
from classify.protocol import SplitPlan
from classify.thinning import check_thinning

OPTIONS: dict[str, type] = {  # option of `classify.runs.classify`, head and caches one by one -> what a file holds
    "cache": str,
    "test_cache": str,
    "train": list,
    "test": list,
    "differ": list,
    "head": str,
    "features": list,
    "normalize": str,
    "prompt_set": str,
    "split": str,
    "test_size": float,
    "disjoint": str,
    "drop_crossing": bool,
    "allow_leak": bool,
    "where": list,
    "frames": int,
    "fraction": float,
    "calibrate": str,
    "threshold": float,
    "seed": int,
}


def flat(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section by names: parameters stand in a table of their head.

    Examples
    --------
    >>> flat({"seed": [0, 1], "logistic": {"C": [1, 10]}})
    {'seed': [0, 1], 'logistic.C': [1, 10]}
    """
    named: dict[str, Any] = {}
    for name, value in section.items():
        if isinstance(value, Mapping):
            named.update({f"{name}.{parameter}": one for parameter, one in value.items()})
        else:
            named[name] = value
    return named


def checked(name: str, value: Any) -> Any:
    """A value of an option or of a head's parameter in its one spelling.

    Lists hold each text once and in order (features as they are given); one text is a list of one. What a parameter
    may be is for its head to say (`check_cell`).

    Raises
    ------
    InputError
        No such option, or a value that it does not take.

    Examples
    --------
    >>> checked("train", "FaceSwap"), checked("train", ["FaceSwap", "Deepfakes"]), checked("logistic.C", 1)
    (['FaceSwap'], ['Deepfakes', 'FaceSwap'], 1)
    """
    head, dot, parameter = name.partition(".")
    if dot:
        choose(settable(choose(HEADS, head, "head")), parameter, f"parameter of {head}")
        return _json_value(value)
    kind = choose({**OPTIONS, "HEAD.PARAMETER": list}, name, "option")
    if kind is list:
        value = _texts(value, ordered=name != "features")
    else:
        types, said = PLAIN[kind]
        if not isinstance(value, types) or (isinstance(value, bool) and kind is not bool):
            raise InputError(f"{value!r} is given where {said} is needed")
    if name in _CHECKS:
        _CHECKS[name](value)
    return float(value) if kind is float else value


def shown(value: Any) -> Any:
    """A value as tables show it: a list as one text.

    Examples
    --------
    >>> shown(["Deepfakes", "FaceSwap"]), shown([]), shown(0.1)
    ('Deepfakes+FaceSwap', 'none', 0.1)
    """
    return ("+".join(map(str, value)) or "none") if isinstance(value, list) else value


def worded(values: Mapping[str, Any]) -> str:
    """Values by name in one line; those that are not set are left out.

    Examples
    --------
    >>> worded({"head": "logistic", "mlp.alpha": None, "allow_leak": True})
    'head=logistic, allow_leak=true'
    """
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, default=str) for name, value in values.items()
    }
    return ", ".join(f"{name}={texts[name]}" for name, value in values.items() if value is not None)


def parameters_of(values: Mapping[str, Any], head: str) -> dict[str, Any]:
    """Parameters of a head, among values by name."""
    return {name.removeprefix(f"{head}."): value for name, value in values.items() if name.startswith(f"{head}.")}


def without_effect(values: Mapping[str, Any]) -> dict[str, str]:
    """What is set and does nothing in a cell, and why: parameters of other heads, prompts that nothing takes."""
    head = values.get("head", BY_DEFAULT[0])
    idle = {name: f"the head is {head}" for name in values if "." in name and not name.startswith(f"{head}.")}
    if "prompt_set" in values and not takes_prompts(
        head, values.get("features", ()), {head: parameters_of(values, head)}
    ):
        idle["prompt_set"] = f"neither the features nor {head} take prompts"
    return idle


def check_cell(options: Mapping[str, Any]) -> None:
    """Refuse options that are known one by one and do not go together.

    Raises
    ------
    InputError
        A parameter that its head refuses, features that it cannot work on, a split that cannot be made.
    """
    head, parameters = options["head"], options.get("parameters", {})
    _try_out(head, json.dumps(parameters, sort_keys=True))
    for name in (head, *members_named({head: parameters})):
        check_features(name, options.get("features", ["embedding"]), options.get("normalize", ""))
    _check_split(options)


@cache
def _try_out(head: str, parameters: str) -> None:
    """Parameters in JSON, so that equal ones are tried once: a head fits a few rows to see what it refuses."""
    check_choices([head], parameters={head: json.loads(parameters)})


def _check_split(options: Mapping[str, Any]) -> None:
    plan = SplitPlan(
        options.get("split", "grouped"), options.get("test_size", 0.3), options.get("disjoint", "identity")
    )
    if options.get("drop_crossing") and (plan.kind, plan.disjoint) != ("grouped", "identity"):
        raise InputError("drop_crossing is for groups of identities that are dealt: split grouped, disjoint identity")
    if plan.kind == "grouped" and plan.test_size == 1:
        raise InputError("a test_size of 1 leaves nothing to train on; it is for a split by manipulation")
    both = set(options.get("train", ())) & set(options.get("test", ()))
    if plan.kind == "manipulation" and both:
        raise InputError(f"a split by manipulation puts {min(both)} on one side: it is in train and in test")


def _json_value(value: Any) -> Any:
    try:
        return _whole(json.loads(json.dumps(value, allow_nan=False)))
    except (TypeError, ValueError) as error:
        raise InputError(f"{value} is given where a finite number, a text or a list of them is needed") from error


def _whole(value: Any) -> Any:
    """1.0 as 1, so that a number has one spelling."""
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _texts(value: Any, ordered: bool) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise InputError(f"{value!r} is given where a text, or a list of texts, is needed")
    return sorted(set(texts)) if ordered else list(texts)


def _check_features(names: list[str]) -> None:
    for name in names:
        choose(dict.fromkeys(FEATURES), name, "feature")
    if not names or len(set(names)) < len(names):
        raise InputError(f"name each feature once, not {', '.join(names) or 'none'}; known: {', '.join(FEATURES)}")


def _check_conditions(conditions: list[str]) -> None:
    for condition in conditions:
        column, equals, _ = condition.partition("=")
        if not equals:
            raise InputError(f"a condition is column=value, not {condition!r}")
        choose(SAMPLE_COLUMNS, column, "sample column")


def _check_differ(names: list[str]) -> None:
    for name in names:
        choose(dict.fromkeys(NAMED), name, "thing that may differ between training and test")


def _check_share(value: float) -> None:
    if not 0 < value <= 1:
        raise InputError(f"the test side's share is above 0 and at most 1, not {value:g}")


def _check_seed(value: int) -> None:
    if not 0 <= value < 2**32:
        raise InputError(f"a seed is {'0 or more' if value < 0 else 'below 2 to the 32nd'}, not {value}")


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "differ": _check_differ,
    "head": lambda name: choose(HEADS, name, "head"),
    "features": _check_features,
    "normalize": lambda name: check_choices(normalize=name),
    "test_size": _check_share,
    "disjoint": lambda name: choose(DISJOINT, name, "kind of disjoint split"),
    "where": _check_conditions,
    "frames": lambda count: check_thinning(count, None),
    "fraction": lambda share: check_thinning(None, share),
    "calibrate": lambda name: check_choices(calibrate=name),
    "threshold": lambda score: check_choices(threshold=score),
    "seed": _check_seed,
}
