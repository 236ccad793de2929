"""From run folders to what is read of them: metrics.json, figures and a report for each, a comparison on top."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cache.errors import InputError
from evaluate.caveats import LEAK, caveats, leaks
from evaluate.drawing import svg
from evaluate.figures import FIGURES
from evaluate.folders import Run, find_runs, read_run, write_json, write_text
from evaluate.intervals import GroupDraws, group_draws
from evaluate.levels import LEVELS, cells, is_seen, measure, worst_videos
from evaluate.matrix import compare
from evaluate.matrix_figure import matrix_figure
from evaluate.report.page import run_page, tree_page
from evaluate.tables import heads_markdown, heads_table, summary_table
from evaluate.wording import is_trained

FORMAT = 1
STATED = (
    "head", "train", "test", "features", "normalize", "prompt_set", "prompts", "parameters", "trainable_parameters",
    "trainable_share", "score", "calibrate", "weighting", "seed", "command", "cache", "test_cache", "split",
)  # fmt: skip
TRAINABLE = ("trainable_parameters", "trainable_share")


def evaluate_run(folder: Path, *, allow_leak: bool = False) -> dict[str, Any]:
    """Measure one run and write ``metrics.json``, its figures and ``report.html`` into its folder.

    Parameters
    ----------
    folder : Path
    allow_leak : bool
        Measure it although test groups were in training; all that is written says so. A run that was made with leave
        for its leak needs no second one.

    Returns
    -------
    dict
        What ``metrics.json`` holds: ``frame`` and ``video`` (all test rows, `evaluate.levels.measure`),
        ``by_manipulation`` (each test manipulation with the reals of its data set and compression, ``seen`` where it
        was trained on), ``validation`` (out-of-fold rows of the training side, or None), ``worst_videos``,
        ``caveats``; and ``folder`` and ``run`` (the settings, from ``run.json``).

    Raises
    ------
    InputError
        The folder holds no whole run, the test rows lack a class, or test groups were in training.
    """
    run = read_run(Path(folder))
    _refuse_leaks(run, allow_leak)
    return _publish(run, _measure(run))


def evaluate_tree(folder: Path, *, allow_leak: bool = False) -> list[dict[str, Any]]:
    """Measure every run at or below a folder, and where there are several, compare them.

    Beside what `evaluate_run` writes, a folder of runs gets ``summary.csv`` (one row for each run, test manipulation
    and level) and ``report.html``; of several runs this compares them, with one heatmap for each head, and the table of
    all heads lies beside it, as ``heads.csv`` and as ``heads.md``.

    Parameters
    ----------
    folder : Path
    allow_leak : bool
        As for `evaluate_run`.

    Returns
    -------
    list of dict
        As from `evaluate_run`; of several runs each has in ``comparison`` the figures of its head over all trainings,
        by level (`evaluate.matrix.compare`), and they stand in the order of their heads' out-of-fold AUC.

    Raises
    ------
    InputError
        There is no run, or one of them cannot be measured or leaks; nothing is written then.
    """
    folder = Path(folder)
    runs = [read_run(path) for path in find_runs(folder)]
    for run in runs:
        _refuse_leaks(run, allow_leak)
    measured = [_measure(run) for run in runs]
    results = [_publish(run, metrics) for run, metrics in zip(runs, measured, strict=True)]
    if runs[0].folder == folder:
        return results
    if len(runs) == 1:
        page = (runs[0].folder / "report.html").read_text(encoding="utf-8")
    else:
        results, figures = _compare(folder, runs, results)
        page = tree_page(folder, results, figures)
        for head, drawing in figures.items():
            write_text(folder / f"matrix_{_file_name(head)}.svg", drawing)
        write_text(folder / "heads.csv", heads_table(results).to_csv(index=False, lineterminator="\n"))
        write_text(folder / "heads.md", heads_markdown(results))
    write_text(folder / "summary.csv", summary_table(results).to_csv(index=False, lineterminator="\n"))
    write_text(folder / "report.html", page)
    return results


def _refuse_leaks(run: Run, allow_leak: bool) -> None:
    stated = (run.config.get("split") or {}).get("allow_leak")
    if not (allow_leak or stated) and (found := leaks(run)):
        raise InputError(
            f"{run.folder}: {found[0]}. Make it anew with a split that keeps groups whole, or go on with --allow-leak, "
            "which every report will state"
        )


def _publish(run: Run, metrics: dict[str, Any]) -> dict[str, Any]:
    drawn = {name: figure.draw(run) for name, figure in FIGURES.items()}
    stamp = _stamp([metrics])
    drawings = {name: svg(figure, stamp) for name, figure in drawn.items() if figure is not None}
    stated = {key: run.config.get(key) for key in STATED}
    result = {"folder": str(run.folder), "run": stated, **metrics}
    page = run_page(run, result, drawings)
    for name, drawing in drawings.items():
        write_text(run.folder / f"{name}.svg", drawing)
    write_json(run.folder / "metrics.json", metrics)
    write_text(run.folder / "report.html", page)
    return result


def _measure(run: Run) -> dict[str, Any]:
    test, validation = run.rows("test"), run.rows("val")
    draws = group_draws(test["group"].to_numpy(dtype=str), test["label"].to_numpy())
    result: dict[str, Any] = {"format": FORMAT, **_levels(run, "test", test, draws), "by_manipulation": {}}
    for name, cell in cells(test).items():
        seen = is_seen(cell, run.trained_on)
        result["by_manipulation"][name] = {"seen": seen, **_levels(run, name, cell, draws)}
    both = validation["label"].nunique() == 2
    result["validation"] = _levels(run, "validation", validation, None, calibrated_on=True) if both else None
    result["worst_videos"] = worst_videos(run.at_level(test, "video"), run.threshold("video")["value"])
    return {**result, "caveats": caveats(run, result)}


def _compare(
    folder: Path, runs: Sequence[Run], results: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The results with the comparison of their head, in the order of the heads; and each head's matrix as SVG."""
    by_head = _by_head(runs, folder)
    comparison = compare({head: [runs[at] for at in rows] for head, rows in by_head.items()})
    ranked = [
        {
            **results[at],
            "comparison": {
                "head": head,
                "trained": is_trained(runs[at].head),
                **{key: _ends([runs[row].config.get(key) for row in by_head[head]]) for key in TRAINABLE},
                "report": str(folder / "report.html"),
                **{level: comparison[level][head] for level in LEVELS},
            },
        }
        for head in comparison["video"]
        for at in by_head[head]
    ]
    stamps = {head: _stamp([results[at] for at in rows]) for head, rows in by_head.items()}
    return ranked, {head: svg(matrix_figure(table, head), stamps[head]) for head, table in comparison["video"].items()}


