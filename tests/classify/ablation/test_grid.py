"""Grids worked by hand: which cells there are, in which order, and every sentence on what cannot be used."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache.errors import InputError
from classify.ablation.grid import MOST, Grid, read_grid

Read = Callable[..., Grid]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a grid from its text."""

    def grid(text: str, caches: Any = ("x.h5",), **options: Any) -> Grid:
        path = tmp_path / "GRID.toml"
        path.write_text(text)
        return read_grid(path, caches, **options)

    return grid


def titles(grid: Grid) -> list[str]:
    return [cell.title() for cell in grid.cells]


def test_a_product_goes_in_the_order_of_the_file_last_axis_fastest(read: Read) -> None:
    grid = read('[product]\nseed = [1, 0]\nhead = ["knn", "logistic"]')
    assert titles(grid) == ["seed=1, head=knn", "seed=1, head=logistic", "seed=0, head=knn", "seed=0, head=logistic"]
    assert grid.axes == ("seed", "head")
    assert grid.cells[1].options == {"cache": "cache", "head": "logistic", "seed": 1}


def test_parameters_vary_in_the_cells_of_their_head_alone(read: Read) -> None:
    grid = read('[product]\nlogistic.C = [0.1, 1]\nknn.k = [3]\nhead = ["logistic", "knn", "mlp"]\nseed = [0, 1]')
    assert titles(grid) == [
        "logistic.C=0.1, head=logistic, seed=0",
        "logistic.C=0.1, head=logistic, seed=1",
        "knn.k=3, head=knn, seed=0",
        "knn.k=3, head=knn, seed=1",
        "head=mlp, seed=0",
        "head=mlp, seed=1",
        "logistic.C=1, head=logistic, seed=0",
        "logistic.C=1, head=logistic, seed=1",
    ]
    assert grid.cells[2].options == {"cache": "cache", "head": "knn", "seed": 0, "parameters": {"k": 3}}
    assert grid.cells[2].axes == {"logistic.C": None, "knn.k": 3, "head": "knn", "seed": 0}
    assert "parameters" not in grid.cells[4].options


def test_a_zip_goes_row_by_row_and_multiplies_with_the_product(read: Read) -> None:
    grid = read('[zip]\nsplit = ["grouped", "manipulation"]\nallow_leak = [false, true]\n[product]\nseed = [0, 1]')
    assert [cell.axes for cell in grid.cells] == [
        {"split": split, "allow_leak": leak, "seed": seed}
        for split, leak in (("grouped", False), ("manipulation", True))
        for seed in (0, 1)
    ]
    behind = read('[product]\nseed = [0, 1]\n[zip]\nsplit = ["grouped", "manipulation"]\nallow_leak = [false, true]')
    assert [cell.axes["seed"] for cell in behind.cells] == [0, 0, 1, 1]


def test_parameters_in_a_zip_are_those_of_its_head(read: Read) -> None:
    grid = read('[zip]\nhead = ["logistic", "knn"]\nlogistic.C = [3, 4]\nseed = [5, 6]')
    assert titles(grid) == ["head=logistic, logistic.C=3, seed=5", "head=knn, seed=6"]


def test_cells_are_added_where_they_stand(read: Read) -> None:
    grid = read('[[cells]]\nnormalize = "none"\n[product]\nseed = [0, 1]\n[[cells]]\nhead = "mlp"\nmlp.alpha = 1')
    assert titles(grid) == [
        "normalize=none, head=logistic",  # an axis of the grid: the default is shown, and is what is run
        "head=mlp, mlp.alpha=1",
        "head=logistic, seed=0",
        "head=logistic, seed=1",
    ]
    assert grid.axes == ("normalize", "head", "mlp.alpha", "seed")


def test_an_empty_cell_has_all_defaults(read: Read) -> None:
    grid = read("[[cells]]")
    assert titles(grid) == ["all defaults"]
    assert grid.cells[0].options == {"cache": "cache", "head": "logistic"}


def test_options_are_the_same_in_every_cell(read: Read) -> None:
    grid = read('[options]\nhead = "knn"\nknn.k = 5\ntrain = "a"\n[product]\nseed = [0]\n[[cells]]\nnormalize = "l2"')
    assert [cell.options for cell in grid.cells] == [
        {"cache": "cache", "train": ["a"], "head": "knn", "seed": 0, "parameters": {"k": 5}},
        {"cache": "cache", "train": ["a"], "head": "knn", "normalize": "l2", "parameters": {"k": 5}},
    ]


