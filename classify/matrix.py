"""Several trainings in one command: on each manipulation alone, or on all but each."""

from collections.abc import Sequence

from cache.errors import InputError

Training = tuple[str, list[str], list[str]]  # name of its folder, training manipulations, test manipulations


def one_each(names: Sequence[str], tested: Sequence[str]) -> list[Training]:
    """Train on each manipulation alone, test on every one: the seen one stands beside the unseen.

    Raises
    ------
    InputError
        Fewer than two manipulations to train on.
    """
    _refuse_fewer_than_two("a matrix", names)
    return [(name, [name], list(tested)) for name in names]


def all_but_each(names: Sequence[str], tested: Sequence[str]) -> list[Training]:
    """Leave each manipulation out of training in turn, test on every one: the one left out is the unseen one.

    Raises
    ------
    InputError
        Fewer than two manipulations to train on.
    """
    _refuse_fewer_than_two("leaving one out", names)
    return [(f"all-but-{left}", [name for name in names if name != left], list(tested)) for left in names]


def _refuse_fewer_than_two(what: str, names: Sequence[str]) -> None:
    if len(names) < 2:
        raise InputError(f"{what} needs two manipulations or more, there is: {', '.join(names) or 'none'}")
