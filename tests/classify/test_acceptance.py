"""What a model may go by: features made as its own were, other people, and the prompts that it knows."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from cache.errors import InputError
from cache.reader import Cache, open_cache
from cache.schema import PromptScores, Provenance, Space
from cache.store import write_cache
from classify.acceptance import (
    check_prompts,
    check_provenance,
    group_column,
    made_with,
    trained_groups,
    wanted_of_an_extraction,
)
from classify.models import Model

MADE = {name: f"some {name}" for name in Provenance.__dataclass_fields__}
ENCODER = ["architecture", "weights", "adapter", "preprocessing"]
TOLD = ["sampling", "precision", "decoder"]


def a_model(**meta: Any) -> Model:
    """What is known of a model; how it decides plays no part."""
    return Model(Pipeline([("head", None)]), {"cache": {"provenance": MADE}, "train_identities": [], **meta}, "")


def test_the_same_features_are_accepted() -> None:
    assert check_provenance(a_model(), made_with(a_model())) == []
    other = replace(made_with(a_model()), model="the same by another name", tokens="more", software="newer", prompts="")
    assert check_provenance(a_model(), other) == []


@pytest.mark.parametrize("field", ENCODER)
def test_features_of_another_encoder_are_refused(field: str) -> None:
    other = replace(made_with(a_model()), **{field: "another"})
    with pytest.raises(InputError, match=f"{field} is 'some {field}' in training and 'another' here"):
        check_provenance(a_model(), other, differ=["crop", "view"])


@pytest.mark.parametrize("field", ["crop", "view"])
def test_what_may_differ_is_to_be_named_and_is_told(field: str) -> None:
    other = replace(made_with(a_model()), **{field: "another"})
    for named in ([], [{"crop": "view", "view": "crop"}[field]]):
        with pytest.raises(InputError, match=f"^{field} is 'some {field}' in .* name it: --differ {field}$"):
            check_provenance(a_model(), other, named)
    assert check_provenance(a_model(), other, [field]) == [f"{field} is 'some {field}' in training and 'another' here"]


@pytest.mark.parametrize("field", TOLD)
def test_what_else_differs_is_told_where_the_model_states_it(field: str) -> None:
    other = replace(made_with(a_model()), **{field: "another"})
    assert len(check_provenance(a_model(), other)) == 1
    silent = a_model(cache={"provenance": {**MADE, field: ""}})
    assert check_provenance(silent, other) == []


def test_nothing_else_may_differ() -> None:
    with pytest.raises(InputError, match=r"unknown thing that may differ .*'weights'; known: crop, view"):
        check_provenance(a_model(), made_with(a_model()), ["weights"])


def samples(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["group", "identities", "scene"])


def test_groups_that_were_trained_on() -> None:
    model = a_model(train_groups=["a", "b"])
    table = samples(("a", "a", "a"), ("a", "a", "a"), ("c", "c", "c"), ("b", "b", "b"))
    assert trained_groups(model, table) == "LEAK: 2 of 3 test groups were in training: a and b"
    assert trained_groups(model, table[table["group"] == "c"]) == ""


def test_a_person_is_found_in_a_group_of_another_name() -> None:
    """Reals alone are groups of their own: b is not called a there, as it is beside the fakes that join them."""
    table = samples(("b", "b", "b"), ("c", "c", "c"))
    assert trained_groups(a_model(train_groups=["a"]), table) == "", "as far as such a model knows"
    known = a_model(train_groups=["a"], train_identities=["a", "b"])
    assert trained_groups(known, table) == "LEAK: 1 of 2 test groups were in training: b"
    assert "1 of 1" in trained_groups(known, samples(("c", "b c", "c")))


def test_a_split_by_scene_keeps_scenes_apart_not_people() -> None:
    split = {"disjoint": "scene", "drop_crossing": False}
    model = a_model(train_groups=["a"], train_identities=["a", "b"], split=split)
    assert group_column(model) == "scene"
    assert trained_groups(model, samples(("a", "a b", "b"))) == ""
    assert "test groups were in training: a" in trained_groups(model, samples(("x", "y", "a")))


def test_where_crossing_fakes_were_dropped_people_are_apart_and_scenes_are_groups() -> None:
    split = {"disjoint": "identity", "drop_crossing": True}
    model = a_model(train_groups=["a"], train_identities=["a", "b"], split=split)
    assert group_column(model) == "scene"
    assert "in training: s" in trained_groups(model, samples(("g", "b z", "s")))
    assert trained_groups(model, samples(("a", "y z", "s"))) == ""


@pytest.fixture
def cache(build_cache: Callable[..., Path]) -> Cache:
    return open_cache(build_cache(groups=2, frames=1))


def test_prompts_are_compared_text_by_text(cache: Cache, tmp_path: Path) -> None:
    found = cache.prompts()
    stated = {"texts": found.texts, "labels": found.labels.tolist()}
    check_prompts(a_model(prompts=stated), cache, "pair")
    for texts, labels in ((found.texts[::-1], [0, 1]), (found.texts, [1, 0]), (["a face", "a mask"], [0, 1])):
        scored = PromptScores(texts, np.array(labels, "i1"), found.text_embeddings, found.similarity)
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.h5"
        write_cache(path, cache.samples, {"clean": Space(cache.provenance(), {}, {}, {"pair": scored})})
        with pytest.raises(InputError, match=r"goes by the prompts a real face; a fake face; those of set 'pair'"):
            check_prompts(a_model(prompts=stated), open_cache(path), "pair")
    with pytest.raises(InputError, match="does not say by which prompts"):
        check_prompts(a_model(), cache, "pair")
    with pytest.raises(
        InputError, match=r"'mine' \(a real face; a fake face\).*cache prompts .*--prompts.*then.*--with"
    ):
        check_prompts(a_model(prompts=stated), cache, "mine")


def test_what_is_to_be_extracted() -> None:
    stated = {"texts": ["a face", "a mask"], "labels": [0, 1]}
    made = a_model(features=["embedding"], prompt_set="pair", prompts=stated)
    assert wanted_of_an_extraction(made) == {"tokens": [], "prompts": None}, "a head keeps the prompts that it takes"
    made = a_model(features=["cls", "prompts"], prompt_set="pair", prompts=stated)
    wanted = {"name": "pair", **stated, "fingerprint": None}
    assert wanted_of_an_extraction(made) == {"tokens": ["cls"], "prompts": wanted}
    with pytest.raises(InputError, match="does not say by which prompts"):
        wanted_of_an_extraction(a_model(features=["prompts"], prompt_set="pair"))


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (f"my pair:{'a' * 32}", "a" * 32),
        (f"pair:{'b' * 32} my pair:{'a' * 32} other:{'c' * 32}", "a" * 32),
        (f"not my pair:{'b' * 32}", "b" * 32),
        (f"pair:{'b' * 32}", None),
        ("none", None),
    ],
)
def test_the_fingerprint_of_a_prompt_set_is_found_by_its_name(made: str, found: str | None) -> None:
    model = a_model(
        features=["prompts"],
        prompt_set="my pair",
        prompts={"texts": ["a", "b"], "labels": [0, 1]},
        cache={"provenance": {**MADE, "prompts": made}},
    )
    assert wanted_of_an_extraction(model)["prompts"]["fingerprint"] == found
