"""Options of a cell: all that `classify` takes, each value in one spelling, and what is refused."""

import datetime
import inspect
import math
from typing import Any

import pytest

from cache.errors import InputError
from classify.ablation.axes import OPTIONS, check_cell, checked, flat, shown, without_effect, worded
from classify.runs import classify

NOT_OF_A_CELL = {  # what the grid, or whoever carries it out, says in another way
    "out", "matrix", "leave_one_out", "heads", "parameters", "keep_checkpoints", "model", "pretrained", "additions",
    "command", "say",
}  # fmt: skip


def test_options_are_those_of_classify() -> None:
    assert set(OPTIONS) - {"head"} == set(inspect.signature(classify).parameters) - NOT_OF_A_CELL


def test_parameters_stand_in_a_table_of_their_head() -> None:
    assert flat({"mlp": {"lr": [1], "alpha": [2]}, "seed": [0]}) == {"mlp.lr": [1], "mlp.alpha": [2], "seed": [0]}


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("train", "FaceSwap", ["FaceSwap"]),
        ("train", ["b", "a", "b"], ["a", "b"]),
        ("where", ["dataset=FF++", "compression=c23,c40"], ["compression=c23,c40", "dataset=FF++"]),
        ("test", [], []),
        ("features", ["prompts", "embedding"], ["prompts", "embedding"]),
        ("features", "cls", ["cls"]),
        ("differ", ["view", "crop"], ["crop", "view"]),
        ("fraction", 1, 1),
        ("test_size", 1, 1),
        ("threshold", 0.5, 0.5),
        ("seed", 0, 0),
        ("allow_leak", False, False),
        ("prompt_set", "any name", "any name"),
        ("mlp.hidden_layer_sizes", [64, 32], [64, 32]),
        ("knn.vote", "votes", "votes"),
    ],
)
def test_values_have_one_spelling(name: str, given: Any, kept: Any) -> None:
    assert checked(name, given) == kept
    assert checked(name, kept) == kept


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("heads", "svm", "unknown option 'heads'; known: HEAD.PARAMETER, allow_leak, cache"),
        ("logstic.C", 1, "unknown head 'logstic'; known: clip_adapter"),
        ("logistic.c", 1, "unknown parameter of logistic 'c'; known: C"),
        ("logistic.random_state", 1, "unknown parameter of logistic 'random_state'"),
        ("logistic.C", math.nan, "a finite number"),
        ("logistic.C", datetime.date(2026, 1, 1), "a finite number"),
        ("head", "smv", "unknown head 'smv'"),
        ("head", ["svm"], "a text is needed"),
        ("train", 3, "a text, or a list of texts, is needed"),
        ("train", ["a", 3], "a text, or a list of texts, is needed"),
        ("train", "", "a text, or a list of texts, is needed"),
        ("features", ["embeddings"], "unknown feature 'embeddings'; known: cls, embedding, prompts"),
        ("features", ["cls", "cls"], "name each feature once, not cls, cls"),
        ("features", [], "name each feature once, not none"),
        ("normalize", "l3", "unknown normalisation 'l3'; known: l2, none, standard"),
        ("differ", "colour", "unknown thing that may differ"),
        ("disjoint", "person", "unknown kind of disjoint split 'person'"),
        ("calibrate", "beta", "unknown calibration 'beta'"),
        ("threshold", 1.0, "between 0 and 1"),
        ("threshold", True, "a number is needed"),
        ("test_size", 0, "above 0 and at most 1, not 0"),
        ("test_size", 1.1, "above 0 and at most 1, not 1.1"),
        ("fraction", 0.0, "above 0 and at most 1"),
        ("fraction", 1.5, "above 0 and at most 1"),
        ("frames", 0, "1 or more, not 0"),
        ("frames", 2.0, "a whole number is needed"),
        ("seed", -1, "0 or more, not -1"),
        ("seed", True, "a whole number is needed"),
        ("allow_leak", 1, "true or false is needed"),
        ("where", "compression", "column=value, not 'compression'"),
        ("where", "kompression=c23", "unknown sample column 'kompression'"),
    ],
)
def test_other_values_are_refused(name: str, value: Any, said: str) -> None:
    with pytest.raises(InputError) as error:
        checked(name, value)
    assert said in str(error.value)


def test_lists_are_shown_as_one_text() -> None:
    assert [shown(one) for one in (["a", "b"], [], [64, 32], None, 0.1)] == ["a+b", "none", "64+32", None, 0.1]
    assert worded({"a": True, "b": None, "c": 1e-5, "d": "none"}) == "a=true, c=1e-05, d=none"


def test_what_does_nothing_is_told() -> None:
    assert without_effect({"head": "knn", "knn.k": 3, "seed": 1}) == {}
    assert without_effect({"mlp.alpha": 1, "logistic.C": 1}) == {"mlp.alpha": "the head is logistic"}
    assert set(without_effect({"prompt_set": "a", "features": ["embedding"]})) == {"prompt_set"}
    assert without_effect({"prompt_set": "a", "features": ["prompts"]}) == {}
    assert without_effect({"prompt_set": "a", "head": "zero_shot"}) == {}
    assert without_effect({"prompt_set": "a", "head": "ensemble", "ensemble.members": ["knn", "zero_shot"]}) == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"head": "logistic", "parameters": {"C": -1}}, "C is a positive number, not -1"),
        ({"head": "ensemble", "parameters": {"members": ["knn", "nobody"]}}, "unknown head 'nobody'"),
        ({"head": "zero_shot", "features": ["prompts"]}, "zero_shot compares the embedding with texts"),
        ({"head": "zero_shot", "normalize": "standard"}, "standardised it cannot be"),
        (
            {"head": "ensemble", "parameters": {"members": ["knn", "zero_shot"]}, "features": ["cls"]},
            "zero_shot compares the embedding with texts",
        ),
        ({"head": "knn", "drop_crossing": True, "split": "column"}, "drop_crossing is for groups of identities"),
        ({"head": "knn", "drop_crossing": True, "disjoint": "scene"}, "drop_crossing is for groups of identities"),
        ({"head": "knn", "test_size": 1}, "leaves nothing to train on"),
        (
            {"head": "knn", "split": "manipulation", "train": ["a", "b"], "test": ["b"]},
            "puts b on one side: it is in train and in test",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        check_cell(options)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "options",
    [
        {"head": "logistic", "parameters": {"C": 1}},
        {"head": "ensemble"},
        {"head": "zero_shot", "normalize": "l2"},
        {"head": "knn", "split": "manipulation", "test_size": 1.0, "train": ["a"], "test": ["b"]},
        {"head": "knn", "drop_crossing": True},
    ],
    ids=lambda options: options["head"],
)
def test_options_that_go_together_are_not(options: dict[str, Any]) -> None:
    check_cell(options)
