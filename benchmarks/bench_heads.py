"""Seconds and AUC of our heads, beside scikit-learn's estimators on the same rows.

python benchmarks/bench_heads.py
python benchmarks/bench_heads.py --rows 20000 --heads svm,knn --rounds 3
python benchmarks/bench_heads.py --quick

Synthetic features: groups of a real and a fake video, 10 frames each, in clusters; a fifth of the groups is the test
side. Each round runs every contender once. Seconds of wall time, and CPU seconds, which other work touches less.
"""

import argparse
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib.externals.loky import get_reusable_executor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from classify.fit import fit_head
from classify.folds import grouped_folds
from classify.heads.epochs import Validation
from classify.heads.knn import KNN, TIE
from classify.heads.logistic import Logistic
from classify.heads.mlp import MLP
from classify.heads.svm import SVM

FRAMES = 10
SHIFT = 0.1  # of the fakes: AUC of about .9
SIZES = ((20_000, 512), (100_000, 768))
TARGETS = {"logistic": 5.0, "svm": 5.0, "mlp": 2.0, "knn": 3.0}
ROUGHLY = 0.002  # AUC that counts as equal
C, RELATIVE_GAMMA, NEIGHBOURS, HIDDEN, ALPHA, LR = 10.0, 0.1, 10, (64,), 0.1, 3e-3
# Rows that a comparison is run on where the whole takes the baseline longer than ten minutes: both sides take these.
MOST = {"logistic": (80_000, 20_000), "svm": (30_000, 10_000), "mlp": (80_000, 20_000), "knn": (80_000, 5_000)}


@dataclass
class Data:
    """Training and test side, of different groups."""

    X: np.ndarray
    y: np.ndarray
    group: np.ndarray
    video: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray

    def first(self, train: int, test: int) -> "Data":
        """The first rows of both sides."""
        rows, test_rows = slice(train), slice(test)
        parts = (self.X[rows], self.y[rows], self.group[rows], self.video[rows])
        return Data(*parts, self.X_test[test_rows], self.y_test[test_rows])


@dataclass
class Timed:
    """One contender in one round."""

    wall: float
    cpu: float
    auc: float
    note: str


Contender = Callable[[Data], tuple[np.ndarray, str]]  # fits, and gives decisions of the test side and a remark


