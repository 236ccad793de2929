"""What a user chooses for a command, checked before anything is read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cache.errors import InputError, choose
from classify.heads import HEADS
from classify.heads.ensemble import MEMBERS
from classify.normalize import METHODS
from classify.parameters import Parameters, check_parameters, parse_parameters
from evaluate import calibration

BY_DEFAULT = ("logistic",)


def check_choices(
    heads: Sequence[str] = BY_DEFAULT,
    normalize: str = METHODS[0],
    parameters: Parameters | Iterable[str] = (),
    calibrate: str | None = None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """Refuse choices that are not known, before anything is read; what is fixed, by head.

    An ensemble whose members nobody named is of the other heads of the command, or of its own where there are none.

    Raises
    ------
    InputError
        Naming what is known.
    """
    fixed: dict[str, Any] = dict(parameters) if isinstance(parameters, Mapping) else parse_parameters(parameters)
    if not heads:
        raise InputError(f"name at least one head; known: {', '.join(sorted(HEADS))}")
    for name in heads:
        choose(HEADS, name, "head")
    if "ensemble" in heads:
        others = [head for head in dict.fromkeys(heads) if head != "ensemble"]
        members = others if len(others) > 1 else list(MEMBERS)
        fixed["ensemble"] = {"members": members, **fixed.get("ensemble", {})}
    check_parameters(fixed, dict.fromkeys([*heads, *members_named(fixed)]))
    choose(dict.fromkeys(METHODS), normalize, "normalisation")
    if calibrate is not None:
        choose(calibration.METHODS, calibrate, "calibration")
    if threshold is not None and not 0 < threshold < 1:
        raise InputError(f"a threshold is a score, between 0 and 1, not {threshold}")
    return fixed


def members_named(fixed: Mapping[str, Any]) -> list[str]:
    """Members of the ensemble, of what is fixed by head."""
    members = fixed.get("ensemble", {}).get("members", [])
    return [str(name) for name in members] if isinstance(members, list | tuple) else []


def takes_prompts(head: str, features: Sequence[str], fixed: Mapping[str, Any]) -> bool:
    """Whether a head, or a member of it, takes the prompts of a set."""
    members = fixed.get(head, {}).get("members", ())
    return "prompts" in features or any("prompts" in HEADS[name].needs for name in (head, *members))


def prompt_takers(heads: Sequence[str], features: Sequence[str], fixed: Mapping[str, Any]) -> list[str]:
    """Those of the heads, or of an ensemble's members, that take prompts."""
    return [head for head in (*heads, *members_named(fixed)) if takes_prompts(head, features, fixed)]
