"""The cells of a matrix: train on each manipulation alone, test on every one."""

import pandas as pd

from cache.errors import InputError
from classify.cells import manipulations


def matrix_cells(samples: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    """(training manipulations, test manipulations) of each training: the seen one is tested beside the unseen.

    Raises
    ------
    InputError
        Fewer than two manipulations.
    """
    names = manipulations(samples)
    if len(names) < 2:
        raise InputError(f"a matrix needs two manipulations or more, there is: {', '.join(names) or 'none'}")
    return [([name], names) for name in names]
