"""Feature files: what is written is what is read, assembled parts equal the whole, additions find their base."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache.errors import InputError
from cache.parts import sealed_parts, write_part
from cache.reader import open_cache
from cache.schema import FAILURE_COLUMNS, PromptScores, Space
from cache.store import assemble, write_addition, write_cache

NO_FAILURES = pd.DataFrame(columns=list(FAILURE_COLUMNS))


def rows_of(space: Space, rows: slice) -> Space:
    arrays = {name: array[rows] for name, array in space.arrays.items()}
    prompts = {
        name: PromptScores(one.texts, one.labels, one.text_embeddings, one.similarity[rows])
        for name, one in space.prompts.items()
    }
    return Space(space.provenance, arrays, space.scalars, prompts)


def test_what_is_written_is_read(cache_path: Path, samples: pd.DataFrame, space: Space) -> None:
    cache = open_cache(cache_path)
    assert len(cache) == len(samples)
    pd.testing.assert_frame_equal(cache.samples.astype(object), samples[list(cache.samples)].astype(object))
    assert np.array_equal(cache.array("embedding"), space.arrays["embedding"])
    assert np.array_equal(cache.similarity(), space.prompts["pair"].similarity.astype("f4"))
    assert cache.prompts().texts == ["a real face", "a fake face"]
    assert cache.prompts().labels.tolist() == [0, 1]
    assert cache.provenance() == space.provenance
    assert cache.scalars() == {"logit_scale": 100.0}
    assert len(cache.failures) == 0


@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, samples: pd.DataFrame, text: str) -> None:
    path = tmp_path_factory.mktemp("text") / "a.h5"
    write_cache(path, samples[:2].assign(path=[text, "x"]), {})
    assert open_cache(path).samples["path"].tolist() == [text, "x"]


@given(cuts=st.sets(st.integers(1, 215), max_size=4))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_parts_assemble_to_the_whole(
    tmp_path_factory: pytest.TempPathFactory, samples: pd.DataFrame, space: Space, cuts: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    edges = [0, *sorted(cuts), len(samples)]
    for start, stop in zip(edges, edges[1:], strict=False):
        rows = slice(start, stop)
        write_part(folder, start, stop, samples[rows], {"clean": rows_of(space, rows)}, NO_FAILURES)
    write_part(
        folder,
        len(samples),
        len(samples) + 5,
        samples[:0],
        {"clean": rows_of(space, slice(0, 0))},
        NO_FAILURES,
    )
    parts, damaged = sealed_parts(folder)
    assert not damaged
    assemble(folder / "joined.h5", [part.path for part in parts])
    write_cache(folder / "whole.h5", samples, {"clean": space})
    joined, whole = open_cache(folder / "joined.h5"), open_cache(folder / "whole.h5")
    assert joined.table_hash == whole.table_hash
    pd.testing.assert_frame_equal(joined.samples, whole.samples)
    assert np.array_equal(joined.array("embedding"), whole.array("embedding"))
    assert np.array_equal(joined.similarity(), whole.similarity())


def test_rows_are_copied_block_by_block(
    tmp_path: Path, samples: pd.DataFrame, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cache.store.BLOCK_BYTES", 100)  # three rows of the embedding
    rows = np.array([7, 2, 2, 215, *range(40)])
    write_cache(tmp_path / "some.h5", samples.iloc[rows], {"clean": space}, rows=rows)
    some = open_cache(tmp_path / "some.h5")
    assert np.array_equal(some.array("embedding"), space.arrays["embedding"][rows])
    assert np.array_equal(some.similarity(), space.prompts["pair"].similarity[rows].astype("f4"))
    assemble(tmp_path / "twice.h5", [tmp_path / "some.h5"] * 2, groups=["g"] * 88)
    twice = open_cache(tmp_path / "twice.h5")
    assert np.array_equal(twice.array("embedding"), space.arrays["embedding"][[*rows, *rows]])
    assert set(twice.samples["group"]) == {"g"}
    with pytest.raises(InputError, match="clean/embedding has 44 rows where the sample table has 5"):
        write_cache(tmp_path / "x.h5", samples[:5], {"clean": space}, rows=rows)


def test_nothing_readable_names_the_reasons(tmp_path: Path, samples: pd.DataFrame, space: Space) -> None:
    failure = {
        "path": "a.png",
        "root": "/r",
        "stage": "open",
        "reason": "empty file",
        "manipulation": "real",
        "frames": 1,
    }
    nothing = {"clean": rows_of(space, slice(0, 0))}
    part = write_part(tmp_path, 0, 1, samples[:0], nothing, pd.DataFrame([failure]))
    with pytest.raises(InputError, match="empty file"):
        assemble(tmp_path / "x.h5", [part.path])
    assert not (tmp_path / "x.h5").exists()


def test_rows_must_agree(tmp_path: Path, samples: pd.DataFrame, space: Space) -> None:
    with pytest.raises(InputError, match="216 rows where the sample table has 5"):
        write_cache(tmp_path / "x.h5", samples[:5], {"clean": space})
    with pytest.raises(InputError, match="lacks the columns"):
        write_cache(tmp_path / "x.h5", samples.drop(columns="label"), {"clean": space})
    assert not list(tmp_path.iterdir())


def addition(space: Space, name: str = "new") -> Space:
    return Space(replace(space.provenance, prompts="other"), {}, {}, {name: space.prompts["pair"]})


def test_an_addition_joins_its_base(cache_path: Path, space: Space) -> None:
    extra = cache_path.with_name("extra.h5")
    before = cache_path.read_bytes()
    write_addition(extra, cache_path, {"clean": addition(space)})
    cache = open_cache(cache_path, [extra])
    assert cache.prompt_sets() == ("pair", "new")
    assert np.array_equal(cache.similarity("new"), cache.similarity("pair"))
    assert cache_path.read_bytes() == before


def test_an_addition_of_another_encoder_or_twice_is_refused(cache_path: Path, space: Space) -> None:
    extra = cache_path.with_name("extra.h5")
    other = addition(space)
    other.provenance = replace(other.provenance, weights="others")
    with pytest.raises(InputError, match="weights is 'others' here"):
        write_addition(extra, cache_path, {"clean": other})
    with pytest.raises(InputError, match="already has pair"):
        write_addition(extra, cache_path, {"clean": addition(space, "pair")})
    assert not extra.exists()


def test_an_addition_to_another_table_is_refused(cache_path: Path, space: Space, build_cache) -> None:
    extra = cache_path.with_name("extra.h5")
    write_addition(extra, cache_path, {"clean": addition(space)})
    with pytest.raises(InputError, match="another sample table"):
        open_cache(build_cache(groups=3), [extra])
    with pytest.raises(InputError, match="of kind 'addition'"):
        open_cache(extra)
