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
        ({"svm": {"C": 1}}, "unknown head with parameters; fitted are these 'svm'; known: logistic"),
        ({"logistic": {"c": 1}}, "unknown parameter of logistic 'c'; known: C"),
    ],
)
def test_parameters_of_nothing_are_refused(parameters: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_parameters(parameters, ["logistic"])


def test_candidates_cross_the_grid_and_keep_what_is_fixed() -> None:
    gammas, widths = SVM.GRID["relative_gamma"], SVM.GRID["C"]
    assert candidates(SVM, {}) == [{"relative_gamma": g, "C": c} for g in gammas for c in widths]
    assert candidates(SVM, {"C": 5}) == [{"relative_gamma": g, "C": 5} for g in gammas]
    assert candidates(SVM, {"C": 5, "relative_gamma": 2}) == [{"C": 5, "relative_gamma": 2}]


@pytest.mark.parametrize("name", HEADS)
def test_the_seed_is_no_parameter_of_a_head(name: str) -> None:
    assert "random_state" not in settable(HEADS[name])
    assert set(HEADS[name].GRID) <= set(settable(HEADS[name]))
