"""The sections of a grid file: its caches, what all cells share, and what varies, each value looked at by itself."""

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache.errors import InputError, choose
from cache.sealed import read_block
from classify.ablation.axes import checked, flat
from classify.choices import BY_DEFAULT

Row = dict[str, Any]  # option, or HEAD.PARAMETER -> value
SECTIONS = {"caches": dict, "options": dict, "product": dict, "zip": dict, "cells": list, "baseline": dict}
UNNAMED = "cache"  # what a cache is called that is given without a name


@dataclass(frozen=True)
class CacheFiles:
    """A cache and the additions made for it."""

    path: Path
    additions: tuple[Path, ...] = ()

    def fingerprints(self) -> list[str]:
        """Those of the cache and of its additions, as the files state them."""
        return [read_block(path)[1] for path in (self.path, *self.additions)]


@dataclass(frozen=True)
class Dimension:
    """Axes that vary together: one of [product], all of [zip], or what a cell of [[cells]] spells out.

    Attributes
    ----------
    place : str
        Where it stands in the file.
    names : tuple of str
    rows : list of dict
        Values by these names.
    """

    place: str
    names: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True)
class Sections:
    """A grid file as it is written.

    Attributes
    ----------
    path : Path
    caches : dict of CacheFiles
    options : dict
        The same in every cell.
    blocks : list of list of Dimension
        What is crossed with each other; in the order of the file, each cell of [[cells]] by itself.
    baseline : dict
    """

    path: Path
    caches: dict[str, CacheFiles]
    options: Row
    blocks: list[list[Dimension]]
    baseline: Row

    @property
    def head(self) -> str:
        """The head of cells that name none."""
        return str(self.options.get("head", BY_DEFAULT[0]))


@contextlib.contextmanager
def placed(*words: object) -> Iterator[None]:
    """Say in an error where it is."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{' '.join(filter(None, map(str, words)))}: {error}") from error


def read_sections(path: Path, given: Mapping[str, Path] | Sequence[str]) -> Sections:
    """The sections of a file, and the caches given beside it; see `classify.ablation.grid.read_grid`."""
    content = _content(path)
    caches = _caches(path, content.get("caches", {}), given)

    def row(place: str, section: Mapping[str, Any]) -> Row:
        return {name: _value(path, place, name, one, caches) for name, one in flat(section).items()}

    def axes(place: str, section: Mapping[str, Any]) -> list[Dimension]:
        return [_axis(path, place, name, values, caches) for name, values in flat(section).items()]

    crossed: list[Dimension] = []
    blocks: list[list[Dimension]] = []
    for section, one in content.items():
        if section in ("product", "zip"):
            found = axes(f"[{section}]", one)
            if not found:
                raise InputError(f"{path}: [{section}]: an empty product: name an option and its values")
            blocks += [] if crossed else [crossed]
            crossed += found if section == "product" else [_zipped(path, found)]
        elif section == "cells":
            rows = {f"[[cells]] {number}": cell for number, cell in enumerate(one, 1)}
            spelled = {place: row(place, cell) for place, cell in rows.items()}
            blocks += [[Dimension(place, tuple(cell), [cell])] for place, cell in spelled.items()]
    if not blocks:
        raise InputError(f"{path}: an empty product: name what varies in [product], [zip] or [[cells]]")
    options = row("[options]", content.get("options", {}))
    sections = Sections(path, caches, options, blocks, row("[baseline]", content.get("baseline", {})))
    _refuse_twice(sections)
    return sections


def _content(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"cannot read the grid {path}: {error}") from error
    for name, section in content.items():
        with placed(path):
            kind = choose(SECTIONS, name, "section of a grid")
        tables = section if isinstance(section, list) else [section]
        if not isinstance(section, kind) or not all(isinstance(one, dict) for one in tables):
            raise InputError(f"{path}: {name} is a section, written {'[[cells]]' if kind is list else f'[{name}]'}")
    return content


def _value(path: Path, place: str, name: str, value: Any, caches: Mapping[str, CacheFiles]) -> Any:
    with placed(path, place, name):
        found = checked(name, value)
        if name in ("cache", "test_cache"):
            choose(caches, found, "cache")
        return found


def _axis(path: Path, place: str, name: str, values: Any, caches: Mapping[str, CacheFiles]) -> Dimension:
    if not isinstance(values, list):
        with placed(path, place, name):
            checked(name, values)
            raise InputError(f"an axis is a list of values, not {values!r}; what does not vary goes to [options]")
    if not values:
        raise InputError(f"{path}: {place} {name}: an empty product: the list has no value")
    return Dimension(place, (name,), [{name: _value(path, place, name, value, caches)} for value in values])


def _zipped(path: Path, axes: Sequence[Dimension]) -> Dimension:
    lengths = {axis.names[0]: len(axis.rows) for axis in axes}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise InputError(f"{path}: [zip]: lists that vary together are of one length: {told}")
    joined = zip(*(axis.rows for axis in axes), strict=True)
    rows = [{name: value for one in rows for name, value in one.items()} for rows in joined]
    return Dimension("[zip]", tuple(lengths), rows)


def _caches(path: Path, section: Row, given: Mapping[str, Path] | Sequence[str]) -> dict[str, CacheFiles]:
    """Caches of the file, relative to it; those given from outside are added, or take their places whole."""
    caches = {name: _files(path, name, one) for name, one in section.items()}
    named = dict(given) if isinstance(given, Mapping) else _named(given, list(caches))
    caches |= {name: CacheFiles(Path(one)) for name, one in named.items()}
    if not caches:
        raise InputError(f"{path} names no cache: give one, --cache FILE.h5, or name some in [caches]")
    return caches


def _files(path: Path, name: str, value: Any) -> CacheFiles:
    table = value if isinstance(value, dict) else {"path": value}
    additions = table.get("with", [])
    texts = [table.get("path"), *additions] if isinstance(additions, list) else [None]
    if not all(isinstance(text, str) and text for text in texts) or not table.keys() <= {"path", "with"}:
        raise InputError(f'{path}: [caches] {name} is a path, or {{path = "...", with = ["...", ...]}}, not {value!r}')
    return CacheFiles(path.parent / table["path"], tuple(path.parent / one for one in additions))


def _named(given: Sequence[str], known: Sequence[str]) -> dict[str, Path]:
    """Caches from texts; a path without a name takes the place of the only one there is."""
    named: dict[str, Path] = {}
    for text in given:
        found = re.fullmatch(r"([\w.-]+)=(.+)", text)
        name = found[1] if found else (known[0] if len(known) == 1 else UNNAMED)
        if name in named:
            raise InputError(f"two caches are called {name!r}: give each a name, --cache NAME=FILE.h5")
        named[name] = Path(found[2] if found else text)
    return named


def _refuse_twice(sections: Sections) -> None:
    """Refuse an option that is said in two places."""
    for block in sections.blocks:
        seen: dict[str, str] = dict.fromkeys(sections.options, "[options], which holds what is the same in every cell")
        for dimension in block:
            for name in dimension.names:
                if name in seen:
                    raise InputError(f"{sections.path}: {dimension.place} {name}: it stands in {seen[name]}, too")
                seen[name] = dimension.place
