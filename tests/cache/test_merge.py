"""Merging: shards equal the run in one go, disjoint caches join, additions consolidate, all else is refused."""

import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache.errors import InputError
from cache.identity import connected_groups
from cache.merge import merge
from cache.parts import write_part
from cache.reader import Cache, open_cache
from cache.schema import FAILURE_COLUMNS, Space
from cache.store import assemble, write_addition, write_cache
from cache.verify import verify

ROOT = Path(__file__).parents[2]
Write = Callable[..., Path]


def contents(cache: Cache) -> dict[str, Any]:
    """Everything in a cache but its sample table."""
    found: dict[str, Any] = {"failures": cache.failures.to_dict("records"), "thumbnails": cache.thumbnails[:]}
    for name in cache.spaces:
        space = cache.space(name)
        found |= {f"{name}/{key}": array.tolist() for key, array in space.arrays.items()}
        found |= {f"{name} {key}": (one.texts, one.similarity.tolist()) for key, one in space.prompts.items()}
        found |= {f"{name} scalars": space.scalars, f"{name} provenance": space.provenance}
    return found


def part(folder: Path, start: int, stop: int, samples: pd.DataFrame, space: Space, pictures: list[bytes]) -> Path:
    rows = slice(start, stop)
    arrays = {name: array[rows] for name, array in space.arrays.items()}
    prompts = {name: replace(one, similarity=one.similarity[rows]) for name, one in space.prompts.items()}
    failure = dict.fromkeys(FAILURE_COLUMNS, f"of {start}") | {"frames": 1}
    spaces = {"clean": Space(space.provenance, arrays, space.scalars, prompts)}
    failures = pd.DataFrame([failure] if start % 2 else [], columns=list(FAILURE_COLUMNS))
    return write_part(folder, start, stop, samples[rows], spaces, failures, pictures[rows]).path


def shard_attributes(number: int, count: int, start: int, stop: int, plan: str = "a plan") -> dict[str, str]:
    made = {"root": "/data", "shard": f"{number}/{count}", "batch_size": 4}
    return {"plan": plan, "settings": json.dumps(made), "slots": f"{start}-{stop}"}


@pytest.mark.parametrize("cuts", [[100], [1, 2, 215], [7, 20, 33, 150, 151, 200]])
def test_shards_become_the_file_of_one_run(
    tmp_path: Path, samples: pd.DataFrame, full_space: Space, pictures: list[bytes], cuts: list[int]
) -> None:
    folder = tmp_path
    edges = [0, *cuts, len(samples)]
    spans = list(zip(edges, edges[1:], strict=False))
    parts = [part(folder, start, stop, samples, full_space, pictures) for start, stop in spans]
    alone = {"plan": "a plan", "settings": json.dumps({"root": "/data", "shard": None, "batch_size": 4})}
    assemble(folder / "whole.h5", parts, attributes=alone)
    shards = []
    for number, (one, (start, stop)) in enumerate(zip(parts, spans, strict=True), 1):
        shards.append(folder / f"shard{number}.h5")
        assemble(shards[-1], [one], attributes=shard_attributes(number, len(parts), start, stop))
    random.Random(0).shuffle(shards)
    assert merge(shards, folder / "merged.h5") == len(samples)
    assert (folder / "merged.h5").read_bytes() == (folder / "whole.h5").read_bytes()
    assert verify(folder / "merged.h5") == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("1/4 4/4", "missing shards: 2/4, 3/4"),
        ("1/2 1/2", "shard 1/2 stands twice"),
        ("1/2 2/3", "one of 2 shards"),
        ("1/2 2/2 of another plan", "not shards of one extraction"),
        ("1/2 whole", "not shards of one extraction"),
        ("1/2 2/2 with a hole", "begins at slot 110 where 100 is due"),
        ("1/2 one/two", "says neither which shard"),
    ],
)
def test_half_a_data_set_is_refused(write_rows: Write, tmp_path: Path, given: str, message: str) -> None:
    first, second, *_ = given.split()
    number, count = first.split("/")
    one = write_rows("a.h5", range(100), attributes=shard_attributes(int(number), int(count), 0, 100))
    attributes = {"settings": json.dumps({"shard": second}), "slots": "110-216" if "hole" in given else "100-216"}
    plan = "another" if "another" in given else "a plan"
    two = write_rows("b.h5", range(100, 216), attributes={} if second == "whole" else {**attributes, "plan": plan})
    with pytest.raises(InputError, match=message):
        merge([two, one], tmp_path / "out.h5")
    assert not (tmp_path / "out.h5").exists()


