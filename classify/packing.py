"""Fitted heads as JSON values and arrays by name, and back; nothing else than heads and arrays can come of a file."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from cache.errors import choose
from classify.heads import HEADS, Head
from classify.heads.base import FROM_THE_CACHE
from classify.normalize import Normalize

Arrays = dict[str, np.ndarray]
Packed = dict[str, Any]

NOT_READ = ("history_",)  # fitted attributes that no decision goes by
KINDS = "biuf"  # of arrays: truth values and numbers


def pack_head(head: Head, arrays: Arrays, place: str = "head") -> Packed:
    """A fitted head as ``{"head", "parameters", "fitted"}``; its arrays join ``arrays``.

    What the cache gave it stays out, and so does what it keeps for itself (names that begin with "_").

    Raises
    ------
    TypeError
        A fitted attribute is neither number, text, array nor fitted head, nor a list or dict of these.
    """
    names = {kind: name for name, kind in HEADS.items()}
    parameters = head.get_params(deep=False)
    return {
        "head": names[type(head)],
        "parameters": {name: value for name, value in parameters.items() if name not in FROM_THE_CACHE},
        "fitted": pack_fitted(head, arrays, place),
    }


def pack_fitted(estimator: Head | Normalize, arrays: Arrays, place: str) -> Packed:
    """Fitted attributes of an estimator, by name."""
    fitted = {name: value for name, value in vars(estimator).items() if _is_fitted(name) and name not in NOT_READ}
    return {name: _pack(value, arrays, f"{place}.{name}") for name, value in fitted.items()}


def unpack_head(packed: Any, arrays: Arrays) -> Head:
    """The head that `pack_head` made; the arrays used leave ``arrays``.

    Raises
    ------
    Exception
        Of any kind, where it is not what `pack_head` makes. Nothing but heads in `HEADS` is built, and nothing but
        fitted attributes set.
    """
    if set(packed) != {"head", "parameters", "fitted"}:
        raise ValueError(f"a head has head, parameters and fitted, not {', '.join(map(str, packed))}")
    kind = choose(HEADS, packed["head"], "head")
    if taken := set(FROM_THE_CACHE) & set(packed["parameters"]):
        raise ValueError(f"{', '.join(taken)} is no parameter of a saved head")
    head = kind(**packed["parameters"])
    set_fitted(head, packed["fitted"], arrays)
    return head


def set_fitted(estimator: Head | Normalize, fitted: Packed, arrays: Arrays) -> None:
    """Set what `pack_fitted` gave."""
    for name, value in fitted.items():
        if not _is_fitted(name) or hasattr(type(estimator), name):
            raise ValueError(f"{name!r} is no fitted attribute")
        setattr(estimator, name, _unpack(value, arrays))


def heads_within(head: Head) -> Iterator[Head]:
    """A fitted head, and those that it consists of."""
    yield head
    for value in vars(head).values():
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for part in parts:
            if isinstance(part, Head):
                yield from heads_within(part)


def _is_fitted(name: str) -> bool:
    return name.isidentifier() and name.endswith("_") and not name.startswith("_")


def _pack(value: Any, arrays: Arrays, place: str) -> Any:
    """A value as JSON holds it: an array, a dict and a head are dicts, told apart by their keys."""
    if isinstance(value, np.ndarray | np.generic) or (isinstance(value, float) and not math.isfinite(value)):
        return _pack_array(np.asarray(value), arrays, place)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Head):
        return pack_head(value, arrays, place)
    if type(value) in (list, tuple):
        return [_pack(part, arrays, f"{place}.{number}") for number, part in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {"dict": {name: _pack(part, arrays, f"{place}.{name}") for name, part in value.items()}}
    raise TypeError(f"{place} is a {type(value).__name__}, which no model file holds")


def _pack_array(array: np.ndarray, arrays: Arrays, place: str) -> Packed:
    """A reference to an array; its order in memory is kept, for a product's last bits depend on it."""
    if array.dtype.kind not in KINDS:
        raise TypeError(f"{place} is an array of {array.dtype}, which no model file holds")
    transposed = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
    while place in arrays:
        place += "'"
    arrays[place] = np.require(array.T if transposed else array, requirements="C")  # the file takes it as such
    return {"array": place, "order": "F"} if transposed else {"array": place}


def _unpack(packed: Any, arrays: Arrays) -> Any:
    if isinstance(packed, list):
        return [_unpack(part, arrays) for part in packed]
    if not isinstance(packed, dict):
        return packed
    if set(packed) == {"dict"}:
        return {name: _unpack(part, arrays) for name, part in packed["dict"].items()}
    if "head" in packed:
        return unpack_head(packed, arrays)
    if set(packed) - {"order"} == {"array"} and packed.get("order", "F") == "F":
        array = arrays.pop(packed["array"])
        return array.T if "order" in packed else array[()]  # without axes: a number of its precision
    raise ValueError(f"{', '.join(map(str, packed))}: neither an array, a dict nor a head")
