"""What cells share, what they do not, and the command that makes one of them anew."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from classify.ablation.grid import GridCell
from classify.ablation.prepare import command, forget, prepare
from classify.ablation.sections import CacheFiles

BASE: dict[str, Any] = {
    "cache": "cache", "head": "logistic", "train": ["FaceSwap"], "test": ["Deepfakes"], "allow_leak": True,
    "features": ["embedding", "prompts"],
}  # fmt: skip
ALIKE: list[dict[str, Any]] = [
    {"head": "knn"},
    {"parameters": {"C": 3}},
    {"normalize": "none"},
    {"calibrate": "platt", "threshold": 0.4},
]
OTHER: list[dict[str, Any]] = [
    {"train": ["Deepfakes", "FaceSwap"]},
    {"test": ["Deepfakes", "FaceSwap"]},
    {"features": ["embedding"]},
    {"prompt_set": "pair"},
    {"where": ["frame=0"]},
    {"frames": 1},
    {"frames": 2},
    {"fraction": 0.5},
    {"seed": 1},
    {"split": "manipulation"},
    {"test_size": 0.5},
    {"disjoint": "scene"},
]


@pytest.fixture
def caches(build_cache: Callable[..., Path]) -> dict[str, CacheFiles]:
    forget()
    return {"cache": CacheFiles(build_cache(groups=8, frames=2, dimension=2))}


def test_cells_that_differ_in_their_head_share_rows_and_others_do_not(
    caches: dict[str, CacheFiles], tmp_path: Path
) -> None:
    def prepared(changed: dict[str, Any]) -> Any:
        return prepare(GridCell({}, {**BASE, **changed}), caches, tmp_path)

    base = prepared({})
    for changed in ALIKE:
        assert prepared(changed) is base, f"{changed} was read anew"
    for changed in OTHER:
        base = prepared({})
        assert prepared(changed) is not base, f"{changed} was taken for the cell before"
    plain = {"features": ["embedding"]}
    assert prepared(plain) is not prepared({**plain, "head": "zero_shot"})  # which asks for prompts by itself


FILES = {
    "a": CacheFiles(Path("my caches/a.h5"), (Path("a1.h5"), Path("a2.h5"))),
    "b": CacheFiles(Path("b.h5"), (Path("b1.h5"),)),
}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cache": "b", "head": "knn"}, "b.h5 --head knn --with b1.h5"),
        (
            {"cache": "a", "test_cache": "b", "head": "knn", "allow_leak": True, "drop_crossing": False},
            "'my caches/a.h5' --test-cache b.h5 --head knn --allow-leak --with a1.h5 --with a2.h5 --with b1.h5",
        ),
        (
            {
                "cache": "b",
                "head": "svm",
                "where": ["compression=c23", "frame=0"],
                "train": ["A", "B"],
                "test_size": 0.4,
            },
            "b.h5 --head svm --where compression=c23 --where frame=0 --train A,B --test-size 0.4 --with b1.h5",
        ),
        (
            {"cache": "b", "head": "mlp", "parameters": {"hidden_layer_sizes": [64, 8], "patience": None}},
            "b.h5 --param 'mlp.hidden_layer_sizes=[64, 8]' --param mlp.patience=null --head mlp --with b1.h5",
        ),
    ],
    ids=["plain", "two caches", "lists", "parameters"],
)
def test_the_command_says_all_that_a_cell_is(options: dict[str, Any], words: str) -> None:
    found = command(GridCell({}, options), FILES)
    assert shlex.split(found) == shlex.split(f"python pipeline.py classify {words} --out runs/cell")
