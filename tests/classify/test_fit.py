"""Fitting: each rule of choice, with a test that its breach would fail."""

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import classify.search as searching
from cache.errors import InputError
from classify.fit import fit_head, scores
from classify.fitted import Fitted
from classify.folds import grouped_folds, row_weights
from classify.heads import HEADS
from classify.heads.base import Prompts
from classify.heads.logistic import Logistic
from classify.normalize import Normalize
from evaluate.metrics import auc, balanced_threshold

COLUMNS = ["epoch", "lr", "train_loss", "validation_loss", "validation_auc"]
BLOCKS = (("embedding", 6), ("prompts", 2))
PLAIN = [name for name, head in HEADS.items() if "text_tower" not in head.needs]  # those that run it: their own tests
LEARNS_SLOWLY = {  # recipes for larger data, changed so that they learn a hundred rows
    "linear_probe": {"lr": 0.1},
    "prompt_fusion": {"lr": 3e-3},
    "clip_adapter": {"lr": 0.01},
}


def training(groups: int = 16, frames: int = 3, seed: int = 0, gap: float = 1.0) -> SimpleNamespace:
    """Groups of one real and one fake video; videos of a group resemble each other more than those of a class."""
    rng = np.random.default_rng(seed)
    y = np.tile(np.repeat([0, 1], frames), groups)
    group = np.repeat([f"g{k:02d}" for k in range(groups)], 2 * frames).astype(object)
    video = np.array([f"{name}/{label}" for name, label in zip(group, y, strict=True)], dtype=object)
    X = np.repeat(rng.normal(size=(groups, 8)), 2 * frames, axis=0) + 0.3 * rng.normal(size=(len(y), 8))
    X[:, 0] += gap * y
    return SimpleNamespace(X=(X + 3).astype(np.float32), y=y, video=video, group=group)


def prompts() -> Prompts:
    """Of the fakes along the first axis, where they differ."""
    return Prompts(("a", "b"), np.array([0, 1]), np.eye(8, dtype=np.float32)[[1, 0]], 10.0)


def fit(data: SimpleNamespace, head: str = "logistic", **options: Any) -> Fitted:
    if head in HEADS and HEADS[head].needs:
        options = {"blocks": (("embedding", 8),), "known": {"prompts": prompts}, **options}
    return fit_head(head, data.X, data.y, data.video, data.group, **{"blocks": BLOCKS, **options})


def same(first: Fitted, second: Fitted, X: np.ndarray) -> bool:
    return (
        np.array_equal(scores(first.estimator, X), scores(second.estimator, X))
        and np.array_equal(first.out_of_fold, second.out_of_fold)
        and (first.parameters, first.thresholds, first.search) == (second.parameters, second.thresholds, second.search)
    )


@pytest.mark.parametrize("head", PLAIN)
def test_every_head_is_fitted_with_all_that_a_run_states(head: str) -> None:
    data = training(gap=2.0)
    fitted = fit(data, head, parameters=LEARNS_SLOWLY.get(head))
    assert fitted.out_of_fold is not None and fitted.out_of_fold.shape == data.y.shape
    assert ((fitted.out_of_fold > 0) & (fitted.out_of_fold < 1)).all()
    assert auc(data.y, fitted.out_of_fold) > 0.7
    assert [type(step) for _, step in fitted.estimator.steps] == [Normalize, HEADS[head]]
    assert (
        fitted.search
        and fitted.seconds > 0
        and (fitted.n_parameters > 0) == (head not in ("zero_shot", "knn"))
        and fitted.caveats == []
    )
    assert (fitted.history is not None) == HEADS[head].chooses_epochs
    assert fitted.calibration is None and fitted.uncalibrated is fitted.out_of_fold


@pytest.mark.parametrize("head", PLAIN)
def test_the_same_input_and_seed_give_the_same_bits(head: str) -> None:
    data = training()
    fixed = {"epochs": 2} if HEADS[head].chooses_epochs else {}
    first, second = (fit(data, head, seed=5, parameters=fixed) for _ in range(2))
    assert same(first, second, data.X)


