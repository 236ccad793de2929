"""From run folders to what is read of them: metrics.json, figures and a report for each, a comparison on top."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from joblib import Parallel, cpu_count, delayed
from matplotlib.figure import Figure

from cache import predictions
from cache.errors import InputError
from evaluate.aggregation import aggregated
from evaluate.caveats import LEAK, caveats, leaks
from evaluate.drawing import pdf, svg
from evaluate.exports import EXPORTS, exports
from evaluate.figures import FIGURES
from evaluate.folders import Run, find_runs, read_run, write_bytes, write_json, write_text
from evaluate.gallery import gallery
from evaluate.intervals import GroupDraws, group_draws
from evaluate.levels import MEASURED, cells, is_seen, measure, worst_videos
from evaluate.report.page import run_page, tree_page
from evaluate.robustness import robustness, robustness_table
from evaluate.several import Several
from evaluate.tables import summary_table
from evaluate.wording import file_name

FORMAT = 1
RUNS_A_PROCESS = 5  # fewer are sooner measured than a process is started
STATED = (
    "kind", "head", "train", "test", "features", "normalize", "prompt_set", "prompts", "parameters",
    "trainable_parameters", "trainable_share", "score", "calibrate", "weighting", "seed", "command", "cache",
    "test_cache", "split", "source",
)  # fmt: skip


class Wanted(NamedTuple):
    """How runs are to be measured.

    Attributes
    ----------
    allow_leak : bool
        Measure them although test groups were in training; all that is written says so. A run that was made with
        leave for its leak needs no second one.
    aggregate : {"mean", "median", "max"}, optional
        How frames become videos, in the place of what the run says (`evaluate.aggregation.aggregated`).
    cache : Path, optional
        Cache of the test samples with thumbnails, where it is not where the run says.
    root : Path, optional
        Folder of the data set, for pictures in the gallery.
    pdf : bool
        Write each figure as PDF, too.
    command : str
        What the user typed: told in the report where it changes the figures.
    """

    allow_leak: bool = False
    aggregate: str | None = None
    cache: Path | None = None
    root: Path | None = None
    pdf: bool = False
    command: str = ""


def evaluate_run(folder: Path, **wanted: Any) -> dict[str, Any]:
    """Measure one run and write ``metrics.json``, its figures and ``report.html`` into its folder.

    Parameters
    ----------
    folder : Path
    **wanted
        As `Wanted` has them.

    Returns
    -------
    dict
        What ``metrics.json`` holds: ``frame``, ``video`` and ``group`` (all test rows, `evaluate.levels.measure`),
        ``by_manipulation`` (each test manipulation with the reals of its data set and compression, ``seen`` where it
        was trained on, None where nobody knows), ``validation`` (out-of-fold rows of the training side, or None),
        ``robustness`` (`evaluate.robustness.robustness`, or None), ``worst_videos``, ``aggregate``, ``caveats``; and
        ``folder``, ``run`` (the settings, from ``run.json``) and ``gallery`` (`evaluate.gallery.gallery`).

    Raises
    ------
    InputError
        The folder holds no whole run, the test rows lack a class, or test groups were in training.
    """
    asked = Wanted(**wanted)
    run = _read(Path(folder), asked)
    return _publish(run, _measure(run), gallery(run, asked.cache, asked.root), asked)


def evaluate_tree(folder: Path, **wanted: Any) -> list[dict[str, Any]]:
    """Measure every run at or below a folder, and where there are several, compare them.

    Beside what `evaluate_run` writes, a folder of runs gets ``summary.csv`` (one row for each run, test manipulation
    and level) and ``report.html``; of several runs this compares them, with one heatmap for each head, and the tables
    of `evaluate.exports.EXPORTS` lie beside it.

    Parameters
    ----------
    folder : Path
    **wanted
        As `Wanted` has them.

    Returns
    -------
    list of dict
        As from `evaluate_run`; of several runs each has in ``comparison`` the figures of its head over all trainings,
        by level (`evaluate.matrix.matrices`), and they stand in the order of their heads' out-of-fold AUC; the first
        has in ``pairs`` every head against the first one (`evaluate.pairs.comparisons`).

    Raises
    ------
    InputError
        There is no run, or one of them cannot be measured or leaks; nothing is written then.
    """
    folder, asked = Path(folder), Wanted(**wanted)
    runs = sorted((_read(path, asked) for path in find_runs(folder)), key=lambda run: run.config.get("place", 0))
    work = Parallel(n_jobs=max(1, min(cpu_count(), len(runs) // RUNS_A_PROCESS)))
    measured = work(delayed(_measure)(run) for run in runs)
    galleries = [gallery(run, asked.cache, asked.root) for run in runs]
    several = Several(folder, runs) if len(runs) > 1 else None
    results = work(delayed(_publish)(*one, asked) for one in zip(runs, measured, galleries, strict=True))
    if runs[0].folder == folder:
        return results
    if several:
        results = several.join(results)
        drawings = {}
        _sweep(folder, [path.name for path in folder.glob("matrix_*") if path.suffix in (".svg", ".pdf")])
        for head, figure in several.figures().items():
            stamp = _stamp([one for one in results if one["comparison"]["head"] == head])
            drawings[head] = _draw(folder, f"matrix_{file_name(head)}", figure, stamp, asked.pdf)
        page = tree_page(folder, results, drawings)
        tables = exports(results)
        _sweep(folder, {f"{name}.{kind}" for name in EXPORTS for kind in ("csv", "md", "tex")} - tables.keys())
        for name, text in tables.items():
            write_text(folder / name, text)
    else:
        page = (runs[0].folder / "report.html").read_text(encoding="utf-8")
    write_text(folder / "summary.csv", _csv(summary_table(results)))
    write_text(folder / "report.html", page)
    return results


def _read(folder: Path, wanted: Wanted) -> Run:
    run = read_run(folder)
    _refuse_leaks(run, wanted.allow_leak)
    return run if wanted.aggregate is None else aggregated(run, wanted.aggregate)


def _refuse_leaks(run: Run, allow_leak: bool) -> None:
    stated = (run.config.get("split") or {}).get("allow_leak")
    if not (allow_leak or stated) and (found := leaks(run)):
        raise InputError(
            f"{run.folder}: {found[0]}. Make it anew with a split that keeps groups whole, or go on with --allow-leak, "
            "which every report will state"
        )


def _publish(run: Run, metrics: dict[str, Any], shown: list[dict[str, Any]], wanted: Wanted) -> dict[str, Any]:
    stated = {key: run.config.get(key) for key in STATED}
    if wanted.aggregate and wanted.command:
        stated["command"] = "\n".join(filter(None, [stated["command"], wanted.command]))
    result = {"folder": str(run.folder), "run": stated, **metrics, "gallery": shown}
    drawn = {name: figure.draw(run, metrics) for name, figure in FIGURES.items()}
    drawings = {
        name: _draw(run.folder, name, figure, _stamp([metrics]), wanted.pdf)
        for name, figure in drawn.items()
        if figure is not None
    }
    _sweep(run.folder, {f"{name}.{kind}" for name in FIGURES.keys() - drawings.keys() for kind in ("svg", "pdf")})
    if not wanted.pdf:
        _sweep(run.folder, {f"{name}.pdf" for name in FIGURES})
    page = run_page(run, result, drawings)
    predictions.write(run.folder / "video_predictions.csv", _videos(run))
    if metrics["robustness"]:
        write_text(run.folder / "robustness.csv", _csv(robustness_table(metrics["robustness"])))
    else:
        _sweep(run.folder, {"robustness.csv"})
    write_json(run.folder / "metrics.json", metrics)
    write_text(run.folder / "report.html", page)
    return result


def _sweep(folder: Path, names: Iterable[str]) -> None:
    """Remove files of an earlier measurement that this one does not write: they would tell other numbers."""
    for name in names:
        (folder / name).unlink(missing_ok=True)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")


def _draw(folder: Path, name: str, figure: Figure, stamp: str, as_pdf: bool) -> str:
    """Write a figure as SVG, and where asked for as PDF; the SVG's text."""
    drawing = svg(figure, stamp)
    write_text(folder / f"{name}.svg", drawing)
    if as_pdf:
        write_bytes(folder / f"{name}.pdf", pdf(figure, stamp))
    return drawing


