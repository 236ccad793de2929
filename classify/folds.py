"""Weights of training rows, and folds that keep groups whole."""

import numpy as np
import pandas as pd

from cache.splits import shuffled

FOLDS = 5
FEWEST_GROUPS = 10  # fewer, and nothing is chosen
FEWEST_OF_A_CLASS = 5


def row_weights(y: np.ndarray, video: np.ndarray) -> np.ndarray:
    """Weight of each row: 1 / (rows of its video), then both classes alike, mean 1.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        Both classes, 0 and 1.
    video : ndarray, shape (n,)

    Examples
    --------
    >>> row_weights(np.array([0, 0, 1, 1]), np.array(["a", "a", "b", "c"])).tolist()
    [1.0, 1.0, 1.0, 1.0]
    >>> row_weights(np.array([0, 1, 1, 1]), np.array(["a", "b", "b", "c"])).tolist()
    [2.0, 0.5, 0.5, 1.0]
    """
    codes, _ = pd.factorize(video)
    weights = 1.0 / np.bincount(codes)[codes]
    totals = np.bincount(y, weights)
    return weights * (len(y) / len(totals)) / totals[y]


def few_groups(y: np.ndarray, group: np.ndarray) -> str | None:
    """The sentence that says why nothing can be chosen on these training groups, or None where it can."""
    real, fake = (len(set(group[y == label])) for label in (0, 1))
    total = len(set(group))
    if total >= FEWEST_GROUPS and min(real, fake) >= FEWEST_OF_A_CLASS:
        return None
    groups = "group" if total == 1 else "groups"
    return (
        f"few groups: {total} training {groups} ({real} with reals, {fake} with fakes) where at least {FEWEST_GROUPS} "
        f"({FEWEST_OF_A_CLASS} of each class) are needed to choose anything: default hyper-parameters, threshold 0.5, "
        "no out-of-fold scores"
    )


def grouped_folds(y: np.ndarray, group: np.ndarray, seed: int) -> np.ndarray:
    """Fold of each row: whole groups, each class spread evenly, the same whatever the order of rows.

    Groups are dealt by composition (mixed, only real, only fake), the largest first, each to the fold that holds the
    fewest groups of its classes, then to that with the fewest rows. With five groups of a class every fold holds it.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    group : ndarray of str, shape (n,)
    seed : int

    Returns
    -------
    ndarray of int, shape (n,)
        0 to 4.
    """
    codes, names = pd.factorize(group, sort=True)
    rows = np.bincount(codes)
    holds = np.stack([np.bincount(codes, y == label) > 0 for label in (0, 1)], axis=1)  # (groups, classes)
    luck = {name: place for place, name in enumerate(shuffled(names, seed))}
    order = sorted(range(len(names)), key=lambda i: (-holds[i].sum(), holds[i].argmax(), -rows[i], luck[names[i]]))
    fold_of = np.empty(len(names), int)
    held = np.zeros((FOLDS, 2), int)
    filled = np.zeros(FOLDS, int)
    for i in order:
        fold = min(range(FOLDS), key=lambda k: (held[k, holds[i]].sum(), filled[k], k))
        fold_of[i] = fold
        held[fold] += holds[i]
        filled[fold] += rows[i]
    return fold_of[codes]
