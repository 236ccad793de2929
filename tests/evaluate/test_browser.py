"""Reports in a real browser: they load nothing and complain of nothing, and what can be moved moves rightly."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluate.decisions import accuracy, balanced_accuracy, f1, majority_baseline
from evaluate.folders import Run, read_run
from evaluate.levels import cells
from evaluate.report.page import run_page
from evaluate.runs import evaluate_run

playwright = pytest.importorskip("playwright.sync_api", reason="the browser is driven by playwright, which is missing")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium: the report was not looked at in a browser")

PIXEL = (  # a JPEG of one pixel
    "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////"
    "////////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA="
)


@dataclass
class Opened:
    """A page in the browser, and what it complained of or asked for beside itself."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Run:
    """A run whose report shows a gallery beside all else."""
    folder = make_run(tmp_path_factory.mktemp("browser") / "run", command="python pipeline.py classify " + 90 * "x")
    result = evaluate_run(folder)
    about = {"video_id": "v", "manipulation": "real", "label": 0, "score": 0.875, "picture": PIXEL, "note": None}
    gallery = [
        {**about, "kind": kind, "sample_id": f"FF++/c23/real/{kind}/0", "prompts": [["a face", "real", 0.5]]}
        for kind in ("false_positive", "false_positive", "true_negative")
    ]
    read = read_run(folder)
    svg = (folder / "roc.svg").read_text(encoding="utf-8")
    page = run_page(read, {**result, "gallery": gallery}, {"roc": svg})
    (folder / "report.html").write_text(page, encoding="utf-8")
    return read


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Opened]]:
    contexts = []

    def opened(path: Path, **settings: Any) -> Opened:
        context = browser.new_context(**settings)
        contexts.append(context)
        found = Opened(context.new_page())

        def route(asked: Any) -> None:
            if asked.request.url == path.as_uri():
                asked.continue_()
            else:
                found.requests.append(asked.request.url)
                asked.abort()

        context.route("**/*", route)
        found.page.on("console", lambda message: found.complaints.append(message.text))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.goto(path.as_uri())
        return found

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def report(run: Run, open_page: Callable[..., Opened]) -> Any:
    return open_page(run.folder / "report.html").page


def shown(page: Any, name: str) -> str:
    return page.locator(f"[data-panel=threshold] [data-show={name}]").text_content()


def check_shown(page: Any, rows: pd.DataFrame, threshold: float, own: float) -> None:
    """Whether all that the panel shows is what the metrics say of these rows at this threshold"""
    labels = rows["label"].to_numpy()
    called = (rows["score"].to_numpy() >= threshold).astype(int)
    fp, fn = ((called != labels) & (labels == label) for label in (0, 1))
    reals, fakes = ((labels == label).sum() for label in (0, 1))
    counts = {"fp": fp.sum(), "fn": fn.sum(), "tn": reals - fp.sum(), "tp": fakes - fn.sum()}
    assert {name: int(shown(page, name)) for name in counts} == counts
    shares = {
        "accuracy": accuracy(labels, called),
        "majority": majority_baseline(labels),
        "balanced_accuracy": balanced_accuracy(labels, called),
        "fpr": fp.sum() / reals,
        "fnr": fn.sum() / fakes,
        "f1": f1(labels, called),
    }
    for name, value in shares.items():
        assert abs(float(shown(page, name)) - value) <= 0.0005 + 1e-9, name
    point = page.locator("[data-show=point]")
    assert float(point.get_attribute("cx")) == pytest.approx(100 * shares["fpr"])
    assert float(point.get_attribute("cy")) == pytest.approx(100 * shares["fnr"])
    line = page.locator("[data-show=line]").get_attribute("d")
    low, high = min(own, rows["score"].min()), max(own, rows["score"].max())
    assert float(line.removeprefix("M").split()[0]) == pytest.approx(160 * (threshold - low) / (high - low))


def cut(page: Any, cell: int, level: str) -> float:
    """The threshold that the slider stands at, from the data of the page."""
    return page.evaluate(
        """([cell, level]) => JSON.parse(document.querySelector("[data-panel] script").textContent)[cell][level]
            .cuts[Number(document.querySelector("[name=threshold]").value)]""",
        [cell, level],
    )