def clustered(rows: int, columns: int, seed: int = 0) -> Data:
    """Features of unit length whose spread falls off over the directions as that of embeddings does.

    A row is the sum of what all share, its cluster, its group, its video and its frame; fakes are shifted in one
    direction that all share and in one of their cluster.
    """
    rng = np.random.default_rng(seed)
    clusters, groups = 8, rows // (2 * FRAMES)
    spread = np.arange(1, columns + 1) ** -0.6
    spread = (spread / np.linalg.norm(spread)).astype(np.float32)

    def drawn(count: int) -> np.ndarray:
        return rng.standard_normal((count, columns), dtype=np.float32) * spread

    cluster = rng.integers(0, clusters, groups)
    group = np.repeat(np.arange(groups), 2 * FRAMES)
    y = np.tile(np.repeat([0, 1], FRAMES), groups)
    video = np.repeat(np.arange(2 * groups), FRAMES)
    X = drawn(len(y)) * np.float32(0.5)
    X += (1.5 * drawn(1) + drawn(clusters)[cluster] + 0.8 * drawn(groups))[group]
    X += 0.5 * drawn(2 * groups)[video]
    shift = np.float32(SHIFT * (512 / columns) ** 0.5) * (drawn(1) + 0.5 * drawn(clusters))
    X += shift[cluster[group]] * y[:, None].astype(np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    test = group % 5 == 0
    names = np.char.add("g", group.astype(str)).astype(object)
    videos = np.char.add("v", video.astype(str)).astype(object)
    return Data(X[~test], y[~test], names[~test], videos[~test], X[test], y[test])


def our_logistic(data: Data) -> tuple[np.ndarray, str]:
    """The whole search, as `classify` runs it."""
    blocks = (("embedding", data.X.shape[1]),)
    fitted = fit_head("logistic", data.X, data.y, data.video, data.group, blocks=blocks)
    return fitted.estimator.decision_function(data.X_test), f"C = {fitted.parameters['C']:g}"


def grid_search(data: Data) -> tuple[np.ndarray, str]:
    """scikit-learn's search, over the same C on the same folds."""
    folds = PredefinedSplit(grouped_folds(data.y, data.group, 0))
    search = GridSearchCV(LogisticRegression(max_iter=2000), Logistic.GRID, scoring="roc_auc", cv=folds, n_jobs=-1)
    search.fit(data.X, data.y)
    get_reusable_executor().shutdown(wait=True)  # their CPU seconds count once they have ended
    return search.decision_function(data.X_test), f"C = {search.best_params_['C']:g}"


def our_svm(data: Data) -> tuple[np.ndarray, str]:
    """Fit and score."""
    head = SVM(C=C, relative_gamma=RELATIVE_GAMMA, random_state=0).fit(data.X, data.y)
    return head.decision_function(data.X_test), head.solver_


def svc(data: Data) -> tuple[np.ndarray, str]:
    """Fit and score, with our gamma."""
    machine = SVC(C=C, gamma=RELATIVE_GAMMA / float(data.X.var(axis=0).sum())).fit(data.X, data.y)
    return machine.decision_function(data.X_test), f"{len(machine.support_)} support vectors"


def our_mlp(data: Data) -> tuple[np.ndarray, str]:
    """The epoch chosen on a fifth of the groups, then a fit on all rows."""
    held = grouped_folds(data.y, data.group, 0) == 0
    validation = Validation(data.X[held], data.y[held])
    settings: dict[str, Any] = {"hidden_layer_sizes": HIDDEN, "alpha": ALPHA, "lr": LR, "random_state": 0}
    chosen = MLP(**settings).fit(data.X[~held], data.y[~held], validation=validation)
    head = MLP(**{**settings, **chosen.chosen_}).fit(data.X, data.y)
    return head.decision_function(data.X_test), f"{len(chosen.history_['epoch'])} epochs, then {chosen.best_epoch_}"


def mlp_classifier(data: Data) -> tuple[np.ndarray, str]:
    """In double precision: in single its weights become denormal, and it takes some ten times as long."""
    network = MLPClassifier(HIDDEN, alpha=ALPHA, learning_rate_init=LR, random_state=0)
    network.fit(data.X.astype(float), data.y)
    return network.predict_proba(data.X_test)[:, 1], f"{network.n_iter_} epochs"


def our_knn(data: Data) -> tuple[np.ndarray, str]:
    """Fit and score, by the rule of `neighbours`."""
    head = KNN(k=NEIGHBOURS, vote="votes").fit(data.X, data.y)
    return head.decision_function(data.X_test), f"k = {NEIGHBOURS}"


def neighbours(data: Data) -> tuple[np.ndarray, str]:
    """Votes of the k nearest, ties broken by similarity as ours are."""

    def votes(distances: np.ndarray) -> np.ndarray:
        return 1 + TIE * (1 - distances)

    classifier = KNeighborsClassifier(NEIGHBOURS, metric="cosine", weights=votes).fit(data.X, data.y)
    return classifier.predict_proba(data.X_test)[:, 1], f"k = {NEIGHBOURS}"


PAIRS: dict[str, dict[str, Contender]] = {
    "logistic": {"ours": our_logistic, "GridSearchCV": grid_search},
    "svm": {"ours": our_svm, "SVC": svc},
    "mlp": {"ours": our_mlp, "MLPClassifier": mlp_classifier},
    "knn": {"ours": our_knn, "KNeighborsClassifier": neighbours},
}


def timed(contender: Contender, data: Data) -> Timed:
    """Run a contender once."""
    wall, cpu = time.perf_counter(), _cpu()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        decisions, note = contender(data)
    return Timed(time.perf_counter() - wall, _cpu() - cpu, float(roc_auc_score(data.y_test, decisions)), note)


def _cpu() -> float:
    """Seconds of this process and of those that it waited for."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def compare(head: str, data: Data, rounds: int) -> None:
    """Let both contenders of a head take turns, and print what came out."""
    whole = (len(data.X), len(data.X_test))
    data = data.first(*MOST[head])
    used = (len(data.X), len(data.X_test))
    results: dict[str, list[Timed]] = {name: [] for name in PAIRS[head]}
    for _ in range(rounds):
        for name, contender in PAIRS[head].items():
            results[name].append(timed(contender, data))
    fewer = "" if used == whole else f" (fewer than the {whole[0]:,} + {whole[1]:,} there are)"
    print(f"\n{head}: {used[0]:,} training and {used[1]:,} test rows x {data.X.shape[1]}{fewer}")
    print(f"  {'':<22}{'wall, s':>10}{'CPU, s':>10}{'AUC':>9}")
    for name, runs in results.items():
        wall, cpu, area = (statistics.median(getattr(run, field) for run in runs) for field in ("wall", "cpu", "auc"))
        print(f"  {name:<22}{wall:>10.2f}{cpu:>10.2f}{area:>9.4f}  {runs[0].note}")
    ours, other = results.values()
    pairs = list(zip(ours, other, strict=True))
    wall, cpu = (_spread([getattr(b, field) / getattr(a, field) for a, b in pairs]) for field in ("wall", "cpu"))
    gain = ours[0].auc - other[0].auc
    verdict = "equal" if abs(gain) <= ROUGHLY else "better" if gain > 0 else "WORSE"
    print(f"  {head} ratio: wall {wall}, CPU {cpu}; target {TARGETS[head]:g}; AUC {verdict} ({gain:+.4f})", flush=True)


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    """Print a table for each size and head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, choices=[rows for rows, _ in SIZES], help="one of the sizes only")
    parser.add_argument("--heads", default=",".join(PAIRS), help="comma-separated")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="2,000 x 64: does it run at all?")
    given = parser.parse_args()
    sizes = [(2_000, 64)] if given.quick else [size for size in SIZES if given.rows in (None, size[0])]
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}; {given.rounds} rounds")
    for rows, columns in sizes:
        data = clustered(rows, columns)
        for head in given.heads.split(","):
            compare(head, data, given.rounds)


if __name__ == "__main__":
    main()
