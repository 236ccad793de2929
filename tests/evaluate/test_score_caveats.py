"""What a file of scores gives away about itself."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from evaluate.score_caveats import READ_AS, UNLISTED, one_sided, score_caveats
from evaluate.scores import Scores, read_scores

READ = READ_AS.format(label="label", score="score")
PAIRS = "FaceForensics++ makes all its manipulations of the same pairs"


def read(folder: Path, rows: list[str], head: str = "path,label,score,split") -> Scores:
    path = folder / "theirs.csv"
    path.write_text("\n".join([head, *rows]))
    return read_scores(path)


def told(folder: Path, rows: list[str], *, listed: bool = True, trained_on: Sequence[str] = ()) -> list[str]:
    table, columns, *_ = read(folder, rows)
    return score_caveats(table, columns, listed_training=listed, trained_on=trained_on)


def test_nothing_to_say_of_an_innocent_file(tmp_path: Path) -> None:
    assert told(tmp_path, ["real/004.png,0,0.1,test", "FS/018_019.png,1,0.9,test"]) == [READ]


def test_without_a_list_of_training_samples(tmp_path: Path) -> None:
    assert told(tmp_path, ["real/a.png,0,0,test", "gan/b.png,1,1,test"], listed=False) == [READ, UNLISTED]
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


def test_the_columns_that_were_read(tmp_path: Path) -> None:
    table, columns, *_ = read(tmp_path, ["real/1.png,0,0,9", "gan/2.png,1,1,9"], "path,is_fake, Score ,prob")
    (sentence,) = score_caveats(table, columns, listed_training=True)
    assert sentence.startswith("Scores of others: label from is_fake, score from Score; 1 is fake, 0 is real")


def test_a_manipulation_trained_on_that_nobody_knows(tmp_path: Path) -> None:
    rows = ["real/1.png,0,0,test", "NT/018_019.png,1,1,test", "gan/7.png,1,1,val"]
    known = ["NeuralTextures", "FaceSwap", "FF++/FaceShifter", "real"]
    assert told(tmp_path, rows, trained_on=known) == [READ]
    found = told(tmp_path, rows, trained_on=["Faceswop", *known, "FF++/gan"])
    assert [one.partition(":")[0] for one in found[1:]] == ["--trained-on Faceswop", "--trained-on FF++/gan"]
    assert found[1].endswith("stands as unseen (tested: NeuralTextures and real)")


@pytest.mark.parametrize(
    ("threshold", "sentence"),
    [
        (0.05, "lies at or above the threshold 0.05: all count as fake"),
        (0.1, "lies at or above the threshold 0.1: all count as fake"),
        (0.11, ""),
        (0.4, ""),
        (0.41, "lies below the threshold 0.41: all count as real"),
    ],
)
def test_a_threshold_beyond_all_scores(tmp_path: Path, threshold: float, sentence: str) -> None:
    rows = ["real/1.png,0,0.1,test", "gan/2.png,1,0.4,test", "gan/3.png,1,0.9,val"]
    found = one_sided(read(tmp_path, rows).table, threshold)
    assert len(found) == bool(sentence) and all(sentence in one and "(0.1 to 0.4)" in one for one in found)
