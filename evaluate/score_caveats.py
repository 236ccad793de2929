"""What has to be said of a file of scores that came alone: what it may hide, and what it cannot mean."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from cache.identity import FAKES, FFPP_PAIR
from evaluate.wording import listed, plural

STAND_IN = 0.01  # share of the rows with one and the same score, from which on it is told
FEWEST = 20  # such rows
UNLISTED = "No list of training samples was given (--training): a leak from training into test cannot be excluded"
READ_AS = "Scores of others: label from {label}, score from {score}; 1 is fake, 0 is real, a higher score is more fake"
FAKE_NAMES = set(FAKES.values())


def score_caveats(
    table: pd.DataFrame, columns: Mapping[str, str], *, listed_training: bool, trained_on: Sequence[str] = ()
) -> list[str]:
    """Sentences on a file's test rows alone, and on what was said of the training.

    Parameters
    ----------
    table : DataFrame
    columns : mapping of str to str
        Both as `evaluate.scores.read_scores` has them.
    listed_training : bool
        Whether a list of training samples is there.
    trained_on : sequence of str
        Manipulations that were named, as `cache.identity.canonical` has them.
    """
    test = table[table["split"] == "test"]
    fakes = test[test["label"] == 1]
    told = [READ_AS.format(**{name: " ".join(columns[name].split()) for name in ("label", "score")})]
    if not listed_training:
        told.append(f"{UNLISTED}{_pairs_known(fakes)}")
    return [*told, *_unknown_names(test, trained_on), *_shared_scenes(fakes), *_shared_names(test), *_one_score(test)]


def one_sided(table: pd.DataFrame, threshold: float) -> list[str]:
    """A sentence where all test rows lie on one side of the threshold, so that nothing was told apart there."""
    scores = table.loc[table["split"] == "test", "score"]
    low, high = float(scores.min()), float(scores.max())
    if low < threshold <= high:
        return []
    where, called = ("at or above", "fake") if low >= threshold else ("below", "real")
    return [
        f"Every score ({low:g} to {high:g}) lies {where} the threshold {threshold:g}: all count as {called}, and what "
        "was decided tells nothing apart"
    ]


def _unknown_names(test: pd.DataFrame, trained_on: Sequence[str]) -> Iterator[str]:
    """Manipulations trained on that nobody knows, perhaps misspelt."""
    tested = set(test["manipulation"])
    for name in dict.fromkeys(trained_on):
        if name.rpartition("/")[2] not in tested | FAKE_NAMES:
            yield (
                f"--trained-on {name}: no test row is of it, and FaceForensics++ has none of that name; if it is "
                f"misspelt, what was seen in training stands as unseen (tested: {listed(sorted(tested))})"
            )


def _pairs_known(fakes: pd.DataFrame) -> str:
    """A reminder of how FaceForensics++ is made, where the fakes' videos are named as there."""
    videos = fakes["video_id"].drop_duplicates()
    if not videos.str.rpartition("/")[2].str.fullmatch(FFPP_PAIR.pattern).any():
        return ""
    return (
        ". FaceForensics++ makes all its manipulations of the same pairs of videos: fakes of one manipulation in "
        "training show the scenes of these unless the pairs were kept apart"
    )


def _shared_scenes(fakes: pd.DataFrame) -> Iterator[str]:
    """Test manipulations that are made of the same scenes."""
    kinds = fakes.groupby("scene")["manipulation"].nunique()
    shared = kinds.index[kinds > 1]
    if len(shared):
        names = sorted(set(fakes.loc[fakes["scene"].isin(shared), "manipulation"]))
        yield (
            f"{len(shared):,} of {plural(len(kinds), 'scene')} of the fakes stand in several manipulations "
            f"({listed(names)}): who trained on one of these has seen the scenes of the others"
        )


def _shared_names(test: pd.DataFrame) -> Iterator[str]:
    """Video names that stand for a real and for a fake."""
    videos = test.drop_duplicates("video_id")
    labels = videos.groupby(videos["video_id"].str.rpartition("/")[2])["label"].nunique()
    if len(both := labels.index[labels > 1]):
        yield (
            f"{plural(len(both), 'name')} of videos ({listed([*both], 3)}) stand for a real and for a fake: each "
            "counts as a video of its own, and where the name tells who is in it, in one group"
        )


def _one_score(test: pd.DataFrame) -> Iterator[str]:
    """A score that too many rows have in common."""
    counts = test["score"].value_counts()
    value, count = float(counts.index[0]), int(counts.iloc[0])
    if count >= max(FEWEST, STAND_IN * len(test)):
        yield (
            f"{count:,} of {plural(len(test), 'row')} have one and the same score, {value:g}: saturated, rounded, or a "
            "stand-in for what was not judged, such as frames without a face"
        )