def _videos(run: Run) -> pd.DataFrame:
    """Predictions of videos, decided at their own threshold."""
    videos = run.at_level(run.table, "video")
    called = (videos["score"] >= run.threshold("video")["value"]).astype(int)
    return videos.assign(predicted=called)[list(predictions.VIDEO_COLUMNS)]


def _measure(run: Run) -> dict[str, Any]:
    test, validation = run.rows("test"), run.rows("val")
    draws = group_draws(test["group"], test["label"].to_numpy())
    whole = _levels(run, "test", test, draws)
    result: dict[str, Any] = {"format": FORMAT, **whole, "by_manipulation": {}}
    for name, cell in cells(test).items():
        figures = whole if len(cell) == len(test) else _levels(run, name, cell, draws)
        result["by_manipulation"][name] = {"seen": is_seen(cell, run.trained_on), **figures}
    both = validation["label"].nunique() == 2
    result["validation"] = _levels(run, "validation", validation, None, calibrated_on=True) if both else None
    result["robustness"] = robustness(run, draws)
    result["worst_videos"] = worst_videos(run.at_level(test, "video"), run.threshold("video")["value"])
    result["aggregate"] = run.aggregate
    return {**result, "caveats": caveats(run, result)}


def _stamp(results: Sequence[Mapping[str, Any]]) -> str:
    """The first sentence on a leak, for a drawing, which may be shown without its report."""
    return next((line for one in results for line in one["caveats"] if line.startswith(LEAK)), "")


def _levels(
    run: Run, name: str, frames: pd.DataFrame, draws: GroupDraws | None, *, calibrated_on: bool = False
) -> dict[str, Any]:
    """Figures of some rows at each level; on rows that a calibration was fitted on, none of what it would flatter."""
    found = {}
    for level in MEASURED:
        calibration = run.calibration("frame" if level == "frame" else "video")
        probabilities = run.gives_probabilities(level) and not (calibrated_on and calibration)
        try:
            table = run.at_level(frames, level)
            found[level] = measure(table, run.threshold(level), draws=draws, probabilities=probabilities)
        except InputError as error:
            raise InputError(f"{run.folder}, {name}: {error}") from error
    return found
