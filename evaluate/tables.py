"""What several runs found as tables to work with: every cell, and every head on the manipulations it never saw."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pandas as pd

from evaluate.caveats import LEAK
from evaluate.levels import LEVELS, MEASURED
from evaluate.markup import Cell, Interval, TextTable
from evaluate.metrics import METRICS
from evaluate.wording import FEW, NO_NUMBERS, NOT_TRAINED, number, shares, spread

MEANS = ("seen", "unseen", "gap")
NOTE = "AUC at video level, in brackets the 95 % interval."
KNOWN = (
    "Heads stand in the order of their out-of-fold AUC, within the training side. The column of a manipulation is the "
    "mean over the trainings that did not see it. Trained: how many numbers, and their share in encoder and head "
    "together."
)
RANK = "Mean rank: by AUC among the heads, 1 the best, averaged over the cells that all heads share."


def summary_table(results: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each run, test manipulation and level, with all that a number has to be read with."""
    rows = []
    for result in results:
        made = (result["run"].get("test_cache") or result["run"].get("cache") or {}).get("provenance") or {}
        split = result["run"].get("split") or {}
        stamps = [sentence for sentence in result["caveats"] if sentence.startswith(LEAK)]
        for name, figures in result["by_manipulation"].items():
            for level in MEASURED:
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
    """One row for each head and level, in the order of the heads: its means, its rank, and each manipulation's mean.

    Parameters
    ----------
    results : sequence of dict
        As `evaluate.runs.evaluate_tree` returns them for several runs.
    """
    rows = []
    for head, comparison in by_head(results).items():
        leaks = leak_sentences([result for result in results if result["comparison"]["head"] == head])
        for level in LEVELS:
            table = comparison[level]
            figures = {kind: table[kind] for kind in (*MEANS, "mean", "mean_rank")}
            figures |= {f"unseen_{name}": figure for name, figure in table["unseen_each"].items()}
            figures |= {f"auc_{name}": figure for name, figure in table["each"].items()}
            row = {"head": head, "level": level, "out_of_fold": table["out_of_fold"]["value"]}
            for name, figure in figures.items():
                ends = {f"{name}_{end}": figure[end] if figure else None for end in ("low", "high")}
                row |= {name: figure["value"] if figure else None, **ends}
            row["few_groups"] = any(figure["few_groups"] for figure in figures.values() if figure)
            for key in ("trainable_parameters", "trainable_share"):
                row |= dict(zip((f"{key}_low", f"{key}_high"), comparison[key] or (None, None), strict=True))
            rows.append({**row, "leak": "; ".join(leaks)})
    return pd.DataFrame(rows)


def heads_text(results: Sequence[Mapping[str, Any]]) -> TextTable:
    """The same at video level, to read; parameters as `heads_table`."""
    heads = by_head(results)
    tables = [comparison["video"] for comparison in heads.values()]
    others = list(dict.fromkeys(name for table in tables for name in table["each"]))
    known = any(table["seen"] or table["unseen"] for table in tables) or not others
    means = [*(MEANS if known else ()), *(["mean"] if others else ())]
    ranked = ["mean rank"] if any(table["mean_rank"] for table in tables) else []
    tests = unseen_tests(results)
    folds, trained = (["out of fold"], ["trained", "share"]) if known else ([], [])
    rows: list[list[Cell]] = [["head", *folds, *means, *ranked, *tests, *others, *trained]]
    for (head, comparison), table in zip(heads.items(), tables, strict=True):
        each = [table["unseen_each"].get(test) for test in tests] + [table["each"].get(test) for test in others]
        cells: list[Cell] = [number(table["out_of_fold"]["value"])] if known else []
        cells += [auc_cell(table[kind]) for kind in means]
        cells += [_rank_cell(table["mean_rank"]) for _ in ranked]
        cells += [auc_cell(figure) for figure in each]
        rows.append([head, *cells, *(trainable(comparison) if known else ())])
    note = f"{NOTE} {KNOWN}" if known else NOTE
    return with_marks(TextTable(rows, 1, f"{note} {RANK}" if ranked else note, leak_sentences(results)))


def with_marks(table: TextTable, marks: Mapping[str, str] = MappingProxyType({})) -> TextTable:
    """The table with a word on each mark that stands in it."""
    there = "".join(cell.mark for row in table.rows for cell in row if isinstance(cell, Interval))
    told = [f" {mark}: {meaning}." for mark, meaning in {**marks, FEW: "too few groups"}.items() if mark in there]
    return table._replace(note=table.note + "".join(told))


def auc_cell(figure: Mapping[str, Any] | None) -> Cell:
    """A figure with three digits, its interval with two."""
    return _figure_cell(figure, 3, 2)


def _rank_cell(figure: Mapping[str, Any] | None) -> Cell:
    return _figure_cell(figure, 1, 1)


def _figure_cell(figure: Mapping[str, Any] | None, digits: int, of_ends: int) -> Cell:
    if not figure:
        return "-"
    low, high = (None if figure[end] is None else number(figure[end], of_ends) for end in ("low", "high"))
    return Interval(number(figure["value"], digits), low, high, FEW if figure["few_groups"] else "")


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


def leak_sentences(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """What leaks in any of the runs, each once."""
    return list(dict.fromkeys(line for one in results for line in one["caveats"] if line.startswith(LEAK)))


def _flat(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of one cell and level as columns."""
    row = {f"n_{key}": value for key, value in figures["n"].items() if key != "frames_per_video"}
    measured = {name: figures[name] for name in (*METRICS, "fpr", "fnr")} | {
        "transfer_cost": figures["transfer"]["cost"]
    }
    for name, figure in measured.items():
        row[name] = figure["value"]
        row |= {f"{name}_{end}": figure[end] for end in ("low", "high") if end in figure}
    return row | {
        "majority_baseline": figures["majority_baseline"],
        "threshold": figures["threshold"]["value"],
        "threshold_source": figures["threshold"]["source"],
        "best_threshold": figures["transfer"]["best_threshold"],
        "few_groups": figures["few_groups"],
    }
