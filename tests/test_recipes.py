"""The recipes in configs/: each does what it promises on a miniature of its data set, or says what it lacks."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import pipeline
from cache import predictions
from cache.errors import InputError
from cache.reader import open_cache
from classify.heads import HEADS
from extract.layouts import LAYOUTS
from extract.prompts import load_prompt_sets

ROOT = Path(__file__).parents[1]
RECIPES = {path.stem: path for path in sorted((ROOT / "configs").glob("*.toml"))}
WAITING = {
    "seed_003_lare": "seed_003",
    "seed_004_v1": "seed_004",
    "seed_004_v2": "seed_004",
    "seed_004_inverted": "seed_004",
}
EIGHT = ("heygen", "MidJourney", "whichfaceisreal", "stargan", "starganv2", "styleclip", "e4e", "CollabDiff")
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Carry out a recipe with the small CLIP, in this process: (exit code, standard output, standard error)."""

    read = pipeline.read_recipe

    def without_processes(*words: Any) -> dict:
        steps = read(*words)
        return {**steps, "extract": {**steps["extract"], "workers": 0}}

    def run(recipe: Path, data: Iterable[Path], out: Path, *words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(pipeline, "read_recipe", without_processes)
        roots = [word for root in data for word in ("--data", root)]
        return cli("run", recipe, *roots, "--out", out, "--model", "demo", *words)

    return run


def paint(root: Path, places: Iterable[str], fake: bool, seed: int) -> None:
    """A picture at each place: noise, a little brighter where it is fake."""
    rng = np.random.default_rng(seed)
    for place in places:
        path = root / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 226, (4, 4, 3)) + 30 * fake
        Image.fromarray(pixels.astype(np.uint8)).resize((32, 32)).save(path)


def ffpp(root: Path) -> list[Path]:
    """Class folders of 16 pairs, as the seeds have them: the pairs of both manipulations are the same."""
    pairs = [f"{scene:03d}_{scene ^ 1:03d}_000" for scene in range(32)]
    paint(root, (f"Real_youtube/{scene:03d}_000" for scene in range(32)), False, 1)
    paint(root, (f"FaceSwap/{pair}" for pair in pairs), True, 2)
    paint(root, (f"NeuralTextures/{pair}" for pair in pairs), True, 3)
    return [root]


def celebdf(root: Path) -> list[Path]:
    """Four videos of each of 16 people, who swap with four others each, and a test list of everybody's last video."""
    reals = [f"id{person}_{clip:04d}" for person in range(16) for clip in range(4)]
    swaps = [f"id{person}_id{(person + clip + 1) % 16}_{clip:04d}" for person in range(16) for clip in range(4)]
    paint(root, (f"Celeb-real/{name}/000" for name in reals), False, 1)
    paint(root, (f"Celeb-synthesis/{name}/000" for name in swaps), True, 2)
    listed = [f"1 Celeb-real/{name}.mp4" for name in reals if name.endswith("3")]
    listed += [f"0 Celeb-synthesis/{name}.mp4" for name in swaps if name.endswith("3")]
    (root / "List_of_testing_videos.txt").write_text("\n".join(listed) + "\n")
    return [root]


def df40(root: Path) -> list[Path]:
    """Two methods on originals of FaceForensics++, which are a root of their own, and the eight test sets."""
    videos = [f"{number:03d}" for number in range(24)]
    paint(root / "originals", (f"original_sequences/youtube/c23/frames/{name}/000" for name in videos), False, 1)
    for seed, method in enumerate(("simswap", "sadtalker"), 2):
        places = (f"{method}/ff/frames/{name}_{int(name) ^ 1:03d}/000" for name in videos)
        paint(root / "DF40", places, True, seed)
    for seed, method in enumerate(EIGHT, 4):
        for kind in ("real", "fake"):
            paint(root / "DF40", (f"{method}/{kind}/{number}" for number in range(3)), kind == "fake", seed)
    return [root / "DF40", root / "originals"]


def generators(root: Path, first: str, real: str, fake: str) -> list[Path]:
    """A generator to train on and another to test on, with reals of their own."""
    for seed, (name, count) in enumerate(((first, 12), ("stargan", 4))):
        for kind in (real, fake):
            below = kind.replace("*", name)
            paint(root, (f"{name}/{below}/{number}" for number in range(count)), kind == fake, seed)
    return [root]


