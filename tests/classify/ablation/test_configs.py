"""The grids in configs/ablations: each can be read as its own comment says, and holds what that promises; the guide."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.synthetic import make_cache
from classify.ablation.ablate import ablate
from classify.ablation.axes import OPTIONS
from classify.ablation.grid import Grid, read_grid
from classify.ablation.sections import CacheFiles
from extract.prompts import PROMPT_SETS

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "ablations.md").read_text()
GRIDS = {path.stem: path for path in sorted((ROOT / "configs" / "ablations").glob("*.toml"))}
QUESTIONS = {
    "backbone", "crop", "fraction", "frames", "head_x_feature", "normalize", "projection", "prompts", "seeds", "split",
    "tuned",
}  # fmt: skip
MANIPULATIONS = {"Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"}


def comment(name: str) -> str:
    """The opening comment, its long command lines joined."""
    lines = [line.removeprefix("#") for line in GRIDS[name].read_text().split("\n\n[")[0].splitlines()]
    return re.sub(r"\n     +", " ", "\n".join(lines))


def words(name: str) -> list[str]:
    """The command that the comment gives."""
    return shlex.split(next(line for line in comment(name).splitlines() if "pipeline.py ablate" in line))


def grid(name: str) -> Grid:
    given = words(name)
    caches = [value for word, value in zip(given, given[1:], strict=False) if word == "--cache"]
    return read_grid(GRIDS[name], caches)


def test_every_question_has_its_grid() -> None:
    assert set(GRIDS) == QUESTIONS


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_a_grid_is_read_as_its_comment_says(name: str) -> None:
    said = re.search(r"^ (\d+) cells: (.*)\.$", comment(name), re.M)
    assert said, "the comment ends with the number of cells"
    assert len(grid(name).cells) == int(said[1])
    assert words(name)[:4] == ["python", "pipeline.py", "ablate", f"configs/ablations/{name}.toml"]
    assert words(name)[-2:] == ["--out", f"runs/{name}"]


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_a_grid_names_what_a_cache_of_ffpp_holds(name: str) -> None:
    extracted = {word for line in comment(name).splitlines() if "extract /data" in line for word in shlex.split(line)}
    for cell in grid(name).cells:
        options = cell.options
        assert {*options.get("train", ()), *options.get("test", ())} <= MANIPULATIONS
        assert options["test"], "without it, test sets would differ between trainings"
        if "prompt_set" in options:
            assert options["prompt_set"] in PROMPT_SETS
            assert options["prompt_set"] in extracted
        assert "cls" not in options.get("features", ()) or {"--tokens", "cls"} <= extracted


@pytest.fixture(scope="module")
def ffpp(tmp_path_factory: pytest.TempPathFactory) -> list[CacheFiles]:
    """Small synthetic caches of FaceForensics++'s manipulations, of three encoders, with the sets that grids name."""
    paths = [tmp_path_factory.mktemp("ffpp") / f"{seed}.h5" for seed in range(3)]
    for seed, path in enumerate(paths):
        make_cache(path, rows=600, columns=8, frames=1, prompts=dict.fromkeys(PROMPT_SETS, 4), seed=seed)
    return [CacheFiles(path) for path in paths]


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_cells_of_a_grid_can_be_made(name: str, ffpp: list[CacheFiles], tmp_path: Path) -> None:
    whole = grid(name)
    cells = [
        one for one in whole.cells if one.options["head"] != "mlp" and "cls" not in one.options.get("features", ())
    ]
    some = replace(whole, caches=dict(zip(whole.caches, ffpp, strict=False)), cells=[cells[0], cells[-1]], baseline=0)
    ended = ablate(some, tmp_path, jobs=1)
    assert (ended.made, ended.failed) == (2, {})


def test_the_guide_lists_every_axis_and_every_grid() -> None:
    axes = {name for row in re.findall(r"^\| (`[^|]*) \|", GUIDE, re.M) for name in re.findall(r"`([^`]*)`", row)}
    assert {*OPTIONS, "HEAD.PARAMETER", *(f"{name}.toml" for name in QUESTIONS)} <= axes


def test_the_guides_grid_is_as_large_as_it_says(tmp_path: Path) -> None:
    text = GUIDE.partition("# GRID.toml\n")[2].partition("\nThese are")[0]
    (tmp_path / "GRID.toml").write_text(re.sub("^    ", "", text, flags=re.M))
    first = read_grid(tmp_path / "GRID.toml", ["ffpp.h5"])
    assert f"These are {len(first.cells)} cells" in GUIDE
    assert first.cells[first.baseline].title() == "head=logistic, logistic.C=1, train=FaceSwap, normalize=l2"
