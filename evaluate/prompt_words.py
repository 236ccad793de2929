"""The class that the words of a prompt name."""

import re
from collections.abc import Iterable, Sequence

from cache.schema import FAKE, REAL
from evaluate.wording import CLASS

FAKE_WORDS = {
    "fake", "faked", "deepfake", "deepfaked", "forged", "forgery", "synthetic", "synthesized", "synthesised",
    "generated", "manipulated", "manipulation", "tampered", "altered", "edited", "swapped", "faceswap", "artificial",
    "doctored", "counterfeit", "inauthentic", "unreal", "morphed", "spoofed", "reenacted", "ai",
}  # fmt: skip
REAL_WORDS = {
    "real", "authentic", "genuine", "original", "pristine", "natural", "true", "bonafide",
    "unaltered", "unedited", "unmanipulated", "untampered",
}  # fmt: skip
NEGATIONS = {"not", "no", "non", "without", "never", "isn", "un"}
REACH = 3  # words that a negation reaches over: "not a real face"


def against_words(texts: Sequence[str], labels: Iterable[int]) -> list[str]:
    """Prompts whose words name the other class than the one they are declared for, each with what it stands for.

    Examples
    --------
    >>> against_words(["an authentic face", "a face"], [1, 1])
    ["'an authentic face' stands for fake"]
    """
    said = [(text, int(label), worded_class(text)) for text, label in zip(texts, labels, strict=True)]
    return [f"{text!r} stands for {CLASS[label]}" for text, label, word in said if word not in (None, label)]


def worded_class(text: str) -> int | None:
    """The class that the words of a prompt name; None where they name none or both.

    Examples
    --------
    >>> [worded_class(text) for text in ("an authentic face", "AI-Generated", "not a real face", "a face")]
    [0, 1, 1, None]
    """
    words = [word if word in FAKE_WORDS | REAL_WORDS else word.removesuffix("s") for word in _words(text)]
    found = set()
    for at, word in enumerate(words):
        if word in FAKE_WORDS | REAL_WORDS:
            label = FAKE if word in FAKE_WORDS else REAL
            negated = NEGATIONS & set(words[max(0, at - REACH) : at])
            found.add(FAKE + REAL - label if negated else label)
    return found.pop() if len(found) == 1 else None


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())
