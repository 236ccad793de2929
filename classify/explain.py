"""What a model's score hangs on, sample by sample: its score and its direction as functions of the embedding."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from cache.errors import InputError, choose
from cache.reader import Cache
from classify.acceptance import check_prompts
from classify.models import Model
from classify.subjects import Subject
from evaluate.calibration import apply, squash
from evaluate.saliency import Explanation

STEP = 1e-2  # of a central difference, by the length of the embedding
ROUGH = 0.5  # a gradient that predicts a step of a quarter of that no better than this is none
FLAT = 0.01  # nor is one by which a step of the embedding's whole length would change no more of the score than this
METHODS = {
    "gradient": "integrated gradients through encoder and head",
    "occlusion": "how far the score falls when a part of the picture is blurred",
}
NO_GRADIENT = "this head's score moves in jumps and has no gradient here: occlusion alone"

Score = Callable[[np.ndarray], np.ndarray]


class Pictures(Protocol):
    """Samples as the encoder saw them: rows of the cache, squares (k, h, w, 3), boxes of the face (k, 4) or NaN."""

    @property
    def rows(self) -> np.ndarray: ...
    @property
    def squares(self) -> np.ndarray: ...
    @property
    def boxes(self) -> np.ndarray: ...


class Maps(Protocol):
    """What maps a score over a square, by its gradient (D,), or by its values: first that of the picture itself."""

    def gradient(self, square: np.ndarray, direction: np.ndarray) -> np.ndarray: ...
    def occlusion(self, square: np.ndarray, score: Score) -> np.ndarray: ...


def explain(
    subject: Subject,
    cache: Cache,
    pictures: Pictures,
    maps: Maps,
    *,
    methods: Sequence[str] = tuple(METHODS),
    progress: Callable[[int, int], None] | None = None,
) -> list[Explanation]:
    """Maps of the parts of each picture that a model's score hangs on.

    Parameters
    ----------
    subject : Subject
    cache : Cache
    pictures : Pictures
    maps : Maps
    methods : sequence of str
        Names in `METHODS`. A score without a gradient is explained by occlusion, whatever is asked for.
    progress : callable, optional
        Called with (samples done, samples in all).

    Raises
    ------
    InputError
        An unknown method, or features that do not follow from the embedding.
    """
    for name in methods:
        choose(METHODS, name, "method")
    model, samples = subject.model, cache.samples.iloc[pictures.rows]
    margin = score_of_embedding(model, cache)
    embeddings = cache.array("embedding", pictures.rows).astype(np.float32)
    scores = apply(model.calibration("frame"), squash(margin(embeddings)))
    prompts = _prompts(model, cache, pictures.rows)
    found = []
    for at, sample in enumerate(samples.to_dict("records")):
        drawn, note = _maps(maps, methods, pictures.squares[at], margin, embeddings[at])
        found.append(
            Explanation(
                **{name: sample[name] for name in ("sample_id", "video_id", "group", "manipulation", "label")},
                score=float(scores[at]),
                threshold=model.threshold("frame"),
                square=pictures.squares[at],
                box=tuple(pictures.boxes[at].tolist()),
                maps=drawn,
                reference=maps.occlusion(pictures.squares[at], shift) if "occlusion" in drawn else None,
                prompts=prompts[at],
                note=note,
            )
        )
        if progress:
            progress(at + 1, len(samples))
    return found


def _maps(
    maps: Maps, methods: Sequence[str], square: np.ndarray, margin: Score, embedding: np.ndarray
) -> tuple[dict[str, np.ndarray], str]:
    """A sample's map by each method, and what is to be said of them."""
    drawn, note = {}, ""
    if "gradient" in methods:
        along = direction(margin, embedding)
        if along is None:
            note = NO_GRADIENT
        else:
            drawn["gradient"] = maps.gradient(square, along)
    if "occlusion" in methods or note:
        drawn["occlusion"] = maps.occlusion(square, margin)
    return drawn, note


def shift(embeddings: np.ndarray) -> np.ndarray:
    """How far each embedding lies from the first, at unit length, as a score that falls: what any head might see."""
    units = _units(embeddings)
    return -np.linalg.norm(units - units[0], axis=1)


def score_of_embedding(model: Model, cache: Cache) -> Score:
    """A model's decision as a function of the embedding: (n, D) to (n,); above 0 leans to fake.

    Similarities to prompts, where they are among the features, follow from the embedding and the cached texts.

    Raises
    ------
    InputError
        The model goes by the class token, or by prompts that the cache does not hold.
    """
    names = model.meta["features"]
    if "cls" in names:
        raise InputError(
            "this model goes by the class token, of which the embedding is only a projection; explain a model of "
            "--features embedding, prompts, or both"
        )
    texts = None
    if "prompts" in names:
        check_prompts(model, cache, model.meta["prompt_set"])
        texts = cache.prompts(model.meta["prompt_set"]).text_embeddings

    def score(embeddings: np.ndarray) -> np.ndarray:
        blocks = {"embedding": embeddings}
        if texts is not None:
            blocks["prompts"] = _units(embeddings) @ texts.T.astype(embeddings.dtype)
        return model.pipeline.decision_function(np.concatenate([blocks[name] for name in names], axis=1))

    return score


def direction(score: Score, embedding: np.ndarray) -> np.ndarray | None:
    """Gradient of a score by the embedding, by central differences: the same for every kind of head.

    Parameters
    ----------
    score : callable
        Called with 2 D rows, and then with a few.
    embedding : ndarray, shape (D,)

    Returns
    -------
    ndarray of float64, shape (D,), or None
        None where the score is as good as constant, or does not follow it over a smaller step: it moves in jumps.

    Examples
    --------
    >>> weights = np.array([3.0, 4.0])
    >>> direction(lambda rows: rows @ weights, np.ones(2)).round(6).tolist()
    [3.0, 4.0]
    >>> direction(lambda rows: (rows @ weights > 6.99).astype(float), np.ones(2))
    """
    at = np.asarray(embedding, np.float64)
    step = STEP * max(float(np.linalg.norm(at)), np.finfo(float).tiny)
    steps = step * np.eye(len(at))
    ahead, behind = np.split(np.asarray(score(np.concatenate([at + steps, at - steps])), float), 2)
    found = (ahead - behind) / (2 * step)
    length = float(np.linalg.norm(found))
    if length * step <= STEP * FLAT * abs(float(score(at[None])[0])):
        return None
    ahead, behind = score(at + np.outer([1, -1], found) * step / (4 * length))
    return found if abs((ahead - behind) / (step / 2) - length) < ROUGH * length else None


def _units(embeddings: np.ndarray) -> np.ndarray:
    return embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def _prompts(model: Model, cache: Cache, rows: np.ndarray) -> list[list[tuple[str, int, float]]]:
    """Text, class and cosine of each prompt, for each row: of the model's prompt set, else of the cache's only one."""
    sets = cache.prompt_sets()
    name = model.meta.get("prompt_set")
    name = name if name in sets else sets[0] if len(sets) == 1 else None
    if name is None:
        return [[] for _ in rows]
    held, similarity = cache.prompts(name), cache.similarity(name, rows)
    labels = [int(label) for label in held.labels]
    return [list(zip(held.texts, labels, map(float, row), strict=True)) for row in similarity]
