"""What several runs found as tables to work with: every cell, and every head on the manipulations it never saw."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evaluate.caveats import LEAK
from evaluate.levels import LEVELS
from evaluate.metrics import METRICS
from evaluate.wording import FEW, NO_NUMBERS, NOT_TRAINED, figure_text, number, shares, spread

MEANS = ("seen", "unseen", "gap")
NOTE = (
    "AUC at video level, in brackets the 95 % interval; heads in the order of their out-of-fold AUC, within the "
    "training side. The column of a manipulation is the mean over the trainings that did not see it. Trained: how many "
    "numbers, and their share in encoder and head together."
)


def summary_table(results: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each run, test manipulation and level, with all that a number has to be read with."""
    rows = []
    for result in results:
        made = (result["run"].get("test_cache") or result["run"].get("cache") or {}).get("provenance") or {}
        split = result["run"].get("split") or {}
        stamps = [sentence for sentence in result["caveats"] if sentence.startswith(LEAK)]
        for name, figures in result["by_manipulation"].items():
            for level in LEVELS:
                row = {
                    "train": "+".join(result["run"]["train"]),
                    "head": result["run"]["head"],
                    "test": name,
                    "seen": figures["seen"],
                    "level": level,
                    **_flat(figures[level]),
                    **{key: result["run"][key] for key in ("trainable_parameters", "trainable_share")},
                    "out_of_fold_auc": result["validation"][level]["auc"]["value"] if result["validation"] else None,
                    **{key: made.get(key, "") for key in ("model", "crop", "view", "sampling")},
                    "split_method": split.get("method", ""),
                    **{key: split.get(key, "") for key in ("disjoint", "drop_crossing")},
                    "leak": "; ".join(stamps),
                    "folder": result["folder"],
                }
                rows.append(row)
    return pd.DataFrame(rows)


def heads_table(results: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each head and level, in the order of the heads: AUC seen, unseen, and on each unseen manipulation.

    Parameters
    ----------
    results : sequence of dict
        As `evaluate.runs.evaluate_tree` returns them for several runs.
    """
    rows = []
    for head, comparison in by_head(results).items():
        leaks = _leaks([result for result in results if result["comparison"]["head"] == head])
        for level in LEVELS:
            table = comparison[level]
            figures = {**{kind: table[kind] for kind in MEANS}, **_prefixed(table["unseen_each"])}
            row = {"head": head, "level": level, "out_of_fold": table["out_of_fold"]["value"]}
            for name, figure in figures.items():
                ends = {f"{name}_{end}": figure[end] if figure else None for end in ("low", "high")}
                row |= {name: figure["value"] if figure else None, **ends}
            row["few_groups"] = any(figure["few_groups"] for figure in figures.values() if figure)
            for key in ("trainable_parameters", "trainable_share"):
                row |= dict(zip((f"{key}_low", f"{key}_high"), comparison[key] or (None, None), strict=True))
            rows.append({**row, "leak": "; ".join(leaks)})
    return pd.DataFrame(rows)


def heads_markdown(results: Sequence[Mapping[str, Any]]) -> str:
    """The same at video level as a table in Markdown, with what is needed to read it; parameters as `heads_table`."""
    tests = unseen_tests(results)
    rows = [["head", "out of fold", *MEANS, *tests, "trained", "share"]]
    rows.append(["---", *["---:"] * (len(rows[0]) - 1)])
    for head, comparison in by_head(results).items():
        table = comparison["video"]
        means = [figure_text(table[kind]) for kind in MEANS]
        each = [figure_text(table["unseen_each"].get(test)) for test in tests]
        rows.append([head, number(table["out_of_fold"]["value"]), *means, *each, *trainable(comparison)])
    few = any(FEW in cell for row in rows for cell in row)
    notes = [f"{NOTE}{f' {FEW}: too few groups.' if few else ''}", *(f"**{line}**" for line in _leaks(results))]
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([*lines, "", "\n\n".join(notes), ""])


def by_head(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The comparison of each head, in the order of the heads."""
    return {result["comparison"]["head"]: result["comparison"] for result in results}


def unseen_tests(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """The manipulations that a training did not see, as columns."""
    return list(dict.fromkeys(name for one in by_head(results).values() for name in one["video"]["unseen_each"]))


def trainable(comparison: Mapping[str, Any]) -> tuple[str, str]:
    """How many numbers a head trains, and their share in encoder and head, as text; over several trainings a range."""
    if not comparison["trained"]:
        return NOT_TRAINED, "-"
    counts, parts = comparison["trainable_parameters"], comparison["trainable_share"]
    if counts and not any(counts):
        return NO_NUMBERS, "-"
    return spread(*(f"{count:,}" for count in counts)) if counts else "-", shares(*parts) if parts else "-"


def _prefixed(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {f"unseen_{name}": figure for name, figure in figures.items()}


def _leaks(results: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(line for one in results for line in one["caveats"] if line.startswith(LEAK)))


def _flat(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of one cell and level as columns."""
    row = {f"n_{key}": value for key, value in figures["n"].items() if key != "frames_per_video"}
    for name in METRICS:
        row[name] = figures[name]["value"]
        row |= {f"{name}_{end}": figures[name][end] for end in ("low", "high") if end in figures[name]}
    return row | {
        "majority_baseline": figures["majority_baseline"],
        "threshold": figures["threshold"]["value"],
        "threshold_source": figures["threshold"]["source"],
        "few_groups": figures["few_groups"],
    }
