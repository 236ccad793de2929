"""Attributes of a picture -> a caption, and the byte-pair vocabulary that spells captions."""

import gzip
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np

from demo.identity import BEARDS, EYES, HAIRS, SKINS, STYLES, TEXTURES, Identity
from demo.photo import QUALITIES
from demo.scene import BACKDROPS, LIGHTS, Pose, Scene


def facts(person: Identity, scene: Scene, pose: Pose) -> list[str]:
    """What a caption may say of a picture besides its quality, one phrase each."""
    turned = "to the left" if pose.yaw < -0.2 else "to the right" if pose.yaw > 0.2 else "ahead"
    mood = "smiling" if pose.smile > 0.5 else "frowning" if pose.smile < -0.5 else "calm"
    return [
        f"{person.skin} {person.skin_texture} skin",
        "bald head" if person.style == "bald" else f"{person.style} {person.hair} hair",
        person.beard,
        "glasses" if person.glasses else "no glasses",
        "eyes closed" if pose.blink > 0.6 else f"{person.eyes} eyes",
        f"looking {turned}",
        mood,
        "mouth open" if pose.mouth > 0.3 else "mouth closed",
        f"light {scene.light}",
        f"{scene.backdrop} background",
    ]


def caption(quality: str, phrases: list[str], rng: np.random.Generator) -> str:
    """One caption: the quality, then some of the facts in any order.

    Parameters
    ----------
    quality : str
        A key of `demo.photo.QUALITIES`.
    phrases : list of str
        From `facts`.
    rng : numpy.random.Generator
        Chooses which facts are told.

    Returns
    -------
    str

    Examples
    --------
    >>> caption("blurry", ["glasses"], np.random.default_rng(1))
    'a blurry photo of a face, glasses'
    """
    told = rng.random(len(phrases)) < rng.uniform(0.3, 1.0)
    order = rng.permutation(len(phrases))
    article = "an" if quality[0] in "aeiou" else "a"
    noun = rng.choice(("face", "person", "human face"), p=(0.7, 0.15, 0.15))
    return ", ".join([f"{article} {quality} photo of a {noun}", *(phrases[i] for i in order if told[i])])


def words() -> list[str]:
    """Every word that a caption can hold, sorted."""
    phrases = [*SKINS, *TEXTURES, *STYLES, *HAIRS, *BEARDS, *EYES, *LIGHTS, *BACKDROPS, *QUALITIES]
    rest = (
        "a an photo of face person human skin hair head glasses eyes closed looking to the left right ahead"
        " smiling frowning calm mouth open light background"
    )
    return sorted({word for phrase in [*phrases, rest] for word in phrase.split()})


def learn_merges(vocabulary: list[str]) -> list[tuple[str, str]]:
    """Byte-pair merges after which every given word is one token.

    Parameters
    ----------
    vocabulary : list of str
        ASCII words.

    Returns
    -------
    list of tuple of str
        Pairs in the order in which they are merged; the last letter of a word carries ``</w>``.

    References
    ----------
    Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units", ACL 2016.

    Examples
    --------
    >>> learn_merges(["ab", "abc"])
    [('a', 'b'), ('a', 'b</w>'), ('ab', 'c</w>')]
    """
    spelled = [[*word[:-1], word[-1] + "</w>"] for word in sorted(vocabulary)]
    merges: list[tuple[str, str]] = []
    while counts := Counter(pair for word in spelled for pair in pairwise(word)):
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        spelled = [merge(word, best) for word in spelled]
    return merges


def merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    """Join every occurrence of a pair in a spelled word, from the left."""
    out: list[str] = []
    for symbol in word:
        if out and (out[-1], symbol) == pair:
            out[-1] += symbol
        else:
            out.append(symbol)
    return out


def write_vocabulary(path: Path) -> int:
    """Write the merges where open_clip's tokenizer reads them; returns the number of its tokens."""
    merges = learn_merges(words())
    text = "\n".join(["#version: demo", *(" ".join(pair) for pair in merges)])
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    # 256 bytes, 256 bytes that end a word, the merges, and two marks around the text.
    return 512 + len(merges) + 2