def run_of(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


def frames(folder: Path, side: str) -> pd.DataFrame:
    table = predictions.read(folder / "predictions.csv")
    return table[table["split"] == side]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_readable_and_names_what_is_there(name: str) -> None:
    steps = pipeline.read_recipe(RECIPES[name])
    pipeline.check_recipe(steps, extracting=True)
    options, extract = steps["classify"], steps["extract"]
    assert extract.get("layout", "auto") in {*LAYOUTS, "auto"}
    known = {one.name for one in load_prompt_sets(extract.get("prompts", ["seed_000"]))}
    needing = [head for head in options["heads"] if "prompts" in HEADS[head].needs]
    assert options.get("prompt_set") in known if needing else options.get("prompt_set", "") in {*known, ""}
    assert name == "demo" or f"run configs/{name}.toml --data" in RECIPES[name].read_text(), "its command stands there"


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_recipe_publishes_leaks_and_what_it_promises_does_not(name: str) -> None:
    steps = pipeline.read_recipe(RECIPES[name])
    assert not steps["classify"].get("allow_leak")
    if published := steps["as_published"]:
        assert published["allow_leak"] and published["threshold"] == 0.5


@pytest.mark.parametrize("name", WAITING)
def test_a_recipe_that_waits_says_so_before_any_work(cli: Cli, tmp_path: Path, name: str) -> None:
    code, printed, errors = cli(RECIPES[name], ffpp(tmp_path / "data"), tmp_path / "out")
    assert (code, printed) == (2, "")
    assert f"{name} " in errors and "which this version cannot do yet" in errors
    assert f"what runs today: configs/{WAITING[name]}.toml" in errors and WAITING[name] in RECIPES
    assert not (tmp_path / "out").exists()


def test_both_protocols_of_a_recipe_stand_beside_each_other(cli: Cli, tmp_path: Path) -> None:
    data, out = ffpp(tmp_path / "data"), tmp_path / "out"
    code, printed, errors = cli(RECIPES["seed_000"], data, out, "--mode", "train")
    assert code == 0 and "beside" not in printed, errors
    assert not list(out.rglob("metrics.json"))
    honest, published = (out / kind / "FaceSwap" / "prompt_fusion" for kind in ("honest", "as_published"))
    runs = [run_of(honest), run_of(published)]
    for key in ("head", "fixed", "parameters", "normalize", "features", "prompt_set", "seed", "train", "test"):
        assert runs[0][key] == runs[1][key], f"{key} is none of the protocol"
    assert [run["split"]["method"] for run in runs] == ["grouped", "manipulation"]
    assert [run["thresholds"]["video"]["value"] == 0.5 for run in runs] == [False, True]
    assert not any("LEAK" in caveat for caveat in runs[0]["caveats"])
    assert any(caveat.startswith("LEAK: 16 of 16 test groups were in training") for caveat in runs[1]["caveats"])
    assert not set(frames(honest, "val")["group"]) & set(frames(honest, "test")["group"])
    both = set(frames(published, "val")["sample_id"]) & set(frames(published, "test")["sample_id"])
    assert both == set(frames(published, "test").query("label == 0")["sample_id"]), "reals are on both sides"
    assert len(both) == 32
    code, printed, errors = cli(RECIPES["seed_000"], data, out, "--mode", "test")
    assert code == 0, errors
    table = printed[printed.index("The honest protocol beside the published one") :]
    assert "prompt_fusion  NeuralTextures  video" in table and "honest: no leak was found" in table
    assert "as published: LEAK: 16 of 16 test groups were in training" in table


def test_what_is_learned_by_heart_counts_for_a_published_protocol_alone(cli: Cli, tmp_path: Path) -> None:
    """Pictures of nothing but noise: an SVM knows the reals of its training by heart, and knows nothing else."""
    for folder, seed in (("Real_youtube", 1), ("FaceSwap", 2), ("NeuralTextures", 3)):
        names = (f"{scene:03d}" if seed == 1 else f"{scene:03d}_{scene ^ 1:03d}" for scene in range(40))
        paint(tmp_path / "data", (f"{folder}/{name}_000" for name in names), False, seed)
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        '[extract]\nmodel = "ViT-B-32"\npretrained = "openai"\n'
        '[classify]\ntrain = ["FaceSwap"]\ntest = ["NeuralTextures"]\nheads = ["svm"]\n'
        "[classify.parameters.svm]\nC = 100.0\nrelative_gamma = 10.0\n"
        '[as_published]\nsplit = "manipulation"\ntest_size = 1\nallow_leak = true\n'
    )
    assert cli(recipe, [tmp_path / "data"], tmp_path / "out")[0] == 0
    reached = [
        json.loads((tmp_path / "out" / kind / "FaceSwap" / "svm" / "metrics.json").read_text())["video"]["auc"]
        for kind in ("honest", "as_published")
    ]
    assert reached[0]["low"] < 0.5
    assert (reached[1]["low"] or reached[1]["value"]) > 0.8  # a perfect one has no interval


