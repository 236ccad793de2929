"""The score as a function of the embedding, its direction, and what is put together for each sample."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cache.errors import InputError
from cache.reader import Cache, open_cache
from classify.explain import NO_GRADIENT, direction, explain, score_of_embedding, shift
from classify.features import feature_matrix
from classify.predict import score_frames
from classify.runs import classify
from classify.subjects import Subject, open_subjects

HEADS = ("logistic", "svm", "mlp", "knn", "zero_shot", "ensemble")
D = 8


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of several heads, and of one on similarities beside the embedding."""
    from cache.store import write_cache
    from tests.conftest import make_samples, make_space

    folder = tmp_path_factory.mktemp("runs")
    samples = make_samples(groups=24, frames=2)
    write_cache(folder / "x.h5", samples, {"clean": make_space(samples, dimension=D)})
    options: dict[str, Any] = {"train": ["FaceSwap"], "test": ["Deepfakes"]}
    classify(
        folder / "x.h5",
        folder / "all",
        **options,
        heads=[*HEADS[:-1], "ensemble"],
        parameters={"mlp": {"epochs": 5}, "ensemble": {"members": ["logistic", "knn"]}},
        calibrate="platt",
    )
    for name, features in (("both", ["prompts", "embedding"]), ("prompts", ["prompts"])):
        classify(folder / "x.h5", folder / name, **options, heads=["logistic"], features=features)
    return folder


def opened(trained: Path, head: str = "logistic", under: str = "all") -> tuple[Subject, Cache]:
    [subject], cache = open_subjects([trained / under / "FaceSwap" / head])
    return subject, cache


def pictures(rows: list[int]) -> SimpleNamespace:
    squares = np.arange(len(rows) * 4 * 4 * 3, dtype=np.uint8).reshape(len(rows), 4, 4, 3)
    boxes = np.tile([1.0, 1.0, 3.0, 3.0], (len(rows), 1))
    return SimpleNamespace(rows=np.array(rows), squares=squares, boxes=boxes)