def test_cells_that_are_the_same_appear_once(read: Read) -> None:
    grid = read(
        '[product]\nseed = [0, 1, 0]\ntrain = ["a", ["b", "a"], ["a", "b"]]\n'
        '[[cells]]\nseed = 1\ntrain = ["a"]\n[[cells]]\nseed = 2'
    )
    assert titles(grid) == [
        "seed=0, train=a",
        "seed=0, train=a+b",
        "seed=1, train=a",
        "seed=1, train=a+b",
        "seed=2",
    ]


def test_prompt_sets_vary_where_something_takes_them(read: Read) -> None:
    grid = read('[product]\nfeatures = ["embedding", ["embedding", "prompts"]]\nprompt_set = ["a", "b"]')
    assert titles(grid) == [
        "features=embedding",
        "features=embedding+prompts, prompt_set=a",
        "features=embedding+prompts, prompt_set=b",
    ]
    shared = read('[options]\nprompt_set = "a"\n[product]\nhead = ["zero_shot", "knn"]')
    assert ["prompt_set" in cell.options for cell in shared.cells] == [True, False]


def test_an_empty_list_is_the_default_and_shown_as_none(read: Read) -> None:
    grid = read('[product]\nwhere = [[], "compression=c23"]')
    assert [cell.axes["where"] for cell in grid.cells] == ["none", "compression=c23"]
    assert [cell.options.get("where") for cell in grid.cells] == [None, ["compression=c23"]]


def test_caches_lie_beside_the_grid_and_may_be_replaced(read: Read, tmp_path: Path) -> None:
    text = '[caches]\na = "a.h5"\nb = {path = "b.h5", with = ["more.h5"]}\n[product]\ncache = ["a", "b"]'
    grid = read(text, ())
    assert {name: (one.path, one.additions) for name, one in grid.caches.items()} == {
        "a": (tmp_path / "a.h5", ()),
        "b": (tmp_path / "b.h5", (tmp_path / "more.h5",)),
    }
    assert [cell.options["cache"] for cell in grid.cells] == ["a", "b"]
    other = read(text, ["b=there/b.h5", "c.d=c.h5"])
    assert (other.caches["b"].path, other.caches["b"].additions) == (Path("there/b.h5"), ())
    assert list(other.caches) == ["a", "b", "c.d"]
    assert read(text, {"b": Path("there/b.h5")}).caches["b"] == other.caches["b"]


def test_a_path_alone_is_the_only_cache(read: Read) -> None:
    assert list(read("[[cells]]", ["./a=b.h5"]).caches) == ["cache"]
    grid = read('[caches]\nffpp = "a.h5"\n[[cells]]', ["b.h5"])
    assert {name: one.path for name, one in grid.caches.items()} == {"ffpp": Path("b.h5")}
    assert grid.cells[0].options["cache"] == "ffpp"


def test_a_cache_tested_on_itself_is_no_other_cache(read: Read) -> None:
    grid = read(
        '[product]\ncache = ["a", "b"]\ntest_cache = ["a", "b"]\n[baseline]\ncache="b"\ntest_cache="b"', ["a=a", "b=b"]
    )
    assert [cell.options.get("test_cache") for cell in grid.cells] == [None, "b", "a", None]
    assert grid.baseline == 3


def test_a_split_file_lies_beside_the_grid(read: Read, tmp_path: Path) -> None:
    (tmp_path / "splits.csv").touch()
    (tmp_path / "lists").mkdir()
    grid = read('[product]\nsplit = ["splits.csv", "ffpp:lists", "column"]')
    paths = [f"{tmp_path}/splits.csv", f"ffpp:{tmp_path}/lists", "column"]
    assert [cell.options["split"] for cell in grid.cells] == paths
    assert [cell.axes["split"] for cell in grid.cells] == ["splits.csv", "ffpp:lists", "column"]


def test_the_baseline_is_the_first_cell_or_the_one_named(read: Read) -> None:
    text = '[product]\nseed = [0, 1]\nhead = ["knn", "logistic"]\nlogistic.C = [1, 10]\ntrain = [["b", "a"], "c"]\n'
    assert read(text).baseline == 0
    grid = read(text + '[baseline]\nlogistic.C = 10\nseed = 1\ntrain = ["a", "b"]')
    assert grid.cells[grid.baseline].title() == "seed=1, head=logistic, logistic.C=10, train=a+b"


def test_all_of_it_is_json(read: Read) -> None:
    grid = read('[product]\nmlp.hidden_layer_sizes = [[64], [64, 32]]\nhead = ["mlp"]')
    assert json.loads(json.dumps([cell.options for cell in grid.cells])) == [cell.options for cell in grid.cells]
    assert [cell.axes["mlp.hidden_layer_sizes"] for cell in grid.cells] == ["64", "64+32"]


