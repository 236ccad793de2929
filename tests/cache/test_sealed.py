"""Sealed files: whole or not there, never overwritten, every flipped byte found."""

import contextlib
import errno
import os
from pathlib import Path

import numpy as np
import pytest

from cache.errors import InputError
from cache.sealed import BLOCK, is_intact, read_block, sealing


def seal(path: Path, value: int = 1) -> None:
    with sealing(path) as file:
        file["array"] = np.full(50, value)


def test_every_flipped_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    seal(path)
    whole = path.read_bytes()
    assert is_intact(path)
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        assert not is_intact(path), f"byte {position} of {len(whole)}"
    path.write_bytes(whole)
    assert is_intact(path)


@pytest.mark.parametrize("length", [0, 3, BLOCK, -1, +1])
def test_a_file_of_another_length_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.h5"
    seal(path)
    whole = path.read_bytes()
    path.write_bytes(whole + b"x" if length == 1 else whole[: length if length >= 0 else len(whole) + length])
    with pytest.raises(InputError, match=r"truncated|not a feature cache"):
        read_block(path)
    assert not is_intact(path)


def test_a_newer_format_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    seal(path)
    path.write_bytes(path.read_bytes().replace(b"format 1\n", b"format 9\n", 1))
    with pytest.raises(InputError, match=r"version 9.*update"):
        read_block(path)


def test_an_existing_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    seal(path, 1)
    before = path.read_bytes()
    with pytest.raises(InputError, match="never overwritten"):
        seal(path, 2)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.h5"]


def test_an_exception_while_filling_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), sealing(tmp_path / "a.h5") as file:
        file["array"] = np.zeros(3)
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_a_file_system_without_hard_links_renames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    seal(tmp_path / "a.h5")
    assert is_intact(tmp_path / "a.h5")
    with pytest.raises(InputError, match="never overwritten"):
        seal(tmp_path / "a.h5")


@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_fault_at_any_step_leaves_the_name_free_or_the_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    original = getattr(os, call)
    for turn in range(5):
        path = tmp_path / f"{turn}.h5"
        count = 0

        def faulty(*arguments: object, turn: int = turn) -> object:
            nonlocal count
            count += 1
            if count == turn + 1:
                raise OSError(errno.EIO, "disk on fire")
            return original(*arguments)

        monkeypatch.setattr(os, call, faulty)
        if call == "link":  # a failing link falls back on rename: let that fail, too
            monkeypatch.setattr(os, "rename", faulty)
        with contextlib.suppress(OSError):
            seal(path)
        monkeypatch.undo()
        assert not path.exists() or is_intact(path)
    assert not list(tmp_path.glob(".*"))