def test_disjoint_caches_follow_one_another(write_rows: Write, tmp_path: Path, samples: pd.DataFrame) -> None:
    order = [*range(100, 216), *range(50), *range(50, 100)]
    files = [write_rows("a.h5", order[:116]), write_rows("b.h5", order[116:166]), write_rows("c.h5", order[166:])]
    assert merge(files, tmp_path / "out.h5") == 216
    merged, whole = open_cache(tmp_path / "out.h5"), open_cache(write_rows("whole.h5", order))
    pd.testing.assert_frame_equal(merged.samples, whole.samples)
    assert merged.table_hash == whole.table_hash
    assert len(merged.failures) == 6
    assert {**contents(merged), "failures": []} == {**contents(whole), "failures": []}
    assert verify(tmp_path / "out.h5") == []
    with h5py.File(tmp_path / "out.h5") as file:
        assert json.loads(file.attrs["merged_of"]) == [open_cache(one).fingerprint for one in files]


def test_groups_are_found_anew(write_rows: Write, tmp_path: Path, samples: pd.DataFrame) -> None:
    """Worked by hand: b links 1 and 2; a knows from its plan that 1 goes with 0, of whom it has no picture."""
    table = samples[:5].assign(
        identities=["1", "3", "1 2", "2", "4"],
        group=["0", "3", "1", "1", "4"],
    )
    a = write_rows("a.h5", [0, 1], table)
    b = write_rows("b.h5", [2, 3, 4], table)
    merge([a, b], tmp_path / "out.h5")
    assert open_cache(tmp_path / "out.h5").samples["group"].tolist() == ["0", "3", "0", "0", "4"]


@given(
    people=st.lists(st.sets(st.integers(0, 9), min_size=1, max_size=2), min_size=2, max_size=14),
    cut=st.integers(1, 13),
)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_groups_of_two_files_are_those_of_their_union(
    tmp_path_factory: pytest.TempPathFactory, samples: pd.DataFrame, people: list[set[int]], cut: int
) -> None:
    cut = min(cut, len(people) - 1)
    folder = tmp_path_factory.mktemp("groups")
    names = [" ".join(sorted(map(str, one))) for one in people]
    files = []
    for start, stop in ((0, cut), (cut, len(people))):
        groups = connected_groups([name.split() for name in names[start:stop]])
        table = samples[start:stop].assign(identities=names[start:stop], group=groups)
        files.append(folder / f"{start}.h5")
        write_cache(files[-1], table, {})
    merge(files, folder / "ab.h5")
    merge(files[::-1], folder / "ba.h5")
    forth = open_cache(folder / "ab.h5").samples.set_index("sample_id")["group"]
    back = open_cache(folder / "ba.h5").samples.set_index("sample_id")["group"]
    assert forth.to_dict() == back.to_dict()
    assert forth.tolist() == connected_groups([name.split() for name in names])


def addition(path: Path, base: Path, space: Space, name: str) -> Path:
    provenance = replace(space.provenance, prompts=f"{name}:hash", tokens="none", software="newer")
    rows = len(open_cache(base))
    scores = replace(space.prompts["pair"], similarity=-space.prompts["pair"].similarity[:rows])
    write_addition(path, base, {"clean": Space(provenance, {}, {}, {name: scores})})
    return path


