"""What is wanted of a plan survives the way to another process, and names what it would change."""

import json
import pickle
from dataclasses import replace
from typing import Any

import pytest

from extract.faces import FaceCrop
from extract.prompts import PROMPT_SETS, PromptSet
from extract.video import Sampling
from extract.wanted import Wanted
from tests.extract.colour_faces import ColourFaces

WANTED = Wanted(
    roots=("data",),
    model="demo",
    pretrained=None,
    tokens=(),
    prompts=tuple(PROMPT_SETS.values())[:1],
    sampling=Sampling(frames=4),
    crop="none",
    faces=None,
    views=("clean",),
    thumbnails=0,
    selection={"layout": "folders", "dataset": None, "limit": None},
    part_rows=8,
)


def test_it_can_be_sent_and_its_settings_written() -> None:
    assert pickle.loads(pickle.dumps(WANTED)) == WANTED
    assert json.loads(json.dumps(WANTED.settings())) == WANTED.settings()


@pytest.mark.parametrize(
    "change",
    [
        {"roots": ("other",)},
        {"model": "ViT-B-32"},
        {"pretrained": "openai"},
        {"tokens": ("cls",)},
        {"prompts": (PromptSet("mine", ("a face",), ("a mask",)),)},
        {"sampling": Sampling(fps=2)},
        {"crop": "given"},
        {"faces": FaceCrop(ColourFaces())},
        {"views": ("clean", "flip")},
        {"thumbnails": 96},
        {"selection": {"layout": "folders", "dataset": None, "limit": 3}},
    ],
)
def test_whatever_changes_the_file_changes_the_settings(change: dict[str, Any]) -> None:
    assert replace(WANTED, **change).settings() != WANTED.settings()


def test_the_size_of_a_part_may_change() -> None:
    assert replace(WANTED, part_rows=99).settings() == WANTED.settings()
