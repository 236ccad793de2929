"""The command line as a user meets it: the whole path, the same line twice, and a sentence for every mistake."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pipeline
from cache.reader import open_cache
from cache.schema import Space
from cache.store import write_cache
from classify.runs import classify as make_runs

ROOT = Path(__file__).parents[1]
Cli = Callable[..., tuple[int, str, str]]


def test_the_whole_path(cli: Cli, cache_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    words = [
        "classify",
        cache_file,
        "--train",
        "FaceSwap",
        "--test",
        "NeuralTextures",
        "--head",
        "logistic,svm",
        "--out",
        out,
    ]
    code, printed, _ = cli(*words)
    assert code == 0
    for head in ("logistic", "svm"):
        run = out / "FaceSwap" / head
        names = {path.name for path in run.iterdir()}
        assert {"run.json", "predictions.csv", "video_predictions.csv", "metrics.json", "model", "run.log"} <= names
        assert "report.html" in names
        metrics = json.loads((run / "metrics.json").read_text())
        for level in ("frame", "video"):
            auc = metrics[level]["auc"]
            assert auc["low"] <= auc["value"] <= auc["high"]
        described = json.loads((run / "run.json").read_text())
        assert 0 < described["trainable_share"] < 0.01
        assert described["train"] == ["FaceSwap"] and described["test"] == ["NeuralTextures"]
        assert described["command"].startswith("python pipeline.py classify")
        predictions = pd.read_csv(run / "predictions.csv")
        train = predictions[predictions["split"] == "val"]
        test = predictions[predictions["split"] == "test"]
        assert not set(train["group"]) & set(test["group"])
        assert set(train["manipulation"]) == {"real", "FaceSwap"}
        assert set(test["manipulation"]) == {"real", "NeuralTextures"}
    assert {"summary.csv", "splits.csv", "report.html"} <= {path.name for path in out.iterdir()}
    assert "NeuralTextures" in printed and "AUC" in printed
    assert cli(*words)[0] == 0, "the same line again is no mistake"
    assert cli("evaluate", out)[0] == 0


def test_the_same_extraction_again_is_complete(cli: Cli, frames: Path, cache_file: Path) -> None:
    words = ["extract", frames, "--out", cache_file, "--model", "demo", "--prompts", "seed_000"]
    code, printed, _ = cli(*words, "--crop", "given")
    assert code == 0 and "is complete already: 240 frames" in printed
    code, _, errors = cli(*words)
    assert code == 2 and "crop is 'none' now and was 'given'" in errors
    code, _, errors = cli(*words, "--crop", "given", "--prompts", "seed_004_v1")
    assert code == 2 and "prompts is" in errors
    assert cli("cache", "verify", cache_file)[0] == 0


def test_cache_info(cli: Cli, cache_file: Path) -> None:
    code, printed, _ = cli("cache", "info", cache_file)
    assert code == 0
    assert re.search(r"FaceSwap\s+40\s+80\s+20", printed)
    found = json.loads(cli("cache", "info", cache_file, "--json")[1])
    assert found["samples"] == 240 and found["groups"] == 20
    assert found["spaces"]["clean"]["provenance"]["crop"] == "given"


def test_further_prompts_are_an_addition(cli: Cli, cache_file: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('real = ["a sharp photo"]\nfake = ["a blurry photo", "a soft photo"]\n')
    words = ["cache", "prompts", cache_file, "--model", "demo", "--out", tmp_path / "mine.h5"]
    code, printed, errors = cli(*words, "--prompts", tmp_path / "mine.toml")
    assert code == 0 and "--with" in printed, errors
    assert cli("cache", "verify", tmp_path / "mine.h5")[0] == 0
    assert "mine" in cli("cache", "info", cache_file, "--with", tmp_path / "mine.h5")[1]
    classified = ["classify", cache_file, "--train", "FaceSwap", "--features", "prompts", "--prompt-set", "mine"]
    code, _, errors = cli(*classified, "--with", tmp_path / "mine.h5", "--out", tmp_path / "runs")
    assert code == 0, errors
    code, _, errors = cli(*words[:-1], tmp_path / "again.h5", "--prompts", "seed_000")
    assert code == 2 and "already has seed_000" in errors
    code, _, errors = cli(*words, "--prompts", "clipping")
    assert code == 2 and "never overwritten" in errors


def test_unreadable_pictures_are_counted_and_listed(cli: Cli, frames: Path, tmp_path: Path) -> None:
    data = tmp_path / "coursework"
    shutil.copytree(frames, data)
    (data / "FaceSwap" / "000_001_000.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (data / "FaceSwap" / "notes.txt").write_text("not an input")
    out = tmp_path / "x.h5"
    code, printed, errors = cli("extract", data, "--out", out, "--model", "demo", "--workers", 0)
    assert code == 0
    assert "239 frames; unreadable files: 1" in printed and "000_001_000.png" in printed
    assert "left out, being no input: 1 (FaceSwap/notes.txt" in errors
    assert open_cache(out).failures["manipulation"].tolist() == ["FaceSwap"]


def mistakes() -> dict[str, tuple[list[str], str]]:
    """Name -> (command line, what the sentence must say); {data}, {cache}, {tmp} are filled in."""
    extract = ["extract", "{data}", "--out", "{tmp}/x.h5", "--model", "demo"]
    classify = ["classify", "{cache}", "--out", "{tmp}/r", "--train", "FaceSwap"]
    return {
        "empty folder": (["extract", "{tmp}/empty", "--out", "{tmp}/x.h5", "--model", "demo"], "empty"),
        "missing folder": (["extract", "{tmp}/none", "--out", "{tmp}/x.h5", "--model", "demo"], "none"),
        "unknown layout": ([*extract, "--layout", "imagenet"], "unknown layout 'imagenet'; known: "),
        "unknown model": ([*extract[:-1], "ViT-Z-9", "--pretrained", "openai"], "ViT-Z-9"),
        "unknown weights": ([*extract[:-1], "ViT-B-32", "--pretrained", "opnai"], "opnai"),
        "no weights": ([*extract[:-1], "ViT-B-32"], "--pretrained"),
        "unknown prompts": ([*extract, "--prompts", "nice"], "nice"),
        "unknown crop": ([*extract, "--crop", "tight"], "unknown crop 'tight'; known: face, given, none"),
        "no class token": ([*extract, "--tokens", "cls"], "cls"),
        "frames and fps": ([*extract, "--frames", "3", "--fps", "1"], "exclude each other"),
        "no frames": ([*extract, "--frames", "0"], "frames"),
        "no output": (["extract", "{data}", "--model", "demo"], "extract needs --out FILE and --model NAME"),
        "no model": (["extract", "{data}", "--out", "{tmp}/x.h5"], "extract needs --out FILE and --model NAME"),
        "unknown view": ([*extract, "--views", "clean,sharpen-3"], "sharpen-3"),
        "view out of range": ([*extract, "--views", "jpeg-0"], "jpeg-0"),
        "view without faces": ([*extract, "--views", "background"], "face"),
        "tiny thumbnails": ([*extract, "--thumbnails", "3"], "--thumbnails is 8 or more, not 3"),
        "shard without batch size": ([*extract, "--shard", "1/2"], "--shard needs --batch-size"),
        "shard that cannot be": ([*extract, "--shard", "3/2", "--batch-size", "4"], "--shard is i/n"),
        "shard and shards": (
            [*extract, "--shard", "1/2", "--shards", "2", "--batch-size", "4"],
            "leave out --ray and --shards",
        ),
        "unknown device": ([*extract, "--device", "cpu,tpu"], "no device 'tpu' here"),
        "retry of no cache": ([*extract, "--retry-failed", "{tmp}/none.h5"], "none.h5"),
        "list of nothing": (["extract", "{tmp}/empty", "--list"], "empty"),
        "merge of one": (["cache", "merge", "{cache}", "--out", "{tmp}/m.h5"], "joins two files or more"),
        "merge of the same": (["cache", "merge", "{cache}", "{cache}", "--out", "{tmp}/m.h5"], "stand twice"),
        "merge with no cache": (["cache", "merge", "{cache}", "{tmp}/foreign.h5", "--out", "{tmp}/m.h5"], "foreign"),
        "merge onto a file": (["cache", "merge", "{cache}", "{cache}", "--out", "{tmp}/cut.h5"], "exists already"),
        "subset of nothing": (
            ["cache", "subset", "{cache}", "--where", "compression=c99", "--out", "{tmp}/m.h5"],
            "compression=c99",
        ),
        "subset by no condition": (
            ["cache", "subset", "{cache}", "--where", "x", "--out", "{tmp}/m.h5"],
            "column=value",
        ),
        "unknown form": (
            ["cache", "export", "{cache}", "--format", "xls", "--out", "{tmp}/e"],
            "unknown export format 'xls'",
        ),
        "unknown space": (["cache", "export", "{cache}", "--space", "flip", "--out", "{tmp}/e"], "flip"),
        "unknown head": ([*classify, "--head", "xgboost"], "unknown head 'xgboost'; known: "),
        "unknown manipulation": (["classify", "{cache}", "--out", "{tmp}/r", "--train", "FaceSwop"], "FaceSwop"),
        "nothing to train on": (
            ["classify", "{cache}", "--out", "{tmp}/r"],
            "name at least one manipulation to train on",
        ),
        "only real": (["classify", "{cache}", "--out", "{tmp}/r", "--train", "real"], "real"),
        "unknown features": ([*classify, "--features", "pixels"], "pixels"),
        "absent features": ([*classify, "--features", "cls"], "cls"),
        "unknown normalisation": ([*classify, "--normalize", "max"], "max"),
        "unknown prompt set": ([*classify, "--features", "prompts", "--prompt-set", "nice"], "nice"),
        "unknown parameter": ([*classify, "--head", "svm", "--param", "svm.depth=3"], "depth"),
        "unknown calibration": ([*classify, "--calibrate", "beta"], "unknown calibration 'beta'; known: isotonic"),
        "threshold out of range": ([*classify, "--threshold", "1.5"], "between 0 and 1, not 1.5"),
        "member of an ensemble": (
            [*classify, "--head", "ensemble", "--param", 'ensemble.members=["forest"]'],
            "unknown head 'forest'",
        ),
        "texts and their statistics": (
            [*classify, "--head", "zero_shot", "--features", "embedding,prompts"],
            "takes nothing else",
        ),
        "standardised for texts": ([*classify, "--head", "clip_adapter", "--normalize", "standard"], "--normalize l2"),
        "prompts of one class": ([*classify, "--head", "zero_shot", "--prompt-real", "a face"], "go together"),
        "prompts named and spelt": (
            [*classify, "--head", "zero_shot", "--prompt-set", "clipping", "--prompt-fake", "a"],
            "give one of both",
        ),
        "prompts that nothing takes": ([*classify, "--prompt-set", "seed_000"], "none of which is named"),
        "other encoder for coop": (
            [*classify, "--head", "coop", "--model", "ViT-B-32", "--pretrained", "{tmp}/cut.h5"],
            "cut.h5",
        ),
        "infinite features": (
            ["classify", "{tmp}/nan.h5", "--out", "{tmp}/r", "--train", "FaceSwap"],
            "are not finite",
        ),
        "no prompts in the cache": (
            ["classify", "{tmp}/bare.h5", "--out", "{tmp}/r", "--train", "FaceSwap", "--head", "zero_shot"],
            "holds no prompt similarities",
        ),
        "manipulation split leaks": ([*classify, "--split", "manipulation"], "--allow-leak"),
        "predict without a model": (["predict", "{tmp}/empty", "{data}"], "is no model"),
        "predict nothing": (["predict", "{model}", "{tmp}/none.png"], "does not exist"),
        "predict no picture": (["predict", "{model}", "{tmp}/key.toml"], "can be read"),
        "predict a cache and more": (["predict", "{model}", "{cache}", "{data}", "--out", "{tmp}/p"], "alone"),
        "predict a cache to nowhere": (["predict", "{model}", "{cache}"], "--out DIR"),
        "predict people trained on": (["predict", "{model}", "{cache}", "--out", "{tmp}/p"], "--allow-leak"),
        "import of nothing": (
            ["import-head", "{tmp}/none.pth", "--cache", "{tmp}/none.h5", "--out", "{tmp}/m"],
            "none.h5",
        ),
        "import for another encoder": (
            ["import-head", "{tmp}/cut.h5", "--cache", "{cache}", "--out", "{tmp}/m"],
            "ViT-L",
        ),
        "condition": ([*classify, "--where", "compression=c99"], "compression=c99"),
        "one class": ([*classify, "--test", "FaceSwap", "--where", "manipulation=FaceSwap"], "real"),
        "missing cache": (["classify", "{tmp}/none.h5", "--out", "{tmp}/r", "--train", "FaceSwap"], "none.h5"),
        "truncated cache": (["classify", "{tmp}/cut.h5", "--out", "{tmp}/r", "--train", "FaceSwap"], "truncated"),
        "foreign cache": (["cache", "info", "{tmp}/foreign.h5"], "not a feature cache"),
        "no runs": (["evaluate", "{tmp}/empty"], "empty"),
        "missing recipe": (["run", "{tmp}/no.toml", "--data", "{data}", "--out", "{tmp}/r"], "no.toml"),
        "unknown key in recipe": (["run", "{tmp}/key.toml", "--data", "{data}", "--out", "{tmp}/r"], "modle"),
        "no model in recipe": (["run", "{tmp}/empty.toml", "--data", "{data}", "--out", "{tmp}/r"], "lacks model"),
        "text for a list": (["run", "{tmp}/text.toml", "--data", "{data}", "--out", "{tmp}/r"], "heads is 'svm'"),
        "unknown head in recipe": (["run", "{tmp}/head.toml", "--data", "{data}", "--out", "{tmp}/r"], "head 'foo'"),
        "parameter in recipe": (["run", "{tmp}/param.toml", "--data", "{data}", "--out", "{tmp}/r"], "depth"),
        "output below a file": ([*extract[:3], "{tmp}/cut.h5/x.h5", *extract[4:]], "cut.h5"),
        "runs below a file": (["classify", "{cache}", "--train", "FaceSwap", "--out", "{tmp}/cut.h5"], "cut.h5"),
        "same prompt set twice": ([*extract, "--prompts", "seed_000", "--prompts", "{tmp}/seed_000.toml"], "seed_000"),
        "negative workers": ([*extract, "--workers", "-1"], "workers"),
        "unknown section": (["run", "{tmp}/section.toml", "--data", "{data}", "--out", "{tmp}/r"], "section"),
        "unknown mode": (
            ["run", "configs/demo.toml", "--data", "{data}", "--out", "{tmp}/r", "--mode", "fast"],
            "unknown mode 'fast'; known: both, test, train",
        ),
    }


@pytest.fixture(scope="session")
def model(cache_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one head."""
    out = tmp_path_factory.mktemp("model")
    return make_runs(cache_file, out, train=["FaceSwap"], heads=["logistic"], calibrate="platt")[0]