def test_additions_are_consolidated(write_rows: Write, tmp_path: Path, full_space: Space) -> None:
    full_space.provenance = replace(full_space.provenance, prompts="pair:0", tokens="embedding cls")
    base = write_rows("base.h5", attributes={"plan": "a plan", "settings": "{}"})
    first = addition(tmp_path / "first.h5", base, full_space, "mine")
    second = addition(tmp_path / "second.h5", base, full_space, "yours")
    view = replace(full_space.provenance, view="jpeg-50")
    third = tmp_path / "third.h5"
    write_addition(third, base, {"jpeg-50": Space(view, {"embedding": full_space.arrays["embedding"] / 2})})
    assert merge([first, base, second, third], tmp_path / "out.h5") == 216
    joined, merged = open_cache(base, [first, second, third]), open_cache(tmp_path / "out.h5")
    assert merged.prompt_sets("clean") == ("mine", "pair", "yours")
    assert merged.spaces == ("clean", "jpeg-50")
    pd.testing.assert_frame_equal(merged.samples, joined.samples)
    assert merged.table_hash == joined.table_hash
    assert merged.plan == "a plan"
    expected = replace(full_space.provenance, prompts="pair:0 mine:hash yours:hash")
    assert merged.provenance("clean") == expected
    assert {**contents(merged), "clean provenance": 0} == {**contents(joined), "clean provenance": 0}
    assert verify(tmp_path / "out.h5") == []


def changed(space: Space, **fields: str) -> Space:
    return Space(replace(space.provenance, **fields), space.arrays, space.scalars, space.prompts)


@pytest.mark.parametrize("field", ["weights", "software", "decoder", "model", "view"])
def test_another_provenance_is_refused(write_rows: Write, tmp_path: Path, full_space: Space, field: str) -> None:
    one = write_rows("a.h5", range(100))
    two = write_rows("b.h5", range(100, 216), spaces={"clean": changed(full_space, **{field: "other"})})
    with pytest.raises(InputError, match=f"{field} is 'other' here and 'some {field}' there"):
        merge([one, two], tmp_path / "out.h5")


def test_other_arrays_and_prompts_are_refused(write_rows: Write, tmp_path: Path, full_space: Space) -> None:
    one, rest = write_rows("a.h5", range(100)), range(100, 216)
    bare = {**full_space.arrays}
    box = bare.pop("face/box")
    worded = replace(full_space.prompts["pair"], texts=["a real face", "a forged face"])
    others = {
        r"a.h5 has clean/face/box, .*b0.h5 has not": {"spaces": {"clean": replace(full_space, arrays=bare)}},
        r"clean/face/box is float32 4 in .*a.h5 and float64 4 in": {
            "spaces": {"clean": replace(full_space, arrays={**bare, "face/box": box.astype("f8")})}
        },
        r"prompt set pair of clean is .*fake face.*forged": {
            "spaces": {"clean": replace(full_space, prompts={"pair": worded})}
        },
        r"has prompt set pair of clean": {"spaces": {"clean": replace(full_space, prompts={})}},
        r"has jpeg-50/embedding, .*a.h5 has not": {"spaces": {"clean": full_space, "jpeg-50": full_space}},
        r"has thumbnails": {"thumbnails": None},
    }
    for number, (message, options) in enumerate(others.items()):
        two = write_rows(f"b{number}.h5", rest, **options)
        with pytest.raises(InputError, match=message):
            merge([one, two], tmp_path / "out.h5")
    assert not (tmp_path / "out.h5").exists()


def test_samples_that_stand_twice_are_refused(write_rows: Write, tmp_path: Path, samples: pd.DataFrame) -> None:
    one, two = write_rows("a.h5", range(100)), write_rows("b.h5", range(97, 216))
    with pytest.raises(InputError, match=re.escape(f"3 samples stand twice, '{samples['sample_id'][97]}' first")):
        merge([one, two], tmp_path / "out.h5")


