"""The full ROC of labels and scores, of one weighting or of many at once, and what is read from it."""

import numpy as np

from cache.errors import InputError

Curve = tuple[np.ndarray, np.ndarray, np.ndarray]


def roc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> Curve:
    """The full ROC: one point for every distinct score, none thinned away.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        0 real, 1 fake.
    scores : ndarray of float, shape (n,)
        Higher = more fake.
    weights : ndarray of float, shape (n,) or (b, n), optional
        One weight a row; with two axes, b weightings of the same rows at once.

    Returns
    -------
    fpr, tpr : ndarray of float, shape (k + 1,) or (b, k + 1)
        For k distinct scores, from (0, 0) to (1, 1).
    thresholds : ndarray of float, shape (k + 1,)
        Falling, the first one infinite; a row is called fake where its score is at or above the threshold.

    Raises
    ------
    InputError
        Only one class is there (or has weight), or a score is not finite.

    Examples
    --------
    >>> fpr, tpr, _ = roc(np.array([0, 1, 1]), np.array([0.1, 0.8, 0.3]))
    >>> fpr.tolist(), tpr.tolist()
    ([0.0, 0.0, 0.0, 1.0], [0.0, 0.5, 1.0, 1.0])
    """
    order, last, thresholds = falling(labels, scores)
    labels = np.asarray(labels)[order]
    weights = np.ones(len(order)) if weights is None else np.asarray(weights, "f8")
    tpr, fpr = (_caught(weights, order[labels == label], np.cumsum(labels == label)[last]) for label in (1, 0))
    return fpr, tpr, np.concatenate([[np.inf], thresholds])


def falling(labels: np.ndarray, scores: np.ndarray) -> Curve:
    """(order of falling score, place of the last row of each tie in it, distinct scores); refuses as `roc` does."""
    check_scores(labels, scores)
    scores = np.asarray(scores, "f8")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    return order, last, ranked[last]


def _caught(weights: np.ndarray, members: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Share of a class's weight at or above each threshold, after a leading 0.

    ``members`` are the rows of the class in falling order, ``counts`` how many of them lie above each threshold: rows
    of equal score are one point, so ties are exact.
    """
    sums = np.zeros((*weights.shape[:-1], len(members) + 1))
    np.cumsum(weights[..., members], axis=-1, out=sums[..., 1:])
    if not np.all(sums[..., -1] > 0):
        raise InputError("every row of one class has weight 0; a ROC needs reals and fakes that count")
    return sums[..., np.concatenate([[0], counts])] / sums[..., -1:]


def check_scores(labels: np.ndarray, scores: np.ndarray) -> None:
    """Refuse what `roc` refuses of unweighted rows."""
    labels, scores = np.asarray(labels), np.asarray(scores, "f8")
    check_labels(labels)
    if labels.shape != scores.shape:
        raise InputError(f"{labels.shape} labels and {scores.shape} scores; each row needs both")
    if not np.isfinite(scores).all():
        raise InputError(f"{int((~np.isfinite(scores)).sum())} scores are not finite; every row needs a number")


def check_labels(labels: np.ndarray) -> None:
    """Refuse labels other than 0 and 1, and sets without reals or without fakes.

    Raises
    ------
    InputError
        With the counts that were found.
    """
    values, counts = np.unique(np.asarray(labels), return_counts=True)
    found = dict(zip(values.tolist(), counts.tolist(), strict=True))
    if not set(found) <= {0, 1}:
        raise InputError(f"labels are {sorted(found)}; only 0 (real) and 1 (fake) can be measured")
    if len(found) < 2:
        raise InputError(
            f"{found.get(0, 0)} real and {found.get(1, 0)} fake rows; a figure needs both classes: "
            "add samples of the missing one"
        )


def roc_area(fpr: np.ndarray, tpr: np.ndarray) -> np.ndarray:
    """Area under curves along the last axis; ties, being straight lines, count one half."""
    return np.trapezoid(tpr, fpr, axis=-1)


def roc_crossing(fpr: np.ndarray, tpr: np.ndarray) -> np.ndarray:
    """Error rate where FPR and FNR cross, on the straight line between the two nearest points, along the last axis."""
    excess = fpr + tpr - 1  # FPR - FNR: rises from -1 to 1
    after = np.argmax(excess >= 0, axis=-1)[..., None]
    low, high = (np.take_along_axis(excess, at, -1)[..., 0] for at in (after - 1, after))
    start, end = (np.take_along_axis(fpr, at, -1)[..., 0] for at in (after - 1, after))
    return start + (end - start) * -low / (high - low)
