"""What a reader is told first: a few sentences on a run, and its console summary as plain text."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from evaluate.caveats import ALL, comparison_caveats
from evaluate.metrics import METRICS
from evaluate.tables import by_head, trainable, unseen_tests
from evaluate.wording import FEW, figure_text, is_trained, listed, number, plural, tight_interval, with_interval

WIDTH = 100
MATRICES = 4  # of so many heads the console shows every cell
MARKS = {"*": "seen in training", FEW: "too few groups"}
TOO_WIDE = "  too many columns for the console: see {} and the report"
LEVELS = ("video", "frame")  # the headline first
Result = dict[str, Any]


def summarise(results: Sequence[Result]) -> str:
    """Text for the console: one run at length, several runs as a comparison.

    Parameters
    ----------
    results : sequence of dict
        As `evaluate.runs.evaluate_tree` returns them.
    """
    return "\n".join(_comparison_lines(results) if len(results) > 1 else _run_lines(results[0]))


def title(run: dict[str, Any]) -> str:
    """A run in one line: its head, and what it was trained on."""
    origin = "trained on" if is_trained(run["head"]) else "not trained, thresholds from"
    return f"{run['head']}, {origin} {listed(run['train'])}"


def headline(result: Result) -> list[str]:
    """What one run says, in sentences."""
    trained = is_trained(result["run"]["head"])
    kinds = {False: ", which it never saw", True: ", which it was trained on"} if trained else {None: ""}
    told: list[str] = []
    for kind, words in kinds.items():
        parts = [(name, part) for name, part in result["by_manipulation"].items() if kind in (None, part["seen"])]
        if parts:
            aucs = listed([f"{_auc(part['video'])} on {name}" for name, part in parts])
            told.append(f"{'and' if told else 'At video level its AUC is'} {aucs}{words}")
    told = [f"{'; '.join(told)}."]
    if result["validation"]:
        where = "Out of fold, within its training side," if trained else "It is not trained; on its training side"
        told.append(f"{where} it is {number(_validation_auc(result))}.")
    return [*told, "Guessing gives 0.5."]


def comparison_headline(results: Sequence[Result]) -> list[str]:
    """What several runs say together, in sentences, from the head that ranks first by its out-of-fold AUC."""
    first = results[0]["comparison"]
    table = first["video"]
    folds = table["out_of_fold"]["value"]
    heads = len({result["comparison"]["head"] for result in results})
    trains = len({tuple(result["run"]["train"]) for result in results})
    told = [f"{plural(len(results), 'run')}: {plural(trains, 'training')}, {plural(heads, 'head')}."]
    if heads > 1 and (folds is None or not table["shared"]):
        lack = "out-of-fold scores of every training" if table["shared"] else "a training and test common to all"
        return [*told, f"Without {lack} the heads have no order: the tables hold the figures of each."]
    first_of = f"{first['head']} ranks first" if heads > 1 else f"The head is {first['head']}"
    known = f": out of fold, within the training side, its mean AUC at video level is {number(folds)}"
    told.append(f"{first_of}{known if folds is not None else ', without out-of-fold scores of every training'}.")
    if not first["trained"]:
        seen, unseen = (with_interval(table[kind]) for kind in ("seen", "unseen"))
        return [*told, f"It is not trained: on what the others saw in training it reaches {seen}, else {unseen}."]
    if table["seen"]:
        told.append(f"On test videos of the manipulation it was trained on it reaches {with_interval(table['seen'])}.")
    if table["unseen"]:
        told.append(f"On manipulations that it never saw it reaches {with_interval(table['unseen'])}.")
    if table["gap"]:
        told.append(f"The gap is {with_interval(table['gap'])}.")
    return told


def named_rows(result: Result) -> list[tuple[str, dict[str, Any]]]:
    """(name, figures by level) of each test manipulation, and of all test rows where there are several.

    The names carry the marks of `MARKS`.
    """
    parts = [(f"{name}{' *' if part['seen'] else ''}", part) for name, part in result["by_manipulation"].items()]
    rows = [*parts, (ALL, result)] if len(parts) > 1 else parts
    return [(f"{name} {FEW}" if part["video"]["few_groups"] else name, part) for name, part in rows]


def error_sentences(figures: dict[str, Any]) -> list[str]:
    """Errors of one level by kind, with their mean score and distance from the threshold."""
    kinds = {"false_positive": ("real", "fake"), "false_negative": ("fake", "real")}
    told = []
    for kind, (truth, called) in kinds.items():
        error, total = figures["errors"][kind], figures["n"][truth]
        sentence = f"{error['count']} of {plural(total, truth)} called {called}"
        if error["count"]:
            score, margin = number(error["mean_score"]), number(error["mean_margin"])
            sentence += f"; their mean score is {score}, {margin} from the threshold on average"
        told.append(sentence)
    return told


def _auc(figures: dict[str, Any]) -> str:
    return with_interval(figures["auc"], few=figures["few_groups"])


def _validation_auc(result: Result) -> float:
    return float(result["validation"]["video"]["auc"]["value"])


def _run_lines(result: Result) -> list[str]:
    lines = [title(result["run"]), f"  {result['folder']}", ""]
    lines += _wrapped(" ".join(headline(result)), "")
    for level in LEVELS:
        lines += ["", *_level_lines(result, level)]
    lines += ["", "Videos furthest on the wrong side of the threshold"]
    rows = [
        [video["video_id"], "fake" if video["label"] else "real", number(video["score"])]
        for video in result["worst_videos"]
    ]
    lines += columns([["video", "is", "score"], *rows]) if rows else ["  none is misjudged"]
    lines += ["", "Read with care", *_bullets(result["caveats"])]
    return [*lines, "", f"Report: {Path(result['folder']) / 'report.html'}"]


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
        ["real", str(counts["tn"]), str(counts["fp"])],
        ["fake", str(counts["fn"]), str(counts["tp"])],
    ]
    return [
        f"{level.capitalize()} level, threshold {number(threshold['value'])}{''.join(marks)}",
        *columns([head, *rows]),
        "",
        *columns(matrix),
        *_bullets([*error_sentences(result[level]), *_reliability(result[level])]),
    ]


def _reliability(figures: dict[str, Any]) -> list[str]:
    """The metrics of scores as probabilities in one line, where they are such."""
    read = {name: metric for name, metric in METRICS.items() if metric.reads == "probabilities"}
    told = [f"{metric.title} {number(figures[name]['value'])}" for name, metric in read.items()]
    return [] if any(figures[name]["value"] is None for name in read) else [f"as probabilities: {', '.join(told)}"]


def _comparison_lines(results: Sequence[Result]) -> list[str]:
    lines = _wrapped(" ".join(comparison_headline(results)), "")
    tables = {name: comparison["video"] for name, comparison in by_head(results).items()}
    head = ["head", "out of fold", "seen", "unseen", "gap"]
    rows = [
        [name, number(table["out_of_fold"]["value"]), *(figure_text(table[kind]) for kind in ("seen", "unseen", "gap"))]
        for name, table in tables.items()
    ]
    rare = any(FEW in cell for row in rows for cell in row) or any(one["video"]["few_groups"] for one in results)
    few = f", {FEW} {MARKS[FEW]}" if rare else ""
    lines += ["", f"Heads by out-of-fold AUC, video level{few}", *columns([head, *rows])]
    lines += _unseen_lines(results)
    if len(tables) <= MATRICES:
        for name, table in tables.items():
            lines += ["", f"{name}: AUC at video level, [seen in training]{few}", *_matrix_lines(table)]
    lines += ["", "Read with care", *_bullets(comparison_caveats(results))]
    return [*lines, "", f"Report: {results[0]['comparison']['report']}"]


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
