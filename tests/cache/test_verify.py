"""`verify` finds what is wrong, and finds nothing wrong with what is sound."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cache.schema import Space
from cache.store import write_addition, write_cache
from cache.verify import verify


def test_a_sound_file_passes(cache_path: Path, space: Space) -> None:
    assert verify(cache_path) == []
    extra = cache_path.with_name("extra.h5")
    new = Space(replace(space.provenance, prompts="other"), {}, {}, {"new": space.prompts["pair"]})
    write_addition(extra, cache_path, {"clean": new})
    assert verify(extra) == []


def test_random_flips_and_cuts_are_found(cache_path: Path) -> None:
    whole = cache_path.read_bytes()
    rng = np.random.default_rng(1)
    path = cache_path.with_name("damaged.h5")
    for position in rng.integers(0, len(whole), 200):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        assert verify(path), f"flip at {position}"
        path.write_bytes(whole[:position])
        assert verify(path), f"cut at {position}"


def test_repeated_samples_and_infinite_features_are_found(tmp_path: Path, samples: pd.DataFrame, space: Space) -> None:
    twice = samples.assign(sample_id=["same", "same", *samples["sample_id"][2:]])
    space.arrays["embedding"][5, 3] = np.inf
    write_cache(tmp_path / "x.h5", twice, {"clean": space})
    problems = verify(tmp_path / "x.h5")
    assert [problem.split()[0] for problem in problems] == ["1", "1"]
    assert "'same'" in problems[0]
    assert "not finite" in problems[1]
