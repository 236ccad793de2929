"""Probes that should find nothing: real and fake by metadata alone, by the background alone, by shuffled labels."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cache.schema import FAKE, REAL
from cache.splits import shuffled
from evaluate.audit_findings import Finding, finding
from evaluate.bootstrap import bootstrap
from evaluate.intervals import group_draws, interval
from evaluate.metrics import auc
from evaluate.wording import number, plural, with_interval

Embed = Callable[[np.ndarray], np.ndarray]
FOLDS = 5
FEWEST_GROUPS = 10  # of each class
MOST_VIDEOS = 20_000  # of metadata; more are sampled by whole groups
MOST_PICTURED = 5_000  # of embeddings
BLOCK = 16_384  # rows whose embeddings are held at once
FOUND = 0.6  # AUC from which on a shortcut is a warning; below, one that is no chance is a note
SHUFFLES = 9  # all above .5 by chance: once in 512
CATEGORIES = 100  # of a text column; rarer ones are one category
NUMBERS = {"byte_size": "byte size", "width": "width", "height": "height", "detector_score": "detector score"}
TEXTS = {"format": "format", "quantization": "quantisation tables"}


def metadata_shortcut(samples: pd.DataFrame, *, seed: int = 0) -> list[Finding]:
    """Whether real and fake can be told apart without looking at the picture.

    Gradient boosting on one row for each video (means of numbers, the first of texts), scored out of fold with groups
    kept whole.

    Parameters
    ----------
    samples : DataFrame
        ``label``, ``video_id``, ``group``, and any of byte_size, width, height, detector_score, format, quantization.
    seed : int
        Of folds and intervals.

    Returns
    -------
    list of Finding
        Of kind "metadata": a warning where the AUC is `FOUND` or more and its interval lies above .5.

    References
    ----------
    Grommelt et al., "Fake or JPEG? Revealing Common Biases in Generated Image Detection Datasets", ECCV 2024 Workshops
    """
    videos = sampled(samples, MOST_VIDEOS, seed)
    columns = [*NUMBERS, *TEXTS]
    table = pd.DataFrame({name: _column(videos, name) for name in columns if name in videos})
    table = table.loc[:, table.nunique() > 1]
    if table.empty:
        there = [(NUMBERS | TEXTS)[name] for name in columns if name in videos]
        text = f"metadata tell nothing: same {', '.join(there)} in all videos" if there else "no metadata to compare"
        return [finding("metadata", "note", text)]
    if too_few := _too_few("metadata", videos):
        return [too_few]
    fold = _folds(videos, seed)
    whole = _grouped_auc(table, videos, _boosting(table), fold, seed)
    names = [(NUMBERS | TEXTS)[name] for name in table]
    after = ""
    if len(names) > 1 and _is_found(whole):
        alone = {name: _grouped_auc(table[[key]], videos, _boosting(table[[key]]), fold, seed)["value"] or 0.0
                 for key, name in zip(table, names, strict=True)}  # fmt: skip
        best = max(alone, key=lambda name: alone[name])
        after = f"; by {best} alone {number(alone[best], 2)}"
    return [_judged("metadata", f"metadata alone ({', '.join(names)})", whole, len(videos), after)]


def metadata_columns(samples: pd.DataFrame) -> list[str]:
    """The columns of a table that `metadata_shortcut` reads."""
    return [name for name in ("label", "video_id", "group", *NUMBERS, *TEXTS) if name in samples]


def picture_probe(kind: str, what: str, embed: Embed, samples: pd.DataFrame, *, seed: int = 0) -> Finding:
    """Whether logistic regression on an embedding that should not tell real from fake does.

    Parameters
    ----------
    kind, what : str
        Of the finding: its kind, and what was looked at.
    embed : callable
        Rows (n,) to embeddings (n, D).
    samples : DataFrame
        ``label``, ``video_id``, ``group``; the index holds the rows that ``embed`` takes.
    seed : int
    """
    X, videos = _video_embeddings(embed, samples, seed)
    if too_few := _too_few(kind, videos):
        return too_few
    return _judged(kind, what, _grouped_auc(X, videos, _linear(), _folds(videos, seed), seed), len(videos))


def shuffle_control(embed: Embed, samples: pd.DataFrame, *, seed: int = 0) -> Finding:
    """Whether the same probe stays at chance when the videos' labels are shuffled, as it must.

    Parameters as for `picture_probe`.
    """
    X, videos = _video_embeddings(embed, samples, seed)
    if too_few := _too_few("shuffle", videos):
        return too_few
    random, fold = np.random.default_rng(seed), _folds(videos, seed)
    labels = [random.permutation(videos["label"].to_numpy()) for _ in range(SHUFFLES)]
    reached = [auc(y, _out_of_fold(X, y, _linear(), fold)) for y in labels]
    low, high = min(reached), max(reached)
    text = f"with shuffled labels a probe on the embedding has AUC {number(low, 2)} to {number(high, 2)}"
    biased = ", all above guessing: the probe is biased, and the other AUCs of this audit are not to be trusted"
    after = biased if low > 0.5 else ", as it must"
    counts = {"low": low, "high": high, "shuffles": SHUFFLES}
    return finding("shuffle", "warning" if low > 0.5 else "note", text, counts, after=after)


def sampled(samples: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """One row for each labelled video: numbers averaged, else the first; whole groups of at most about ``most``."""
    labelled = samples[samples["label"].isin([REAL, FAKE])]
    sizes = labelled.groupby("group")["video_id"].nunique()
    if sizes.sum() > most:
        order = shuffled(sizes.index, seed)
        taken = order[: max(1, int(np.searchsorted(np.cumsum(sizes[order]), most, side="right")))]
        labelled = labelled[labelled["group"].isin(set(taken))]
    how = {name: "mean" if name in NUMBERS else "first" for name in labelled if name != "video_id"}
    return labelled.groupby("video_id", sort=True).agg(how).reset_index()


def _column(videos: pd.DataFrame, name: str) -> pd.Series:
    if name in NUMBERS:
        return videos[name].astype(float)
    common = videos[name].value_counts().index[:CATEGORIES]
    return videos[name].where(videos[name].isin(common), "rare").astype("category")


def _video_embeddings(embed: Embed, samples: pd.DataFrame, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Mean embedding of each video that is taken, (videos, D), and its row."""
    keyed = samples[["label", "video_id", "group"]]
    videos = sampled(keyed, MOST_PICTURED, seed)
    code = videos.index.to_series(index=videos["video_id"])
    used = keyed.loc[keyed["video_id"].isin(code.index), "video_id"]
    rows, of = used.index.to_numpy(), code[used].to_numpy()
    sums = np.zeros((len(videos), embed(rows[:1]).shape[1]), np.float32)
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        np.add.at(sums, of[block], np.asarray(embed(rows[block]), np.float32))
    return sums / np.bincount(of, minlength=len(videos))[:, None], videos


