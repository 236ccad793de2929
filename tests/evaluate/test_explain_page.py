"""What explain writes: a table, overlays and a page that says what maps show, and what they do not."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cache.errors import InputError
from evaluate.explain_page import check_folder, write_explanations
from evaluate.report.explain_words import CHOSEN, NOT_THE_TRUTH, Circumstances, caveats, sentences
from evaluate.saliency import COLUMNS, Explanation, saliency_table

KNOWN = Circumstances("given", True, {}, (), "python pipeline.py explain runs/a")
NO_BOX = (np.nan,) * 4
PROMPTS = [("a real face", 0, 0.21), ("a fake face", 1, 0.26)]


def explanations(count: int = 4, lift: float = 1.0, seed: int = 0, **changed: Any) -> list[Explanation]:
    """Frames of as many groups, reals and fakes in turn, whose maps are the denser in the face the higher ``lift``."""
    random, made = np.random.default_rng(seed), []
    for number in range(count):
        label = number % 2
        home = f"FF++/c23/{'FaceSwap' if label else 'real'}/{number:03d}"
        values = random.normal(size=(14, 14))
        values[4:10, 4:10] *= lift
        stated = {
            "sample_id": f"{home}/0", "video_id": home, "group": f"g{number:02d}",
            "manipulation": "FaceSwap" if label else "real", "label": label, "score": 0.7, "threshold": 0.5,
            "square": random.integers(0, 256, (56, 56, 3), np.uint8), "box": (16.0, 16.0, 40.0, 40.0),
            "maps": {"gradient": values, "occlusion": values + 0.5 * random.normal(size=(14, 14))},
            "reference": np.ones((14, 14)), "prompts": PROMPTS,
        }  # fmt: skip
        made.append(Explanation(**{**stated, **changed}))
    return made


class Page(HTMLParser):
    """Texts, tags and attributes of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.tags = "", []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def pictures(self) -> list[str]:
        return [attributes["src"] for tag, attributes in self.tags if tag == "img"]


def test_what_is_written_for_one_run(tmp_path: Path) -> None:
    told = write_explanations(tmp_path / "out", {"FaceSwap / svm": explanations()}, KNOWN)
    table = pd.read_csv(tmp_path / "out/explanations.csv")
    assert tuple(table) == COLUMNS and len(table) == 8
    overlays = sorted(path.name for path in (tmp_path / "out/overlays").iterdir())
    assert len(overlays) == 8 and overlays[0] == "FF++_c23_FaceSwap_001_0_gradient.png"
    assert Image.open(tmp_path / "out/overlays" / overlays[0]).size == (224, 224)
    page = Page(tmp_path / "out/explain.html")
    assert len(page.pictures()) == 4 * 3
    assert "4 samples explained." in page.text and "python pipeline.py explain runs/a" in page.text
    verdict = "Truth: fake (FaceSwap). Score 0.700, called fake (threshold 0.500)."
    for sentence in [*told, NOT_THE_TRUTH, CHOSEN, verdict]:
        assert sentence in page.text
    assert page.text.count("a fake face (fake) 0.260") == 4


def test_nothing_is_loaded_and_names_are_names(tmp_path: Path) -> None:
    evil = explanations(1, sample_id="a/<script>alert(1)</script>/../0")
    write_explanations(tmp_path, {"<b>run</b>": evil}, KNOWN._replace(failed={"x": "<img src=x>"}))
    page = Page(tmp_path / "explain.html")
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.pictures())
    assert {tag for tag, attributes in page.tags if "src" in attributes or "href" in attributes} == {"img"}
    assert not re.search(r"https?://", (tmp_path / "explain.html").read_text())
    for name in ("a/<script>alert(1)</script>/../0", "<b>run</b>", "x: <img src=x>"):
        assert name in page.text
    assert all(path.parent == tmp_path / "overlays" for path in tmp_path.rglob("*.png"))


def test_several_runs_are_compared_sample_by_sample() -> None:
    table = saliency_table({"A": explanations(20, lift=3.0), "B": explanations(20)})
    [difference] = [sentence for sentence in sentences(table) if sentence.startswith("A less B, gradient")]
    found = re.search(r"concentration \+(\d\.\d\d) \((\d\.\d\d) to (\d\.\d\d)\)\.$", difference)
    assert found, difference
    means = table[table["method"] == "gradient"].groupby("run")["concentration"].mean()
    assert float(found[1]) == pytest.approx(means["A"] - means["B"], abs=0.006)
    assert float(found[2]) < float(found[1]) < float(found[3])


def test_what_is_written_for_several_runs(tmp_path: Path) -> None:
    told = write_explanations(tmp_path, {"A / svm": explanations(2, lift=3.0), "B / svm": explanations(2)}, KNOWN)
    page = Page(tmp_path / "explain.html")
    assert len(page.pictures()) == 2 * (1 + 4)
    shown = [sentence in page.text for sentence in told]
    assert shown == [not sentence.startswith(("A / svm, ", "B / svm, ")) for sentence in told], "a table has the means"
    assert "A / svm: score 0.700, called fake (threshold 0.500); B / svm: score 0.700, called fake" in page.text
    names = [path.name for path in (tmp_path / "overlays").iterdir()]
    assert len(names) == 8 and sum(name.startswith("2_B_svm_") for name in names) == 4


