"""The ensemble head: the mean of several heads' calibrated scores."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from cache.errors import choose
from classify.heads.base import Head
from evaluate.calibration import apply, squash

UNCALIBRATED = "mean of the members' scores, too few groups to calibrate them: no probability"
MEMBERS = ("logistic", "svm", "mlp")


class Ensemble(Head):
    """Mean of the probabilities of several heads, each calibrated by Platt's method on its out-of-fold scores.

    `classify.fit` fits the members with their own searches, calibrates them on whole groups that they did not see, and
    joins them by `of`. ``fit`` alone knows no groups: it averages uncalibrated members with default parameters.

    Parameters
    ----------
    members : sequence of str
        Names in `HEADS`.
    random_state : int, optional
        Of every member.

    Attributes
    ----------
    members_ : list of Head
    calibrations_ : list of dict or None
        Of each member, as `evaluate.calibration.apply` takes it.
    """

    score_meaning: ClassVar[str] = "probability: mean of the members' calibrated probabilities"

    def __init__(self, members: Sequence[str] = MEMBERS, random_state: int | None = None) -> None:
        self.members = members
        self.random_state = random_state

    @classmethod
    def of(cls, members: Mapping[str, Head], calibrations: Sequence[dict[str, Any] | None], seed: int) -> Self:
        """An ensemble of heads that are fitted already, on the same matrix."""
        made = cls(list(members), seed)
        heads = list(members.values())
        made.classes_, made.n_features_in_ = heads[0].classes_, heads[0].n_features_in_
        made._join(heads, list(calibrations))
        return made

    def _fit(self, X: np.ndarray, codes: np.ndarray, weights: np.ndarray | None) -> None:
        heads = [head(random_state=self.random_state).fit(X, codes, weights) for head in member_heads(self.members)]
        self._join(heads, [None] * len(heads))

    def _join(self, heads: list[Head], calibrations: list[dict[str, Any] | None]) -> None:
        self.members_, self.calibrations_ = heads, calibrations
        self.n_parameters_ = sum(head.n_parameters_ for head in heads)
        self.converged_ = all(head.converged_ for head in heads)

    def _decide(self, X: np.ndarray) -> np.ndarray:
        pairs = zip(self.members_, self.calibrations_, strict=True)
        return joined_decision([apply(calibration, squash(head.decision_function(X))) for head, calibration in pairs])


def member_heads(names: Any) -> list[type[Head]]:
    """The classes of an ensemble's members.

    Raises
    ------
    ValueError
        There are none, or one is unknown or an ensemble.
    """
    from classify.heads import HEADS

    known = {name: head for name, head in HEADS.items() if head is not Ensemble}
    if not isinstance(names, list | tuple) or not names:
        raise ValueError(f"members of an ensemble are a list of heads, not {names!r}; known: {', '.join(known)}")
    if len(set(map(str, names))) < len(names):
        raise ValueError(f"an ensemble has each member once, not {', '.join(map(str, names))}")
    return [choose(known, str(name), "member of an ensemble") for name in names]


def joined_decision(scores: Sequence[np.ndarray]) -> np.ndarray:
    """Log odds of the mean of several heads' probabilities; one of exactly 0 or 1 is moved by the smallest step."""
    step = np.finfo(float).eps
    mean = np.clip(np.mean(scores, axis=0), step, 1 - step)
    return np.log(mean) - np.log1p(-mean)
