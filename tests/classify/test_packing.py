"""Fitted attributes as JSON and arrays: whatever a head may consist of comes back as it was."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from safetensors.numpy import load_file, save_file

from classify.heads import HEADS
from classify.packing import heads_within, pack_head, unpack_head

DTYPES = ["f2", "f4", "f8", "i4", "i8", "u1", "?"]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays_of.arrays(dtype, arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | ARRAYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def round_trip(head: Any, folder: Path) -> Any:
    arrays: dict[str, np.ndarray] = {}
    packed = json.loads(json.dumps(pack_head(head, arrays)))
    save_file(arrays, folder / "arrays")
    read = load_file(folder / "arrays")
    made = unpack_head(packed, read)
    assert not read, "every array is used"
    return made


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert list(one) == list(other)
        for name in one:
            assert_same(one[name], other[name])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    else:
        np.testing.assert_array_equal(np.asarray(other), np.asarray(one), strict=True)


@given(value=VALUES)
def test_values_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    head = HEADS["mlp"]()
    head.extra_ = value
    assert_same(value, round_trip(head, tmp_path_factory.mktemp("packed")).extra_)


def test_order_in_memory_and_precision_are_kept(tmp_path: Path) -> None:
    """safetensors itself takes bytes as they lie, whatever the strides."""
    head = HEADS["mlp"]()
    whole = np.arange(12, dtype=np.float32).reshape(3, 4)
    head.a_, head.b_, head.c_, head.d_ = whole.T, whole[:, ::2], np.float32(0.1), whole[1:, 1:].T
    made = round_trip(head, tmp_path)
    for name in ("a_", "b_", "d_"):
        assert np.array_equal(getattr(made, name), getattr(head, name))
    assert made.a_.flags.f_contiguous and not made.a_.flags.c_contiguous
    assert type(made.c_) is np.float32 and made.c_ == np.float32(0.1)


def test_heads_within_heads(tmp_path: Path) -> None:
    one, other, whole = (HEADS["mlp"](random_state=number) for number in range(3))
    one.weight_, other.weight_ = np.ones(2), np.zeros(3)
    whole.members_, whole.named_ = [one], {"other": other}
    made = round_trip(whole, tmp_path)
    assert [head.random_state for head in heads_within(made)] == [2, 0, 1]
    assert np.array_equal(made.members_[0].weight_, np.ones(2))
    assert np.array_equal(made.named_["other"].weight_, np.zeros(3))


def test_names_that_meet_stay_apart(tmp_path: Path) -> None:
    head = HEADS["mlp"]()
    head.a_ = {"b": {"c": np.ones(1)}, "b.c": np.zeros(1)}
    made = round_trip(head, tmp_path)
    assert made.a_["b"]["c"] == 1 and made.a_["b.c"] == 0


def test_what_is_not_for_decisions_stays_out() -> None:
    head = HEADS["mlp"]()
    head.history_, head._rows, head.weight_ = {"epoch": [1]}, np.ones(9), 1.5
    arrays: dict[str, np.ndarray] = {}
    assert pack_head(head, arrays)["fitted"] == {"weight_": 1.5} and not arrays


@pytest.mark.parametrize("name", [name for name, kind in HEADS.items() if kind.needs])
def test_what_the_cache_gave_stays_out(name: str) -> None:
    head = HEADS[name](**{need: object() for need in HEADS[name].needs})
    packed = pack_head(head, {})
    assert not set(packed["parameters"]) & {"prompts", "text_tower"}
    with pytest.raises(ValueError, match="no parameter of a saved head"):
        unpack_head({**packed, "parameters": {**packed["parameters"], HEADS[name].needs[0]: None}}, {})


@pytest.mark.parametrize("value", [object(), {1: 2}, np.array(["a"]), np.array([None]), {1, 2}, b"x", 1j, print])
def test_other_things_are_no_part_of_a_model(value: Any) -> None:
    head = HEADS["mlp"]()
    head.extra_ = [value]
    with pytest.raises(TypeError, match=r"head\.extra_\.0 is an? .* which no model file holds"):
        pack_head(head, {})
