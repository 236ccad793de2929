"""A grid of some 200 cells against a script that loops over them with scikit-learn; and what it takes to kill a grid.

    python benchmarks/bench_ablate.py
    python benchmarks/bench_ablate.py --every 10    # the script does every tenth cell, and is scaled
    python benchmarks/bench_ablate.py --kills 10
    python benchmarks/bench_ablate.py --rows 2000 --columns 32 --every 20    # a quick look

The script does for each cell what a study does: load the arrays, take the rows of the same split, normalise, score the
training side out of fold (five grouped folds, for the threshold), fit, and take the AUC of each test manipulation at
frame and at video level. It makes no intervals, no files and no report; what 1,000 draws of groups of its video AUCs in
a loop over `roc_auc_score` would add is measured on a cell and told apart. At its default tolerance
`LogisticRegression` stops early on unit rows with a large C, so AUCs are compared with exact solutions, too. The grid's
time is that of the whole command: start, cells with intervals and files, report with paired tests.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import LinearSVC
from synthetic import make_cache

from cache.reader import open_cache

ROOT = Path(__file__).parents[1]
TRAIN = [["FaceSwap"], ["Deepfakes", "FaceSwap"], ["Deepfakes", "Face2Face", "FaceSwap"]]
GRID = {
    "head": ["logistic", "linear_svm"],
    "logistic.C": [0.01, 0.1, 0.3, 1, 3, 10, 30, 100, 1000],
    "linear_svm.C": [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100],
    "normalize": ["l2", "standard"],
    "train": TRAIN,
    "features": [["embedding"], ["embedding", "prompts"]],
}
TESTS = ["Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"]
DRAWS = 1000
EXACT = 1e-7  # tolerance at which scikit-learn's solutions are those of the objective


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=25_000)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--every", type=int, default=1, help="the script does every n-th cell")
    parser.add_argument("--kills", type=int, default=0, help="kill the grid so often, in the place of the comparison")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_cache(folder / "cache.h5", options.rows, options.columns)
        (folder / "grid.toml").write_text(grid_file(), encoding="utf-8")
        if options.kills:
            kill(folder, options.kills, options.seed)
        else:
            compare(folder, options.every)


def grid_file() -> str:
    """The grid as TOML, whose lists are those of JSON."""
    lines = ["[options]", f"test = {json.dumps(TESTS)}", "[product]"]
    return "\n".join([*lines, *(f"{name} = {json.dumps(values)}" for name, values in GRID.items())]) + "\n"


def command(folder: Path, out: str) -> list[str]:
    grid = ["ablate", str(folder / "grid.toml"), "--cache", str(folder / "cache.h5"), "--out", str(folder / out)]
    return [sys.executable, str(ROOT / "pipeline.py"), *grid]


def compare(folder: Path, every: int) -> None:
    """The grid, started twice, and the script, on the same cells."""
    seconds = [timed(command(folder, "out")) for _ in range(2)]
    split = split_of(folder)
    write_arrays(folder, split)
    cells = [json.loads(path.read_text()) for path in sorted((folder / "out/cells").glob("*/run.json"))]
    found = {
        path.parent.name: json.loads(path.read_text()) for path in (folder / "out/cells").glob("*/cell_metrics.json")
    }
    ours = [found[path.parent.name] for path in sorted((folder / "out/cells").glob("*/run.json"))]
    chosen = range(0, len(cells), every)
    start = time.perf_counter()
    theirs = {at: script(folder, cells[at]) for at in chosen}
    script_seconds = (time.perf_counter() - start) * len(cells) / len(chosen)
    exact = {at: script(folder, cells[at], EXACT) for at in chosen}
    apart = [
        [abs(ours[at]["tests"][name][level]["auc"]["value"] - of[at][name][level]) for of in (theirs, exact)]
        for at in chosen
        for name in TESTS
        for level in ("frame", "video")
    ]
    draws = drawn_seconds(folder, cells[0]) * len(cells)
    print(f"cells                                     {len(cells)} on {len(open_cache(folder / 'cache.h5')):,} rows")
    print(f"grid, intervals and report included, s    {seconds[0]:.1f}")
    print(f"a second start, s                         {seconds[1]:.2f}")
    print(f"script, s                                 {script_seconds:.1f} ({len(chosen)} cells done)")
    print(f"ratio                                     {script_seconds / seconds[0]:.1f}")
    print(f"script with 1,000 draws in a loop, s      {script_seconds + draws:.0f}")
    print(f"ratio                                     {(script_seconds + draws) / seconds[0]:.1f}")
    for what, of in zip(("as it is", "solved to 1e-7"), np.transpose(apart), strict=True):
        print(f"AUC apart, script {what}: at most {of.max():.5f}, mean {of.mean():.5f}")


def timed(words: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def split_of(folder: Path) -> pd.Series:
    """Side of each sample, as the cells have it: all share one split."""
    groups = open_cache(folder / "cache.h5").samples["group"]
    one = next((folder / "out/cells").glob("*/predictions.parquet"))
    table = pd.read_parquet(one, columns=["group", "split"])
    return groups.isin(table.loc[table["split"] == "test", "group"]).map({True: "test", False: "train"})


def write_arrays(folder: Path, split: pd.Series) -> None:
    """What the script loads."""
    cache = open_cache(folder / "cache.h5")
    np.save(folder / "embedding.npy", cache.array("embedding"))
    np.save(folder / "prompts.npy", cache.similarity())
    cache.samples.assign(side=split).to_csv(folder / "samples.csv", index=False)


def script(folder: Path, cell: dict[str, Any], tol: float | None = None) -> dict[str, dict[str, float]]:
    """One cell with scikit-learn: AUC by test manipulation and level; with a tolerance of its own no folds."""
    samples, y, scores = scored(folder, cell, tol)
    found = {}
    for name in TESTS:
        rows = samples["manipulation"].isin(["real", name]).to_numpy()
        videos = pd.DataFrame({"video": samples["video_id"][rows], "y": y[rows], "score": scores[rows]})
        videos = videos.groupby("video").mean()
        found[name] = {
            "frame": float(roc_auc_score(y[rows], scores[rows])),
            "video": float(roc_auc_score(videos["y"], videos["score"])),
        }
    return found


def scored(folder: Path, cell: dict[str, Any], tol: float | None = None) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Test samples, their labels, and their probabilities or squashed margins."""
    samples = pd.read_csv(folder / "samples.csv", keep_default_na=False)
    X = np.load(folder / "embedding.npy").astype(np.float32)
    prompts = np.load(folder / "prompts.npy") if "prompts" in cell["features"] else None
    fake = samples["label"].to_numpy() == 1
    train = (samples["side"] == "train") & (samples["manipulation"].isin(cell["train"]) | ~fake)
    test = (samples["side"] == "test").to_numpy()
    X_train, X_test = blocks(X, prompts, train.to_numpy(), test, cell["normalize"])
    y, groups = fake[train].astype(int), samples["group"][train].to_numpy()
    C = cell["fixed"]["C"]
    if cell["head"] == "logistic":
        model: Any = LogisticRegression(C=C, class_weight="balanced", max_iter=10_000)
    else:
        model = LinearSVC(C=C, class_weight="balanced", dual=False, intercept_scaling=100, max_iter=10_000)
    if tol is not None:
        model.set_params(tol=tol, max_iter=100_000)
    else:
        cross_val_predict(model, X_train, y, groups=groups, cv=GroupKFold(5), method="decision_function")
    decisions = model.fit(X_train, y).decision_function(X_test)
    return samples[test], fake[test].astype(int), 1 / (1 + np.exp(-decisions))


