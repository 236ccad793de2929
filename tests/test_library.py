"""What the rooms offer by name, and the guide to it: every example of the document runs and shows what it says."""

import ast
import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import typer

import pipeline
from evaluate.metrics import auc
from tests.test_house import HEAVY, loaded_by

ROOT = Path(__file__).parents[1]
ROOMS = ("cache", "classify", "evaluate", "extract")
GUIDE = ROOT / "docs/library.md"
FIGURE = re.compile(r"\d+\.\d+")


def offered(room: str) -> dict[str, str]:
    """Names that a room offers, and the module of each."""
    return importlib.import_module(room).HOMES


@pytest.mark.parametrize("room", ROOMS)
def test_a_name_is_the_object_that_its_module_defines(room: str) -> None:
    package = importlib.import_module(room)
    for name, home in offered(room).items():
        found = getattr(package, name)
        assert found is getattr(importlib.import_module(home), name)
        assert getattr(found, "__module__", home) == home, f"{name} is defined elsewhere"
        assert not isinstance(found, ModuleType)
        assert name in dir(package)


@pytest.mark.parametrize("room", ROOMS)
def test_no_name_stands_in_the_way_of_a_module(room: str) -> None:
    package = importlib.import_module(room)
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert modules
    assert not modules & offered(room).keys()
    for name in sorted(modules if room != "extract" else {"job", "encoder"}):
        module = importlib.import_module(f"{room}.{name}")
        assert getattr(package, name) is module


@pytest.mark.parametrize("room", ROOMS)
def test_type_checkers_are_told_the_same_names(room: str) -> None:
    tree = ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == alias.asname  # `X as X` is what type checkers take for a name that is handed on
    }
    assert told == offered(room)


@pytest.mark.parametrize("room", ROOMS)
def test_other_names_are_unknown(room: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{room}' has no attribute 'nonsense'"):
        importlib.import_module(room).nonsense  # noqa: B018
    with pytest.raises(ImportError):
        exec(f"from {room} import nonsense")


def test_the_rooms_load_nothing_until_they_are_asked() -> None:
    assert not loaded_by(f"import {', '.join(ROOMS)}") & HEAVY


class Rounded(doctest.OutputChecker):
    """Takes a figure that is off by one in its last digit for the same: other processors round otherwise."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        shown = FIGURE.findall(want)
        if len(shown) == len(FIGURE.findall(got)):
            wanted = iter(shown)
            got = FIGURE.sub(lambda found: self._nearer(next(wanted), found[0]), got)
        return super().check_output(want, got, optionflags)

    def _nearer(self, shown: str, found: str) -> str:
        step = 10.0 ** -len(shown.partition(".")[2])
        return shown if abs(float(shown) - float(found)) < 1.5 * step else found


@pytest.mark.parametrize(("got", "same"), [("0.74 of 3", True), ("0.71 of 3", False), ("0.73 of 4", False)])
def test_figures_may_be_off_by_one_in_their_last_digit(got: str, same: bool) -> None:
    assert Rounded().check_output("0.73 of 3\n0.5\n", f"{got}\n0.5\n", 0) == same
    assert not Rounded().check_output("0.73 of 3\n0.5\n", f"{got}\n", 0)


def test_the_guide_shows_what_its_examples_print(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(GUIDE.read_text(encoding="utf-8"), {}, GUIDE.name, str(GUIDE), 0)
    told: list[str] = []
    runner = doctest.DocTestRunner(Rounded(), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    outcome = runner.run(test, out=told.append)
    assert outcome.attempted > 60
    assert not outcome.failed, "".join(told)


def commands() -> Iterator[str]:
    """Every command of the program."""
    group = typer.main.get_command(pipeline.app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        yield from [f"{name} {one}" for one in getattr(command, "commands", ())] or [name]


def test_the_guide_names_a_function_for_every_command() -> None:
    rows = re.findall(r"^\| `([a-z -]+)` \| (.+) \|$", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(rows) == len({command for command, _ in rows})
    assert {command for command, _ in rows} == set(commands())
    for command, functions in rows:
        for dotted in re.findall(r"`(\w+(?:\.\w+)+)`", functions):
            module, _, name = dotted.rpartition(".")
            assert callable(getattr(importlib.import_module(module), name)), f"{command}: {dotted}"


def test_the_calls_of_an_extraction_take_what_they_are_given() -> None:
    section = GUIDE.read_text(encoding="utf-8").partition("## Extraction\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("    ")]
    calls = [node for node in ast.walk(ast.parse(dedent("\n".join(lines)))) if isinstance(node, ast.Call)]
    made = {call.func.id: call for call in calls if isinstance(call.func, ast.Name) and call.func.id != "Path"}
    assert made.keys() == offered("extract").keys()
    for name, call in made.items():
        options = {word.arg: word.value for word in call.keywords if word.arg}
        inspect.signature(getattr(importlib.import_module("extract"), name)).bind(*call.args, **options)


@pytest.fixture(scope="module")
def study() -> ModuleType:
    """The example script, as a module."""
    spec = importlib.util.spec_from_file_location("example_study", ROOT / "docs/example_study.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scored(name: str, reals: list[float], fakes: list[float]) -> pd.DataFrame:
    """Videos of some groups, a real and a fake of each."""
    rows = [(f"{label}{group}", group, label) for label in (0, 1) for group in map(str, range(len(reals)))]
    table = pd.DataFrame(rows, columns=["video_id", "group", "label"])
    return table.assign(video_id=name + table["video_id"], score=[*reals, *fakes])


def test_the_study_compares_the_same_videos(study: ModuleType) -> None:
    reals = [0.1, 0.2, 0.3, 0.4]
    first = {"A": scored("A", reals, [0.5, 0.6, 0.7, 0.8]), "B": scored("B", reals, [0.35, 0.35, 0.35, 0.35])}
    second = {"A": first["A"], "B": scored("B", reals, [0.45, 0.5, 0.5, 0.5]).iloc[::-1]}
    table = study.compared(first, second).set_index("manipulation")
    assert table["auc_first"].tolist() == pytest.approx([1.0, 0.75, 0.875])
    assert table["auc_second"].tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert table["value"].tolist() == pytest.approx([0.0, 0.25, 0.125])
    assert table["low"].tolist()[0] == table["high"].tolist()[0] == 0
    assert table.loc["B", "p_holm"] == min(1, 2 * table.loc["B", "p"])
    assert table["comparisons"].tolist() == [2, 2, 1]
    assert table["few_groups"].all()


def test_the_study_answers_its_question(
    study: ModuleType, build_cache: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "study"
    study.main([str(build_cache(groups=24, frames=2)), "--out", str(out)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        f"embedding vs embedding+prompts, {name}" for name in ("Deepfakes", "FaceSwap", "mean of all")
    ]
    table = pd.read_csv(out / "differences.csv")
    np.testing.assert_allclose(table["value"], table["auc_second"] - table["auc_first"], atol=1e-12)
    predicted = pd.read_csv(out / "embedding/all-but-FaceSwap/logistic/video_predictions.csv")
    cell = predicted[predicted["split"].eq("test") & predicted["manipulation"].isin(["real", "FaceSwap"])]
    assert table.loc[1, "auc_first"] == pytest.approx(auc(cell["label"].to_numpy(), cell["score"].to_numpy()))
    assert "mean of all" in (out / "differences.svg").read_text(encoding="utf-8")


def test_the_study_says_what_it_cannot_use(
    study: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        study.main([str(tmp_path / "none.h5"), "--out", str(tmp_path / "study")])
    assert ended.value.code == 2
    assert "none.h5" in capsys.readouterr().err
