"""The door to the text tower: the encoder of the cache, or a sentence."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cache.errors import InputError
from cache.schema import Provenance
from classify.text_tower import load_text_tower

if TYPE_CHECKING:
    from extract.text_tower import TextTower

UNKNOWN = Provenance(**{name: f"some {name}" for name in Provenance.__dataclass_fields__})


@pytest.fixture(scope="module")
def demo() -> "TextTower":
    from extract.text_tower import load_text_tower as load

    return load("demo", device="cpu")


@pytest.fixture(scope="module")
def provenance(demo: "TextTower") -> Provenance:
    """Of a cache that the embedded model made."""
    return replace(UNKNOWN, model="demo", architecture=demo.architecture, weights=demo.weights)


@pytest.mark.parametrize("model", [None, "demo"])
def test_a_cache_of_the_embedded_model_needs_no_name(
    provenance: Provenance, demo: "TextTower", model: str | None
) -> None:
    tower = load_text_tower(provenance, model)
    assert (tower.model_name, tower.weights, tower.embed_dim) == ("demo", demo.weights, 128)


@pytest.mark.parametrize(
    ("made_by", "options"),
    [("ViT-B-32, openai", "--model ViT-B-32 --pretrained openai"), ("my model", "--model my model")],
)
def test_other_caches_do(made_by: str, options: str) -> None:
    with pytest.raises(InputError, match=rf"coop and cocoop run the text tower .*: name it as for extract, {options}$"):
        load_text_tower(replace(UNKNOWN, model=made_by))


@pytest.mark.parametrize("name", ["architecture", "weights"])
@pytest.mark.parametrize("model", [None, "demo"])
def test_another_encoder_is_refused(provenance: Provenance, name: str, model: str | None) -> None:
    with pytest.raises(InputError, match=rf"made by demo: its {name} is 'other', that of demo '\w+'; give the model"):
        load_text_tower(replace(provenance, **{name: "other"}), model)


def test_what_is_missing_is_told(provenance: Provenance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(InputError, match=r"needs torch and open_clip, .*pip install -e \.\[extract\]"):
        load_text_tower(provenance)