def test_out_of_fold_scores_never_saw_their_group() -> None:
    """Replay a fold by hand: rows of other groups only, weighted and scaled anew."""
    data = training()
    fitted = fit(data, seed=2)
    folds = grouped_folds(data.y, data.group, 2)
    for fold in range(5):
        rows = folds != fold
        assert not set(data.group[rows]) & set(data.group[~rows])
        weights = row_weights(data.y[rows], data.video[rows])
        scaler = Normalize("l2", BLOCKS).fit(data.X[rows], sample_weight=weights)
        head = Logistic(**fitted.parameters).fit(scaler.transform(data.X[rows]), data.y[rows], sample_weight=weights)
        expected = 1 / (1 + np.exp(-head.decision_function(scaler.transform(data.X[~rows]))))
        assert fitted.out_of_fold is not None
        assert fitted.out_of_fold[~rows] == pytest.approx(expected, abs=1e-4)


def test_a_memorised_group_cannot_win() -> None:
    """Labels are random by video and videos of a group look alike: a fold that cut groups would reach far above 0.5."""
    data = training(groups=40, gap=0.0)
    rng = np.random.default_rng(1)
    flip = np.isin(data.group, rng.permutation(np.unique(data.group))[:20])
    label = flip.astype(int)  # the label is the group's: what its twins show gives it away
    fitted = fit(SimpleNamespace(X=data.X, y=label, video=data.video, group=data.group), "svm")
    assert fitted.out_of_fold is not None
    assert auc(label, fitted.out_of_fold) < 0.7 < auc(label, scores(fitted.estimator, data.X))


def test_the_best_of_the_search_is_taken_and_ties_go_to_the_stronger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = training(gap=0.6)
    fitted = fit(data)
    reached = [result["auc"] for result in fitted.search]
    assert [result["params"]["C"] for result in fitted.search] == Logistic.GRID["C"]
    assert fitted.parameters == fitted.search[int(np.argmax(reached))]["params"]
    monkeypatch.setattr(searching, "auc", lambda labels, values: 0.5)
    assert fit(data).parameters == {"C": min(Logistic.GRID["C"])}


def test_the_search_is_by_video_not_by_frame() -> None:
    data = training(gap=0.8)
    fitted = fit(data)
    labels, means = video_means(data, fitted.out_of_fold)
    best = next(result["auc"] for result in fitted.search if result["params"] == fitted.parameters)
    assert best == auc(labels, means) != auc(data.y, fitted.out_of_fold)


def video_means(data: SimpleNamespace, values: Any) -> tuple[np.ndarray, np.ndarray]:
    names = np.unique(data.video.astype(str))
    return (
        np.array([data.y[data.video == name][0] for name in names]),
        np.array([values[data.video == name].mean() for name in names]),
    )


def test_thresholds_come_from_out_of_fold_scores_of_their_level() -> None:
    data = training(gap=0.6)
    fitted = fit(data)
    assert fitted.thresholds["frame"]["value"] == balanced_threshold(data.y, fitted.out_of_fold)
    assert fitted.thresholds["video"]["value"] == balanced_threshold(*video_means(data, fitted.out_of_fold))
    assert "out-of-fold" in fitted.thresholds["video"]["source"]


@pytest.mark.parametrize("head", PLAIN)
def test_repeating_the_frames_of_a_video_does_not_give_it_more_say(head: str) -> None:
    """One video repeated tenfold weighs what it weighed; unweighted it would pull the decision over."""
    data = training(groups=8, frames=2, gap=0.5)
    rows = np.arange(len(data.y))
    often = np.concatenate([rows, np.repeat(rows[data.video == "g00/1"], 9)])
    one = fit(data, head, normalize="none")
    many = fit(SimpleNamespace(**{k: v[often] for k, v in vars(data).items()}), head, normalize="none")
    assert one.search == many.search == []  # few groups: default parameters, the fits compare
    tolerance = {"logistic": 1e-3, "linear_svm": 1e-3, "svm": 0.05, "knn": 0.05}.get(head, 0.1)
    assert scores(many.estimator, data.X).mean() == pytest.approx(scores(one.estimator, data.X).mean(), abs=tolerance)