def test_what_differs_by_chance_is_said_to() -> None:
    found = sentences(saliency_table({name: explanations(30, seed=seed) for seed, name in enumerate("AB")}))
    assert ["not significant" in one for one in found if one.startswith("A less B")] == [True, True]


def test_old_overlays_do_not_stay(tmp_path: Path) -> None:
    write_explanations(tmp_path, {"a": explanations(4)}, KNOWN)
    write_explanations(tmp_path, {"a": explanations(2)}, KNOWN)
    assert len(list((tmp_path / "overlays").iterdir())) == 4


def test_what_was_left_out_is_told(tmp_path: Path) -> None:
    told = write_explanations(tmp_path, {"a": explanations(2)}, KNOWN._replace(failed={"x/1": "it is gone"}))
    assert told[-1] == "1 of 3 samples left out: x/1 (it is gone)."
    told = write_explanations(tmp_path, {"a": explanations(2)}, KNOWN._replace(failed={"x/1": "gone", "x/2": "gone"}))
    assert told[-1] == "2 of 4 samples left out: x/1 (gone), and 1 more, which explain.html names."
    text = Page(tmp_path / "explain.html").text
    assert "Left out: x/1: gone" in text and "Left out: x/2: gone" in text


@pytest.mark.parametrize("name", ["run.json", "overlays/mine.png", "src/main.py"])
def test_a_folder_of_other_things_is_left_alone(name: str, tmp_path: Path) -> None:
    write_explanations(tmp_path, {"a": explanations(1)}, KNOWN)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    (tmp_path / "explain.html").write_text("earlier")
    with pytest.raises(InputError, match=f"holds other things than an earlier explanation .*{name.split('/')[0]}"):
        write_explanations(tmp_path, {"a": explanations(1)}, KNOWN)
    assert (tmp_path / name).read_text() == "mine" and (tmp_path / "explain.html").read_text() == "earlier"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    check_folder(tmp_path / "new")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is a file; name a folder"):
        check_folder(tmp_path / "file")


def test_the_means_stand_beside_what_a_head_that_knows_nothing_has() -> None:
    table = saliency_table({"a": explanations(3)})
    [first, second, last] = sentences(table)
    assert re.search(r"^a, gradient: concentration in the face \d\.\d\d \(.*too few groups\), 1\.00 for a head", first)
    assert second.startswith("a, occlusion: ") and last.startswith("The two methods rank the parts")


def test_caveats() -> None:
    def told(known: Circumstances = KNOWN, **changed: Any) -> list[str]:
        found = explanations(3, **changed)
        return caveats({"a": found}, saliency_table({"a": found}), known)

    usual = told()
    assert usual[0] == NOT_THE_TRUTH and CHOSEN in usual
    assert "3 groups only: the intervals themselves cannot be trusted" in usual
    assert any("5.44 all of it in the face, which fills 18% of a square" in one for one in usual)
    assert not any("face box" in one.lower() and "known" in one for one in usual)
    assert CHOSEN not in told(KNOWN._replace(chosen=False))
    leak = "LEAK: 2 of 3 test groups were in training"
    assert told(KNOWN._replace(told=["crop differs", leak]))[0] == leak
    assert "Crop differs" in told(KNOWN._replace(told=["crop differs", leak]))
    assert any(one.startswith("Of 3 samples no face box is known") for one in told(box=NO_BOX))
    opposed = {"gradient": np.eye(14), "occlusion": -np.eye(14)}
    assert any("In 3 of 3 pairs of maps" in one for one in told(maps=opposed))
    assert "a: jumps" in told(note="jumps")
    assert "Left out: x: gone" in told(KNOWN._replace(failed={"x": "gone"}))


def test_without_boxes_the_page_says_so(tmp_path: Path) -> None:
    only = {"gradient": np.random.default_rng(0).normal(size=(14, 14))}
    told = write_explanations(tmp_path, {"a": explanations(2, box=NO_BOX, maps=only, reference=None)}, KNOWN)
    assert [one.startswith("Of 2 samples no face box is known") for one in told] == [True]
    assert "no face box" in Page(tmp_path / "explain.html").text


def test_a_hundred_samples_stay_below_5_mb(tmp_path: Path) -> None:
    """By what four more samples add, of pictures as rough as a photograph's."""
    random = np.random.default_rng(0)
    smooth = np.repeat(np.repeat(random.integers(0, 256, (14, 14, 3)), 16, axis=0), 16, axis=1)
    square = np.clip(smooth + random.normal(scale=8, size=smooth.shape), 0, 255).astype(np.uint8)
    sizes = []
    for count in (1, 5):
        write_explanations(tmp_path, {"a": explanations(count, square=square)}, KNOWN)
        sizes.append((tmp_path / "explain.html").stat().st_size)
    assert sizes[0] + 99 * (sizes[1] - sizes[0]) / 4 < 5_000_000
