"""What goes wrong by the user's hand, said in one sentence, and the look-up of a name in a registry."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


class InputError(ValueError):
    """What the user gave cannot be used: the message says what was found, what is known, and what to do.

    The command line prints the message alone and exits with code 2.
    """


class NothingReadableError(InputError):
    """Not one input of an extraction could be read."""


class InterruptedWork(Exception):
    """The user stopped the work; what was done is kept, and the message says how to go on.

    The command line prints the message and exits with code 1.
    """


def choose(registry: Mapping[str, T], name: str, kind: str) -> T:
    """The entry of ``registry`` called ``name``; an unknown name lists the known ones.

    Examples
    --------
    >>> choose({"svm": 1}, "svm", "head")
    1
    >>> choose({"svm": 1, "mlp": 2}, "smv", "head")
    Traceback (most recent call last):
    ...
    cache.errors.InputError: unknown head 'smv'; known: mlp, svm
    """
    if name not in registry:
        raise InputError(f"unknown {kind} {name!r}; known: {', '.join(sorted(registry))}")
    return registry[name]
