"""What drawings share: files that are the same every time, marked once, curves of few points."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from evaluate.drawing import COLOURS, PAPER, evenly, new_axes, pdf, svg

STAMP = "LEAK: 16 of 16 test groups were in training"


def drawing() -> Figure:
    figure, (axes,) = new_axes(3, 2)
    axes.plot([0, 1], [0, 1], label="a$b$c")
    axes.legend()
    return figure


def test_a_pdf_is_the_same_bytes_without_a_date_and_with_fonts_that_can_be_searched() -> None:
    first = pdf(drawing())
    assert first.startswith(b"%PDF") and first == pdf(drawing())
    assert b"CreationDate" not in first
    assert b"/CIDFontType2" in first and b"/Type3" not in first


def test_both_formats_are_stamped_once() -> None:
    figure = drawing()
    first = svg(figure, STAMP)
    marked = pdf(figure, STAMP)
    assert len(figure.texts) == 1 and marked != pdf(drawing())
    assert svg(figure, STAMP) == first
    assert svg(drawing()) != first


steps = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=80)


@given(steps, st.integers(2, 20))
def test_a_thinned_path_keeps_its_ends_and_leaves_out_nothing_far_away(
    points: list[tuple[float, float]], most: int
) -> None:
    x, y = np.cumsum(points, axis=0).T
    kept = evenly(most, x, y)
    assert kept[0] == 0 and kept[-1] == len(x) - 1 and (np.diff(kept) > 0).all()
    assert len(kept) <= max(most, 2) or len(x) <= most
    along = sum((values - values[0]) / (np.ptp(values) or 1.0) for values in (x, y))
    before = kept[np.searchsorted(kept, np.arange(len(x)), side="right") - 1]
    assert (along - along[before] <= along[-1] / (most - 1) + 1e-9).all()


def test_a_short_path_is_kept_whole() -> None:
    assert evenly(5, np.array([0.0, 0.0, 1.0])).tolist() == [0, 1, 2]


def contrast(one: str, other: str) -> float:
    """As WCAG 2.1 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(pair, 16) / 255 for pair in re.findall("..", colour[1:])]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


# Machado, Oliveira & Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency,
# IEEE TVCG 15 (2009), severity 1.0, on linear RGB.
BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


@pytest.mark.parametrize("blindness", BLIND)
def test_the_first_lines_of_a_drawing_differ_to_colour_blind_readers(blindness: str) -> None:
    seen = []
    for colour in COLOURS[:4]:
        parts = np.array([int(pair, 16) / 255 for pair in re.findall("..", colour[1:])])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        seen.append(np.clip(np.array(BLIND[blindness]) @ linear, 0, 1) ** (1 / 2.4))
    distances = [np.linalg.norm(one - other) for at, one in enumerate(seen) for other in seen[:at]]
    assert min(distances) > 0.1
    assert all(contrast(colour, PAPER) > 2.2 for colour in COLOURS[:4])
