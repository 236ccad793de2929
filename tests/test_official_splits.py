"""The official lists of FaceForensics++ and Celeb-DF, through names, layouts, groups and splits."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cache.errors import InputError
from cache.given_splits import ffpp_split, read_split, split_csv
from cache.identity import connected_groups
from cache.schema import FAKE, REAL, SAMPLE_COLUMNS, Space
from cache.splits import assign, cluster_column, leaks
from cache.store import write_cache
from classify.protocol import SplitPlan
from classify.runs import classify
from extract.layouts import LAYOUTS, Listing

METHODS = ("Deepfakes", "Face2Face", "FaceShifter", "FaceSwap", "NeuralTextures")
COLUMNS = ("dataset", "compression", "manipulation", "scene", "label", "split")


def sample_table(listing: Listing) -> pd.DataFrame:
    """The sample columns that a split reads, one row a video."""
    table = pd.DataFrame({name: [getattr(source, name) for source in listing.sources] for name in COLUMNS})
    home = table["dataset"] + "/" + table["compression"] + "/" + table["manipulation"]
    return table.assign(
        video_id=home + "/" + pd.Series([source.video for source in listing.sources]),
        identities=[" ".join(source.identities) for source in listing.sources],
        group=connected_groups([source.identities for source in listing.sources]),
    )


def make_files(root: Path, names: list[str]) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


@pytest.fixture(scope="module")
def ffpp(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> pd.DataFrame:
    """Every video of FaceForensics++ by name, at one compression, and some at another."""
    pairs = pd.concat([pd.read_json(path, dtype=str) for path in sorted((real_data / "ffpp_splits").glob("*.json"))])
    both = [*pairs.itertuples(index=False, name=None), *pairs[[1, 0]].itertuples(index=False, name=None)]
    reals = [f"original_sequences/youtube/c23/videos/{one}.mp4" for one, _ in both]
    fakes = [f"manipulated_sequences/{name}/c23/videos/{a}_{b}.mp4" for name in METHODS for a, b in both]
    actors = ["original_sequences/actors/c23/videos/02__talking.mp4"]
    other = [name.replace("c23", "c40") for name in [*reals, *fakes[:1000]]]
    root = make_files(tmp_path_factory.mktemp("ffpp"), [*reals, *fakes, *actors, *other])
    return sample_table(LAYOUTS["ffpp"](root, None))


def test_the_official_lists_of_faceforensics(ffpp: pd.DataFrame, real_data: Path) -> None:
    split = ffpp_split(real_data / "ffpp_splits", ffpp)
    videos = ffpp.assign(split=split).query("compression == 'c23'").groupby(["split", "manipulation"]).size().unstack(0)
    assert videos.loc[list(METHODS), ["train", "val", "test"]].to_numpy().tolist() == [[720, 140, 140]] * 5
    assert videos.loc["real", ["train", "val", "test"]].tolist() == [720, 140, 140]
    left_out = ffpp.loc[split == "", "video_id"]
    assert len(left_out) == 1 and left_out.str.endswith("/real/02__talking").all(), "in no list"
    named = ffpp[split != ""]
    assert named["group"].nunique() == 500 and split[named.index].groupby(named["group"]).nunique().max() == 1
    for key in ("group", "scene", "identities", "video_id"):
        assert leaks(ffpp, split, key) == []
    plan = SplitPlan(f"ffpp:{real_data / 'ffpp_splits'}")
    assert plan.apply(ffpp).equals(split), "so that it is never refused"


def test_groups_dealt_here_are_as_whole(ffpp: pd.DataFrame) -> None:
    split = assign(ffpp, test_size=0.14)
    tested = ffpp[split == "test"].query("compression == 'c23'")["manipulation"].value_counts()
    assert tested[list(METHODS)].tolist() == [140] * 5
    assert leaks(ffpp, split) == leaks(ffpp, split, "identities") == []


@pytest.fixture(scope="module")
def celeb(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> pd.DataFrame:
    """The test videos of Celeb-DF v2, by their list."""
    source = real_data / "celebdf_v2" / "List_of_testing_videos.txt"
    root = make_files(
        tmp_path_factory.mktemp("Celeb-DF-v2"), [line.split()[1] for line in source.read_text().split("\n")]
    )
    (root / source.name).write_bytes(source.read_bytes())
    return sample_table(LAYOUTS["celebdf"](root, None))


def people(samples: pd.DataFrame) -> set[str]:
    return set(" ".join(samples["identities"]).split())


def test_the_identities_of_celeb_df_collapse(celeb: pd.DataFrame) -> None:
    fakes, reals = celeb[celeb["label"] == FAKE], celeb[celeb["label"] == REAL]
    assert (len(fakes), len(reals)) == (340, 178)
    assert set(celeb["split"]) == {"test"}
    sizes = fakes.groupby("group")[["identities"]].apply(lambda rows: len(people(rows)))
    assert sorted(sizes) == [5, 10, 10, 30] and len(people(fakes)) == 55
    alone = reals[~reals["group"].isin(fakes["group"])]
    assert alone["group"].nunique() == 71, "one person with reals only, and 70 videos of YouTube"
    assert sorted(alone["video_id"].str.contains("id").groupby(alone["group"]).first()) == [False] * 70 + [True]


def test_the_refusal_and_both_ways_out(celeb: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"join into 4 components .*--drop-crossing.*--disjoint scene"):
        assign(celeb)
    for seed in range(5):
        split = assign(celeb, drop_crossing=True, seed=seed)
        sides = {side: celeb[split == side] for side in ("train", "test", "")}
        assert not people(sides["train"]) & people(sides["test"])
        assert leaks(celeb, split, "identities") == []
        assert set(sides[""]["label"]) == {FAKE}, "only what crosses is dropped"
        assert all(set(sides[side]["label"]) == {REAL, FAKE} for side in ("train", "test"))
    split = assign(celeb, disjoint="scene")
    assert split.ne("").all() and leaks(celeb, split, "scene") == [] != leaks(celeb, split)
    assert cluster_column("scene") == cluster_column("identity", True) == "scene"


@pytest.mark.parametrize("options", [{"drop_crossing": True}, {"disjoint": "scene"}, {"disjoint": "video"}])
def test_a_split_of_celeb_df_survives_its_file(celeb: pd.DataFrame, options: dict, tmp_path: Path) -> None:
    split = assign(celeb, **options)
    (tmp_path / "s.csv").write_bytes(split_csv(celeb, split))
    assert read_split(tmp_path / "s.csv", celeb).tolist() == split.tolist()


def test_the_test_list_alone_has_nothing_to_train_on(celeb: pd.DataFrame) -> None:
    assert set(SplitPlan("column").apply(celeb)) == {"test"}


def test_celeb_df_through_classify(celeb: pd.DataFrame, space: Space, tmp_path: Path) -> None:
    texts = {name: "" for name, column in SAMPLE_COLUMNS.items() if column.dtype == "str"}
    samples = celeb.assign(**{**texts, **{name: 1 for name in SAMPLE_COLUMNS if name not in texts}, **celeb})
    samples["sample_id"] = samples["video_id"] + "/0"
    embedding = np.random.default_rng(0).normal(size=(len(samples), 4)).astype("f2")
    write_cache(tmp_path / "celeb.h5", samples, {"clean": Space(space.provenance, {"embedding": embedding})})
    names = {"train": ["Celeb-synthesis"], "test": ["Celeb-synthesis"]}
    with pytest.raises(InputError, match="swaps in Celeb-DF-v2 are dense"):
        classify(tmp_path / "celeb.h5", tmp_path / "out", **names)
    (folder,) = classify(tmp_path / "celeb.h5", tmp_path / "dropped", **names, drop_crossing=True)
    told = json.loads((folder / "run.json").read_text())["caveats"]
    assert sum("of 340 fake videos join identities of both sides" in one for one in told) == 1
    assert not any("LEAK" in one for one in told)
    (folder,) = classify(tmp_path / "celeb.h5", tmp_path / "scene", **names, disjoint="scene")
    told = json.loads((folder / "run.json").read_text())["caveats"]
    assert "split by scene: the same person can stand on both sides" in told
    assert not any("LEAK" in one for one in told)