class FakeMaps:
    """Tells what it was asked for: the length of the direction, and the fall of the score between two embeddings."""

    def __init__(self, embeddings: np.ndarray) -> None:
        self.embeddings = embeddings
        self.directions: list[np.ndarray] = []

    def gradient(self, square: np.ndarray, direction: np.ndarray) -> np.ndarray:
        self.directions.append(direction)
        return np.full((14, 14), np.linalg.norm(direction))

    def occlusion(self, square: np.ndarray, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        first, second = score(self.embeddings)
        return np.full((14, 14), first - second)


@pytest.mark.parametrize(
    ("under", "head"), [*(("all", head) for head in HEADS), ("both", "logistic"), ("prompts", "logistic")]
)
def test_the_score_of_cached_embeddings_is_that_of_the_run(trained: Path, under: str, head: str) -> None:
    """Similarities that are made anew from embeddings of float16 differ from those stored in the third digit."""
    subject, cache = opened(trained, head, under)
    rows = np.arange(len(cache))
    found = score_of_embedding(subject.model, cache)(cache.array("embedding").astype(np.float32))
    X, _ = feature_matrix(cache, rows, subject.model.meta["features"], "pair")
    expected = subject.model.pipeline.decision_function(X)
    assert found.shape == (len(cache),)
    np.testing.assert_allclose(found, expected, atol=1e-6 if under == "all" else 0.02 * np.ptp(expected))


@pytest.mark.parametrize("head", HEADS)
def test_the_direction_is_the_way_up(trained: Path, head: str) -> None:
    """Of every kind of head: a small step along it raises the score by its length, one across it by nothing much."""
    subject, cache = opened(trained, head)
    score = score_of_embedding(subject.model, cache)
    for embedding in cache.array("embedding", np.array([0, 50, 100])).astype(float):
        found = direction(score, embedding)
        assert found is not None
        length = np.linalg.norm(found)
        along = found / length
        across = np.random.default_rng(0).normal(size=D)
        across -= across @ along * along
        across /= np.linalg.norm(across)
        step = 1e-3 * np.linalg.norm(embedding)
        rise, aside = score(np.array([embedding + step * along, embedding + step * across])) - score(embedding[None])
        assert rise == pytest.approx(length * step, rel=0.3)
        assert abs(aside) < 0.5 * rise


def test_directions_by_hand() -> None:
    """f = x y + z at (1, 2, 3)."""
    found = direction(lambda rows: rows[:, 0] * rows[:, 1] + rows[:, 2], np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(found, [2, 1, 1], rtol=1e-6)


def test_a_score_in_jumps_has_no_direction() -> None:
    point = np.array([1.0, 1.0, 0.0])
    assert direction(lambda rows: np.zeros(len(rows)), point) is None
    assert direction(lambda rows: np.floor(30 * rows[:, 0]) / 10, point) is None
    assert direction(lambda rows: 1 + 1e-4 * rows[:, 0], point) is None, "ties are broken, no more"


def test_votes_have_none_and_are_explained_by_occlusion(trained: Path, tmp_path: Path) -> None:
    classify(
        trained / "x.h5", tmp_path / "votes", train=["FaceSwap"], test=["Deepfakes"], heads=["knn"],
        parameters={"knn": {"vote": "votes", "k": 5}},
    )  # fmt: skip
    [subject], cache = open_subjects([tmp_path / "votes" / "FaceSwap" / "knn"])
    maps = FakeMaps(cache.array("embedding", np.array([0, 9])).astype(np.float32))
    for one in explain(subject, cache, pictures([0, 20, 40]), maps, methods=["gradient"]):
        assert list(one.maps) == ["occlusion"] and one.note == NO_GRADIENT


def test_what_is_put_together(trained: Path) -> None:
    subject, cache = opened(trained)
    rows = [3, 90]
    embeddings = cache.array("embedding", np.array([0, 9])).astype(np.float32)
    maps, done = FakeMaps(embeddings), []
    found = explain(subject, cache, pictures(rows), maps, progress=lambda *pair: done.append(pair))
    assert done == [(1, 2), (2, 2)]
    assert [one.sample_id for one in found] == cache.column("sample_id")[rows].tolist()
    assert [one.label for one in found] == cache.column("label")[rows].tolist()
    expected = score_frames(subject.model, cache)[rows]
    assert [one.score for one in found] == pytest.approx(expected.tolist(), rel=1e-6), "calibrated"
    assert {one.threshold for one in found} == {subject.model.threshold("frame")}
    margins = score_of_embedding(subject.model, cache)(embeddings)
    for one, along in zip(found, maps.directions, strict=True):
        assert set(one.maps) == {"gradient", "occlusion"}
        assert one.maps["gradient"][0, 0] == np.linalg.norm(along)
        assert one.maps["occlusion"][0, 0] == margins[0] - margins[1]
        assert one.reference is not None and one.reference[0, 0] == pytest.approx(-shift(embeddings)[1])
        assert one.box == (1, 1, 3, 3) and one.square.shape == (4, 4, 3) and one.note == ""
    texts = [[text for text, _, _ in one.prompts] for one in found]
    assert texts == [cache.prompts().texts] * 2
    assert [value for _, _, value in found[1].prompts] == pytest.approx(cache.similarity(rows=np.array([90]))[0])


def test_only_what_is_asked_for(trained: Path) -> None:
    subject, cache = opened(trained)
    maps = FakeMaps(cache.array("embedding", np.array([0, 9])).astype(np.float32))
    [one] = explain(subject, cache, pictures([3]), maps, methods=["gradient"])
    assert set(one.maps) == {"gradient"} and one.reference is None
    [one] = explain(subject, cache, pictures([3]), maps, methods=["occlusion"])
    assert set(one.maps) == {"occlusion"} and one.reference is not None and len(maps.directions) == 1
    with pytest.raises(InputError, match="unknown method 'attention'; known: gradient, occlusion"):
        explain(subject, cache, pictures([3]), maps, methods=["attention"])


def test_class_tokens_are_refused(trained: Path) -> None:
    subject, cache = opened(trained)
    by_token = subject.model._replace(meta={**subject.model.meta, "features": ["embedding", "cls"]})
    with pytest.raises(InputError, match="goes by the class token"):
        score_of_embedding(by_token, cache)


def test_shifts_by_hand() -> None:
    """A right angle lies the root of 2 away, whatever the lengths."""
    found = shift(np.array([[2.0, 0.0], [5.0, 0.0], [0.0, 3.0]]))
    np.testing.assert_allclose(found, [0, 0, -np.sqrt(2)], atol=1e-12)


def test_the_cache_of_the_test_is_opened(trained: Path) -> None:
    assert opened(trained)[1].path == trained / "x.h5"
    assert open_cache(trained / "x.h5").table_hash == opened(trained)[1].table_hash
