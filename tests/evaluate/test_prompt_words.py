"""The class that the words of a prompt name, and prompts that are declared for the other one."""

import pytest

from evaluate.prompt_words import against_words, worded_class


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a real human face", 0), ("Authentic", 0), ("a genuine human", 0), ("an unaltered photo", 0),
        ("a photo without manipulations", 0), ("not a fake face", 0),
        ("AI-Generated face", 1), ("a fake deepfake face", 1), ("a synthetic face", 1), ("not an authentic face", 1),
        ("an inauthentic person", 1), ("faces with edits", None), ("a face", None), ("a fake of a real face", None),
        ("realistic", None),
    ],
)  # fmt: skip
def test_the_class_that_words_name(text: str, label: int | None) -> None:
    assert worded_class(text) == label


def test_only_what_the_words_contradict_is_named() -> None:
    texts = ["a face", "a fake face", "a real face"]
    assert against_words(texts, [0, 1, 0]) == []
    assert against_words(texts, [1, 0, 1]) == ["'a fake face' stands for real", "'a real face' stands for fake"]
