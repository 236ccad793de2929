"""How the step size of a gradient head moves from epoch to epoch."""

import math
from collections.abc import Sequence


def cosine(epoch: int, epochs: int, lr: float, lr_min: float) -> float:
    """Step size of an epoch, counted from 1, that falls along half a cosine towards ``lr_min``.

    Examples
    --------
    >>> [round(cosine(epoch, 4, 1.0, 0.0), 3) for epoch in (1, 2, 3, 4)]
    [1.0, 0.854, 0.5, 0.146]
    """
    return lr_min + (lr - lr_min) * (1 + math.cos(math.pi * (epoch - 1) / epochs)) / 2


def plateau(losses: Sequence[float], lr: float, lr_min: float, patience: int = 5) -> float:
    """Step size after epochs of these validation losses: a tenth whenever ``patience`` epochs brought no lower one.

    References
    ----------
    WisconsinAIVision/UniversalFakeDetect, ``train.py``: there by accuracy, here by the loss that chooses the epoch.

    Examples
    --------
    >>> plateau([3.0, 2.0, 2.1, 2.2, 2.3, 2.4], lr=1e-4, lr_min=1e-6)
    0.0001
    >>> plateau([3.0, 2.0, 2.1, 2.2, 2.3, 2.4, 2.5], lr=1e-4, lr_min=1e-6)
    1e-05
    """
    best, waited, falls = math.inf, 0, 0
    for loss in losses:
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited and waited % patience == 0:
            falls += 1
    return max(lr / 10**falls, min(lr_min, lr))
