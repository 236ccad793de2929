"""A fitted head and how it came about."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from classify.heads.base import Head


@dataclass(frozen=True)
class Fitted:
    """A fitted head and how it came about.

    Attributes
    ----------
    estimator : Pipeline
        `Normalize`, then the head.
    parameters : dict
        All parameters of the head but the seed.
    uncalibrated : ndarray of float64, shape (n,), or None
        Score of each training row by a head that never saw its group.
    out_of_fold : ndarray of float64, shape (n,), or None
        The same; where calibration was asked for, calibrated on the other folds.
    calibration : dict or None
        ``{"method", "frame", "video"}``, each level's as `evaluate.calibration.apply` takes it.
    thresholds : dict
        ``{"frame": {"value", "source"}, "video": {"value", "source"}}``
    search : list of dict
        ``{"params", "auc"}`` of each candidate, in the order tried.
    history : DataFrame or None
        Loss by epoch, of heads with epochs.
    caveats : list of str
    n_parameters : int
    seconds : float
    """

    estimator: Pipeline
    parameters: dict[str, Any]
    uncalibrated: np.ndarray | None
    out_of_fold: np.ndarray | None
    calibration: dict[str, Any] | None
    thresholds: dict[str, dict[str, Any]]
    search: list[dict[str, Any]]
    history: pd.DataFrame | None
    caveats: list[str]
    n_parameters: int
    seconds: float

    @property
    def head(self) -> Head:
        """The head without its normalisation."""
        return self.estimator.named_steps["head"]

    def map_of(self, level: str) -> dict[str, Any] | None:
        """The calibration of a level, as `evaluate.calibration.apply` takes it."""
        return None if self.calibration is None else self.calibration[level]


class Wanted(NamedTuple):
    """What may differ between heads that are fitted together: fixed parameters, calibration and threshold."""

    parameters: dict[str, Any]
    calibrate: str | None = None
    threshold: float | None = None
