"""The audit of caches and of CSV files under a protocol, and its part in every training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cache.errors import InputError
from cache.reader import open_cache
from cache.schema import PromptScores
from cache.store import write_cache
from classify.audit import audit
from classify.runs import classify

Build = Callable[..., Path]


def kinds(found: list) -> dict[str, str]:
    return {one.kind: one.severity for one in found}


def rewritten(path: Path, change: Callable[[pd.DataFrame, dict], None]) -> Path:
    """A copy of a cache whose samples and spaces ``change`` may alter."""
    cache = open_cache(path)
    samples, spaces = cache.samples.copy(), {name: cache.space(name) for name in cache.spaces}
    change(samples, spaces)
    out = path.with_name(f"changed-{path.name}")
    write_cache(out, samples, spaces)
    return out


def test_a_dealt_cache_is_clean(build_cache: Build) -> None:
    cache = build_cache()
    found = audit(cache, train=["FaceSwap"], test=["Deepfakes"])
    assert set(kinds(found).values()) == {"note"}
    (left,) = [one for one in found if one.kind == "left_out"]
    assert left.sentence == "Note: 24 of 72 videos are on neither side", "fakes of the other side's manipulation"
    whole = audit(cache)
    assert "left_out" not in kinds(whole) and audit(cache) == whole


def test_the_caches_own_split_and_a_file(build_cache: Build, tmp_path: Path) -> None:
    def by_manipulation(samples: pd.DataFrame, spaces: dict) -> None:
        samples["split"] = np.where(samples["manipulation"] == "FaceSwap", "train", "test")

    cache = rewritten(build_cache(), by_manipulation)
    found = audit(cache)
    assert kinds(found)["group"] == kinds(found)["pair"] == "leak"
    assert kinds(audit(cache, split="grouped")).get("group") is None
    assert kinds(audit(cache, disjoint="video"))["scene"] == "warning"
    samples = open_cache(cache).samples
    lines = [f"{video},{'train' if at % 2 else 'test'}" for at, video in enumerate(sorted(set(samples["video_id"])))]
    (tmp_path / "mine.csv").write_text("\n".join(["video_id,split", *lines]))
    assert kinds(audit(cache, split=str(tmp_path / "mine.csv")))["group"] == "leak"


def test_prompts_background_and_shuffle(build_cache: Build) -> None:
    def change(samples: pd.DataFrame, spaces: dict) -> None:
        space = spaces["clean"]
        pair = space.prompts["pair"]
        space.prompts["turned"] = PromptScores(["AI-Generated", "Authentic"], pair.labels, pair.text_embeddings,
                                               pair.similarity)  # fmt: skip
        spaces["background"] = type(space)(space.provenance, {"embedding": space.arrays["embedding"]}, {}, {})

    cache = build_cache(groups=20)
    plain = kinds(audit(cache, deep=True))
    assert plain["background"] == "note" and plain["shuffle"] == "note" and "prompts" not in plain
    found = audit(rewritten(cache, change), deep=True)
    assert kinds(found)["prompts"] == "warning"
    assert kinds(found)["background"] == "warning", "the test's embeddings do tell real from fake"
    assert kinds(found)["shuffle"] == "note"
    assert "background" not in kinds(audit(cache))


def test_two_caches(build_cache: Build) -> None:
    def elsewhere(samples: pd.DataFrame, spaces: dict) -> None:
        for name in ("sample_id", "video_id", "scene", "identities", "group", "dataset"):
            samples[name] = samples[name].str.replace("FF++", "Celeb", regex=False)

    one = build_cache(name="a.h5")
    other = rewritten(build_cache(seed=1, name="b.h5"), elsewhere)
    found = audit(one, test_cache=other)
    assert "group" not in kinds(found) and "home" not in kinds(found)
    (compared,) = [one.sentence for one in found if one.kind == "compared"]
    assert "compared: 144 training and 216 test frames" in compared, "the other cache is not split"
    assert kinds(audit(one, test_cache=build_cache(seed=1, name="c.h5")))["group"] == "leak"


def test_a_csv_carries_its_split(tmp_path: Path) -> None:
    rows = ["path,label,split"]
    for side, names in (("train", ("000", "001")), ("test", ("002", "003"))):
        rows += [f"real/{name}.png,0,{side}" for name in names]
        rows += [f"{kind}/{'_'.join(names)}.png,1,{side}" for kind in ("FS", "NT")]
    path = tmp_path / "splits.csv"
    path.write_text("\n".join(rows))
    assert "leak" not in kinds(audit(path)).values()
    path.write_text("\n".join([*rows, "NT/001_000.png,1,test"]))
    found = audit(path)
    assert kinds(found)["group"] == "leak"
    assert "leak" not in kinds(audit(path, train=["FaceSwap"], test=["FaceSwap"])).values(), "the row is not used"
    with pytest.raises(InputError, match="a CSV carries its split itself and takes no --split, --where"):
        audit(path, split="grouped", where=["label=1"])


def test_a_cache_takes_no_columns(build_cache: Build) -> None:
    with pytest.raises(InputError, match="takes no --column"):
        audit(build_cache(), columns=["label=is_fake"])


def test_a_training_whose_frames_are_on_both_sides_is_refused(build_cache: Build, tmp_path: Path) -> None:
    def same_frames(samples: pd.DataFrame, spaces: dict) -> None:
        samples["pixel_hash"] = samples["sample_id"]
        samples.loc[samples["label"] == 0, "pixel_hash"] = [f"h{at % 9}" for at in range((samples["label"] == 0).sum())]

    cache = rewritten(build_cache(), same_frames)
    options = {"train": ["FaceSwap"], "test": ["Deepfakes"]}
    with pytest.raises(InputError, match=r"LEAK: .* test frames were in training, by their pixels .*--allow-leak"):
        classify(cache, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
    (folder,) = classify(cache, tmp_path / "out", **options, allow_leak=True)
    assert "test frames were in training, by their pixels" in (folder / "run.json").read_text()
    assert "test frames were in training, by their pixels" in (folder / "model" / "model.json").read_text()