def slide(page: Any, share: float) -> None:
    page.locator("[name=threshold]").evaluate(
        """(slider, share) => {
            slider.value = Math.round(share * slider.max);
            slider.dispatchEvent(new Event("input"));
        }""",
        share,
    )


def test_reports_load_nothing_and_complain_of_nothing(
    run: Run, evaluated_tree: tuple[Path, Any], open_page: Callable[..., Opened]
) -> None:
    for path in (run.folder / "report.html", evaluated_tree[0] / "report.html"):
        found = open_page(path)
        assert (found.complaints, found.requests) == ([], [])
        assert found.page.locator("h1").is_visible()


def test_without_script_a_report_is_whole(run: Run, open_page: Callable[..., Opened]) -> None:
    page = open_page(run.folder / "report.html", java_script_enabled=False).page
    assert not page.locator("[data-panel=threshold]").is_visible()
    assert not any(one.is_visible() for one in page.locator("button, select, input").all())
    assert page.locator(".card img").count() == 3 and page.locator(".card img").first.is_visible()
    assert page.locator("th", has_text="AUC").first.is_visible()


def test_the_threshold_starts_at_the_run_s_own_and_moves_everything(run: Run, report: Any) -> None:
    by_name = cells(run.at_level(run.rows("test"), "video"))
    assert report.locator("[name=cell] option").all_text_contents() == [*by_name, "all test rows"]
    rows = by_name["FaceSwap"]
    own = run.threshold("video")["value"]
    assert cut(report, 0, "video") == own and "the run's own" in shown(report, "threshold")
    check_shown(report, rows, own, own)
    assert report.locator("[name=back]").is_disabled()
    for share in (0, 0.2, 0.7, 1):
        slide(report, share)
        check_shown(report, rows, cut(report, 0, "video"), own)
        assert "the run's own" not in shown(report, "threshold")
        assert "chosen on these very rows" in shown(report, "sentence")
    report.locator("[name=back]").click()
    assert cut(report, 0, "video") == own and "very rows" not in shown(report, "sentence")


def test_the_threshold_moves_by_keys(run: Run, report: Any) -> None:
    slider = report.get_by_role("slider", name="Threshold")
    before = int(slider.input_value())
    for key, expected in (("ArrowRight", before + 1), ("ArrowLeft", before), ("Home", 0)):
        slider.press(key)
        assert int(slider.input_value()) == expected
    assert shown(report, "tn") == "0"
    slider.press("End")
    assert shown(report, "fp") == "0" and slider.get_attribute("aria-valuetext") == shown(report, "threshold")
    rows = cells(run.at_level(run.rows("test"), "video"))["FaceSwap"]
    check_shown(report, rows, cut(report, 0, "video"), run.threshold("video")["value"])


def test_no_two_stops_of_the_slider_are_called_alike(run: Run, report: Any) -> None:
    names = report.evaluate(
        """() => {
            const slider = document.querySelector("[name=threshold]");
            return Array.from({ length: Number(slider.max) + 1 }, (_, at) => {
                slider.value = at;
                slider.dispatchEvent(new Event("input"));
                return document.querySelector("[data-show=threshold]").textContent;
            });
        }"""
    )
    assert len(names) > 10 and len(set(names)) == len(names)
    highest = cells(run.at_level(run.rows("test"), "video"))["FaceSwap"]["score"].max()
    [above] = [name for name in names if name.startswith("above ")]
    assert float(above.split()[1]) == pytest.approx(highest, rel=1e-3)


def test_another_cell_and_level_have_their_own_counts(run: Run, report: Any) -> None:
    report.get_by_label("Tested on").select_option("NeuralTextures")
    report.get_by_label("Counted by").select_option("frame")
    rows = cells(run.at_level(run.rows("test"), "frame"))["NeuralTextures"]
    own = run.threshold("frame")["value"]
    assert cut(report, 1, "frame") == own
    check_shown(report, rows, own, own)
    curve = report.locator("[data-show=curve]").get_attribute("d")
    assert curve.startswith("M100 0L") and curve.endswith("L0 100")
    slide(report, 0.4)
    check_shown(report, rows, cut(report, 1, "frame"), own)
    report.get_by_label("Tested on").select_option("all test rows")  # of more fakes than reals
    check_shown(report, run.at_level(run.rows("test"), "frame"), own, own)