def test_celebdf_by_its_official_list_tests_people_it_was_trained_on(cli: Cli, tmp_path: Path) -> None:
    code, printed, errors = cli(RECIPES["seed_002"], celebdf(tmp_path / "Celeb-DF-v2"), tmp_path / "out")
    assert code == 0, errors
    honest, published = (
        run_of(tmp_path / "out" / kind / "Celeb-synthesis" / "contrastive") for kind in ("honest", "as_published")
    )
    assert honest["split"]["drop_crossing"] and honest["normalize"] == "none"
    assert not any("LEAK" in caveat for caveat in honest["caveats"])
    assert any("crossing fakes dropped" in caveat for caveat in honest["caveats"])
    assert published["split"]["method"] == "column" and published["split"]["videos"] == {"train": 96, "test": 32}
    assert any(caveat.startswith("LEAK: 16 of 16 test identities") for caveat in published["caveats"])
    assert "crossing fakes dropped" not in printed[printed.index("as_published") :].split("honest protocol beside")[0]


def test_df40_trains_on_all_but_the_eight_test_sets(cli: Cli, tmp_path: Path) -> None:
    code, printed, errors = cli(RECIPES["seed_003"], df40(tmp_path / "data"), tmp_path / "out")
    assert code == 0, errors
    (folder,) = (tmp_path / "out").glob("all-but-*/coop")
    run = run_of(folder)
    assert run["train"] == ["sadtalker", "simswap"] and sorted(run["test"]) == sorted(EIGHT)
    assert run["split"]["method"] == "manipulation" and not any("LEAK" in caveat for caveat in run["caveats"])
    assert set(frames(folder, "val")["dataset"]) == {"FF++"} and len(frames(folder, "val")) == 72
    assert set(frames(folder, "test")["dataset"]) == {f"DF40-{name}" for name in EIGHT}
    assert "beside the published one" not in printed, "its split leaks nothing: there is one protocol"


@pytest.mark.parametrize(
    ("name", "first", "real", "fake", "heads"),
    [
        ("ufd", "progan", "cat/0_real", "cat/1_fake", ("linear_probe", "knn")),
        ("clipping", "progan_train", "images/val/n01440764", "images/val/n01443537", ("clip_adapter", "coop")),
    ],
)
def test_universal_detectors_test_other_generators_than_they_learn(
    cli: Cli, tmp_path: Path, name: str, first: str, real: str, fake: str, heads: tuple[str, ...]
) -> None:
    code, _, errors = cli(RECIPES[name], generators(tmp_path / "sets", first, real, fake), tmp_path / "out")
    assert code == 0, errors
    for head in heads:
        folder = tmp_path / "out" / first / head
        run = run_of(folder)
        assert run["test"] == ["stargan"] and not any("LEAK" in caveat for caveat in run["caveats"])
        assert len(frames(folder, "test")) == 8
    assert open_cache(tmp_path / "out" / "features.h5").provenance().model == "demo"


def test_another_encoder_takes_the_place_of_the_recipe_s() -> None:
    path = RECIPES["seed_000"]
    named = [("model", "pretrained"), (None, None), ("demo", None), (None, "w.pt"), ("ViT-L-14", "openai")]
    taken = [pipeline.read_recipe(path, *pair)["extract"] for pair in named[1:]]
    assert [(one["model"], one.get("pretrained")) for one in taken] == [
        ("ViT-B-32-quickgelu", "openai"),
        ("demo", None),
        ("ViT-B-32-quickgelu", "w.pt"),
        ("ViT-L-14", "openai"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'heads = ["svm"]',
            r"unknown key of \[as_published\], which changes the protocol alone, 'heads'; known: allow_",
        ),
        ('allow_leak = "yes"', r"\[as_published\]: allow_leak is 'yes' where true or false is needed"),
        ("threshold = 2.0", "a threshold is a score, between 0 and 1"),
    ],
)
def test_a_published_protocol_changes_the_protocol_alone(tmp_path: Path, text: str, message: str) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(f'[extract]\nmodel = "demo"\n[as_published]\n{text}\n')
    with pytest.raises(InputError, match=message):
        pipeline.check_recipe(pipeline.read_recipe(recipe), extracting=True)
