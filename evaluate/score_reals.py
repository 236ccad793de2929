"""The reals that the fakes of a file of scores are measured against: those of their home, else of another."""

import pandas as pd

from evaluate.wording import listed

MIXED = "mixed"  # the data set or compression of rows that are measured against reals of another


def with_reals(samples: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows such that every test fake has reals of its data set and compression, and a sentence where it had none.

    A manipulation is measured against the reals of its own home. Where a home has none, the homes are joined
    (called `MIXED`): compressions first, data sets where that is not enough.
    """
    if not (lacking := _without_reals(samples)):
        return samples, []
    for names in (["compression"], ["dataset", "compression"]):
        if _without_reals(samples):
            samples = samples.assign(**dict.fromkeys(names, MIXED))
    return samples, [
        f"No reals of {listed(lacking)}: its fakes are measured against reals of another kind, which may differ from "
        "them in more than being real"
    ]


def _without_reals(samples: pd.DataFrame) -> list[str]:
    homes = (samples["dataset"] + "/" + samples["compression"])[samples["split"] == "test"]
    fake = samples.loc[homes.index, "label"] == 1
    return sorted(set(homes[fake]) - set(homes[~fake]))