def test_what_is_no_finished_file_is_refused(write_rows: Write, tmp_path: Path, full_space: Space) -> None:
    base, other = write_rows("a.h5"), write_rows("b.h5", range(100))
    extra = addition(tmp_path / "extra.h5", base, full_space, "mine")
    piece = write_rows("part.h5", range(5), kind="part")
    (tmp_path / "later.h5.work").mkdir()
    (tmp_path / "text.h5").write_text("text")
    refusals = {
        "two files or more": [base],
        "merge it with the one cache it was made for, then": [base, other, extra],
        "merge it with the one cache": [extra, extra],
        "another sample table": [other, extra],
        "is a part of an extraction that is not finished": [base, piece],
        "later.h5.work is an extraction that is not finished": [base, tmp_path / "later.h5"],
        "later.h5.work is an ": [base, tmp_path / "later.h5.work"],
        "not a feature cache": [base, tmp_path / "text.h5"],
        "cannot read": [base, tmp_path / "missing.h5"],
        "already has mine": [base, extra, extra],
    }
    for message, files in refusals.items():
        with pytest.raises(InputError, match=message):
            merge(files, tmp_path / "out.h5")
    with pytest.raises(InputError, match="never overwritten"):
        merge([base, extra], other)


MEMORY = """
import re, resource, sys
from pathlib import Path
from cache.merge import merge
from cache.reader import open_cache
from cache.subset import subset

def kilobytes(name):
    return int(re.search(rf"{name}:\\s*([0-9]+) kB", Path("/proc/self/status").read_text())[1])

folder = Path(sys.argv[1])
merge([folder / "small.h5", folder / "b.h5"], folder / "first.h5")  # libraries take memory at their first use
resource.setrlimit(resource.RLIMIT_DATA, (kilobytes("VmData") * 1024 + 150_000_000,) * 2)
merge([folder / "a.h5", folder / "b.h5"], folder / "out.h5")
print(kilobytes("VmHWM"))  # before there are memory maps, whose pages count as well
merge([folder / "a.h5", folder / "extra.h5"], folder / "more.h5")
subset(open_cache(folder / "out.h5"), folder / "some.h5", ["manipulation=real,FaceSwap"])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit on memory is Linux's")
def test_memory_stays_that_of_a_block(write_rows: Write, tmp_path: Path, full_space: Space) -> None:
    """340 MB of tokens are merged, consolidated and subset by a process that may take 150 MB for it."""
    tokens = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float16, (216, 800_000))
    tokens[:, ::500_000] = 1
    wide = {"clean": Space(full_space.provenance, {"tokens": tokens})}
    one = write_rows("a.h5", range(100), spaces=wide)
    write_rows("b.h5", range(100, 216), spaces=wide)
    write_rows("small.h5", range(2), spaces=wide)
    write_addition(tmp_path / "extra.h5", one, {"new": Space(full_space.provenance, {"x": np.zeros((100, 3), "f2")})})
    ran = subprocess.run([sys.executable, "-c", MEMORY, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 340_000, "kilobytes resident while merging"
    assert np.array_equal(open_cache(tmp_path / "some.h5").array("tokens", np.array([-1]))[0], tokens[215])


def test_a_fault_while_merging_leaves_nothing(
    write_rows: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_space: Space
) -> None:
    one, two = write_rows("a.h5", range(100)), write_rows("b.h5", range(100, 216))
    extra = addition(tmp_path / "extra.h5", one, full_space, "mine")
    there = sorted(tmp_path.iterdir())
    write = h5py.Dataset.__setitem__
    for files in ([one, two], [one, extra]):
        for turn in (0, 3, 6):
            calls = 0

            def faulty(*arguments: Any, turn: int = turn) -> None:
                nonlocal calls
                calls += 1
                if calls > turn:
                    raise OSError(28, "No space left on device")
                write(*arguments)

            monkeypatch.setattr(h5py.Dataset, "__setitem__", faulty)
            with pytest.raises(OSError, match="No space"):
                merge(files, tmp_path / "out.h5")
            monkeypatch.undo()
            assert sorted(tmp_path.iterdir()) == there
