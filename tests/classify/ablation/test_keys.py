"""The key of a cell follows from its options, its files and the code, and from nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from classify.ablation import keys
from classify.ablation.grid import Grid, GridCell
from classify.ablation.keys import fingerprints, identity, key_of
from classify.ablation.sections import CacheFiles

OPTIONS: dict[str, Any] = {"cache": "one", "test_cache": "two", "head": "knn", "train": ["FaceSwap"]}


@pytest.fixture
def files(build_cache: Callable[..., Path]) -> list[Path]:
    """Four files that a key can depend on, each of its own content."""
    return [build_cache(groups=1, frames=1, dimension=2, seed=at, name=f"{at}.h5") for at in range(4)]


def key(caches: dict[str, CacheFiles], options: dict[str, Any]) -> str:
    cell = GridCell({}, options)
    return key_of(identity(cell, fingerprints(Grid(Path("grid.toml"), caches, (), [cell], 0))))


def test_another_file_in_any_place_is_another_cell(files: list[Path]) -> None:
    train, test, addition, other = files
    made = [
        {"one": CacheFiles(train, (addition,)), "two": CacheFiles(test)},
        {"one": CacheFiles(other, (addition,)), "two": CacheFiles(test)},
        {"one": CacheFiles(train, (other,)), "two": CacheFiles(test)},
        {"one": CacheFiles(train), "two": CacheFiles(test)},
        {"one": CacheFiles(train, (addition,)), "two": CacheFiles(other)},
        {"one": CacheFiles(train, (addition,)), "two": CacheFiles(test, (other,))},
    ]
    assert len({key(caches, OPTIONS) for caches in made}) == len(made)


def test_names_paths_and_the_order_of_options_do_not_count(files: list[Path], tmp_path: Path) -> None:
    train, test, *_ = files
    expected = key({"one": CacheFiles(train), "two": CacheFiles(test)}, OPTIONS)
    moved = train.rename(tmp_path / "moved.h5")
    renamed = {"b": CacheFiles(test), "a": CacheFiles(moved)}
    turned = dict(reversed({**OPTIONS, "cache": "a", "test_cache": "b"}.items()))
    assert key(renamed, turned) == expected
    assert key(renamed, {**turned, "head": "svm"}) != expected


def test_each_room_of_the_code_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "__file__", str(tmp_path / "classify" / "ablation" / "keys.py"))
    version = keys.code_version.__wrapped__  # it is asked for once in a process

    def write(place: str, source: str) -> str:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(source)
        return version()

    (tmp_path / "extract").mkdir()
    places = [keys.TEXT_TOWER, "cache/a.py", "classify/a.py", "evaluate/a.py", "classify/deep/er/a.py"]
    found = [write(place, source) for place in places for source in ("x = 1", "x = 2")]
    (tmp_path / "cache" / "a.py").rename(tmp_path / "cache" / "b.py")
    found.append(version())
    assert len(set(found)) == len(found)
    assert write("extract/a.py", "x = 1") == write("cache/notes.md", "") == found[-1]