def spoil(cache_file: Path, folder: Path) -> None:
    """Write the cache with a feature that is no number, and without its prompts."""
    cache = open_cache(cache_file)
    whole = cache.space()
    embedding = np.array(whole.arrays["embedding"])
    embedding[7] = np.inf
    for name, arrays, prompts in (("nan", {"embedding": embedding}, whole.prompts), ("bare", whole.arrays, {})):
        space = Space(whole.provenance, arrays, whole.scalars, prompts)
        write_cache(folder / f"{name}.h5", cache.samples, {"clean": space})


@pytest.mark.parametrize("name", mistakes())
def test_a_mistake_gets_a_sentence(
    cli: Cli, frames: Path, cache_file: Path, model: Path, tmp_path: Path, name: str
) -> None:
    if name in ("infinite features", "no prompts in the cache"):
        spoil(cache_file, tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.h5").write_bytes(cache_file.read_bytes()[:-100])
    (tmp_path / "foreign.h5").write_bytes(b"\x89HDF\r\n\x1a\n and so on")
    (tmp_path / "key.toml").write_text('[extract]\nmodle = "demo"\n')
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "text.toml").write_text('[extract]\nmodel = "demo"\n[classify]\nheads = "svm"\n')
    (tmp_path / "head.toml").write_text('[extract]\nmodel = "demo"\n[classify]\nheads = ["foo"]\n')
    (tmp_path / "param.toml").write_text('[extract]\nmodel = "demo"\n[classify]\nparameters = ["logistic.depth=3"]\n')
    (tmp_path / "seed_000.toml").write_text('real = ["a"]\nfake = ["b"]\n')
    (tmp_path / "section.toml").write_text("[train]\nepochs = 3\n")
    before = {path.name for path in tmp_path.iterdir()}
    command, said = mistakes()[name]
    code, printed, errors = cli(
        *(word.format(data=frames, cache=cache_file, model=model, tmp=tmp_path) for word in command)
    )
    last = errors.strip().splitlines()[-1] if name not in ("no frames", "negative workers") else errors
    assert code == 2, errors
    assert said in last
    assert "Traceback" not in errors + printed
    left = {path.name for path in tmp_path.iterdir()} - before
    assert not {name for name in left if name.endswith(".h5")}


