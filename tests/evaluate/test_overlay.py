"""Maps over pictures: colours by sign, the box where it is, sizes and formats as promised."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from evaluate.overlay import SIDE, data_uri, overlay, picture, png

GREY = np.full((56, 56, 3), 120, np.uint8)
NO_BOX = (np.nan,) * 4


def test_red_speaks_for_fake_and_blue_for_real() -> None:
    values = np.zeros((14, 14))
    values[:4, :4], values[-4:, -4:] = 2, -1
    seen = overlay(GREY, values, NO_BOX).astype(int)
    assert seen.shape == (SIDE, SIDE, 3)
    red, blue, between = seen[20, 20], seen[-20, -20], seen[SIDE // 2, SIDE // 2]
    assert red[0] > red[2] + 50 and blue[2] > blue[0] + 20
    assert np.ptp(between) <= 2 and abs(between[0] - 120) <= 2, "where nothing speaks the picture is seen, in grey"
    assert np.ptp(red) > np.ptp(blue), "the weaker part is fainter"


def test_colours_go_by_the_strongest_part() -> None:
    values = np.random.default_rng(0).normal(size=(14, 14))
    assert np.array_equal(overlay(GREY, values, NO_BOX), overlay(GREY, 1e6 * values, NO_BOX))
    assert np.array_equal(overlay(GREY, 0 * values, NO_BOX), picture(GREY, NO_BOX))


def test_the_box_is_drawn_where_it_is() -> None:
    """Of 56 pixels shown as 224: four for each."""
    framed, plain = picture(GREY, (10, 20, 30, 50)), picture(GREY, NO_BOX)
    rows, columns = (
        np.flatnonzero((framed != plain).any(axis=(1, 2))),
        np.flatnonzero((framed != plain).any(axis=(0, 2))),
    )
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (80, 200, 40, 120)
    assert np.array_equal(framed[100:150, 60:100], plain[100:150, 60:100])
    assert (picture(GREY, (0, 0, 56, 56)) != plain).any(axis=2).sum() == pytest.approx(8 * SIDE, rel=0.05), "at the rim"


def test_files_hold_what_was_drawn() -> None:
    tall = np.random.default_rng(1).integers(0, 256, (112, 56, 3), np.uint8)
    seen = overlay(tall, np.ones((14, 14)), NO_BOX)
    assert seen.shape == (SIDE, SIDE // 2, 3)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(seen)))), seen)
    head, _, content = data_uri(seen).partition(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (SIDE // 2, SIDE)
