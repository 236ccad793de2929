"""A report loads nothing, escapes what it is given, tells its caveats first, and links the runs relatively."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluate.drawing import svg
from evaluate.figures import FIGURES
from evaluate.folders import read_run
from evaluate.report.page import run_page as render_run
from evaluate.report.page import tree_page as render_tree
from evaluate.report.templates import inline
from evaluate.runs import evaluate_run, evaluate_tree

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; `unclosed` is empty where every tag is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tags, self.attributes, self.words = text, Counter[str](), list[tuple[str, str]](), ""
        self.unclosed: list[str] = []
        self.rows: list[list[str]] = []  # of all tables, each cell as its words
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.unclosed):
            self.words += data
        if {"td", "th"} & set(self.unclosed):
            self.rows[-1][-1] = " ".join(f"{self.rows[-1][-1]} {data}".split())


def check_self_contained(page: Page) -> None:
    assert not page.unclosed
    assert not {"link", "iframe", "object", "embed", "base"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            assert value.startswith("data:image/jpeg;base64,") or not re.match(r"[a-z]+:|//", value), value
    policy = next(value for name, value in page.attributes if value.startswith("default-src 'none'"))
    assert "http" not in policy and "*" not in policy, "a browser, too, is told that nothing is to be loaded"
    assert "@import" not in page.text
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page.text))
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    linked = [value[1:] for name, value in page.attributes if name == "xlink:href"]
    assert set(linked) <= set(ids)


Evaluated = tuple[Path, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def evaluated_run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> dict[str, Any]:
    return evaluate_run(make_run(tmp_path_factory.mktemp("page") / "run", score="probability"))


@pytest.fixture(scope="module")
def run_page(evaluated_run: dict[str, Any]) -> Page:
    return Page((Path(evaluated_run["folder"]) / "report.html").read_text(encoding="utf-8"))


def page_of(result: dict[str, Any]) -> Page:
    """The page of a result that was changed."""
    page = Page(render_run(read_run(Path(result["folder"])), result, {}))
    check_self_contained(page)
    return page


def words(page: Page) -> str:
    return re.sub(r"\s+", " ", page.words)


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
    assert run_page.tags["figcaption"] == 3
    for word in ("NeuralTextures", "FaceSwap *", "hold the trained model fixed", "out of fold", "C 1", "ViT-B-32"):
        assert word in run_page.words


def test_a_tree_report_ranks_and_links(tree_page: Page, evaluated_tree: Evaluated) -> None:
    tree, _ = evaluated_tree
    links = [value for name, value in tree_page.attributes if name == "href"]
    trains = sorted(path.name for path in tree.iterdir() if path.is_dir())
    assert links == [f"{train}/{head}/report.html" for head in ("mlp", "logistic") for train in trains]
    assert all((tree / link).is_file() for link in links)
    assert tree_page.tags["figure"] == 2
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
    assert "HeadTrainedOut of foldMean rankSeenUnseenGapNeuralTextures" in table
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
    for run, figures in ((both, 4), (neither, 2)):
        result = evaluate_run(run)
        page = Page((run / "report.html").read_text(encoding="utf-8"))
        check_self_contained(page)
        assert page.tags["figcaption"] == figures
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


def test_a_page_of_200_000_predictions_stays_small(evaluated_run: dict[str, Any]) -> None:
    run = read_run(Path(evaluated_run["folder"]))
    rng, frames = np.random.default_rng(0), run.rows("test")
    many = frames.sample(200_000, replace=True, random_state=0)
    many = many.assign(score=rng.random(len(many)), video_id=[f"video{at}" for at in range(len(many))])
    large = replace(run, table=many)
    figures = {name: figure.draw(large, {"robustness": None}) for name, figure in FIGURES.items()}
    drawings = {name: svg(figure) for name, figure in figures.items() if figure is not None}
    assert len(render_run(large, evaluated_run, drawings).encode()) < 1_000_000


PICTURE = "data:image/jpeg;base64,AAAA"


def shown(kind: str, picture: str | None, name: str = "FF++/c23/real/000/0") -> dict[str, Any]:
    about = {"kind": kind, "sample_id": name, "video_id": name[:-2], "manipulation": "real", "label": 0, "score": 0.875}
    note = None if picture else "it has <none>"
    prompts = [["a <forged> face", "fake", 0.25], ["a face", "real", 0.125]]
    return {**about, "picture": picture, "note": note, "prompts": prompts}


def test_a_gallery_groups_its_pictures_by_kind(evaluated_run: dict[str, Any]) -> None:
    gallery = [shown("false_positive", PICTURE), shown("false_positive", None), shown("true_negative", PICTURE)]
    page = page_of({**evaluated_run, "gallery": gallery})
    assert page.tags["img"] == 2 and page.tags["dialog"] == 1
    assert [value for name, value in page.attributes if name == "data-kind"] == ["false_positive", "true_negative"]
    for said in ("Reals called fake 0.875 real", "all (3)", "a <forged> face (fake) 0.250", "a face (real) 0.125"):
        assert said in words(page)
    assert "1 of 3 have no picture: it has <none>." in page.words


def test_without_pictures_a_gallery_is_a_table_that_says_why(evaluated_run: dict[str, Any]) -> None:
    page = page_of({**evaluated_run, "gallery": [shown("false_positive", None)]})
    assert page.tags["img"] == 0 == page.tags["dialog"]
    assert (
        "No sample has a picture: it has <none>." in page.words
        and ["FF++/c23/real/000/0", "real", "0.875"] in page.rows
    )


def test_a_result_of_before_is_reported_without_what_it_lacks(evaluated_run: dict[str, Any]) -> None:
    parts = {
        name: {"seen": part["seen"], **{level: without_transfer(part[level]) for level in ("frame", "video")}}
        for name, part in evaluated_run["by_manipulation"].items()
    }
    older = {key: value for key, value in evaluated_run.items() if key not in ("group", "gallery", "robustness")}
    told = words(page_of({**older, "by_manipulation": parts}))
    assert "What the threshold costs" not in told and "group level" not in told
    assert "Frames furthest" not in told and "In other views" not in told


def without_transfer(figures: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in figures.items() if key != "transfer"}


def test_what_the_threshold_costs_elsewhere_is_told(evaluated_run: dict[str, Any]) -> None:
    transfer = {"fpr": 0.125, "fnr": 0.375, "best_threshold": 0.4375, "best_balanced_accuracy": 0.8125}
    transfer["cost"] = {"value": 0.0625, "low": 0.03125, "high": 0.25}
    parts = {
        name: {**part, **{level: {**part[level], "transfer": transfer} for level in ("frame", "video")}}
        for name, part in evaluated_run["by_manipulation"].items()
    }
    page = page_of({**evaluated_run, "by_manipulation": parts})
    told = words(page)
    assert "Video level, threshold 0.550" in told and "The same at frame level, threshold 0.500" in told
    rows = [row for row in page.rows if row[0] == "FaceSwap *" and row[-1] == "0.062 0.03-0.25"]
    assert [row[4:6] for row in rows] == [["0.438", "0.812"]] * 2
    for row, level in zip(rows, ("video", "frame"), strict=True):
        figures = parts["FaceSwap"][level]
        for cell, name in zip(row[1:3], ("specificity", "recall"), strict=True):
            value, low, high = (1 - figures[name][end] for end in ("value", "high", "low"))
            assert cell == f"{value:.3f} {low:.2f}-{high:.2f}"


def test_other_views_are_told(evaluated_run: dict[str, Any]) -> None:
    auc = {"value": 0.75, "low": 0.5, "high": 1.0, "few_groups": False}
    change = {"value": -0.125, "low": -0.25, "high": 0.0625, "few_groups": False}
    clean, changed = {"auc": auc, "change": None}, {"auc": {**auc, "few_groups": True}, "change": change}
    cells = {
        "FaceSwap": {level: {"clean": clean, "jpeg-30": changed} for level in ("frame", "video")},
        "NeuralTextures": {level: {"clean": clean} for level in ("frame", "video")},
    }
    robustness = {"base": "clean", "views": ["jpeg-30"], "cells": cells, "told": ["3 rows lack it"]}
    page = page_of({**evaluated_run, "robustness": robustness})
    assert "3 rows lack it" in page.words
    assert page.rows.count(["View", "FaceSwap", "NeuralTextures"]) == 2
    assert page.rows.count(["clean", "0.750 0.50-1.00", "0.750 0.50-1.00"]) == 2
    assert page.rows.count(["jpeg-30", "†0.750 -0.125 -0.25 to +0.06", "-"]) == 2


def test_what_nobody_knows_is_not_called_seen(
    evaluated_run: dict[str, Any], evaluated_tree: Evaluated, predictions_table: Callable[..., pd.DataFrame]
) -> None:
    known = words(page_of(evaluated_run))
    assert "* seen in training" in known
    parts = {name: {**part, "seen": None} for name, part in evaluated_run["by_manipulation"].items()}
    run = {**evaluated_run["run"], "train": []}
    told = words(page_of({**evaluated_run, "by_manipulation": parts, "run": run}))
    assert "seen in training" not in told and "FaceSwap *" not in told


def test_scores_of_unknown_training_are_compared_without_order_or_seen(evaluated_tree: Evaluated) -> None:
    tree, results = evaluated_tree
    figure = {"value": 0.75, "low": 0.5, "high": 1.0, "few_groups": False}
    nothing = {"seen": None, "unseen": None, "gap": None, "unseen_each": {}}
    unknown = []
    for result in results:
        levels = {
            level: {**result["comparison"][level], **nothing, "mean": figure, "each": {"FaceSwap": figure}}
            for level in ("video", "frame")
        }
        run = {**result["run"], "train": []}
        parts = {name: {**part, "seen": None} for name, part in result["by_manipulation"].items()}
        comparison = {**result["comparison"], **levels}
        unknown.append({**result, "run": run, "by_manipulation": parts, "comparison": comparison})
    page = Page(render_tree(tree, unknown, {}))
    check_self_contained(page)
    assert [row for row in page.rows if row[0] == "Scores"] == [["Scores", "Mean rank", "All", "FaceSwap"]] * 2
    told = words(page)
    assert "Tested on each manipulation" in told and "framed cell" not in told and "bold: seen" not in told
    assert "in the order of their out-of-fold AUC at video level" not in told
    assert "White is guessing" not in told and ("class", "figures") not in page.attributes, "no figures were given"
    assert sum(row[0] == "Trained on" for row in page.rows) >= 2, "the numbers stay"


@pytest.mark.parametrize(("size", "least"), [("7px", 450), ("9px", 280)])
def test_a_drawing_of_small_letters_is_not_made_small(size: str, least: int) -> None:
    letters = f'<text style="font-size: {size}">a</text>' * 2 + '<text style="font-size: 12px">b</text>'
    drawn = inline(f'<svg width="350pt" height="10pt">{letters}</svg>', "x")
    assert f"min-width: {least}px" in drawn and "max-width: 525px" in drawn


def test_differences_are_sentences_first(evaluated_tree: Evaluated) -> None:
    tree, results = evaluated_tree
    cell = {
        "level": "video", "family": "cells", "first": "mlp", "second": "logistic", "train": "FaceSwap",
        "test": "FaceSwap", "seen": True, "metric": "auc", "value": 0.0625, "low": -0.125, "high": 0.25, "p": 0.5,
        "p_holm": 0.75, "delong_p": None, "delong_why": "24 of 24 groups hold several rows", "few_groups": False,
        "n_common": 48, "left_out": [0, 3], "sentence": "of a cell",
    }  # fmt: skip
    means = [
        {**cell, "family": "means", "train": None, "test": f"mean of {seen}", "seen": seen, "sentence": f"seen: {seen}"}
        for seen in (True, False)
    ]
    frames = [{**cell, "level": "frame", "sentence": "of frames"}]
    first = {**results[0], "pairs": [*means, cell, *frames]}
    page = Page(render_tree(tree, [first, *results[1:]], {}))
    check_self_contained(page)
    told = words(page)
    assert "Differences from mlp" in told and "logistic" in told
    assert "seen: False" in told and not any(other in told for other in ("seen: True", "of a cell", "of frames"))
    row = ["logistic", "FaceSwap", "FaceSwap", "+0.062 -0.12 to +0.25", "0.500", "0.750", "-", "48", "0 / 3"]
    assert page.rows.count(row) == 2
    for name in ("Means over cells, video level", "Each cell, video level", "Each cell, frame level"):
        assert name in told
    assert "Means over cells, frame level" not in told
    alone = Page(render_tree(tree, [{**results[0], "pairs": [cell]}, *results[1:]], {}))
    assert "of a cell" in alone.words, "where there is no mean, the cells are told"


def test_data_sets_are_tabled_where_there_are_several(evaluated_tree: Evaluated) -> None:
    tree, results = evaluated_tree
    assert "From one data set" not in Page(render_tree(tree, results, {})).words
    record = {"train": "FaceSwap", "trained_on": ["FF++/FaceSwap"], "value": 0.75, "low": 0.5, "high": 1.0}
    datasets = [
        {**record, "dataset": name, "few_groups": False, "manipulations": count, "seen": seen}
        for name, count, seen in (("FF++/c23", 4, 1), ("Celeb-DF", 1, 0))
    ]
    several = []
    for result in results:
        video = {**result["comparison"]["video"], "datasets": datasets}
        several.append({**result, "comparison": {**result["comparison"], "video": video}})
    page = Page(render_tree(tree, several, {}))
    check_self_contained(page)
    assert ["Trained on", "FF++/c23", "Celeb-DF"] in page.rows
    assert ["FF++/FaceSwap", "0.750 0.50-1.00 of 4", "0.750 0.50-1.00 of 1"] in page.rows