def test_a_recipe_does_it_all(cli: Cli, frames: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        '[extract]\nmodel = "demo"\ncrop = "given"\n'
        '[classify]\ntrain = ["FaceSwap"]\nheads = ["logistic"]\nfeatures = ["embedding", "prompts"]\n'
    )
    words = ["run", recipe, "--data", frames, "--out", tmp_path / "out"]
    assert cli(*words, "--mode", "train")[0] == 0
    assert not (tmp_path / "out" / "report.html").exists()
    assert cli(*words, "--mode", "test")[0] == 0
    assert (tmp_path / "out" / "report.html").exists()
    code, printed, _ = cli(*words)
    assert code == 0 and "is complete already" in printed
    code, _, errors = cli("run", recipe, "--data", tmp_path / "elsewhere", "--out", tmp_path / "out")
    assert code == 0 and "is taken as it is" in errors, "a cache that was copied alone is enough"


def test_cache_tools_take_a_cache_apart_and_together(cli: Cli, cache_file: Path, tmp_path: Path) -> None:
    for name in ("real", "FaceSwap"):
        words = ["cache", "subset", cache_file, "--where", f"manipulation={name}", "--out", tmp_path / f"{name}.h5"]
        assert cli(*words)[0] == 0
    code, printed, _ = cli("cache", "merge", tmp_path / "real.h5", tmp_path / "FaceSwap.h5", "--out", tmp_path / "m.h5")
    assert code == 0 and "frames of 2 files" in printed
    whole, merged = open_cache(cache_file), open_cache(tmp_path / "m.h5")
    kept = whole.samples["manipulation"].isin(["real", "FaceSwap"])
    assert sorted(merged.samples["sample_id"]) == sorted(whole.samples["sample_id"][kept])
    assert cli("cache", "export", tmp_path / "m.h5", "--out", tmp_path / "npy")[0] == 0
    exported = np.load(tmp_path / "npy" / "img_emb" / "img_emb_0.npy")
    assert exported.tobytes() == merged.array("embedding").tobytes()
    code, _, errors = cli("extract", "data", "--model", "demo", "--out", tmp_path / "m.h5")
    assert code == 2 and "Traceback" not in errors