TABLE = """<table class="sortable"><thead><tr><th>Name</th><th>AUC</th></tr></thead><tbody>
<tr class="section"><th colspan="2">first</th></tr>
<tr><th>b10</th><td>†0.9 <small>0.1-1.0</small></td></tr><tr><th>b9</th><td>-</td></tr>
<tr><th>a</th><td>1,200</td></tr><tr><th>c</th><td>-0.5</td></tr>
<tr class="section"><th colspan="2">second</th></tr><tr><th>z</th><td>2</td></tr><tr><th>y</th><td>1</td></tr>
</tbody></table>"""


def test_tables_are_sorted_by_their_headers(run: Run, open_page: Callable[..., Opened], tmp_path: Path) -> None:
    text = (run.folder / "report.html").read_text(encoding="utf-8")
    path = tmp_path / "sorted.html"
    path.write_text(text.replace("<h2>Figures</h2>", TABLE, 1), encoding="utf-8")
    page = open_page(path).page
    table = page.locator("table.sortable").first
    name, auc = (table.locator("thead th").nth(at) for at in (0, 1))

    def order() -> str:
        return " ".join(table.locator("tbody th").all_text_contents())

    given = "first b10 b9 a c second z y"
    assert order() == given and auc.get_attribute("aria-sort") == "none"
    auc.get_by_role("button").click()
    assert order() == "first c b10 a b9 second y z" and auc.get_attribute("aria-sort") == "ascending"
    auc.get_by_role("button").press("Enter")
    assert order() == "first a b10 c b9 second z y" and auc.get_attribute("aria-sort") == "descending"
    name.get_by_role("button").press("Enter")
    assert order() == "first a b9 b10 c second y z", "the number in a name counts as a number"
    assert [one.get_attribute("aria-sort") for one in (name, auc)] == ["ascending", "none"]
    for _ in range(2):
        name.get_by_role("button").click()
    assert order() == given and name.get_attribute("aria-sort") == "none"


def test_the_tables_of_a_report_can_be_sorted(run: Run, report: Any) -> None:
    table = report.locator("table.sortable").first
    table.locator("th", has_text="AUC").get_by_role("button").click()
    rows = [row.locator("td").nth(1).text_content() for row in table.locator("tbody tr:not(.section)").all()]
    values = [float(text.split()[0]) for text in rows]
    assert values[:4] == sorted(values[:4]) and values[4:] == sorted(values[4:]), "within its level"
    assert table.locator("tbody tr.section").all_text_contents() == ["Video level", "Frame level"]


def test_a_picture_enlarges_and_the_gallery_shows_one_kind(report: Any) -> None:
    dialog = report.locator("dialog")
    assert not dialog.is_visible()
    report.locator(".card button").first.press("Enter")
    assert dialog.is_visible() and dialog.get_by_text("a face (real) 0.500").is_visible()
    assert dialog.locator("img").bounding_box()["width"] > 300
    report.keyboard.press("Escape")
    assert not dialog.is_visible()
    report.locator(".card button").nth(1).click()
    assert dialog.locator("img").count() == 1
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()
    report.locator(".card button").first.click()
    report.mouse.click(5, 5)
    assert not dialog.is_visible(), "a click beside it closes it"
    report.get_by_label("Show").select_option("true_negative")
    assert [one.is_visible() for one in report.locator("[data-kind] .card").all()] == [False, False, True]


@pytest.mark.parametrize(("scheme", "width"), [("dark", 360), ("light", 360), ("dark", 1280)])
def test_nothing_sticks_out_of_a_phone(
    scheme: str, width: int, run: Run, evaluated_tree: tuple[Path, Any], open_page: Callable[..., Opened]
) -> None:
    for path in (run.folder / "report.html", evaluated_tree[0] / "report.html"):
        page = open_page(path, color_scheme=scheme, viewport={"width": width, "height": 800}).page
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") is (scheme == "light")


def test_paper_shows_what_is_folded_away_and_no_controls(run: Run, open_page: Callable[..., Opened]) -> None:
    page = open_page(run.folder / "report.html", color_scheme="dark").page
    folded = page.locator("details dd").first
    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.bounding_box()["height"] > 0
    assert not page.locator("[data-panel=threshold]").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