def test_uneven_classes_are_evened_out() -> None:
    data = training(groups=8, frames=4, gap=0.0)
    rare = (data.y == 0) | (np.char.endswith(data.video.astype(str), "/1") & (data.group < "g02"))
    uneven = SimpleNamespace(**{k: v[rare] for k, v in vars(data).items()})
    assert uneven.y.mean() == 0.2
    fitted = fit(uneven, normalize="none", parameters={"C": 1e-9})  # nothing but the intercept is left
    assert fitted.estimator.decision_function(uneven.X) == pytest.approx(0, abs=1e-3), "unweighted: log(0.2 / 0.8)"


@pytest.mark.parametrize("head", PLAIN)
@pytest.mark.parametrize("groups", [9, 4])
def test_few_groups_fall_back_to_defaults_and_say_so(head: str, groups: int) -> None:
    data = training(groups=groups)
    fitted = fit(data, head)
    defaults = {k: v for k, v in HEADS[head]().get_params().items() if k not in ("random_state", "prompts")}
    assert fitted.parameters == defaults or head == "ensemble"
    assert fitted.out_of_fold is None and fitted.search == []
    assert [found["value"] for found in fitted.thresholds.values()] == [0.5, 0.5]
    assert all(found["source"].startswith("default") for found in fitted.thresholds.values())
    assert f"few groups: {groups} training groups" in fitted.caveats[0]


@pytest.mark.parametrize("head", ["zero_shot", "prompt_fusion"])
def test_heads_that_compare_with_texts_take_the_embedding_alone(head: str) -> None:
    with pytest.raises(InputError, match="takes nothing else, not embedding, prompts: --features embedding"):
        fit(training(), head, blocks=BLOCKS)
    with pytest.raises(InputError, match="standardised it cannot be: --normalize l2"):
        fit(training(), head, normalize="standard")


def test_calibrated_scores_and_their_thresholds() -> None:
    data = training(groups=24, gap=0.6)
    plain, fitted = fit(data, "svm"), fit(data, "svm", calibrate="platt")
    assert np.array_equal(plain.out_of_fold, fitted.uncalibrated)
    assert not np.array_equal(fitted.out_of_fold, fitted.uncalibrated)
    assert fitted.calibration is not None and set(fitted.calibration) == {"method", "frame", "video"}
    assert fitted.thresholds["frame"]["value"] == balanced_threshold(data.y, fitted.out_of_fold)
    with pytest.raises(InputError, match="unknown calibration 'beta'; known: isotonic, platt"):
        fit(data, calibrate="beta")
    assert fit(training(groups=6), calibrate="platt").calibration is None, "too few groups to choose anything"


def test_every_epoch_of_the_final_fit_can_be_kept() -> None:
    kept: dict[int, dict[str, np.ndarray]] = {}
    fitted = fit(training(), "mlp", parameters={"epochs": 3}, checkpoint=kept.__setitem__)
    assert list(kept) == [1, 2, 3]
    assert np.array_equal(kept[3]["weight_0"], fitted.head.coefs_[0])
    assert not np.array_equal(kept[2]["weight_0"], kept[3]["weight_0"])


def test_ten_groups_are_enough_but_four_of_a_class_are_not() -> None:
    data = training(groups=10)
    assert fit(data).out_of_fold is not None
    keep = (data.y == 0) | (data.group < "g04")
    assert fit(SimpleNamespace(**{k: v[keep] for k, v in vars(data).items()})).out_of_fold is None