def blocks(
    X: np.ndarray, prompts: np.ndarray | None, train: np.ndarray, test: np.ndarray, how: str
) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows, normalised as the grid's heads take them."""
    if how == "standard":
        whole = X if prompts is None else np.hstack([X, prompts])
        scaler = StandardScaler().fit(whole[train])
        return scaler.transform(whole[train]), scaler.transform(whole[test])
    unit = Normalizer().fit_transform(X)
    if prompts is None:
        return unit[train], unit[test]
    scaler = StandardScaler().fit(prompts[train])
    scaled = scaler.transform(prompts) / np.sqrt(prompts.shape[1])
    whole = np.hstack([unit, scaled.astype(np.float32)])
    return whole[train], whole[test]


def drawn_seconds(folder: Path, cell: dict[str, Any]) -> float:
    """Seconds that intervals of a cell's video AUCs take in a loop, out-of-fold included as one more."""
    samples, y, scores = scored(folder, cell)
    videos = pd.DataFrame({"video": samples["video_id"], "y": y, "score": scores, "group": samples["group"]})
    videos = videos.groupby("video").agg({"y": "first", "score": "mean", "group": "first"})
    rows = {group: np.flatnonzero(videos["group"] == group) for group in videos["group"].unique()}
    names, rng = list(rows), np.random.default_rng(0)
    start = time.perf_counter()
    for _ in range(DRAWS // 10):
        drawn = np.concatenate([rows[names[at]] for at in rng.integers(0, len(names), len(names))])
        roc_auc_score(videos["y"].to_numpy()[drawn], videos["score"].to_numpy()[drawn])
    return (time.perf_counter() - start) * 10 * (len(TESTS) + 1)


def kill(folder: Path, times: int, seed: int) -> None:
    """Kill the grid at random moments after its first new cell, then let it end; hold its table against a whole one."""
    whole = timed(command(folder, "whole"))
    moments = random.Random(seed)
    for number in range(1, times + 1):
        before = there(folder)
        process = subprocess.Popen(
            command(folder, "out"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while process.poll() is None and there(folder) == before:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, whole / 20))
        with contextlib.suppress(ProcessLookupError):  # it had ended
            os.killpg(process.pid, signal.SIGKILL)
        print(f"kill {number}: {there(folder)} cells there, exit code {process.wait()}", flush=True)
    timed(command(folder, "out"))
    one, other = (pd.read_csv(folder / name / "table.csv") for name in ("whole", "out"))
    differing = [name for name in one if not one[name].equals(other[name])]
    print(f"columns that differ: {', '.join(differing) or 'none'}")


def there(folder: Path) -> int:
    return len(list((folder / "out/cells").glob("[!.]*")))


if __name__ == "__main__":
    main()
