"""What a file of scores gives away about itself."""

from pathlib import Path

import pytest

from evaluate.score_caveats import READ_AS, UNLISTED, score_caveats
from evaluate.scores import read_scores

PAIRS = "FaceForensics++ makes all its manipulations of the same pairs"


def told(folder: Path, rows: list[str], *, listed: bool = True) -> list[str]:
    path = folder / "theirs.csv"
    path.write_text("\n".join(["path,label,score,split", *rows]))
    return score_caveats(read_scores(path).table, listed_training=listed)


def test_nothing_to_say_of_an_innocent_file(tmp_path: Path) -> None:
    assert told(tmp_path, ["real/004.png,0,0.1,test", "FS/018_019.png,1,0.9,test"]) == [READ_AS]


def test_without_a_list_of_training_samples(tmp_path: Path) -> None:
    assert told(tmp_path, ["real/a.png,0,0,test", "gan/b.png,1,1,test"], listed=False) == [READ_AS, UNLISTED]
    found = told(tmp_path, ["real/a.png,0,0,test", "FS/018_019.png,1,1,test"], listed=False)
    assert found[1].startswith(f"{UNLISTED}. {PAIRS}")


def test_manipulations_of_the_same_scenes(tmp_path: Path) -> None:
    rows = ["real/1.png,0,0,test", "FS/018_019.png,1,1,test", "NT/018_019.png,1,1,test", "DF/004_982.png,1,1,test"]
    assert told(tmp_path, rows)[1].startswith(
        "1 of 2 scenes of the fakes stand in several manipulations (FaceSwap and NeuralTextures): "
    )
    assert len(told(tmp_path, [rows[0], rows[1], rows[2].replace("test", "val"), rows[3]])) == 1


def test_one_name_for_a_real_and_a_fake(tmp_path: Path) -> None:
    found = told(tmp_path, ["real/abc/1.png,0,0,test", "gan/abc/1.png,1,1,test", "gan/x/1.png,1,1,test"])
    assert found[1].startswith("1 name of videos (abc) stand for a real and for a fake: ")


@pytest.mark.parametrize(("same", "rows", "is_told"), [(19, 19, False), (20, 40, True), (20, 2500, False)])
def test_one_score_for_many_rows(tmp_path: Path, same: int, rows: int, is_told: bool) -> None:
    scores = [0.5] * same + [1 + row for row in range(rows - same)]
    lines = [f"{'FS' if row % 2 else 'real'}/x{row}.png,{row % 2},{score},test" for row, score in enumerate(scores)]
    found = [one for one in told(tmp_path, lines) if "one and the same score" in one]
    assert [one.partition(":")[0] for one in found] == [
        f"{same} of {rows:,} rows have one and the same score, 0.5"
    ] * is_told