BAD = {
    "toml": ("[product]\nseed = [0,\nhead = 3", "(at line 3, column"),
    "section": ("[products]\nseed = [0]", "unknown section of a grid 'products'; known: baseline, caches, cells"),
    "bare key": ("seed = [0]", "unknown section of a grid 'seed'"),
    "list of sections": ("[[product]]\nseed = [0]", "product is a section, written [product]"),
    "single cell": ("[cells]\nseed = 0", "cells is a section, written [[cells]]"),
    "axis": ("[product]\nheads = ['svm']", "[product] heads: unknown option 'heads'; known: HEAD.PARAMETER"),
    "option": ("[options]\nhaed = 'svm'\n[[cells]]", "[options] haed: unknown option 'haed'"),
    "option of a cell": ("[[cells]]\n[[cells]]\nhaed = 'svm'", "[[cells]] 2 haed: unknown option 'haed'"),
    "head": ("[product]\nhead = ['svm', 'smv']", "[product] head: unknown head 'smv'; known:"),
    "head of a parameter": ("[product]\nlogstic.C = [1]", "[product] logstic.C: unknown head 'logstic'; known:"),
    "parameter": ("[product]\nlogistic.K = [1]", "[product] logistic.K: unknown parameter of logistic 'K'; known: C"),
    "value": ("[zip]\nseed = [0, 'x']", "[zip] seed: 'x' is given where a whole number is needed"),
    "several options": ("[options]\nseed = [0, 1]\n[[cells]]", "[options] seed: [0, 1] is given where a whole number"),
    "no list": ("[product]\nseed = 3", "[product] seed: an axis is a list of values, not 3; what does not vary goes"),
    "empty list": ("[product]\nseed = [0]\nhead = []", "[product] head: an empty product"),
    "empty product": ("[product]", "[product]: an empty product"),
    "nothing": ("[options]\nseed = 0", "an empty product: name what varies in [product], [zip] or [[cells]]"),
    "unequal zip": (
        "[zip]\nseed = [0, 1]\nnormalize = ['l2', 'none', 'standard']",
        "[zip]: lists that vary together are of one length: seed has 2, normalize has 3",
    ),
    "product and zip": ("[product]\nseed = [0]\n[zip]\nseed = [1]", "[zip] seed: it stands in [product], too"),
    "product and options": ("[product]\nseed = [0]\n[options]\nseed = 1", "[product] seed: it stands in [options]"),
    "cells and options": ("[options]\nmlp.lr = 1\n[[cells]]\nmlp.lr = 2", "[[cells]] 1 mlp.lr: it stands in [options]"),
    "refused value": (
        "[product]\nhead = ['logistic']\nlogistic.C = [1, -1]",
        "cell head=logistic, logistic.C=-1: logistic cannot be fitted with {'C': -1}",
    ),
    "refused together": (
        "[product]\nhead = ['zero_shot']\nfeatures = ['embedding', 'prompts']",
        "cell head=zero_shot, features=prompts: zero_shot compares",
    ),
    "idle parameter": (
        "[product]\nmlp.alpha = [1]\nhead = ['knn', 'svm']\n[[cells]]\nhead = 'mlp'",
        "[product] mlp.alpha: no cell takes it; the heads are knn, svm",
    ),
    "idle option": (
        "[options]\nmlp.alpha = 1\n[[cells]]",
        "[options] mlp.alpha: no cell takes it; the heads are logistic",
    ),
    "idle in a cell": ("[[cells]]\nhead = 'knn'\nmlp.alpha = 1", "[[cells]] 1 mlp.alpha: no cell takes it"),
    "idle prompts": ("[product]\nprompt_set = ['a']", "[product] prompt_set: no cell takes prompts"),
    "idle prompts of all": ("[options]\nprompt_set = 'a'\n[[cells]]", "[options] prompt_set: no cell takes prompts"),
    "cache": ("[product]\ncache = ['y']", "[product] cache: unknown cache 'y'; known: cache"),
    "test cache": ("[[cells]]\ntest_cache = 'y'", "[[cells]] 1 test_cache: unknown cache 'y'; known: cache"),
    "cache not named": (
        "[caches]\na='a.h5'\nb='b.h5'\n[product]\nseed=[1]",
        "cell seed=1: it names no cache; there are a, b",
    ),
    "cache without path": ("[caches]\na={with=[]}\n[[cells]]", '[caches] a is a path, or {path = "...", with'),
    "cache with more": ("[caches]\na={path='a', width=[]}\n[[cells]]", "[caches] a is a path, or {path"),
    "additions": ("[caches]\na={path='a', with='b'}\n[[cells]]", "[caches] a is a path, or {path"),
    "split": ("[product]\nsplit = ['groupd']", "cell split=groupd: split is grouped, manipulation, column"),
    "baseline of no axis": (
        "[product]\nseed = [0]\n[baseline]\nhead='knn'",
        "[baseline]: unknown axis of this grid 'head'",
    ),
    "baseline of no cell": (
        "[product]\nallow_leak = [true]\n[baseline]\nallow_leak = false",
        "[baseline]: no cell has allow_leak=false; there is allow_leak: true",
    ),
    "baseline of several": (
        "[product]\nseed = [0, 1]\nhead = ['knn', 'svm']\n[baseline]\nseed = 1",
        "[baseline]: 2 cells have seed=1, and one is needed: seed=1, head=knn; seed=1, head=svm",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_said_in_a_sentence(read: Read, name: str) -> None:
    text, said = BAD[name]
    with pytest.raises(InputError) as error:
        read(text, () if "[caches]" in text else ("x.h5",))
    assert said in str(error.value)
    assert "GRID.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_grid_needs_a_cache_and_a_file(read: Read, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names no cache: give one, --cache FILE"):
        read("[[cells]]", ())
    with pytest.raises(InputError, match="two caches are called 'cache'"):
        read("[[cells]]", ("a.h5", "b.h5"))
    with pytest.raises(InputError, match=r"cannot read the grid .*none\.toml"):
        read_grid(tmp_path / "none.toml", ("a.h5",))


def test_a_million_cells_are_asked_about_before_they_are_made(read: Read) -> None:
    sizes = {"seed": 64, "frames": 64, "threshold": 256}
    values = {"seed": range(64), "frames": range(1, 65), "threshold": [(one + 1) / 257 for one in range(256)]}
    text = "[product]\n" + "\n".join(f"{name} = {list(values[name])}" for name in sizes)
    with pytest.raises(InputError, match=r"GRID.toml: 1,048,576 cells; more than 2,000 need --yes"):
        read(text)
    small = f"[product]\nseed = {list(range(MOST + 1))}"
    with pytest.raises(InputError, match="2,001 cells"):
        read(small)
    assert len(read(small, most=None).cells) == MOST + 1


PARAMETERS = {"logistic": ("C",), "mlp": ("alpha", "lr"), "knn": ("k",)}
counts = st.integers(1, 3)
grids = st.fixed_dictionaries(
    {
        "heads": st.lists(st.sampled_from(sorted(PARAMETERS)), min_size=1, unique=True),
        "plain": st.dictionaries(st.sampled_from(["seed", "frames"]), counts),
        "fixed": st.dictionaries(
            st.sampled_from([f"{head}.{name}" for head, names in PARAMETERS.items() for name in names]), counts
        ),
        "zipped": st.integers(0, 3),
        "shuffle": st.randoms(use_true_random=False),
    }
)


@given(grids)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cells_are_product_times_zip_without_what_does_not_apply(
    read: Read, monkeypatch: pytest.MonkeyPatch, drawn: dict[str, Any]
) -> None:
    monkeypatch.setattr("classify.ablation.grid.check_cell", lambda options: None)  # fits heads, which is slow
    fixed = {name: size for name, size in drawn["fixed"].items() if name.partition(".")[0] in drawn["heads"]}
    sizes = {**drawn["plain"], **fixed}
    axes = [("head", drawn["heads"]), *((name, [one + 1 for one in range(size)]) for name, size in sizes.items())]
    drawn["shuffle"].shuffle(axes)
    text = "[product]\n" + "".join(f"{name} = {values}\n" for name, values in axes)
    if drawn["zipped"]:
        shares = [(one + 1) / 10 for one in range(drawn["zipped"])]
        text += f"[zip]\ntest_size = {shares}\nfraction = {shares}\n"
    expected = 0
    for head in drawn["heads"]:
        cells = max(drawn["zipped"], 1)
        for name, size in sizes.items():
            cells *= size if "." not in name or name.startswith(f"{head}.") else 1
        expected += cells
    grid = read(text)
    assert len(grid.cells) == expected
    assert len({json.dumps(cell.options, sort_keys=True) for cell in grid.cells}) == expected
    with pytest.raises(InputError, match=f" {expected:,} cells; more than {expected - 1:,} need"):
        read(text, most=expected - 1)
    for cell in grid.cells:
        set_ = {name for name in fixed if cell.axes[name] is not None}
        assert set_ == {name for name in fixed if name.startswith(f"{cell.options['head']}.")}
    # in the order of the axes, of which those of other heads stand still
    places = (
        [
            [0 if cell.axes[name] is None else dict(axes)[name].index(cell.axes[name]) for name in names]
            for cell in grid.cells
        ]
        if (names := [name for name in grid.axes if name in dict(axes)])
        else []
    )
    assert places == sorted(places)
