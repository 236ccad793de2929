"""The console summary of runs, as plain text in 100 columns."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from evaluate.comparison_caveats import comparison_caveats
from evaluate.metrics import METRICS
from evaluate.robustness import robustness_lines
from evaluate.summary import (
    LEVELS,
    MARKS,
    Result,
    comparison_headline,
    error_places,
    error_sentences,
    headline,
    named_rows,
    title,
)
from evaluate.tables import MEANS, by_head, trainable, unseen_tests
from evaluate.wording import FEW, figure_text, number, tight_interval

WIDTH = 100
SENTENCES = 8
MATRICES = 4  # of so many heads the console shows every cell
TOO_WIDE = "  too many columns for the console: see {} and the report"


def summarise(results: Sequence[Result]) -> str:
    """Text for the console: one run at length, several runs as a comparison.

    Parameters
    ----------
    results : sequence of dict
        As `evaluate.runs.evaluate_tree` returns them.
    """
    return "\n".join(_comparison_lines(results) if len(results) > 1 else _run_lines(results[0]))


def _run_lines(result: Result) -> list[str]:
    lines = [title(result["run"]), f"  {result['folder']}", ""]
    lines += _wrapped(" ".join(headline(result)), "")
    for level in LEVELS:
        if level == "frame" and _is_one(result):
            lines += ["", "Frame level: the same, each video has one frame"]
        else:
            lines += ["", *_level_lines(result, level)]
    if result["robustness"]:
        lines += ["", "Change of the AUC in other views of the pictures, video level"]
        lines += _bullets(robustness_lines(result["robustness"]))
    lines += ["", "Videos furthest on the wrong side of the threshold"]
    rows = [
        [video["video_id"], "fake" if video["label"] else "real", number(video["score"])]
        for video in result["worst_videos"]
    ]
    lines += columns([["video", "is", "score"], *rows]) if rows else ["  none is misjudged"]
    lines += ["", "Read with care", *_bullets(result["caveats"])]
    return [*lines, "", f"Report: {Path(result['folder']) / 'report.html'}"]


def _is_one(result: Result) -> bool:
    """Whether frames and videos are the same rows, judged alike."""
    frame, video = result["frame"], result["video"]
    return frame["n"] == video["n"] and frame["confusion"] == video["confusion"] and frame["auc"] == video["auc"]


def _level_lines(result: Result, level: str) -> list[str]:
    threshold = result[level]["threshold"]
    head = ["", "real/fake", "AUC (95 %)", "EER (95 %)", "F1", "Bal.", "Acc.", "Major."]
    rows = []
    for name, part in named_rows(result):
        figures = part[level]
        intervals = [tight_interval(figures["auc"]), tight_interval(figures["eer"])]
        decisions = [number(figures[key]["value"]) for key in ("f1", "balanced_accuracy", "accuracy")]
        n = f"{figures['n']['real']}/{figures['n']['fake']}"
        rows.append([_cut(name, 22), n, *intervals, *decisions, number(figures["majority_baseline"])])
    names = " ".join(name for name, _ in named_rows(result))
    marks = [f", {mark} {meaning}" for mark, meaning in MARKS.items() if mark in names]
    counts = result[level]["confusion"]
    matrix = [
        ["", "called real", "called fake"],
        ["real", f"{counts['tn']:,}", f"{counts['fp']:,}"],
        ["fake", f"{counts['fn']:,}", f"{counts['tp']:,}"],
    ]
    return [
        f"{level.capitalize()} level, threshold {number(threshold['value'])}{''.join(marks)}",
        *columns([head, *rows]),
        "",
        *columns(matrix),
        *_bullets([*error_sentences(result[level]), *error_places(result, level), *_reliability(result[level])]),
    ]


def _reliability(figures: dict[str, Any]) -> list[str]:
    """The metrics of scores as probabilities in one line, where they are such."""
    read = {name: metric for name, metric in METRICS.items() if metric.reads == "probabilities"}
    told = [f"{metric.title} {number(figures[name]['value'])}" for name, metric in read.items()]
    return [] if any(figures[name]["value"] is None for name in read) else [f"as probabilities: {', '.join(told)}"]


def _comparison_lines(results: Sequence[Result]) -> list[str]:
    lines = _wrapped(" ".join(comparison_headline(results)), "")
    tables = {name: comparison["video"] for name, comparison in by_head(results).items()}
    rare = any(one["video"]["few_groups"] for one in results) or any(
        table[kind] and table[kind]["few_groups"] for table in tables.values() for kind in (*MEANS, "mean")
    )
    few = f", {FEW} {MARKS[FEW]}" if rare else ""
    if any(result["run"]["train"] for result in results):
        lines += _heads_lines(results, tables, few)
    else:
        lines += _files_lines(tables, few)
    lines += _pairs_lines(results[0].get("pairs") or [])
    lines += ["", "Read with care", *_bullets(comparison_caveats(results))]
    return [*lines, "", f"Report: {results[0]['comparison']['report']}"]


def _heads_lines(results: Sequence[Result], tables: dict[str, dict[str, Any]], few: str) -> list[str]:
    """Heads in their order, by what they saw in training and what not."""
    head = ["head", "out of fold", *MEANS, *(["rank"] if len(tables) > 1 else [])]
    rows = [
        [
            name,
            number(table["out_of_fold"]["value"]),
            *(figure_text(table[kind]) for kind in MEANS),
            *([number(table["mean_rank"]["value"], 1) if table["mean_rank"] else "-"] if len(tables) > 1 else []),
        ]
        for name, table in tables.items()
    ]
    lines = ["", f"Heads by out-of-fold AUC, video level{few}", *columns([head, *rows])]
    lines += _unseen_lines(results)
    if len(tables) <= MATRICES:
        for name, table in tables.items():
            lines += ["", f"{name}: AUC at video level, [seen in training]{few}", *_matrix_lines(table)]
    return lines


def _files_lines(tables: dict[str, dict[str, Any]], few: str) -> list[str]:
    """Scores of others, whose training is unknown, in the order named."""
    tests = list(dict.fromkeys(test for table in tables.values() for test in table["each"]))
    head = ["file", *(["mean"] if len(tests) > 1 else []), *(_cut(test, 17) for test in tests)]
    rows = [
        [
            _cut(name, 40),
            *([figure_text(table["mean"])] if len(tests) > 1 else []),
            *(figure_text(table["each"].get(test)) for test in tests),
        ]
        for name, table in tables.items()
    ]
    lines = columns([head, *rows])
    return ["", f"AUC at video level{few}", *(lines if _fits(lines) else [TOO_WIDE.format("matrix.csv")])]


def _pairs_lines(pairs: Sequence[dict[str, Any]]) -> list[str]:
    """What the comparisons at video level say: of means, where there are any."""
    videos = [pair for pair in pairs if pair["level"] == "video"]
    told = [pair for pair in videos if pair["family"] == "means"] or videos
    if not told:
        return []
    more = [f"  {len(told) - SENTENCES} more in comparisons.csv"] if len(told) > SENTENCES else []
    lines = _bullets([pair["sentence"] for pair in told[:SENTENCES]])
    return ["", "Paired differences of AUC, the second minus the first, video level", *lines, *more]


def _unseen_lines(results: Sequence[Result]) -> list[str]:
    """Each head on each manipulation, over the trainings that did not see it, and what it trains; as far as fits."""
    heads, tests = by_head(results), unseen_tests(results)
    trains = [["head", "trained", "share"], *([name, *trainable(one)] for name, one in heads.items())]
    if not tests:
        return ["", "What a head trains", *columns(trains)]
    heading = "Unseen manipulations one by one: mean AUC of the trainings that did not see them"
    for cell in (figure_text, _short):
        rows = [["head", *(_cut(test, 17) for test in tests)]]
        rows += [
            [name, *(cell(one["video"]["unseen_each"].get(test)) for test in tests)] for name, one in heads.items()
        ]
        joined = columns([[*row, *more[1:]] for row, more in zip(rows, trains, strict=True)])
        if _fits(joined):
            return ["", heading, *joined]
        if _fits(columns(rows)):
            return ["", heading, *columns(rows), "", "What a head trains", *columns(trains)]
    return ["", heading, TOO_WIDE.format("heads.csv"), "", "What a head trains", *columns(trains)]


def _short(figure: dict[str, Any] | None) -> str:
    return f"{FEW if figure['few_groups'] else ''}{number(figure['value'])}" if figure else "-"


def _fits(lines: Sequence[str]) -> bool:
    return max(map(len, lines)) <= WIDTH


def _matrix_lines(table: dict[str, Any]) -> list[str]:
    rows = [["trained on \\ tested on", *(_cut(name, 14) for name in table["tests"])]]
    for train in table["trains"]:
        cells = [table["cells"][train].get(test) for test in table["tests"]]
        rows.append([_cut(train, 22), *(_matrix_cell(cell) for cell in cells)])
    lines = columns(rows)
    return lines if _fits(lines) else [TOO_WIDE.format("summary.csv")]


def _matrix_cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return ""
    return f"[{_short(cell)}]" if cell["seen"] else f"{_short(cell)} "


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as aligned text: the first column to the left, the others to the right, indented by two."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return lines


def _bullets(sentences: Iterable[str]) -> list[str]:
    return [line for sentence in sentences for line in _wrapped(sentence, "- ")]


def _wrapped(text: str, mark: str) -> list[str]:
    indent = "  " if mark else ""
    return wrap(
        text, WIDTH, initial_indent=indent + mark, subsequent_indent=indent + " " * len(mark), break_on_hyphens=False
    )


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"
