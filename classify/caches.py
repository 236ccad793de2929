"""The caches of a command: one for both sides, or one to train on and another, made alike, to test on."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cache.errors import InputError, choose
from cache.identity import connected_groups
from cache.reader import Cache, open_cache
from cache.schema import SAMPLE_COLUMNS
from cache.sealed import read_block

ENCODER = ("architecture", "weights", "adapter", "preprocessing")  # features of another kind are never compared
NAMED = ("crop", "view", "compression")  # may differ where the user names them
TOLD = ("sampling", "precision", "decoder")  # may differ, and is told
NOT_KNOWN = "unknown"  # a compression


@dataclass(frozen=True)
class Caches:
    """What is trained on and what is tested on.

    Attributes
    ----------
    train, test : Cache
        The same one where the command names one.
    additions : dict
        Paths of the additions of each, by "train" and "test".
    samples : DataFrame
        Rows of the training cache, then those of the test cache where it is another; in ``group`` the connected
        components over both.
    """

    train: Cache
    test: Cache
    additions: dict[str, list[Path]]
    samples: pd.DataFrame

    @property
    def are_two(self) -> bool:
        """Whether the test cache is another."""
        return self.train is not self.test

    @property
    def tested(self) -> np.ndarray | None:
        """Which rows are those of the test cache, bool, shape (n,); None where there is one cache."""
        return np.arange(len(self.samples)) >= len(self.train) if self.are_two else None

    def test_rows(self, rows: np.ndarray) -> np.ndarray:
        """Rows of ``samples`` as the test cache numbers them."""
        return rows - len(self.train) if self.are_two else rows

    def describe(self, side: str) -> dict[str, Any]:
        """A cache as ``run.json`` states it."""
        cache = self.train if side == "train" else self.test
        return {
            "path": str(cache.path),
            "fingerprint": cache.fingerprint,
            "additions": [read_block(path)[1] for path in self.additions[side]],
            "table": cache.table_hash,
            "provenance": asdict(cache.provenance()),
        }


def open_caches(
    cache: Path | str,
    test_cache: Path | str | None,
    additions: Sequence[Path | str] = (),
    columns: Collection[str] = tuple(SAMPLE_COLUMNS),
) -> Caches:
    """Open what a command names; each addition joins the cache that it was made for.

    Parameters
    ----------
    cache, test_cache : path
    additions : sequence of paths
    columns : collection of str
        Of the sample table: of millions of samples each takes time and memory.

    Raises
    ------
    InputError
        A file cannot be used, or an addition was made for neither cache.
    """
    train = open_cache(cache)
    test = train if test_cache is None else open_cache(test_cache)
    joined: dict[str, list[Path]] = {"train": [], "test": []}
    for path in map(Path, additions):
        addition = Cache(path, "addition")
        side = "test" if test_cache is not None and addition.table_hash == test.table_hash else "train"
        (test if side == "test" else train).join(addition)
        joined[side].append(path)
    read = [name for name in SAMPLE_COLUMNS if name in columns]
    samples = train.table(read) if test is train else _joined(train.table(read), test.table(read))
    return Caches(train, test, joined, samples)


def check_alike(caches: Caches, prompt_set: str | None, differ: Collection[str] = ()) -> list[str]:
    """Refuse two caches whose features cannot be compared; sentences on what else differs between them.

    Parameters
    ----------
    caches : Caches
    prompt_set : str or None
        The set that the features take; it must be the same, text by text.
    differ : collection of {"crop", "view", "compression"}
        What the user allows to differ.

    Raises
    ------
    InputError
        Naming the field and both values.
    """
    for name in differ:
        choose(dict.fromkeys(NAMED), name, "thing that may differ between training and test")
    if not caches.are_two:
        return []
    one, other = asdict(caches.train.provenance()), asdict(caches.test.provenance())
    if unlike := [_phrase(name, one[name], other[name]) for name in ENCODER if one[name] != other[name]]:
        raise InputError(
            f"features of {caches.test.path} are of another kind than those of {caches.train.path}: "
            f"{'; '.join(unlike)}; extract both with one encoder"
        )
    if prompt_set is not None:
        _check_prompts(caches, prompt_set)
    differing = [name for name in ("crop", "view", *TOLD) if one[name] != other[name]]
    phrases = {name: _phrase(name, one[name], other[name]) for name in differing}
    _refuse_unnamed({name: phrase for name, phrase in phrases.items() if name in NAMED}, differ)
    return [f"tested on another cache, {caches.test.path}", *phrases.values()]


def compressions_differ(
    samples: pd.DataFrame, train: np.ndarray, test: np.ndarray, differ: Collection[str] = ()
) -> list[str]:
    """Sentences on another compression in test than in training.

    Raises
    ------
    InputError
        A known compression of the test rows is none of those in training, and ``differ`` does not name it.
    """
    one, other = (sorted(samples.loc[rows, "compression"].unique()) for rows in (train, test))
    if set(other) <= set(one):
        return []
    phrase = _phrase("compression", "/".join(one), "/".join(other))
    known = set(one) - {NOT_KNOWN}
    if known and not set(other) <= known | {NOT_KNOWN}:
        _refuse_unnamed({"compression": phrase}, differ)
    return [phrase]


def _refuse_unnamed(phrases: dict[str, str], differ: Collection[str]) -> None:
    if unnamed := [name for name in phrases if name not in differ]:
        raise InputError(
            f"{'; '.join(phrases[name] for name in unnamed)}: to go on nevertheless, which every report will state, "
            f"name it: --differ {','.join(phrases)}"
        )


def _phrase(name: str, one: str, other: str) -> str:
    return f"{name} is {one!r} in training and {other!r} in test"


def _check_prompts(caches: Caches, name: str) -> None:
    one, other = caches.train.prompts(name), caches.test.prompts(name)
    if one.texts != other.texts or one.labels.tolist() != other.labels.tolist():
        raise InputError(
            f"the prompts of set {name!r} differ: {'; '.join(one.texts)} in {caches.train.path}, "
            f"{'; '.join(other.texts)} in {caches.test.path}"
        )


def _joined(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Rows of two tables, in groups found over both: a link that either knows, or that joins them, makes one."""
    samples = pd.concat([one, other], ignore_index=True)
    links = samples[["identities", "group"]].drop_duplicates()
    # a group bears the name of an identity, perhaps of one whose own pictures are not here: it links like one
    groups = connected_groups([(*names.split(), group) for names, group in links.itertuples(index=False)])
    found = dict(zip(links["group"], groups, strict=True))
    return samples.assign(group=samples["group"].map(found))
