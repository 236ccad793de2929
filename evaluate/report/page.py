"""Reports as one HTML file each: nothing is loaded from elsewhere, and it reads on a phone, in the dark, on paper."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluate.calibration import described
from evaluate.caveats import LEAK, comparison_caveats
from evaluate.drawing import FAINT, INK, PAPER
from evaluate.figures import FIGURES
from evaluate.folders import Run
from evaluate.metrics import METRICS
from evaluate.prompt_words import CLASS
from evaluate.summary import LEVELS, MARKS, comparison_headline, error_sentences, headline, named_rows, title
from evaluate.tables import by_head, trainable, unseen_tests
from evaluate.wording import (
    FEW,
    NO_NUMBERS,
    NOT_TRAINED,
    ends,
    is_trained,
    listed,
    number,
    plural,
    run_name,
    shares,
    spread,
)

Pairs = list[tuple[str, str]]
RANKING = [name for name, metric in METRICS.items() if metric.reads == "scores"]
DECISIONS = [name for name, metric in METRICS.items() if metric.reads == "decisions"]
PROBABILITIES = [name for name, metric in METRICS.items() if metric.reads == "probabilities"]
WIDE = 6  # more test manipulations than this: one matrix to a row
OUT_OF_FOLD = ("Out of fold", "training side, each group scored by a head that never saw it; what choices rest on")

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)
TEMPLATES.filters |= {"number": number, "ends": ends}
TEMPLATES.globals |= {"leak": LEAK, "levels": LEVELS, "marks": MARKS, "few": FEW}
TEMPLATES.globals |= {"metrics": METRICS, "ranking": RANKING, "decisions": DECISIONS, "probabilities": PROBABILITIES}


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
        facts=_facts(run.config, result),
        command=run.config.get("command"),
        sections=_sections(result),
        reliability=any(run.gives_probabilities(level) for level in LEVELS),
        drawings=[(inline(svg, name), FIGURES[name].caption(run)) for name, svg in drawings.items()],
        errors={level: error_sentences(result[level]) for level in LEVELS},
        meanings=[*((metric.title, metric.meaning) for metric in METRICS.values()), OUT_OF_FOLD],
        details=_details(run.config),
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
            "sections": _sections(result),
            "caveats": [sentence for sentence in result["caveats"] if sentence not in shared],
        }
        for result in results
    ]
    common = [_facts(result["run"], result) for result in results]
    commands = dict.fromkeys(result["run"]["command"] for result in results if result["run"]["command"])
    return TEMPLATES.get_template("tree.html.jinja").render(
        title=f"{plural(len(results), 'run')} compared",
        lead=comparison_headline(results),
        caveats=shared,
        facts=[pair for pair in _facts(results[0]["run"], results[0]) if all(pair in facts for facts in common)],
        commands=list(commands),
        heads=heads,
        tests=unseen_tests(results),
        trainable={head: trainable(comparison) for head, comparison in heads.items()},
        wide=max(len(tables["video"]["tests"]) for tables in heads.values()) > WIDE,
        drawings={head: inline(svg, f"matrix{at}") for at, (head, svg) in enumerate(drawings.items())},
        runs=runs,
    )


def inline(svg: str, prefix: str) -> str:
    """An SVG drawing as part of a page: in the page's own colours, as wide as there is room, with ids of its own."""
    body = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    body = re.sub(r' width="([^"]*)pt" height="[^"]*"', _flexible, body, count=1)
    for start in ('id="', 'href="#', "url(#"):
        body = body.replace(start, f"{start}{prefix}-")
    for drawn, shown in ((INK, "currentColor"), (FAINT, "var(--line)"), (PAPER, "none")):
        body = body.replace(drawn, shown)
    return body


def _flexible(size: re.Match[str]) -> str:
    """As wide as there is room, within what is readable; a page scrolls what stays wider than a phone."""
    points = float(size[1])
    return f' role="img" style="min-width: {0.8 * points:.0f}px; max-width: {1.5 * points:.0f}px"'


def _sections(result: dict[str, Any]) -> list[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """Rows of the tables: each test manipulation, all test rows and the out-of-fold rows, by level."""
    rows = named_rows(result)
    if result["validation"]:
        rows.append(("out of fold", result["validation"]))
    return [(f"{level.capitalize()} level", [(name, part[level]) for name, part in rows]) for level in LEVELS]


def _facts(config: dict[str, Any], result: dict[str, Any]) -> Pairs:
    """What was run, on what: only what the run states."""
    cache, split, n = config.get("cache") or {}, config.get("split") or {}, result["video"]["n"]
    tested = config.get("test_cache") or {}
    made = (tested or cache).get("provenance") or {}
    frames = spread(*n["frames_per_video"])
    pictures = {key: made.get(key) for key in ("crop", "view", "sampling", "tokens", "precision")}
    stated = {
        "Trained on"
        if is_trained(config["head"])
        else "Training side": f"{listed(config['train'])}{_side(split, 'train')}",
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


def _side(split: dict[str, Any], side: str) -> str:
    groups, videos = ((split.get(key) or {}).get(side) for key in ("groups", "videos"))
    return "" if groups is None or videos is None else f" ({_counted(groups, videos)})"


def _counted(groups: int, videos: int) -> str:
    return f"{plural(groups, 'group')}, {plural(videos, 'video')} with the reals"


def _details(config: dict[str, Any]) -> list[tuple[str, Pairs]]:
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
