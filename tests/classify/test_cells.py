"""Cells: whose fakes, which reals, and a plain sentence where a side stays empty."""

import numpy as np
import pandas as pd
import pytest

from cache.errors import InputError
from classify.cells import cell_rows, manipulations

ROWS = [  # dataset, compression, manipulation, label, split
    ("FF++", "c23", "real", 0, "train"),
    ("FF++", "c23", "real", 0, "val"),
    ("FF++", "c23", "real", 0, "test"),
    ("FF++", "c40", "real", 0, "train"),
    ("FF++", "c40", "real", 0, "test"),
    ("FF++", "c23", "FaceSwap", 1, "train"),
    ("FF++", "c23", "FaceSwap", 1, "test"),
    ("FF++", "c23", "NeuralTextures", 1, "val"),
    ("FF++", "c23", "NeuralTextures", 1, "test"),
    ("FF++", "c23", "NeuralTextures", 1, ""),
    ("Celeb", "unknown", "real", 0, "test"),
    ("Celeb", "unknown", "Celeb-synthesis", 1, "test"),
    ("Other", "c23", "Orphan", 1, "test"),
    ("Other", "c23", "Unlabelled", -1, "test"),
    ("Celeb", "unknown", "Lonely", 1, "train"),
]


@pytest.fixture
def samples() -> pd.DataFrame:
    table = pd.DataFrame(ROWS, columns=["dataset", "compression", "manipulation", "label", "split"])
    table["video_id"] = [f"video {i}" for i in range(len(table))]
    table["sample_id"] = table["video_id"] + "/0"
    table["group"] = table["video_id"]
    return table


def test_each_side_takes_its_fakes_and_the_reals_that_belong_to_them(samples: pd.DataFrame) -> None:
    train, test = cell_rows(samples, samples["split"], ["FaceSwap"], ["NeuralTextures"])
    assert (train.tolist(), test.tolist()) == ([0, 1, 5], [2, 8])
    train, test = cell_rows(samples, samples["split"], ["FaceSwap", "NeuralTextures"], ["FaceSwap", "Celeb-synthesis"])
    assert (train.tolist(), test.tolist()) == ([0, 1, 5, 7], [2, 6, 10, 11])


def test_what_is_on_both_sides_is_trained_on_and_tested_on(samples: pd.DataFrame) -> None:
    split = samples["split"].where(samples.index != 0, "both")
    train, test = cell_rows(samples, split, ["FaceSwap"], ["NeuralTextures"])
    assert (train.tolist(), test.tolist()) == ([0, 1, 5], [0, 2, 8])


def test_rows_are_numbers_of_the_table_not_places_in_a_selection(samples: pd.DataFrame) -> None:
    chosen = samples[samples["compression"] == "c23"].drop(index=0)
    train, test = cell_rows(chosen, chosen["split"], ["FaceSwap"], ["NeuralTextures"])
    assert (train.tolist(), test.tolist()) == ([1, 5], [2, 8])
    assert train.dtype.kind == "i"


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (["FaceSwp"], ["NeuralTextures"], r"unknown manipulation 'FaceSwp'; known: .*FaceSwap \(2 videos\)"),
        (["FaceSwap"], ["real"], "'real' are originals, which join both sides"),
        ([], ["FaceSwap"], "name at least one manipulation"),
        (["Celeb-synthesis"], ["FaceSwap"], "no Celeb-synthesis on the training side: none of its 1 videos"),
        (["FaceSwap"], ["Orphan"], "no real samples beside Orphan, which belongs to Other/c23: extract the originals"),
        (["Lonely"], ["FaceSwap"], "no real samples beside Lonely on the training side in Celeb/unknown; give a split"),
        (["FaceSwap"], ["Unlabelled"], r"video 13/0 has no label \(-1\)"),
    ],
)
def test_what_cannot_be_a_cell_is_refused(
    samples: pd.DataFrame, train: list[str], test: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        cell_rows(samples, samples["split"], train, test)


def test_no_test_group_left_is_refused(samples: pd.DataFrame) -> None:
    split = samples["split"].replace("test", "")
    with pytest.raises(InputError, match="no group is left on the test side"):
        cell_rows(samples, split, ["FaceSwap"], ["NeuralTextures"])


def test_one_group_alone_has_nothing_to_test_on(samples: pd.DataFrame) -> None:
    chosen = samples[samples["dataset"] == "FF++"].assign(group="FF++/000", split="train")
    with pytest.raises(InputError, match=r"all samples are one group \(FF\+\+/000\), so there is nothing to test on"):
        cell_rows(chosen, chosen["split"], ["FaceSwap"], ["NeuralTextures"])
    with pytest.raises(InputError, match="no group is left on the test side"):  # several scenes: another deal may help
        cell_rows(chosen, chosen["split"], ["FaceSwap"], ["NeuralTextures"], key="video_id")


def test_a_side_never_takes_what_is_on_no_side(samples: pd.DataFrame) -> None:
    train, test = cell_rows(samples, samples["split"], ["NeuralTextures"], ["NeuralTextures"])
    assert 9 not in np.concatenate([train, test])


def test_manipulations_are_those_of_fakes(samples: pd.DataFrame) -> None:
    assert manipulations(samples) == ["Celeb-synthesis", "FaceSwap", "Lonely", "NeuralTextures", "Orphan"]


def test_rows_of_another_cache_are_tested_on_and_no_others(samples: pd.DataFrame) -> None:
    tested = (samples["dataset"] == "Celeb").to_numpy()
    names = (["FaceSwap"], ["Celeb-synthesis"])
    train, test = cell_rows(samples, samples["split"], *names, tested=tested)
    assert (train.tolist(), test.tolist()) == ([0, 1, 5], [10, 11])
    with pytest.raises(InputError, match=r"unknown manipulation 'Celeb-synthesis'; known: FaceSwap"):
        cell_rows(samples, samples["split"], names[1], names[1], tested=tested)
    with pytest.raises(InputError, match=r"unknown manipulation 'FaceSwap'; known: Celeb-synthesis \(1 videos\)"):
        cell_rows(samples, samples["split"], names[0], names[0], tested=tested)