def test_predict_judges_pictures_and_a_cache(
    cli: Cli, frames: Path, cache_file: Path, model: Path, tmp_path: Path
) -> None:
    pictures = sorted((frames / "FaceSwap").glob("03*.png"))[:3]
    code, printed, errors = cli("predict", model, *pictures)
    assert code == 0 and len(printed.strip().splitlines()) == 4, errors
    records = json.loads(cli("predict", model, *pictures, "--json")[1])
    assert [Path(record["path"]).name for record in records] == [path.name for path in pictures]
    assert all(0 < record["score"] < 1 for record in records)
    assert cli("predict", model, cache_file, "--out", tmp_path / "p", "--allow-leak")[0] == 0
    predicted = pd.read_csv(tmp_path / "p" / "predictions.csv").set_index("sample_id")["score"]
    names = dict(open_cache(cache_file).samples[["path", "sample_id"]].to_numpy())
    for record, path in zip(records, pictures, strict=True):
        assert record["score"] == pytest.approx(predicted[names[f"FaceSwap/{path.name}"]], abs=1e-3)
    code, printed, errors = cli("evaluate", tmp_path / "p", "--allow-leak")
    assert code == 0 and "LEAK" in printed, errors


def test_a_model_of_prompts_of_ones_own_is_enough_for_pictures(
    cli: Cli, frames: Path, cache_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text('real = ["a sharp photo"]\nfake = ["a blurry photo", "a soft photo"]\n')
    words = ["--train", "FaceSwap", "--head", "logistic", "--features", "prompts", "--prompt-set"]
    code, _, errors = cli("classify", cache_file, *words, tmp_path / "mine.toml", "--out", tmp_path)
    assert code == 0, errors
    (tmp_path / "mine.toml").unlink()
    run, picture = tmp_path / "FaceSwap" / "logistic", sorted((frames / "FaceSwap").glob("03*.png"))[0]
    code, printed, errors = cli("predict", run, picture, "--json")
    assert code == 0 and "sampling" not in errors, errors
    (record,) = json.loads(printed)
    predict = ["predict", run, cache_file, "--out", tmp_path / "p", "--allow-leak"]
    code, _, errors = cli(*predict)
    assert code == 2 and "cache prompts" in errors and "--with" in errors
    assert cli(*predict, "--with", tmp_path / "prompts" / "mine.h5")[0] == 0
    predicted = pd.read_csv(tmp_path / "p" / "predictions.csv").set_index("sample_id")["score"]
    names = dict(open_cache(cache_file).samples[["path", "sample_id"]].to_numpy())
    assert record["score"] == pytest.approx(predicted[names[f"FaceSwap/{picture.name}"]], abs=1e-3)
    code, _, errors = cli("predict", tmp_path, picture)
    assert code == 2 and str(run) in errors


def test_prompts_that_are_spelt_out_are_scored_once(cli: Cli, cache_file: Path, tmp_path: Path) -> None:
    words = ["classify", cache_file, "--train", "FaceSwap", "--head", "zero_shot", "--out", tmp_path]
    spelt = ["--prompt-real", "a sharp photo", "--prompt-fake", "a blurry photo", "--prompt-fake", "a soft photo"]
    code, _, errors = cli(*words, *spelt)
    assert code == 0, errors
    (addition,) = (tmp_path / "prompts").iterdir()
    made = addition.stat().st_mtime_ns
    code, _, errors = cli(*words, *spelt)
    assert code == 0 and "already there" in errors and addition.stat().st_mtime_ns == made
    assert json.loads((tmp_path / "FaceSwap/zero_shot/run.json").read_text())["prompt_set"] == addition.stem
    code, _, errors = cli(*words[:-1], tmp_path / "other", "--prompt-set", "clipping")
    assert code == 0, errors


def test_list_writes_nothing(cli: Cli, frames: Path, tmp_path: Path) -> None:
    code, printed, errors = cli("extract", frames, "--list")
    assert code == 0 and "FaceSwap" in printed and "name a --model" in printed and "layout folders" in errors
    code, printed, _ = cli("extract", frames, "--list", "--model", "demo", "--out", tmp_path / "x.h5", "--workers", "0")
    assert code == 0 and " GB and " in printed and "frames/s" in printed
    assert list(tmp_path.iterdir()) == []


def commands() -> list[str]:
    named = [command for command in pipeline.app.registered_commands if command.callback]
    own = [command.name or command.callback.__name__ for command in named if command.callback]
    return [*own, *(f"cache {command.name}" for command in pipeline.cache_app.registered_commands)]


def test_every_command_has_an_example_in_its_help(cli: Cli) -> None:
    assert len(commands()) == 15
    for command in commands():
        code, printed, _ = cli(*command.split(), "--help")
        assert code == 0 and "Example: python pipeline.py" in printed


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in commands():
        assert f"pipeline.py {command}" in readme
