"""A report loads nothing, escapes what it is given, tells its caveats first, and links the runs relatively."""

import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluate.runs import evaluate_run, evaluate_tree

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; `unclosed` is empty where every tag is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tags, self.attributes, self.words = text, Counter[str](), list[tuple[str, str]](), ""
        self.unclosed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def check_self_contained(page: Page) -> None:
    assert not page.unclosed
    assert not {"script", "link", "iframe", "object", "embed", "img", "base"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            assert not re.match(r"[a-z]+:|//", value), value
    assert "@import" not in page.text
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page.text))
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    linked = [value[1:] for name, value in page.attributes if name == "xlink:href"]
    assert set(linked) <= set(ids)


Evaluated = tuple[Path, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def run_page(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Page:
    run = make_run(tmp_path_factory.mktemp("page") / "run", score="probability")
    evaluate_run(run)
    return Page((run / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tree_page(evaluated_tree: Evaluated) -> Page:
    return Page((evaluated_tree[0] / "report.html").read_text(encoding="utf-8"))


def test_reports_are_self_contained(run_page: Page, tree_page: Page) -> None:
    check_self_contained(run_page)
    check_self_contained(tree_page)


def test_reports_read_on_a_phone_in_the_dark_and_on_paper(run_page: Page, tree_page: Page) -> None:
    for page in (run_page, tree_page):
        assert ("name", "viewport") in page.attributes
        assert "prefers-color-scheme: dark" in page.text and "@media print" in page.text
        assert "details::details-content" in page.text, "what is folded away is printed"
        assert "currentColor" in page.text and "#1c2024;" not in page.text.split("</style>", 1)[1]


def test_a_run_report_tells_everything(run_page: Page) -> None:
    order = ["Read with care", "What was run, on what", "python pipeline.py classify", "Ranking", "ROC", "Errors"]
    places = [run_page.words.index(word) for word in order]
    assert places == sorted(places)
    assert run_page.tags["svg"] == 3
    for word in ("NeuralTextures", "FaceSwap *", "hold the trained model fixed", "out of fold", "C 1", "ViT-B-32"):
        assert word in run_page.words


def test_a_tree_report_ranks_and_links(tree_page: Page, evaluated_tree: Evaluated) -> None:
    tree, _ = evaluated_tree
    links = [value for name, value in tree_page.attributes if name == "href"]
    trains = sorted(path.name for path in tree.iterdir() if path.is_dir())
    assert links == [f"{train}/{head}/report.html" for head in ("mlp", "logistic") for train in trains]
    assert all((tree / link).is_file() for link in links)
    assert tree_page.tags["svg"] == 2
    heads = tree_page.words.index("AUC at video level, heads in the order of their out-of-fold AUC")
    assert tree_page.words.index("mlp", heads) < tree_page.words.index("logistic", heads)
    assert "would make that column optimistic" in re.sub(r"\s+", " ", tree_page.words)


def test_the_table_of_heads_comes_first_and_tells_what_each_trains(
    tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    trains = {"logistic": 257, "zero_shot": 0, "knn": 0}
    for head, count in trains.items():
        settings = {"trainable_parameters": count, "trainable_share": count / 1e8}
        make_run(tmp_path / "FaceSwap" / head, head=head, **settings)
    evaluate_tree(tmp_path)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    check_self_contained(page)
    words = re.sub(r"\s+", " ", page.words)
    table = words[words.index("Heads AUC at video level") : words.index("What was run, on what")]
    assert "HeadTrainedOut of foldSeenUnseenGapNeuralTextures" in table
    for said in ("logistic 257 0.00026 %", "zero_shot no training", "knn none"):
        assert said in table
    assert re.search(r"0\.\d{3} 0\.\d\d-0\.\d\d ", table), "two digits of an interval are enough"
    report = (tmp_path / "FaceSwap" / "zero_shot" / "report.html").read_text(encoding="utf-8")
    assert "<dd>none</dd>" in (tmp_path / "FaceSwap" / "knn" / "report.html").read_text(encoding="utf-8")
    assert "zero_shot, not trained, thresholds from FaceSwap" in report and "<dd>no training</dd>" in report
    assert "<dd>257 (0.00026 % of encoder and head)</dd>" in (
        tmp_path / "FaceSwap" / "logistic" / "report.html"
    ).read_text(encoding="utf-8")


def test_reliability_and_history_are_shown_where_they_are(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    platt = {"method": "platt", "slope": 2.0, "intercept": 0.5}
    calibration = {"method": "platt", "frame": platt, "video": platt}
    settings = {"calibrate": "platt", "calibration": calibration}
    both = make_run(tmp_path / "both", head="mlp", parameters={"epochs": 1}, **settings)
    (both / "history.csv").write_text("epoch,lr,train_loss\n1,0.1,0.7\n")
    neither = make_run(tmp_path / "neither", head="svm")
    for run, svgs in ((both, 4), (neither, 2)):
        result = evaluate_run(run)
        page = Page((run / "report.html").read_text(encoding="utf-8"))
        check_self_contained(page)
        assert page.tags["svg"] == svgs
        for name in ("reliability", "history"):
            assert (run / f"{name}.svg").exists() is (run == both)
        assert ("Scores as probabilities" in page.words) is (run == both)
        assert ("slope 2.000, intercept 0.500" in page.words) is (run == both)
        assert (result["video"]["ece"]["value"] is not None) is (run == both)
    assert "kept: 1 (fixed)" in (both / "history.svg").read_text(encoding="utf-8")
    assert "held out to choose" not in (both / "report.html").read_text(encoding="utf-8")
    (both / "history.csv").write_text("epoch,train_loss,validation_loss,validation_auc\n1,0.7,0.6,0.8\n")
    evaluate_run(both)
    assert "chosen: 1" in (both / "history.svg").read_text(encoding="utf-8")
    assert "held out to choose" in (both / "report.html").read_text(encoding="utf-8")


def test_prompts_and_members_are_told(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    settings = {
        "prompts": {"texts": ["a forged face", "a photo", "a <fake>"], "labels": [1, 0, 1]},
        "members": {
            "logistic": {"fixed": {}, "parameters": {"C": 0.5}, "auc": 0.8125},
            "svm": {"fixed": {}, "parameters": {}, "auc": None},
            "mlp": {"fixed": {}},
        },
    }
    run = make_run(tmp_path / "run", head="ensemble", **settings)
    evaluate_run(run)
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    check_self_contained(page)
    for said in (
        'Prompts for real"a photo"',
        'Prompts for fake"a forged face"; "a <fake>"',
        "Member logisticC 0.5; out-of-fold AUC 0.81",
        "Member svmdefault; out-of-fold AUC -",
    ):
        assert said in page.words
    assert "Member mlp" not in page.words


def test_a_leak_stands_out(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    table = predictions_table()
    run = make_run(tmp_path / "runs" / "FaceSwap" / "svm", tables=[table], train_groups=["test003"])
    evaluate_tree(tmp_path / "runs", allow_leak=True)
    for path in (run / "report.html", tmp_path / "runs" / "report.html"):
        text = path.read_text(encoding="utf-8")
        assert '<li class="leak">LEAK: 1 of 24 test groups were in training: test003' in text


def test_nothing_that_a_run_states_becomes_markup(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    attack = "<script>alert(1)</script>"
    table = predictions_table().replace({"manipulation": {"NeuralTextures": attack}})
    settings = {"command": attack, "parameters": {attack: attack}, "caveats": [attack], "versions": {attack: attack}}
    make_run(tmp_path / "runs" / "FaceSwap" / "x", head=attack, tables=[table], **settings)
    make_run(tmp_path / "runs" / "FaceSwap" / "y", head="mlp", tables=[table], **settings)
    evaluate_tree(tmp_path / "runs")
    for path in [tmp_path / "runs" / "report.html", tmp_path / "runs" / "FaceSwap" / "x" / "report.html"]:
        page = Page(path.read_text(encoding="utf-8"))
        check_self_contained(page)
        assert attack in page.words


def test_a_run_that_states_little_is_reported_all_the_same(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    bare = dict.fromkeys(("cache", "split", "search", "versions", "timings", "command", "parameters", "score"))
    run = make_run(tmp_path / "runs" / "FaceSwap" / "mlp", **bare)
    evaluate_tree(tmp_path / "runs")
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    check_self_contained(page)
    assert "None" not in page.words and "reproduces" not in page.words
