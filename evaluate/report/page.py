"""Reports as one HTML file each: nothing is loaded from elsewhere, and it reads on a phone, in the dark, on paper."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from evaluate.comparison_caveats import comparison_caveats
from evaluate.figures import FIGURES
from evaluate.folders import Run
from evaluate.gallery import missing_pictures
from evaluate.interactive import movable
from evaluate.metrics import METRICS
from evaluate.report.facts import details, facts
from evaluate.report.templates import TEMPLATES, inline
from evaluate.summary import LEVELS, comparison_headline, error_sentences, headline, named_rows, title
from evaluate.tables import by_head, trainable, unseen_tests
from evaluate.wording import plural, run_name

Rows = list[tuple[str, dict[str, Any]]]
WIDE = 6  # more test manipulations than this: one matrix to a row
SENTENCES = 12  # the tables have the rest
OUT_OF_FOLD = ("Out of fold", "training side, each group scored by a head that never saw it; what choices rest on")


def run_page(run: Run, result: dict[str, Any], drawings: Mapping[str, str]) -> str:
    """The report of one run.

    Parameters
    ----------
    run : Run
    result : dict
        As `evaluate.runs.evaluate_run` returns it.
    drawings : mapping of str to str
        SVG of each figure that the run has, by its name in `evaluate.figures.FIGURES`.
    """
    return TEMPLATES.get_template("run.html.jinja").render(
        title=title(run.config),
        lead=headline(result),
        caveats=result["caveats"],
        result=result,
        facts=facts(run.config, result),
        command=run.config.get("command"),
        sections=_sections(result, LEVELS),
        groups=_sections(result, ["group"]),
        movable=movable(run),
        reliability=any(run.gives_probabilities(level) for level in LEVELS),
        drawings=[(inline(svg, name), FIGURES[name].caption(run)) for name, svg in drawings.items()],
        errors={level: error_sentences(result[level]) for level in LEVELS},
        lack=missing_pictures(result.get("gallery") or []),
        meanings=[*((metric.title, metric.meaning) for metric in METRICS.values()), OUT_OF_FOLD],
        details=details(run.config),
    )


def tree_page(folder: Path, results: Sequence[dict[str, Any]], drawings: Mapping[str, str]) -> str:
    """The report over several runs.

    Parameters
    ----------
    folder : Path
        Where the report will lie; the runs' own reports are linked from there.
    results : sequence of dict
        As `evaluate.runs.evaluate_tree` returns them.
    drawings : mapping of str to str
        SVG of the matrix of each head.
    """
    heads = by_head(results)
    shared = comparison_caveats(results)
    runs = [
        {
            "name": run_name(result),
            "lead": headline(result),
            "link": quote((Path(result["folder"]).relative_to(folder) / "report.html").as_posix()),
            "sections": _sections(result, LEVELS),
            "caveats": [sentence for sentence in result["caveats"] if sentence not in shared],
        }
        for result in results
    ]
    common = [facts(result["run"], result) for result in results]
    commands = dict.fromkeys(result["run"]["command"] for result in results if result["run"]["command"])
    return TEMPLATES.get_template("tree.html.jinja").render(
        title=f"{plural(len(results), 'run')} compared",
        lead=comparison_headline(results),
        caveats=shared,
        facts=[pair for pair in common[0] if all(pair in stated for stated in common)],
        commands=list(commands),
        heads=heads,
        tests=unseen_tests(results) or _of_video(heads, "each"),
        trainable={head: trainable(comparison) for head, comparison in heads.items()},
        wide=max(len(tables["video"]["tests"]) for tables in heads.values()) > WIDE,
        known=any(result["run"]["train"] for result in results),
        drawings={head: inline(svg, f"matrix{at}") for at, (head, svg) in enumerate(drawings.items())},
        pairs=results[0].get("pairs") or [],
        told=_told(results[0].get("pairs") or []),
        datasets=list(dict.fromkeys(one["dataset"] for one in _of_video(heads, "datasets"))),
        runs=runs,
    )


def _of_video(heads: Mapping[str, dict[str, Any]], part: str) -> list[Any]:
    """What a part of the comparison holds at video level, over all heads, each thing once."""
    found = [one for comparison in heads.values() for one in comparison["video"].get(part) or []]
    return [one for at, one in enumerate(found) if one not in found[:at]]


def _told(pairs: Sequence[dict[str, Any]]) -> list[str]:
    """Of all comparisons those that a reader asks for first, in sentences: at video level, on what was not seen."""
    videos = [pair for pair in pairs if pair["level"] == "video"]
    of = [pair for pair in videos if pair["family"] == "means"] or videos
    unseen = [pair for pair in of if pair["seen"] is False] or of
    return [pair["sentence"] for pair in unseen[:SENTENCES]]


def _sections(result: dict[str, Any], levels: Sequence[str]) -> list[tuple[str, Rows]]:
    """Rows of the tables: each test manipulation, all test rows and the out-of-fold rows, by level where measured."""
    rows = named_rows(result)
    if result["validation"]:
        rows.append(("out of fold", result["validation"]))
    return [
        (f"{level.capitalize()} level", [(name, part[level]) for name, part in rows if level in part])
        for level in levels
        if level in result
    ]
