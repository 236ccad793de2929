import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluate.ablation import report
from evaluate.ablation.drawn import draw_grid
from evaluate.ablation.report import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FILES = ("table.csv", "table.parquet", "ablation.md", "ablation.tex", "report.html")


@pytest.fixture(autouse=True, scope="module")
def fewer_draws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(report, "draw_grid", lambda grid: draw_grid(grid, 100, 300))
        yield


@pytest.fixture(scope="module")
def written(crossed: Path, fewer_draws: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "grid"
    shutil.copytree(crossed, out)
    write_report(out)
    return out


def test_an_unfinished_grid_is_reported_with_all_that_is_missing(written: Path) -> None:
    drawn = {"effects.csv", "effects.md", "effects.tex", "curve_frames.svg", "cost.svg"}
    assert {path.name for path in written.iterdir() if path.is_file()} == {"grid.json", *FILES, *drawn}
    page = (written / "report.html").read_text(encoding="utf-8")
    for part in (
        "1. logistic, frames 8",
        "best on test: optimistic",
        "InputError: too few groups",
        "the cache changed",
    ):
        assert part in page
    assert '<li class="leak">LEAK: 2 of 24' in page
    assert not re.search(r'(?:src|href)="(?!#)', page)  # nothing is loaded from elsewhere
    assert len(pd.read_csv(written / "table.csv")) == len(pd.read_parquet(written / "table.parquet")) == 5


def test_the_same_grid_gives_the_same_files(written: Path) -> None:
    before = {path.name: path.read_bytes() for path in written.iterdir() if path.is_file()}
    write_report(written)
    assert {path.name: path.read_bytes() for path in written.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("axes", "settings"),
    [({}, {"fold": None}), ({"head": "a"}, {}), ({"head": "a"}, {"state": "failed", "error": "<b>why</b> & how"})],
    ids=["no-axis", "done", "failed"],
)
def test_a_grid_of_one_cell_is_reported(
    axes: dict[str, Any], settings: dict[str, Any], plan: Any, make_grid: Callable[..., Path], tmp_path: Path
) -> None:
    out = make_grid(tmp_path / "grid", [plan(axes, **settings)])
    assert write_report(out)[-1].endswith("report.html")
    assert all((out / name).stat().st_size for name in FILES)
    assert "<b>why" not in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium: the report was not looked at in a browser")
def test_the_page_complains_of_nothing_and_fits_a_phone(written: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is missing")
    complaints: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 360, "height": 700})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((written / "report.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.locator("table").first.get_by_role("button", name="Unseen").click()
        order = page.locator("table").first.locator("tbody th").all_text_contents()
        browser.close()
    assert not complaints
    assert [name[:2] for name in order] == ["1.", "3.", "2."]  # ascending: the first two are alike on test
