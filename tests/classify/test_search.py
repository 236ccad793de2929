"""The search: rows weigh what they should in every place, and what is validated on is never trained on."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from classify.fit import fit_head, scores
from classify.fitted import Fitted
from classify.folds import grouped_folds, row_weights
from classify.heads import contrastive
from classify.heads.epochs import EpochHead, Validation
from classify.heads.logistic import Logistic
from classify.normalize import Normalize
from classify.outcome import by_video, choose_outcome
from evaluate import calibration
from evaluate.calibration import squash

BLOCKS = (("embedding", 6), ("prompts", 2))


@pytest.fixture
def data() -> SimpleNamespace:
    """Videos of one to six frames and twice as many fake ones, so that weights differ from row to row."""
    rng = np.random.default_rng(0)
    group = np.repeat([f"g{k:02d}" for k in range(20)], 3)
    frames = rng.integers(1, 7, len(group))
    y = np.repeat(np.tile([0, 1, 1], 20), frames)
    video = np.repeat([f"{name}/{number % 3}" for number, name in enumerate(group)], frames)
    centre = np.repeat(np.repeat(rng.normal(size=(20, 8)), 3, axis=0), frames, axis=0)
    X = centre + 0.3 * rng.normal(size=(len(y), 8)) + y[:, None] * np.eye(8)[0] + 3
    return SimpleNamespace(
        X=X.astype(np.float32), y=y, group=np.repeat(group, frames).astype(object), video=video.astype(object)
    )


def fit(data: SimpleNamespace, head: str = "logistic", **options: Any) -> Fitted:
    return fit_head(head, data.X, data.y, data.video, data.group, **{"blocks": BLOCKS, **options})


def by_hand(data: SimpleNamespace, rows: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Scores of some rows by a head fitted on others, with the weights that those rows have among themselves."""
    weights = row_weights(data.y[rows], data.video[rows])
    scaler = Normalize("l2", BLOCKS).fit(data.X[rows], sample_weight=weights)
    head = Logistic(C=1.0).fit(scaler.transform(data.X[rows]), data.y[rows], sample_weight=weights)
    return squash(head.decision_function(scaler.transform(data.X[asked])))


def test_folds_are_weighted(data: SimpleNamespace) -> None:
    fitted = fit(data, seed=2, parameters={"C": 1.0})
    folds = grouped_folds(data.y, data.group, 2)
    assert fitted.uncalibrated is not None
    for fold in range(5):
        held = folds == fold
        assert fitted.uncalibrated[held] == pytest.approx(by_hand(data, ~held, held), abs=1e-4)


def test_the_final_fit_is_on_all_rows(data: SimpleNamespace) -> None:
    fitted = fit(data, parameters={"C": 1.0})
    everything = np.ones(len(data.y), bool)
    assert scores(fitted.estimator, data.X) == pytest.approx(by_hand(data, everything, everything), abs=1e-4)


def test_validation_is_weighted(data: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, held = [], EpochHead._held

    def spy(self: EpochHead, validation: Validation) -> Any:
        seen.append(held(self, validation))
        return seen[-1]

    monkeypatch.setattr(EpochHead, "_held", spy)
    fit(data, "mlp", parameters={"alpha": 0.1})
    rows = grouped_folds(data.y, data.group, 0) == 0
    assert seen[0].weights == pytest.approx(row_weights(data.y[rows], data.video[rows]))


@pytest.mark.parametrize("head", ["mlp", "linear_probe"])
def test_what_is_validated_on_is_not_trained_on(
    data: SimpleNamespace, head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, plain = [], EpochHead.fit

    def spy(self: EpochHead, X: Any, y: Any, sample_weight: Any = None, validation: Any = None, *more: Any) -> Any:
        if validation is not None:
            seen.append((np.asarray(X), np.asarray(validation.X)))
        return plain(self, X, y, sample_weight, validation, *more)

    monkeypatch.setattr(EpochHead, "fit", spy)
    fit(data, head, parameters={"epochs": 2, "patience": 1}, normalize="none")
    held = grouped_folds(data.y, data.group, 0) == 0
    assert seen
    for X, X_held in seen:
        assert np.array_equal(X, data.X[~held]) and np.array_equal(X_held, data.X[held])


def test_calibration_is_weighted_and_each_level_has_its_own(data: SimpleNamespace) -> None:
    raw = squash(2 * data.y - 1 + 2 * np.random.default_rng(0).normal(size=len(data.y)))
    folds = grouped_folds(data.y, data.group, 0)
    chosen = choose_outcome(raw, data.y, data.video, folds, "platt")
    assert chosen.calibration is not None and chosen.out_of_fold is not None
    assert chosen.calibration["frame"] == calibration.fit("platt", raw, data.y, row_weights(data.y, data.video))
    labels, means, _ = by_video(data.y, data.video, folds, chosen.out_of_fold)
    even = row_weights(labels, np.arange(len(labels)))
    assert chosen.calibration["video"] == calibration.fit("platt", means, labels, even)


def test_weights_reach_the_contrastive_loss(data: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = row_weights(data.y, data.video)
    seen, loss = [], contrastive.supervised_contrastive_loss

    def spy(torch: Any, unit: Any, labels: Any, weights: Any, temperature: float) -> Any:
        seen.append(weights.numpy())
        return loss(torch, unit, labels, weights, temperature)

    monkeypatch.setattr(contrastive, "supervised_contrastive_loss", spy)
    contrastive.Contrastive(epochs=1, random_state=0).fit(data.X, data.y, weights)
    assert np.sort(np.concatenate(seen)) == pytest.approx(np.sort(weights), rel=1e-5)
