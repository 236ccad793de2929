"""What CoCoOp does beside what it shares with CoOp: every picture has prompts of its own."""

import numpy as np
import pytest
import torch

from classify.heads import cocoop
from classify.heads.cocoop import CoCoOp
from extract.text_tower import TextTower, load_text_tower


@pytest.fixture(scope="module")
def tower() -> TextTower:
    return load_text_tower("demo", device="cpu")


@pytest.fixture(scope="module")
def head(tower: TextTower) -> CoCoOp:
    X, y = clouds(60)
    return CoCoOp(text_tower=tower, random_state=0).fit(X, y)


def clouds(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    return (rng.normal(size=(n, 128)) + 0.5 * y[:, None]).astype(np.float32), y


def test_decisions_are_those_of_one_picture_after_the_other(head: CoCoOp, tower: TextTower) -> None:
    """By the formulas of the paper: context + meta-net(picture), both names, cosines, their difference."""
    state = {name: torch.from_numpy(values) for name, values in head.state_.items()}
    frozen = {name: torch.from_numpy(values) for name, values in head.frozen_.items()}
    X, _ = clouds(5)
    decisions = []
    for row in torch.from_numpy(X):
        unit = row / row.norm()
        hidden = torch.relu(state["meta_net.0.weight"] @ unit + state["meta_net.0.bias"])
        moved = state["words.context"] + state["meta_net.2.weight"] @ hidden + state["meta_net.2.bias"]
        cosines = []
        for name in ("real", "fake"):
            text = tower.encode(torch.cat([frozen["start"], moved])[None], [frozen[name]])[0, 0]
            cosines.append(float(text @ unit / text.norm()))
        decisions.append(tower.logit_scale * (cosines[1] - cosines[0]))
    np.testing.assert_allclose(head.decision_function(X), decisions, atol=1e-4)
    assert np.std(decisions) > 0


def test_pictures_have_prompts_of_their_own(head: CoCoOp) -> None:
    """With prompts that were the same for all, the decision would be linear in a picture of unit length."""
    X, _ = clouds(40)
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    middle = units[:20] + units[20:]
    lengths = np.linalg.norm(middle, axis=1)
    linear = (head.decision_function(X)[:20] + head.decision_function(X)[20:]) / lengths
    assert np.abs(head.decision_function(middle) - linear).max() > 1e-3


@pytest.mark.parametrize("rows", [1, 7, 60])
def test_how_many_are_scored_at_once_does_not_matter(head: CoCoOp, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    X, _ = clouds(60)
    whole = head.decision_function(X)
    by_blocks = np.concatenate([head.decision_function(X[first : first + rows]) for first in range(0, 60, rows)])
    np.testing.assert_allclose(by_blocks, whole, atol=1e-5)
    monkeypatch.setattr(cocoop, "ROWS_AT_ONCE", rows)
    np.testing.assert_allclose(head.decision_function(X), whole, atol=1e-5)


def test_batches_beyond_what_runs_at_once_are_whole_steps(tower: TextTower, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = clouds(60)
    one = CoCoOp(text_tower=tower, batch_size=60, random_state=0).fit(X, y).decision_function(X)
    monkeypatch.setattr(cocoop, "ROWS_AT_ONCE", 16)
    other = CoCoOp(text_tower=tower, batch_size=60, random_state=0).fit(X, y).decision_function(X)
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_parameters_by_hand(head: CoCoOp) -> None:
    """Four context vectors of the tower's width 96; from 128 numbers to 8 to 96."""
    assert head.n_parameters_ == 4 * 96 + (128 * 8 + 8) + (8 * 96 + 96)
