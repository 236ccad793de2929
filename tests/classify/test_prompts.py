"""Which prompts a command takes, and who takes them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cache.errors import InputError
from cache.reader import open_cache
from classify.choices import prompt_takers
from classify.prompts import prompt_set_used, prompts_of


def test_the_prompt_set_is_named_even_where_the_user_did_not(build_cache: Callable[..., Path]) -> None:
    cache = open_cache(build_cache())
    assert prompt_set_used(cache, None, ["zero_shot"]) == "pair"
    assert prompt_set_used(cache, None, []) is None
    with pytest.raises(InputError, match="none of which is named"):
        prompt_set_used(cache, "pair", [])
    with pytest.raises(InputError, match="unknown prompt set"):
        prompt_set_used(cache, "other", ["zero_shot"])


def test_who_takes_prompts() -> None:
    assert prompt_takers(["logistic", "zero_shot"], ["embedding"], {}) == ["zero_shot"]
    assert prompt_takers(["logistic"], ["prompts"], {}) == ["logistic"]
    assert prompt_takers(["ensemble"], ["embedding"], {"ensemble": {"members": ["svm", "clip_adapter"]}})
    assert prompt_takers(["coop"], ["embedding"], {}) == []


def test_prompts_as_heads_take_them(build_cache: Callable[..., Path]) -> None:
    cache = open_cache(build_cache())
    prompts = prompts_of(cache, "pair")
    assert prompts.texts == ("a real face", "a fake face") and prompts.labels.tolist() == [0, 1]
    assert prompts.embeddings.dtype == "f4" and prompts.logit_scale == 100.0
