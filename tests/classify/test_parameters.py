"""Parameters that the user fixes."""

import pytest

from cache.errors import InputError
from classify.heads import HEADS
from classify.heads.svm import SVM
from classify.parameters import candidates, check_parameters, parse_parameters, settable


@pytest.mark.parametrize("text", ["mlp.lr", "lr=1", "=", "mlp.=3", "mlp=3"])
def test_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"a parameter is head\.parameter=value"):
        parse_parameters([text])


def test_values_may_hold_an_equals_sign_and_later_ones_win() -> None:
    assert parse_parameters(["a.b=c=d", "a.x=1", "a.x=2.5", "b.y=null"]) == {
        "a": {"b": "c=d", "x": 2.5},
        "b": {"y": None},
    }


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"svm": {"C": 1}}, "parameters are given for svm, which is not among the heads fitted: logistic"),
        ({"logistic": {"c": 1}}, "unknown parameter of logistic 'c'; known: C"),
        ({"logistic": 3}, "parameters of logistic are names with values, as {'C': 1.0}, not 3"),
    ],
)
def test_parameters_of_nothing_are_refused(parameters: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_parameters(parameters, ["logistic"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("logistic.C=Infinity", "logistic.C is a finite number, or a list of them, not inf"),
        ("svm.C=1e999", "svm.C is a finite number, or a list of them, not inf"),
        ("mlp.lr=NaN", "mlp.lr is a finite number, or a list of them, not nan"),
        ("mlp.hidden_layer_sizes=[8, Infinity]", "mlp.hidden_layer_sizes is a finite number, or a list of them"),
        ("logistic.C=true", "logistic.C is a number, or a list of them, not True"),
        ("mlp.hidden_layer_sizes=[8, true]", "mlp.hidden_layer_sizes is a number, or a list of them"),
        ("logistic.C=-1", r"logistic cannot be fitted with \{'C': -1\}"),
        ("linear_svm.C=high", r"linear_svm cannot be fitted with \{'C': 'high'\}"),
        ("mlp.epochs=0", r"mlp cannot be fitted with \{'epochs': 0\}: epochs is 1 or more"),
        ("mlp.hidden_layer_sizes=[0]", "mlp cannot be fitted with"),
    ],
)
def test_values_that_a_head_cannot_take_are_refused_before_any_fit(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_parameters(parse_parameters([text]), HEADS)


@pytest.mark.parametrize("name", HEADS)
def test_defaults_and_grids_are_accepted(name: str) -> None:
    check_parameters({name: settable(HEADS[name])}, [name])
    for values in candidates(HEADS[name], {}):
        check_parameters({name: values}, [name])


def test_many_epochs_are_not_tried_out() -> None:
    check_parameters({"mlp": {"epochs": 10**9}}, ["mlp"])


def test_candidates_cross_the_grid_and_keep_what_is_fixed() -> None:
    gammas, widths = SVM.GRID["relative_gamma"], SVM.GRID["C"]
    assert candidates(SVM, {}) == [{"relative_gamma": g, "C": c} for g in gammas for c in widths]
    assert candidates(SVM, {"C": 5}) == [{"relative_gamma": g, "C": 5} for g in gammas]
    assert candidates(SVM, {"C": 5, "relative_gamma": 2}) == [{"C": 5, "relative_gamma": 2}]


@pytest.mark.parametrize("name", HEADS)
def test_the_seed_is_no_parameter_of_a_head(name: str) -> None:
    assert "random_state" not in settable(HEADS[name])
    assert set(HEADS[name].GRID) <= set(settable(HEADS[name]))
