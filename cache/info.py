"""What a feature file holds, as a dictionary for scripts and as lines to read."""

from dataclasses import asdict
from typing import Any

from cache.reader import Cache


def info(cache: Cache) -> dict[str, Any]:
    """Counts, features, provenance and failures of a cache."""
    samples = cache.samples
    keys = ["dataset", "compression", "manipulation"]
    counts = samples.groupby(keys, sort=True).agg(
        videos=("video_id", "nunique"), frames=("sample_id", "size"), groups=("group", "nunique")
    )
    return {
        "path": str(cache.path),
        "fingerprint": cache.fingerprint,
        "bytes": cache.path.stat().st_size,
        "samples": len(cache),
        "videos": int(samples["video_id"].nunique()),
        "groups": int(samples["group"].nunique()),
        "counts": counts.reset_index().to_dict("records"),
        "spaces": {name: _space(cache, name) for name in cache.spaces},
        "failures": cache.failures.to_dict("records"),
        "thumbnails": cache.has_thumbnails,
        "rows_at_once": cache.rows_at_once,
    }


def _space(cache: Cache, name: str) -> dict[str, Any]:
    arrays = {key: list(cache.array(key, space=name).shape) for key in cache.arrays(name)}
    prompts = {key: cache.prompts(key, name) for key in cache.prompt_sets(name)}
    texts = {
        key: [{"text": text, "label": int(label)} for text, label in zip(one.texts, one.labels, strict=True)]
        for key, one in prompts.items()
    }
    return {
        "arrays": arrays,
        "scalars": cache.scalars(name),
        "prompts": texts,
        "provenance": asdict(cache.provenance(name)),
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The dictionary of `info` as lines of text."""
    text = [
        f"{found['path']}: {found['samples']} frames of {found['videos']} videos in {found['groups']} groups, "
        f"{found['bytes'] / 1e6:.1f} MB",
        f"fingerprint {found['fingerprint']}" + (", with thumbnails" if found["thumbnails"] else ""),
        "",
        f"{'data set':<16}{'compression':<13}{'manipulation':<18}{'videos':>8}{'frames':>9}{'groups':>8}",
    ]
    if found["rows_at_once"]:
        text.insert(
            2, f"memory did not suffice for whole batches: {found['rows_at_once']} frames at a time, at the least"
        )
    for row in found["counts"]:
        text.append(
            f"{row['dataset']:<16}{row['compression']:<13}{row['manipulation']:<18}"
            f"{row['videos']:>8}{row['frames']:>9}{row['groups']:>8}"
        )
    told: set[str] = set()
    for name, space in found["spaces"].items():
        shapes = ", ".join(f"{key} {'x'.join(map(str, shape))}" for key, shape in space["arrays"].items())
        described = _space_lines(space)
        new = [line for line in described if line not in told]
        text += ["", f"space {name}: {shapes}", *new]
        text += ["  all else as in the first space"] if len(new) < len(described) else []
        told = told or set(described)
    return text + ["", *_failure_lines(found["failures"])]


def _space_lines(space: dict[str, Any]) -> list[str]:
    text = [f"  {key:<19}{value}" for key, value in space["provenance"].items()]
    text += [f"  {key:<19}{value:,.10g}" for key, value in space["scalars"].items()]
    for key, prompts in space["prompts"].items():
        described = "; ".join(f"{one['text']!r} ({('real', 'fake')[one['label']]})" for one in prompts)
        text.append(f"  prompt set {key}: {described}")
    return text


def _failure_lines(failures: list[dict[str, Any]]) -> list[str]:
    if not failures:
        return ["no failures"]
    frames = sum(row["frames"] for row in failures)
    shown = [f"  {row['path']} ({row['stage']}): {row['reason']}" for row in failures[:10]]
    more = [f"  ... and {len(failures) - 10} more"] if len(failures) > 10 else []
    return [f"failures: {len(failures)} files, {frames} frames", *shown, *more]
