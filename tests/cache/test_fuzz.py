"""A thousand damaged files: `verify` finds every one, and the reader answers or says `InputError`, and comes back."""

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cache.errors import InputError
from cache.info import info, lines
from cache.reader import open_cache, select
from cache.store import write_cache
from cache.verify import verify
from tests.conftest import make_samples, make_space

ROOT = Path(__file__).parents[2]
SEEDS = 1000
BATCH = 500  # damaged files to a process: if HDF5 takes the interpreter with it, the seed is known
LIMIT = 240  # seconds a batch may take; it takes about ten
READ = "import sys; from tests.cache.test_fuzz import read_all; read_all(sys.argv[1], *map(int, sys.argv[2:]))"


def damage(whole: bytes, seed: int) -> bytes:
    """Flip, overwrite, cut, insert, zero or swap; half of the flips where something is written, not in the gaps."""
    rng = np.random.default_rng(seed)
    content, size = bytearray(whole), len(whole)
    here, there = sorted(int(place) for place in rng.integers(0, size, 2))
    length = int(rng.integers(1, 500))
    written = np.flatnonzero(np.frombuffer(whole, np.uint8))
    match seed % 8:
        case 0:
            return whole[:here]
        case 1:
            return whole[:here] + rng.bytes(length) + whole[here:]
        case 2:
            content[here : here + length] = bytes(len(content[here : here + length]))
        case 3:
            block = content[here : here + length], content[there : there + length]
            content[there : there + length], content[here : here + length] = block
        case 4:
            content[here] ^= 1 << int(rng.integers(8))
        case 5:
            content[here : here + 8] = rng.bytes(len(content[here : here + 8]))
        case _:
            for place in rng.choice(written, int(rng.integers(1, 3))):
                content[place] = int(rng.choice([content[place] ^ 1 << int(rng.integers(8)), 0, 1, 127, 128, 255]))
    return bytes(content)


def read_all(path: str, first: int, stop: int) -> None:
    """Damage a file with each seed, verify it and read all of it, and print what became of it."""
    whole = Path(path).read_bytes()
    for seed in range(first, stop):
        damaged = Path(path).with_name(f"{seed}.h5")  # its own: HDF5 shares what it knows of a file that is still open
        damaged.write_bytes(damage(whole, seed))
        print(seed, end=" ", flush=True)
        found = "same" if damaged.read_bytes() == whole else "found" if verify(damaged) else "missed"
        try:
            read(damaged)
            print(found, "read", flush=True)
        except InputError:
            print(found, "refused", flush=True)
        except Exception as error:
            print(found, repr(error), flush=True)
        damaged.unlink()


def read(path: Path) -> None:
    """Whatever a command may ask of a cache."""
    cache = open_cache(path)
    lines(info(cache))
    select(cache.samples, ["label=0"])
    for space in cache.spaces:
        for array in cache.arrays(space):
            cache.array(array, np.arange(0, len(cache), 2), space)
            np.asarray(cache.array(array, space=space)).sum()
        for prompts in cache.prompt_sets(space):
            cache.similarity(prompts, np.arange(2), space)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """What became of each seed's file: found or missed by `verify`, and how reading it ended."""
    folder = tmp_path_factory.mktemp("fuzz")
    samples = make_samples(groups=3, frames=2)
    space = make_space(samples, dimension=4)
    write_cache(folder / "whole.h5", samples, {"clean": space, "flip": space})

    def run(first: int) -> str:
        command = [sys.executable, "-c", READ, str(folder / "whole.h5"), str(first), str(min(first + BATCH, SEEDS))]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE) as process:
            try:
                return process.communicate(timeout=LIMIT)[0] + ("" if process.returncode == 0 else " died")
            except subprocess.TimeoutExpired:
                process.kill()
                return process.communicate()[0] + " hung"

    with ThreadPoolExecutor(2) as pool:
        said = [line.split(" ", 1) for text in pool.map(run, range(0, SEEDS, BATCH)) for line in text.splitlines()]
    return {int(seed): outcome.strip() for seed, outcome in said}


def test_verify_finds_every_damage(outcomes: dict[int, str]) -> None:
    missed = [seed for seed, outcome in outcomes.items() if outcome.split()[0] not in ("found", "same")]
    assert missed == []
    assert sum(outcome.startswith("found") for outcome in outcomes.values()) > 0.9 * SEEDS


def test_the_reader_answers_or_refuses(outcomes: dict[int, str]) -> None:
    assert sorted(outcomes) == list(range(SEEDS))
    others = {seed: outcome for seed, outcome in outcomes.items() if outcome.split()[1:] not in (["read"], ["refused"])}
    assert others == {}
    assert Counter(outcome.split()[1] for outcome in outcomes.values()).keys() == {"read", "refused"}