def _too_few(kind: str, videos: pd.DataFrame) -> Finding | None:
    groups = {label: int(videos.loc[videos["label"] == label, "group"].nunique()) for label in (REAL, FAKE)}
    if min(groups.values()) >= FEWEST_GROUPS:
        return None
    counts = {"real_groups": groups[REAL], "fake_groups": groups[FAKE]}
    text = (
        f"{kind} was not probed: {plural(groups[REAL], 'group')} with reals and {groups[FAKE]} with fakes, where "
        f"{FEWEST_GROUPS} of each are needed"
    )
    return finding(kind, "note", text, counts)


def _folds(videos: pd.DataFrame, seed: int) -> np.ndarray:
    """Fold of each video: groups whole, classes spread evenly."""
    y, fold = videos["label"].to_numpy(int), np.empty(len(videos), int)
    dealer = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for number_, (_, rows) in enumerate(dealer.split(y, y, videos["group"].to_numpy(str))):
        fold[rows] = number_
    return fold


def _grouped_auc(X: Any, videos: pd.DataFrame, model: Any, fold: np.ndarray, seed: int) -> dict[str, float | None]:
    """AUC of out-of-fold scores, and its interval by whole groups."""
    y, group = videos["label"].to_numpy(int), videos["group"].to_numpy(str)
    scores = _out_of_fold(X, y, model, fold)
    drawn = bootstrap(y, scores, group, group_draws(group, y, seed=seed), ("auc",))
    area = auc(y, scores)
    return {"value": area, **interval(drawn["auc"], area)}


def _out_of_fold(X: Any, y: np.ndarray, model: Any, fold: np.ndarray) -> np.ndarray:
    rows = X.iloc if isinstance(X, pd.DataFrame) else X
    scores = np.empty(len(y))
    for one in range(FOLDS):
        inside = fold == one
        scores[inside] = clone(model).fit(rows[~inside], y[~inside]).decision_function(rows[inside])
    return scores


def _boosting(table: pd.DataFrame) -> Any:
    return HistGradientBoostingClassifier(
        max_iter=50, max_depth=3, min_samples_leaf=5, class_weight="balanced", early_stopping=False,
        categorical_features=[isinstance(kind, pd.CategoricalDtype) for kind in table.dtypes], random_state=0,
    )  # fmt: skip


def _linear() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=200))


def _is_found(reached: Mapping[str, float | None]) -> bool:
    low = reached["value"] if reached["low"] is None else reached["low"]  # an AUC of 1 in every draw has no interval
    return (reached["value"] or 0) >= FOUND and (low or 0) > 0.5


def _judged(kind: str, what: str, reached: dict[str, float | None], videos: int, after: str = "") -> Finding:
    text = f"{what} tell real from fake with AUC {with_interval(reached, 2)}, out of fold, {plural(videos, 'video')}"
    return finding(kind, "warning" if _is_found(reached) else "note", text, {**reached, "videos": videos}, after=after)
