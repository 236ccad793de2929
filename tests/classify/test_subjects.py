"""Which runs, cache and samples are explained, and what is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cache.errors import InputError
from cache.schema import Space
from cache.store import write_cache
from classify.runs import classify
from classify.subjects import MOST, choose_rows, open_subjects
from evaluate.gallery import choose
from tests.conftest import make_samples, make_space


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    samples = make_samples(groups=16, frames=2)
    space = make_space(samples, dimension=4)
    write_cache(folder / "x.h5", samples, {"clean": space})
    cropped = Space(replace(space.provenance, crop="face 1: other"), space.arrays, space.scalars, space.prompts)
    write_cache(folder / "cropped.h5", samples, {"clean": cropped})
    classify(folder / "x.h5", folder / "a", train=["FaceSwap"], test=["Deepfakes"], heads=["logistic", "zero_shot"])
    return folder


def run(folder: Path, head: str = "logistic") -> Path:
    return folder / "a" / "FaceSwap" / head


def test_worst_errors_and_surest_hits_by_default(folder: Path) -> None:
    [subject], cache = open_subjects([run(folder)])
    rows = choose_rows([subject], cache, count=2)
    threshold = subject.run.threshold("frame")["value"]
    expected = choose(subject.run.rows("test"), threshold, 2)["sample_id"].tolist()
    assert cache.column("sample_id")[rows].tolist() == expected and len(rows) >= 4


def test_named_samples_in_their_order_and_once(folder: Path) -> None:
    [subject], cache = open_subjects([run(folder)])
    names = cache.column("sample_id")[[7, 2]].tolist()
    assert choose_rows([subject], cache, [*names, names[0]]).tolist() == [7, 2]
    with pytest.raises(InputError, match=r"no sample 'x/1'; its samples are called like 'FF\+\+/c23/"):
        choose_rows([subject], cache, [names[0], "x/1"])


def test_more_than_a_page_can_show(folder: Path) -> None:
    [subject], cache = open_subjects([run(folder)])
    with pytest.raises(InputError, match=f"{MOST + 1} samples are more than a page can show; explain {MOST} at most"):
        choose_rows([subject], cache, [str(number) for number in range(MOST + 1)])
    with pytest.raises(InputError, match=f"51 samples of 2 runs are more than a page can show; explain {MOST // 2} at"):
        choose_rows([subject, subject], cache, [str(number) for number in range(51)])


def test_several_runs_have_names_of_their_own(folder: Path, tmp_path: Path) -> None:
    subjects, _ = open_subjects([run(folder), run(folder, "zero_shot")])
    assert [one.name for one in subjects] == ["FaceSwap / logistic", "FaceSwap / zero_shot"]
    shutil.copytree(run(folder), tmp_path / "copy")
    subjects, _ = open_subjects([run(folder), tmp_path / "copy"])
    assert [one.name for one in subjects] == [str(run(folder)), str(tmp_path / "copy")]
    with pytest.raises(InputError, match="named twice"):
        open_subjects([run(folder), run(folder)])


def test_another_crop_has_to_be_named(folder: Path) -> None:
    with pytest.raises(InputError, match=r"crop is 'some crop' in training and 'face 1: other' here.*--differ crop"):
        open_subjects([run(folder)], folder / "cropped.h5")
    [subject], cache = open_subjects([run(folder)], folder / "cropped.h5", differ=["crop"])
    assert cache.path == folder / "cropped.h5"
    assert subject.told == ["crop is 'some crop' in training and 'face 1: other' here"]


def test_a_cache_that_is_gone_is_to_be_named(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(run(folder), tmp_path / "moved")
    record = json.loads((tmp_path / "moved/run.json").read_text())
    record["cache"]["path"] = str(tmp_path / "gone.h5")
    (tmp_path / "moved/run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"moved: the cache .*gone\.h5 is not there: name it with --cache"):
        open_subjects([tmp_path / "moved"])
    _, cache = open_subjects([tmp_path / "moved"], folder / "x.h5")
    assert cache.path == folder / "x.h5"


def test_a_folder_of_runs_is_none_itself(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a holds no run itself; name one below it, such as \S+/a/FaceSwap/logistic$"):
        open_subjects([folder / "a"])
    with pytest.raises(InputError, match=r"holds no run: a run is a folder with run\.json and predictions\.csv"):
        open_subjects([tmp_path])


def test_a_run_without_its_model_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(run(folder), tmp_path / "bare")
    shutil.rmtree(tmp_path / "bare/model")
    with pytest.raises(InputError, match="bare is no model"):
        open_subjects([tmp_path / "bare"])
