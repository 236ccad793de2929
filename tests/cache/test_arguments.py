"""Values from a file are held against a signature: names, types, what is missing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cache.arguments import check_arguments
from cache.errors import InputError


def example(
    data: Path,
    model: str,
    heads: Sequence[str] = (),
    size: float = 0.3,
    seed: int = 0,
    matrix: bool = False,
    limit: int | None = None,
    parameters: Mapping[str, Mapping[str, Any]] | Sequence[str] = (),
) -> None:
    """Every kind of annotation that a recipe meets."""


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"heads": ["svm", "mlp"], "size": 1, "seed": 3, "matrix": True, "limit": 5},
        {"parameters": {"svm": {"C": 3}}},
        {"parameters": ["svm.C=3"]},
    ],
)
def test_what_fits_passes(values: dict[str, Any]) -> None:
    check_arguments(example, {"model": "demo", **values}, "[x]", given=["data"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"heads": "svm"}, r"heads is 'svm' where a list \(a text each\) is needed"),
        ({"heads": [1]}, "heads is"),
        ({"size": "a"}, "size is 'a' where a number is needed"),
        ({"size": True}, "size is True"),
        ({"seed": 1.5}, "seed is 1.5 where a whole number is needed"),
        ({"matrix": 1}, "matrix is 1 where true or false is needed"),
        ({"limit": "x"}, "limit is 'x' where a whole number is needed"),
        ({"model": 3}, "model is 3 where a text is needed"),
        ({"parameters": {"svm": 3}}, "parameters is"),
        ({"modle": "demo"}, r"unknown key of \[x\] 'modle'; known: heads, limit, matrix, model"),
        ({"data": "a"}, r"unknown key of \[x\] 'data'"),
    ],
)
def test_what_does_not_fit_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_arguments(example, {"model": "demo", **values}, "[x]", given=["data"])


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InputError, match=r"\[x\] lacks model, a text"):
        check_arguments(example, {}, "[x]", given=["data"])
