"""The rows of a training: whole groups of the split's own kind, and what every option leaves of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from classify.caches import Caches, open_caches
from classify.planning import columns_needed, plan_trainings
from classify.protocol import SplitPlan
from classify.run_record import Cell, Job

WHERE = ["compression=c23"]
DEFAULTS: dict[str, Any] = {
    "train": ["FaceSwap"], "test": ["Deepfakes"], "matrix": False, "leave_one_out": False, "differ": (),
    "heads": ["knn"], "features": ["embedding"], "normalize": "l2", "prompt_set": None, "where": (), "frames": None,
    "fraction": None, "calibrate": None, "threshold": None, "keep_checkpoints": False, "encoder": (None, None),
    "command": "",
}  # fmt: skip


@pytest.fixture
def caches(build_cache: Callable[..., Path]) -> Caches:
    """20 groups of two scenes, of three frames."""
    return open_caches(build_cache(groups=20, frames=3, dimension=2), None, (), columns_needed(WHERE))


def planned(caches: Caches, plan: SplitPlan, **options: Any) -> tuple[Job, Cell]:
    job, (cell,) = plan_trainings(caches, Path("out"), {}, plan, **{**DEFAULTS, **options})
    return job, cell


@pytest.mark.parametrize(("disjoint", "key"), [("identity", "group"), ("scene", "scene")])
def test_a_fraction_keeps_what_the_split_keeps_whole(disjoint: str, key: str, caches: Caches) -> None:
    plan = SplitPlan(disjoint=disjoint, test_size=0.3)
    assert plan.key == key
    (_, whole), (job, some) = (planned(caches, plan, fraction=share) for share in (None, 0.5))
    trained = job.samples.loc[some.train_rows]
    before = job.samples.loc[whole.train_rows]
    kept = trained[key].unique()
    assert len(kept) == before[key].nunique() / 2
    assert set(some.train_rows) == set(before.index[before[key].isin(kept)])
    assert f"trained on {len(kept)} of the {2 * len(kept)} training groups (fraction 0.5)" in some.told
    assert (some.test_rows == whole.test_rows).all()


def test_frames_are_thinned_of_what_a_condition_leaves(caches: Caches) -> None:
    job, cell = planned(caches, SplitPlan(), where=WHERE, frames=2)
    for rows in (cell.train_rows, cell.test_rows):
        assert set(job.samples.loc[rows].groupby("video_id")["frame"].agg(tuple)) == {(0, 2)}
    job, cell = planned(caches, SplitPlan(), where=["frame=1"], frames=2)
    assert set(job.samples.loc[cell.train_rows].groupby("video_id")["frame"].agg(tuple)) == {(1,)}
