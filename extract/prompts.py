"""Prompt sets: texts that describe a real and a fake picture, and the similarity of pictures to them."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cache.errors import InputError
from cache.schema import FAKE, REAL, json_hash


@dataclass(frozen=True)
class PromptSet:
    """Texts of two classes. Which class a text speaks for is declared here, never inferred from order or wording.

    Attributes
    ----------
    name : str
    real, fake : tuple of str
        Texts that describe a real, a fake picture; at least one each.
    templates : tuple of str
        Each holds ``{}`` where the text goes; a text's embedding is the mean over the templates.
    """

    name: str
    real: tuple[str, ...]
    fake: tuple[str, ...]
    templates: tuple[str, ...] = ("{}",)

    def __post_init__(self) -> None:
        for key in ("real", "fake", "templates"):
            texts = getattr(self, key)
            if not texts or not all(text.strip() for text in texts):
                raise InputError(f"prompt set {self.name!r} has no text in {key!r}, or an empty one")
        if both := set(self.real) & set(self.fake):
            raise InputError(f"prompt set {self.name!r} has {both.pop()!r} for both classes")
        if wrong := [template for template in self.templates if "{}" not in template]:
            raise InputError(f"template {wrong[0]!r} of prompt set {self.name!r} has no {{}} where the text goes")

    @classmethod
    def of(cls, real: Sequence[str], fake: Sequence[str]) -> "PromptSet":
        """A set of texts that nobody named; it is called by what it says."""
        unnamed = cls("given", tuple(real), tuple(fake))
        return replace(unnamed, name=f"given_{unnamed.fingerprint()[:8]}")

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts, the real ones first; length P."""
        return self.real + self.fake

    @property
    def labels(self) -> np.ndarray:
        """Class of each text: 0 real, 1 fake; int8, shape (P,)."""
        return np.array([REAL] * len(self.real) + [FAKE] * len(self.fake), np.int8)

    def filled(self) -> list[list[str]]:
        """Each text in each template."""
        return [[template.replace("{}", text) for template in self.templates] for text in self.texts]

    def fingerprint(self) -> str:
        """Hash of texts, classes and templates; the name is left out."""
        return json_hash({"real": self.real, "fake": self.fake, "templates": self.templates})


PROMPT_SETS: dict[str, PromptSet] = {
    "seed_000": PromptSet(
        "seed_000",
        real=("a real human face", "an authentic person", "a genuine human"),
        fake=("a fake deepfake face", "a manipulated face", "a synthetic face"),
    ),
    "seed_001": PromptSet(
        "seed_001",
        real=("a genuine photograph of a face", "an authentic person's portrait", "a real person"),
        fake=("a computer-generated image of a face", "a digitally manipulated face", "a synthetic AI-generated face"),
    ),
    "seed_004_v1": PromptSet("seed_004_v1", real=("Authentic",), fake=("AI-Generated",)),
    "seed_004_v2": PromptSet("seed_004_v2", real=("Authentic face",), fake=("AI-Generated face",)),
    # the published code says "AI-Generated" of label 0, which is real: the words against the classes
    "seed_004_inverted": PromptSet("seed_004_inverted", real=("AI-Generated face",), fake=("Authentic face",)),
    "clipping": PromptSet("clipping", real=("a real photo.",), fake=("a fake photo.",)),
}


def load_prompts(name_or_path: str) -> PromptSet:
    """A known prompt set by its name, or one from a TOML file.

    The file has ``real = ["...", ...]``, ``fake = ["...", ...]`` and optionally ``templates = ["a photo of {}"]``;
    the set is called as the file is, without suffix.

    Raises
    ------
    InputError
        Neither a known name nor a file; no TOML; a class is missing or empty; a key is not known.
    """
    if name_or_path in PROMPT_SETS:
        return PROMPT_SETS[name_or_path]
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(PROMPT_SETS))
        raise InputError(f"unknown prompt set {name_or_path!r}; known: {known}; or the path of a TOML file")
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"cannot read prompts from {path}: {error}") from error
    if unknown := sorted(content.keys() - {"real", "fake", "templates"}):
        raise InputError(f"{path} has {', '.join(unknown)}; a prompt set has real, fake and templates")
    return PromptSet(
        path.stem,
        real=_texts(content, "real", path),
        fake=_texts(content, "fake", path),
        templates=_texts(content, "templates", path) if "templates" in content else ("{}",),
    )


def load_prompt_sets(names: Sequence[str]) -> list[PromptSet]:
    """Prompt sets by name or path, each once.

    Raises
    ------
    InputError
        As `load_prompts`; or two sets of one name.
    """
    found = [load_prompts(name) for name in dict.fromkeys(names)]
    called = [one.name for one in found]
    if repeated := sorted({name for name in called if called.count(name) > 1}):
        raise InputError(f"two prompt sets are called {repeated[0]!r} (a TOML file is called by its name)")
    return found


def similarities(image_embeddings: np.ndarray, text_embeddings: np.ndarray) -> np.ndarray:
    """Cosine similarity of pictures to texts.

    Parameters
    ----------
    image_embeddings : ndarray of float32, shape (N, D)
        Of any length; a zero vector is similar to nothing.
    text_embeddings : ndarray of float32, shape (P, D)
        Of unit length.

    Returns
    -------
    ndarray of float32, shape (N, P)
    """
    lengths = np.linalg.norm(image_embeddings, axis=1, keepdims=True)
    units = image_embeddings / np.maximum(lengths, np.finfo(np.float32).tiny)
    return np.asarray(units @ text_embeddings.T, np.float32)


def _texts(content: dict[str, Any], key: str, path: Path) -> tuple[str, ...]:
    texts = content.get(key)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        found = "is missing" if texts is None else f"is {texts!r}"
        raise InputError(f'{path}: {key!r} {found}; it must be a list of texts, such as {key} = ["a {key} face"]')
    return tuple(texts)
