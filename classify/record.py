"""What a run says about itself: ``run.json``, and whether a finished run is the one asked for."""

import json
import platform
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cache.errors import InputError
from classify.heads.base import Head
from classify.heads.torch_head import TorchHead

FORMAT = 1
TORCH, INTEL = "torch", "scikit-learn-intelex"
WEIGHTING = "1 / (frames of the video in training), both classes alike, mean 1"
CONFIGURATION = (
    "format", "head", "train", "test", "features", "normalize", "prompt_set", "fixed", "where", "frames",
    "fraction", "seed",
    "members", "calibrate", "threshold", "keep_checkpoints", "cache.fingerprint", "cache.additions",
    "test_cache.fingerprint", "test_cache.additions", "split.method",
    "split.test_size", "split.disjoint", "split.drop_crossing", "split.allow_leak", "split.hash",
)  # fmt: skip
SINCE = {
    "test_cache": None,
    "frames": None,
    "fraction": None,
    "members": None,
    "calibrate": None,
    "threshold": None,
    "keep_checkpoints": False,
}
FILES = ("predictions.csv", "video_predictions.csv", "model/model.safetensors", "model/model.json")


def is_finished(folder: Path, wanted: dict[str, Any]) -> bool:
    """Whether a run folder holds the finished run that is wanted.

    Parameters
    ----------
    folder : Path
    wanted : dict
        ``run.json`` as far as it is known before the run; `CONFIGURATION` is compared.

    Returns
    -------
    bool
        False where nothing is there.

    Raises
    ------
    InputError
        Something else is there: no run, a run with other settings, or one that lacks a file.
    """
    if not folder.exists():
        return False
    try:
        there = {**SINCE, **json.loads((folder / "run.json").read_text(encoding="utf-8"))}  # older runs lack keys
        pairs = [(name, _at(wanted, name), _at(there, name)) for name in CONFIGURATION]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder} is there and holds no finished run; remove it or name another --out") from error
    differing = [_difference(*pair) for pair in pairs if pair[1] != pair[2]]
    if differing:
        raise InputError(f"{folder} holds a run with other settings: {'; '.join(differing)}; name another --out")
    files = [*FILES, *(["view_predictions.csv"] if there.get("views") else [])]
    if missing := [name for name in files if not (folder / name).is_file()]:
        raise InputError(
            f"{folder} is damaged: {', '.join(missing)} is missing; remove the folder to have it made anew"
        )
    return True


def software(head: Head | None = None) -> dict[str, str]:
    """Versions of what computed, of a head also those that it alone needs."""
    libraries = ["numpy", "scipy", "pandas", "scikit-learn", "h5py", "safetensors"]
    libraries += [TORCH] * any(isinstance(one, TorchHead) for one in [head, *getattr(head, "members_", [])])
    libraries += [INTEL] * (INTEL in getattr(head, "solver_", ""))
    return {
        "python": platform.python_version(),
        "crossprobe": _own_version(),
        **{name: version(name) for name in libraries},
    }


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write readable JSON."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def log_lines(record: dict[str, Any]) -> list[str]:
    """What a run did, line by line, for ``run.log``."""
    split, seconds = record["split"], record["timings"]
    sides = [f"{split['videos'][side]} videos in {split['groups'][side]} groups" for side in ("train", "test")]
    return [
        f"command: {record['command']}",
        f"cache: {record['cache']['path']} ({record['cache']['fingerprint']})",
        *(f"test cache: {one['path']} ({one['fingerprint']})" for one in [record["test_cache"]] if one),
        f"features: {', '.join(record['features'])}, normalisation {record['normalize']}, "
        f"read in {seconds['read']:.2f} s",
        f"split: {split['method']}, disjoint by {split['disjoint']}",
        f"training on {', '.join(record['train'])}: {sides[0]}",
        f"test on {', '.join(record['test'])}: {sides[1]}",
        *(f"search by {record['search']['criterion']}" for _ in record["search"]["results"][:1]),
        *(f"  {result['params']}: {result['auc']:.4f}" for result in record["search"]["results"]),
        f"{record['head']} with {record['parameters']}, {record['trainable_parameters']} trainable numbers, "
        f"fitted in {seconds['fit']:.2f} s",
        *(f"solved by {record['solver']}" for _ in [0] if record["solver"]),
        *(f"calibrated by {record['calibrate']} on out-of-fold scores" for _ in [0] if record["calibration"]),
        *(f"threshold of a {level}: {found['value']:.6g} ({found['source']})"
          for level, found in record["thresholds"].items()),
        *(f"caveat: {caveat}" for caveat in record["caveats"]),
    ]  # fmt: skip


def _at(value: dict[str, Any], name: str) -> Any:
    for key in name.split("."):
        value = None if value is None else value[key]
    if name == "members" and value:
        return {member: one["fixed"] for member, one in value.items()}
    return value


def _difference(name: str, new: Any, old: Any) -> str:
    return "the split is another" if name == "split.hash" else f"{name} is {new!r} now and was {old!r}"


def _own_version() -> str:
    try:
        return version("crossprobe")
    except PackageNotFoundError:  # run from the checkout without installation
        project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return f"{project['version']} (checkout)"
