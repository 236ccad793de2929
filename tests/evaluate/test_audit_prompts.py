"""Prompts against their own words, and what they reach without training."""

import numpy as np
import pandas as pd
import pytest

from cache.schema import PromptScores
from evaluate.audit_prompts import prompt_polarity, zero_shot


def test_inverted_prompts() -> None:
    assert prompt_polarity("good", ["Authentic", "AI-Generated", "a face"], np.array([0, 1, 1])) == []
    (found,) = prompt_polarity("seed_004", ["AI-Generated", "Authentic"], np.array([0, 1]))
    assert found.severity == "warning" and found.counts == {"inverted": 2, "total": 2}
    assert found.sentence == (
        "WARNING: 2 of 2 prompts of seed_004 are declared against their own words "
        "(e.g. 'AI-Generated' stands for real, 'Authentic' stands for fake)"
    )


@pytest.mark.parametrize(("lean", "told"), [(-0.5, True), (0.0, False), (0.5, False)])
def test_a_zero_shot_auc_below_guessing_is_a_note(samples: pd.DataFrame, lean: float, told: bool) -> None:
    rng = np.random.default_rng(0)
    similarity = rng.normal(scale=0.3, size=(len(samples), 2))
    similarity[:, 1] += lean * samples["label"].to_numpy()
    scores = PromptScores(["a real face", "a fake face"], np.array([0, 1]), np.zeros((2, 4)), similarity)
    found = zero_shot(samples, {"pair": scores})
    assert [one.severity for one in found] == ["note"] * told
    if told:
        assert found[0].sentence.startswith("Note: zero-shot AUC of pair is 0.")
        assert found[0].counts["high"] < 0.5


def test_similarities_are_read_in_blocks(samples: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    similarity = np.random.default_rng(0).normal(size=(2 * len(samples), 4)).astype("f4")
    similarity[:, 1] -= np.repeat(samples["label"].to_numpy(), 2)
    scores = PromptScores(["real", "fake"] * 2, np.array([0, 1, 0, 1]), np.zeros((4, 4)), similarity)
    some = samples.set_axis(2 * samples.index)
    whole = zero_shot(some, {"pair": scores})
    monkeypatch.setattr("evaluate.audit_prompts.BLOCK", 5)
    assert len(whole) == 1 and zero_shot(some, {"pair": scores}) == whole


def test_one_class_has_no_zero_shot_auc(samples: pd.DataFrame) -> None:
    scores = PromptScores(["real", "fake"], np.array([0, 1]), np.zeros((2, 4)), np.zeros((len(samples), 2)))
    assert zero_shot(samples[samples["label"] == 1], {"pair": scores}) == []
