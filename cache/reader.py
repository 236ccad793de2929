"""Open a finished feature file: the sample table, and features of any rows through a memory map."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from cache.errors import InputError, choose
from cache.schema import FAILURE_COLUMNS, FORMAT_VERSION, SAMPLE_COLUMNS, PromptScores, Provenance
from cache.sealed import read_block

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


def select(samples: pd.DataFrame, where: Sequence[str]) -> np.ndarray:
    """Rows whose columns have the values asked for.

    Parameters
    ----------
    where : sequence of str
        ``column=value`` or ``column=value1,value2``; all must hold.

    Returns
    -------
    ndarray of int, sorted

    Raises
    ------
    InputError
        Unknown column, a condition of another form, or no row left.
    """
    keep = np.ones(len(samples), bool)
    for condition in where:
        column, equals, values = condition.partition("=")
        if not equals:
            raise InputError(f"a condition is column=value, not {condition!r}")
        choose(SAMPLE_COLUMNS, column, "sample column")
        wanted = values.split(",")
        text = samples[column].astype(str)
        unknown = sorted(set(wanted) - set(text))
        if unknown:
            known = ", ".join(sorted(set(text))[:10])
            raise InputError(f"no sample has {column}={','.join(unknown)}; there is: {known}")
        keep &= text.isin(wanted).to_numpy()
    if not keep.any():
        raise InputError(f"no sample fulfils {' and '.join(where)} together")
    return np.flatnonzero(keep)


class Cache:
    """A finished feature file (with the additions joined to it), read-only.

    Attributes
    ----------
    path : Path
    fingerprint : str
        Hash of the whole file: what a run names as its input.
    table_hash : str
        Hash of the sample table: what an addition names as its base.
    """

    def __init__(self, path: Path, kind: str) -> None:
        _, self.fingerprint = read_block(path)
        self.path = path
        with damage_told(path):
            self._file = h5py.File(path, "r")
            attributes = self._file.attrs
            if attributes.get("format_version") != FORMAT_VERSION or attributes.get("kind") != kind:
                raise InputError(f"{path} is of kind {attributes.get('kind')!r} where a {kind} is needed")
            self.table_hash = str(attributes["table_hash"])
            self.plan = str(attributes.get("plan", ""))  # hash of the ledger it was made by
            self.settings = str(attributes.get("settings", "{}"))  # JSON of the ledger's settings
            self._places: dict[str, tuple[h5py.File, Path]] = {}  # dataset -> where it lies
            self._index(self._file, path)

    def __len__(self) -> int:
        return len(self._file["samples/sample_id"])

    def join(self, addition: "Cache") -> None:
        """Join an addition's arrays; it must be made for this sample table and bring something new."""
        if addition.table_hash != self.table_hash:
            raise InputError(f"{addition.path} was made for another sample table than that of {self.path}")
        for name in addition.spaces:
            group = addition._file[f"features/{name}"]
            arrays = {key for key in group if key != "prompts"}
            self.check_addition(name, addition.provenance(name), arrays, set(group.get("prompts", ())))
        self._index(addition._file, addition.path)

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
        """The sample table, one row a sample, columns `SAMPLE_COLUMNS`."""
        return self._table("samples", list(SAMPLE_COLUMNS))

    @cached_property
    def failures(self) -> pd.DataFrame:
        """What could not be read, columns `FAILURE_COLUMNS`."""
        return self._table("failures", list(FAILURE_COLUMNS))

    @property
    def spaces(self) -> tuple[str, ...]:
        """Names of the feature spaces."""
        return tuple(dict.fromkeys(name.split("/")[1] for name in self._places if name.startswith("features/")))

    def arrays(self, space: str | None = None) -> tuple[str, ...]:
        """Names of the arrays of a space: ``embedding``, ``cls`` ..."""
        return self._below(f"features/{self._space(space)}/", 2)

    def prompt_sets(self, space: str | None = None) -> tuple[str, ...]:
        """Names of the prompt sets scored in a space."""
        return self._below(f"features/{self._space(space)}/prompts/", 3)

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
        return PromptScores(texts, labels, embeddings, self._gather(f"{place}/similarity", None))

    def _index(self, file: h5py.File, path: Path) -> None:
        """Note where each dataset lies, and prove of the features that the memory map reads what h5py reads."""

        def note(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                self._places[name] = (file, path)

        file.visititems(note)
        for name, (owner, _) in self._places.items():
            if owner is file and name.startswith("features/") and len(file[name]):
                _check_aligned(name, len(file[name]), self)
                if not _same(self._map(name)[0], file[name][0]):
                    raise InputError(f"{path}: row 0 of {name} differs between memory map and HDF5; copy the file anew")

    def _map(self, name: str) -> np.ndarray:
        """Read-only memory map of a contiguous dataset; HDF5 counts its offset from the start of the file."""
        file, path = self._places[name]
        with damage_told(path):
            dataset = file[name]
            if dataset.size == 0:
                return np.empty(dataset.shape, dataset.dtype)
            return np.memmap(path, dataset.dtype, "r", dataset.id.get_offset(), dataset.shape)

    def _gather(self, name: str, rows: np.ndarray | None) -> np.ndarray:
        mapped = self._map(name)
        return mapped if rows is None else np.asarray(mapped[rows])

    def _table(self, name: str, columns: list[str]) -> pd.DataFrame:
        with damage_told(self.path):
            return pd.DataFrame({column: _decode(self._file[name][column][:]) for column in columns})

    def _below(self, prefix: str, depth: int) -> tuple[str, ...]:
        names = (name.split("/") for name in self._places if name.startswith(prefix))
        return tuple(dict.fromkeys(parts[depth] for parts in names if parts[depth] != "prompts"))

    def _space(self, space: str | None) -> str:
        if space is None:
            return "clean" if "clean" in self.spaces else self.spaces[0]
        return choose({name: name for name in self.spaces}, space, f"feature space of {self.path.name}")

    def _prompt_set(self, name: str | None, space: str | None) -> str:
        known = self.prompt_sets(space)
        if not known:
            raise InputError(f"{self.path} holds no prompt similarities; extract with --prompts SET")
        if name is None and len(known) > 1:
            raise InputError(f"{self.path} holds several prompt sets, name one: {', '.join(known)}")
        return choose({key: key for key in known}, name or known[0], f"prompt set of {self.path.name}")

    def _attributes(self, space: str | None) -> dict[str, Any]:
        name = self._space(space)
        place = next(key for key in self._places if key.startswith(f"features/{name}/"))
        return dict(self._places[place][0][f"features/{name}"].attrs)


def _check_aligned(name: str, rows: int, cache: Cache) -> None:
    constant = "/prompts/" in name and not name.endswith("/similarity")
    if not constant and "samples/sample_id" in cache._places and rows != len(cache):
        raise InputError(f"{cache.path}: {name} has {rows} rows, the sample table {len(cache)}")


@contextlib.contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Say of a file that does not read as it must that it is damaged, whatever its reader stumbled over."""
    try:
        yield
    except InputError:
        raise
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, AttributeError, MemoryError) as error:
        raise InputError(f"{path} is damaged: {error}; `cache verify` proves it, copy it anew") from error


def _same(left: np.ndarray, right: np.ndarray) -> bool:
    return np.array_equal(np.asarray(left), np.asarray(right), equal_nan=np.asarray(right).dtype.kind == "f")


def _decode(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "S":
        return values
    unique, inverse = np.unique(values, return_inverse=True)  # most columns repeat: decode each value once
    return np.array([value.decode() for value in unique.tolist()], dtype=object)[inverse]
