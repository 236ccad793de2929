"""What a report states of a run beside its figures: what was trained and tested on what, and how it was made."""

from typing import Any

from evaluate.calibration import described
from evaluate.summary import LEVELS
from evaluate.wording import CLASS, NO_NUMBERS, NOT_TRAINED, is_trained, listed, number, plural, shares, spread

Pairs = list[tuple[str, str]]


def facts(config: dict[str, Any], result: dict[str, Any]) -> Pairs:
    """What was run, on what: only what the run states."""
    cache, split, n = config.get("cache") or {}, config.get("split") or {}, result["video"]["n"]
    tested = config.get("test_cache") or {}
    made = (tested or cache).get("provenance") or {}
    frames = spread(*n["frames_per_video"])
    pictures = {key: made.get(key) for key in ("crop", "view", "sampling", "tokens", "precision")}
    stated = {
        "Trained on" if is_trained(config["head"]) else "Training side": _trained(config, split),
        "Tested on": f"{listed(list(result['by_manipulation']))} ({_counted(n['groups'], n['videos'])})",
        "Frames of a video": frames,
        "Encoder": made.get("model"),
        "Pictures": pictures,
        "Features": config.get("features"),
        "Normalisation": config.get("normalize"),
        "Prompt set": config.get("prompt_set"),
        **_prompts(config.get("prompts") or {}),
        "Parameters": config.get("parameters"),
        **_members(config.get("members") or {}),
        "Trainable parameters": _trainable(config),
        "Score": config.get("score"),
        "Calibration": config.get("calibrate"),
        "Weight of a row": config.get("weighting"),
        "Split": {key: split.get(key) for key in ("method", "disjoint", "test_size", "file", "seed")},
        "Seed": config.get("seed"),
        "Cache": [cache.get("path"), cache.get("fingerprint")],
        "Test cache": [tested.get("path"), tested.get("fingerprint")],
    }
    return [(name, text) for name, value in stated.items() if (text := _said(value))]


def _prompts(stated: dict[str, Any]) -> dict[str, str]:
    """The prompts of each class, as they were declared."""
    pairs = list(zip(stated.get("texts", ()), stated.get("labels", ()), strict=True))
    return {
        f"Prompts for {name}": "; ".join(f'"{text}"' for text, of in pairs if of == label)
        for label, name in CLASS.items()
    }


def _members(stated: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What each member of an ensemble was fitted with, and how well it did alone."""
    return {
        f"Member {name}": f"{_said(one.get('parameters')) or 'default'}; out-of-fold AUC {number(one['auc'])}"
        for name, one in stated.items()
        if "auc" in one
    }


def _trainable(config: dict[str, Any]) -> str | None:
    """How many numbers a head trains, and their share where the run knows of its encoder's."""
    count, share = config.get("trainable_parameters"), config.get("trainable_share")
    if not is_trained(config["head"]):
        return NOT_TRAINED
    if not count:
        return None if count is None else NO_NUMBERS
    return f"{count:,}" + ("" if share is None else f" ({shares(share)} of encoder and head)")


def _trained(config: dict[str, Any], split: dict[str, Any]) -> str:
    return f"{listed(config['train'])}{_side(split, 'train')}" if config["train"] else "unknown"


def _side(split: dict[str, Any], side: str) -> str:
    groups, videos = ((split.get(key) or {}).get(side) for key in ("groups", "videos"))
    return "" if groups is None or videos is None else f" ({_counted(groups, videos)})"


def _counted(groups: int, videos: int) -> str:
    return f"{plural(groups, 'group')}, {plural(videos, 'video')} with the reals"


def details(config: dict[str, Any]) -> list[tuple[str, Pairs]]:
    """What is folded away: the search, how features were made, versions, timings."""
    search = (config.get("search") or {}).get("results") or []
    calibration = config.get("calibration") or {}
    found = {
        "Thresholds": config.get("thresholds"),
        "Calibration": {level: described(calibration[level]) for level in LEVELS if level in calibration},
        "Hyper-parameters tried": {_said(one["params"]) or "default": number(one["auc"], 4) for one in search},
        "How the features were made": (config.get("cache") or {}).get("provenance"),
        "Versions": config.get("versions"),
        "Timings in seconds": config.get("timings"),
    }
    return [(name, [(key, _said(value)) for key, value in pairs.items()]) for name, pairs in found.items() if pairs]


def _said(value: Any) -> str:
    """A setting as text; empty where there is none."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_said(one)}" for key, one in value.items() if one not in (None, ""))
    if isinstance(value, list | tuple):
        return ", ".join(_said(one) for one in value if one not in (None, ""))
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
