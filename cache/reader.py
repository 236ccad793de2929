"""Open a finished feature file: the sample table, and features of any rows through a memory map."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from cache.attributes import read_attributes
from cache.errors import InputError, choose
from cache.mapped import Place, check_map, damage_told, dataset_names, in_memory, memory_map
from cache.schema import FAILURE_COLUMNS, FAKE, FORMAT_VERSION, REAL, SAMPLE_COLUMNS, PromptScores, Provenance, Space
from cache.sealed import read_block
from cache.table import read_table
from cache.table import select as select
from cache.thumbnails import Thumbnails

ADDITION_MAY_DIFFER = ("prompts", "tokens", "software")  # what an addition to an existing space brings


def open_cache(path: Path | str, additions: Sequence[Path | str] = ()) -> "Cache":
    """Open a finished cache and join the additions made for it.

    Raises
    ------
    InputError
        A file is missing, foreign, truncated, of a newer format, no finished cache, or made for another sample table.
    """
    cache = Cache(Path(path), "cache")
    for addition in additions:
        cache.join(Cache(Path(addition), "addition"))
    return cache


class Cache:
    """A finished feature file (with the additions joined to it), read-only.

    Attributes
    ----------
    path : Path
    fingerprint : str
        Hash of the whole file: what a run names as its input.
    table_hash : str
        Hash of the sample table: what an addition names as its base.
    additions : list of Cache
        The additions joined to it.
    """

    def __init__(self, path: Path, kind: str) -> None:
        _, self.fingerprint = read_block(path)
        self.path = path
        with damage_told(path):
            self._file = h5py.File(path, "r")
            attributes = read_attributes(self._file)
            if attributes.get("format_version") != FORMAT_VERSION or attributes.get("kind") != kind:
                raise InputError(f"{path} is of kind {attributes.get('kind')!r} where a {kind} is needed")
            self.table_hash = str(attributes["table_hash"])
            self.plan = str(attributes.get("plan", ""))  # hash of the ledger it was made by
            self.settings = str(attributes.get("settings", "{}"))  # JSON of the ledger's settings
            self.slots = str(attributes.get("slots", ""))  # of a shard: the slots that it covers
            self.rows_at_once = int(attributes.get("rows_at_once", 0))  # where memory did not suffice for whole batches
            self.additions: list[Cache] = []
            self._places: dict[str, Place] = {}  # dataset -> where it lies
            self._index(self._file, path)

    def __len__(self) -> int:
        return len(self._file["samples/sample_id"])

    def join(self, addition: "Cache") -> None:
        """Join an addition's arrays; it must be made for this sample table and bring something new."""
        if addition.table_hash != self.table_hash:
            raise InputError(f"{addition.path} was made for another sample table than that of {self.path}")
        for name in addition.spaces:
            arrays, prompts = set(addition.arrays(name)), set(addition.prompt_sets(name))
            self.check_addition(name, addition.provenance(name), arrays, prompts)
        self._index(addition._file, addition.path)
        self.additions.append(addition)

    def check_addition(self, space: str, provenance: Provenance, arrays: set[str], prompts: set[str]) -> None:
        """Refuse an addition that repeats what is here or was made by another encoder."""
        if space not in self.spaces:
            return
        fixed = [name for name in Provenance.__dataclass_fields__ if name not in ADDITION_MAY_DIFFER]
        if differences := provenance.differences(self.provenance(space), fixed):
            raise InputError(f"the addition to space {space!r} was made otherwise: {'; '.join(differences)}")
        repeated = (arrays & set(self.arrays(space))) | (prompts & set(self.prompt_sets(space)))
        if repeated:
            raise InputError(f"space {space!r} of {self.path} already has {', '.join(sorted(repeated))}")

    @cached_property
    def samples(self) -> pd.DataFrame:
        """The sample table, one row a sample, columns `SAMPLE_COLUMNS`; kept once it is read."""
        return self.table(list(SAMPLE_COLUMNS))

    def table(self, columns: Sequence[str], rows: np.ndarray | None = None) -> pd.DataFrame:
        """Columns of the sample table without the others, all rows by default; the index starts at 0."""
        for name in columns:
            choose(SAMPLE_COLUMNS, name, "sample column")
        with damage_told(self.path):
            return read_table(self._file["samples"], columns, rows)

    def column(self, name: str, rows: np.ndarray | None = None) -> np.ndarray:
        """One column of the sample table, without reading the others; texts as objects."""
        return self.table([name], rows)[name].to_numpy()

    @cached_property
    def failures(self) -> pd.DataFrame:
        """What could not be read, columns `FAILURE_COLUMNS`."""
        with damage_told(self.path):
            return read_table(self._file["failures"], list(FAILURE_COLUMNS))

    @property
    def spaces(self) -> tuple[str, ...]:
        """Names of the feature spaces."""
        return tuple(dict.fromkeys(name.split("/")[1] for name in self._places if name.startswith("features/")))

    def arrays(self, space: str | None = None) -> tuple[str, ...]:
        """Names of the arrays of a space: ``embedding``, ``cls``, ``face/box`` ..."""
        prefix = f"features/{self._space(space)}/"
        names = (name.removeprefix(prefix) for name in self._places if name.startswith(prefix))
        return tuple(name for name in names if not name.startswith("prompts/"))

    def prompt_sets(self, space: str | None = None) -> tuple[str, ...]:
        """Names of the prompt sets scored in a space."""
        prefix = f"features/{self._space(space)}/prompts/"
        return tuple(dict.fromkeys(name.split("/")[3] for name in self._places if name.startswith(prefix)))

    def provenance(self, space: str | None = None) -> Provenance:
        """Where the numbers of a space come from."""
        with damage_told(self.path):
            return Provenance(**json.loads(self._attributes(space)["provenance"]))

    def scalars(self, space: str | None = None) -> dict[str, float]:
        """``logit_scale``, ``logit_bias`` where the model has one, ``encoder_parameters``."""
        return {key: float(value) for key, value in self._attributes(space).items() if key != "provenance"}

    def array(self, name: str, rows: np.ndarray | None = None, space: str | None = None) -> np.ndarray:
        """Rows of one array, in the order asked for, in the dtype stored.

        Parameters
        ----------
        name : str
            ``embedding``, ``cls`` ...
        rows : ndarray of int, optional
            All rows by default; the result is then the read-only memory map itself.
        """
        if name not in self.arrays(space):
            raise InputError(f"{self.path} has no {name!r} in this space; it has: {', '.join(self.arrays(space))}")
        return self._gather(f"features/{self._space(space)}/{name}", rows)

    def read(
        self, name: str, rows: np.ndarray | None = None, space: str | None = None, dtype: DTypeLike | None = None
    ) -> np.ndarray:
        """Rows of one array as a copy in memory, all by default: the fastest way to have it whole, or in float32.

        ``dtype`` is float32, or as stored where it is left out; the others are those of `array`.
        """
        return in_memory(self.array(name, space=space), rows, dtype)

    def similarity(
        self, prompt_set: str | None = None, rows: np.ndarray | None = None, space: str | None = None
    ) -> np.ndarray:
        """Cosine similarity of rows to each prompt of a set, float32, (n, P)."""
        name = self._prompt_set(prompt_set, space)
        return self._gather(f"features/{self._space(space)}/prompts/{name}/similarity", rows)

    def prompts(self, prompt_set: str | None = None, space: str | None = None) -> PromptScores:
        """A prompt set with its texts, classes, text embeddings and the similarity of all rows."""
        name = self._prompt_set(prompt_set, space)
        place = f"features/{self._space(space)}/prompts/{name}"
        file = self._places[f"{place}/texts"][0]
        with damage_told(self.path):
            texts = [value.decode() for value in file[f"{place}/texts"][:].tolist()]
            labels, embeddings = file[f"{place}/labels"][:], file[f"{place}/text_embeddings"][:]
            if not np.isin(labels, (REAL, FAKE)).all():
                raise ValueError(f"prompt set {name!r} has classes other than {REAL} and {FAKE}")
        return PromptScores(texts, labels, embeddings, self._gather(f"{place}/similarity", None))

    def space(self, name: str | None = None) -> Space:
        """All that a space holds, additions included; arrays and similarities are read-only memory maps."""
        arrays = {key: self.array(key, space=name) for key in self.arrays(name)}
        prompts = {key: self.prompts(key, name) for key in self.prompt_sets(name)}
        return Space(self.provenance(name), arrays, self.scalars(name), prompts)

    @cached_property
    def thumbnails(self) -> Thumbnails | None:
        """A JPEG of each sample, where the cache has them."""
        if not self.has_thumbnails:
            return None
        with damage_told(self.path):
            return Thumbnails(self._gather("thumbnails/length", None), self._gather("thumbnails/data", None))

    @property
    def has_thumbnails(self) -> bool:
        """Whether the cache has small pictures of its samples."""
        return "thumbnails/length" in self._places

    def thumbnail(self, row: int) -> bytes:
        """The JPEG of one sample."""
        if self.thumbnails is None:
            raise InputError(f"{self.path} holds no thumbnails; extract with --thumbnails 96")
        return self.thumbnails[row]

    def _index(self, file: h5py.File, path: Path) -> None:
        """Note where each dataset lies, and prove of the features that the memory map reads what h5py reads."""
        names = dataset_names(file)
        self._places.update(dict.fromkeys(names, (file, path)))
        for name in names:
            if name.startswith(("features/", "thumbnails/")) and len(file[name]):
                _check_aligned(name, len(file[name]), self)
                check_map((file, path), name)

    def _gather(self, name: str, rows: np.ndarray | None) -> np.ndarray:
        mapped = memory_map(self._places[name], name)
        return mapped if rows is None else np.asarray(mapped[rows])

    def _space(self, space: str | None) -> str:
        if space is None:
            return "clean" if "clean" in self.spaces else self.spaces[0]
        return choose({name: name for name in self.spaces}, space, f"feature space of {self.path.name}")

    def _prompt_set(self, name: str | None, space: str | None) -> str:
        known = self.prompt_sets(space)
        if not known:
            raise InputError(
                f"{self.path} holds no prompt similarities; `cache prompts` adds a set without the pictures"
            )
        if name is None and len(known) > 1:
            raise InputError(f"{self.path} holds several prompt sets, name one: {', '.join(known)}")
        return choose({key: key for key in known}, name or known[0], f"prompt set of {self.path.name}")

    def _attributes(self, space: str | None) -> dict[str, Any]:
        name = self._space(space)
        place = next(key for key in self._places if key.startswith(f"features/{name}/"))
        with damage_told(self.path):
            return read_attributes(self._places[place][0][f"features/{name}"])


def _check_aligned(name: str, rows: int, cache: Cache) -> None:
    free = name == "thumbnails/data" or ("/prompts/" in name and not name.endswith("/similarity"))
    if not free and "samples/sample_id" in cache._places and rows != len(cache):
        raise InputError(f"{cache.path}: {name} has {rows} rows, the sample table {len(cache)}")
