"""The ensemble: the mean of calibrated members, each of which was chosen and calibrated out of fold."""

import numpy as np
import pytest

from cache.errors import InputError
from classify.fit import fit_head, scores
from classify.folds import grouped_folds, row_weights
from classify.heads.ensemble import Ensemble, joined_decision
from classify.outcome import cross_fitted
from evaluate import calibration
from evaluate.calibration import squash

BLOCKS = (("embedding", 6),)


def training(groups: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.tile([0, 0, 1, 1], groups)
    group = np.repeat([f"g{k:02d}" for k in range(groups)], 4).astype(object)
    video = np.array([f"{name}/{label}" for name, label in zip(group, y, strict=True)], object)
    return (rng.normal(size=(len(y), 6)) + 0.8 * y[:, None]).astype(np.float32), y, video, group


def test_the_mean_of_probabilities_by_hand() -> None:
    decision = joined_decision([np.array([0.2, 1.0, 0.0]), np.array([0.4, 1.0, 0.0])])
    assert squash(decision)[0] == pytest.approx(0.3)
    assert np.isfinite(decision).all() and decision[1] > 30 > -30 > decision[2]


def test_its_score_is_the_mean_of_its_members_calibrated_scores() -> None:
    X, y, video, group = training()
    members = {name: fit_head(name, X, y, video, group, blocks=BLOCKS) for name in ("logistic", "linear_svm")}
    fitted = fit_head(
        "ensemble", X, y, video, group, blocks=BLOCKS, parameters={"members": list(members)}, fitted=members
    )
    weights, folds = row_weights(y, video), grouped_folds(y, group, 0)
    maps = [calibration.fit("platt", one.uncalibrated, y, weights) for one in members.values()]
    parts = [
        calibration.apply(one, scores(member.estimator, X)) for one, member in zip(maps, members.values(), strict=True)
    ]
    assert scores(fitted.estimator, X) == pytest.approx(np.mean(parts, axis=0))
    held = [cross_fitted("platt", one.uncalibrated, y, weights, folds) for one in members.values()]
    assert fitted.uncalibrated == pytest.approx(np.mean(held, axis=0))
    assert fitted.parameters == {"members": ["logistic", "linear_svm"]}
    assert fitted.n_parameters == sum(one.n_parameters for one in members.values())


def test_members_that_are_not_there_are_fitted() -> None:
    X, y, video, group = training()
    alone = fit_head("ensemble", X, y, video, group, blocks=BLOCKS, parameters={"members": ["logistic", "linear_svm"]})
    given = {"logistic": fit_head("logistic", X, y, video, group, blocks=BLOCKS)}
    joined = fit_head(
        "ensemble", X, y, video, group, blocks=BLOCKS, parameters={"members": ["logistic", "linear_svm"]}, fitted=given
    )
    assert np.array_equal(scores(alone.estimator, X), scores(joined.estimator, X))


def test_too_few_groups_to_calibrate_leave_the_plain_mean() -> None:
    X, y, video, group = training(6)
    fitted = fit_head("ensemble", X, y, video, group, blocks=BLOCKS, parameters={"members": ["logistic", "linear_svm"]})
    assert isinstance(fitted.head, Ensemble) and fitted.head.calibrations_ == [None, None]
    assert "few groups" in fitted.caveats[0] and fitted.out_of_fold is None


@pytest.mark.parametrize("members", [[], ["ensemble"], ["forest"], ["logistic", "ensemble"]])
def test_members_that_cannot_be_are_refused(members: list[str]) -> None:
    X, y, video, group = training()
    with pytest.raises(InputError, match="ensemble"):
        fit_head("ensemble", X, y, video, group, blocks=BLOCKS, parameters={"members": members})