def test_fixed_parameters_leave_the_search() -> None:
    fitted = fit(training(), parameters={"C": 7})
    assert fitted.parameters == {"C": 7}
    assert [result["params"] for result in fitted.search] == [{"C": 7}]
    fitted = fit(training(), "mlp", parameters={"epochs": 4, "lr": 0.01})
    assert {tuple(result["params"].items()) for result in fitted.search} == {
        (("alpha", alpha), ("epochs", 4), ("lr", 0.01)) for alpha in HEADS["mlp"].GRID["alpha"]
    }
    assert fitted.parameters["epochs"] == 4
    assert fit(training(4), parameters={"C": 7}).parameters == {"C": 7}


def test_the_number_of_epochs_comes_from_the_first_fold() -> None:
    fitted = fit(training(gap=0.5), "mlp")
    assert fitted.history is not None and list(fitted.history) == COLUMNS
    best = int(fitted.history["epoch"][fitted.history["validation_loss"].idxmin()])
    assert fitted.parameters["epochs"] == best
    head = fitted.estimator.named_steps["head"]
    assert (head.epochs, head.best_epoch_) == (best, best), "the final fit runs exactly the epochs chosen"
    assert "validation_loss" not in head.history_, "and on all training rows: nothing is held out any more"


def test_scalers_know_only_the_rows_of_their_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    data = training()
    seen: list[int] = []
    fit_normalizer: Callable[..., Normalize] = Normalize.fit

    def spy(self: Normalize, X: np.ndarray, y: None = None, sample_weight: np.ndarray | None = None) -> Normalize:
        assert sample_weight is not None
        seen.append(len(X))
        return fit_normalizer(self, X, y, sample_weight)

    monkeypatch.setattr(Normalize, "fit", spy)
    fit(data, normalize="standard")
    folds = np.bincount(grouped_folds(data.y, data.group, 0))
    assert sorted(seen) == sorted([*(len(data.y) - folds), len(data.y)])


def test_a_solver_that_stops_early_is_told_and_not_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classify.heads.linear_solver.MAX_PASSES", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        fitted = fit(training(), parameters={"C": 1e4})
    assert "stopped before its tolerance" in fitted.caveats[0]


@pytest.mark.parametrize(
    ("head", "options", "message"),
    [
        ("forest", {}, "unknown head 'forest'; known: clip_adapter, cocoop, "),
        ("logistic", {"normalize": "max"}, "unknown normalisation 'max'; known: l2, none, standard"),
        ("logistic", {"parameters": {"gamma": 1}}, "unknown parameter of logistic 'gamma'; known: C"),
        ("logistic", {"parameters": {"C": -1.0}}, "logistic cannot be fitted with {'C': -1.0}"),
        ("mlp", {"parameters": {"alpha": "strong"}}, "mlp cannot be fitted with"),
        ("mlp", {"parameters": {"random_state": 1}}, "unknown parameter of mlp 'random_state'"),
        ("mlp", {"parameters": {"epochs": 0}}, "mlp cannot be fitted with"),
    ],
)
def test_bad_requests_are_refused(head: str, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("{", r"\{").replace("}", r"\}")):
        fit(training(), head, **options)


def test_one_class_is_refused() -> None:
    data = training()
    with pytest.raises(InputError, match=r"needs real \(0\) and fake \(1\) samples, found labels \[1\]"):
        fit(SimpleNamespace(**{k: v[data.y == 1] for k, v in vars(data).items()}))


def test_scores_are_the_logistic_function_and_never_overflow() -> None:
    class Steep:
        def decision_function(self, X: np.ndarray) -> np.ndarray:
            return np.array([-800.0, 0.0, np.log(3), 800.0])

    with np.errstate(all="raise", under="ignore"):
        assert scores(Steep(), np.zeros((4, 1))).tolist() == pytest.approx([0, 0.5, 0.75, 1])  # type: ignore[arg-type]