def _stamp(results: Sequence[Mapping[str, Any]]) -> str:
    """The first sentence on a leak, for a drawing, which may be shown without its report."""
    return next((line for one in results for line in one["caveats"] if line.startswith(LEAK)), "")


def _levels(
    run: Run, name: str, frames: pd.DataFrame, draws: GroupDraws | None, *, calibrated_on: bool = False
) -> dict[str, Any]:
    """Figures of some rows at each level; on rows that a calibration was fitted on, none of what it would flatter."""
    found = {}
    for level in LEVELS:
        probabilities = run.gives_probabilities(level) and not (calibrated_on and run.calibration(level))
        try:
            table = run.at_level(frames, level)
            found[level] = measure(table, run.threshold(level), draws=draws, probabilities=probabilities)
        except InputError as error:
            raise InputError(f"{run.folder}, {name}: {error}") from error
    return found


def _by_head(runs: Sequence[Run], folder: Path) -> dict[str, list[int]]:
    """Places of the runs of each head; heads are named with their folder where several experiments lie below."""
    places = [run.folder.relative_to(folder) for run in runs]
    namings = (
        [run.head for run in runs],
        [f"{place.parent.parent.as_posix()}/{run.head}" for run, place in zip(runs, places, strict=True)],
        [place.as_posix() for place in places],
    )
    trains = [run.train for run in runs]
    names = next(names for names in namings if len(set(zip(names, trains, strict=True))) == len(runs))
    return {name: [at for at, other in enumerate(names) if other == name] for name in dict.fromkeys(names)}


def _ends(values: Sequence[float | None]) -> list[float] | None:
    """Least and most, of a head that was trained several times; None where a run does not tell."""
    known = [value for value in values if value is not None]
    return [min(known), max(known)] if known and len(known) == len(values) else None


def _file_name(head: str) -> str:
    return re.sub(r"[^\w.+-]", "_", head)
