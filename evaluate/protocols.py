"""Two protocols beside each other: the same heads by the honest one and as published, for the console."""

from collections.abc import Iterator, Sequence
from typing import Any

from evaluate.caveats import LEAK
from evaluate.console import columns
from evaluate.summary import LEVELS
from evaluate.wording import FEW, tight_interval

Result = dict[str, Any]
TITLES = ("honest", "as published")


def beside(honest: Sequence[Result], published: Sequence[Result]) -> str:
    """AUC of each head on each manipulation by both protocols, and what leaks in each.

    Parameters
    ----------
    honest, published : sequence of dict
        As `evaluate.runs.evaluate_tree` returns them for the runs of each protocol.

    Returns
    -------
    str
        A table, one line a head, manipulation and level; what only one protocol has stands alone.
    """
    tables = [dict(_cells(results)) for results in (honest, published)]
    rows = [
        [*where, *(_auc(table.get(where)) for table in tables), _difference(*(table.get(where) for table in tables))]
        for where in dict.fromkeys(where for table in tables for where in table)
    ]
    head = ["head", "trained on", "tested on", "level", *TITLES, "difference"]
    shown = [at for at in range(len(head)) if at != 1 or len({row[1] for row in rows}) > 1]
    table = columns([[row[at] for at in shown] for row in [head, *rows]])
    lines = ["", "The honest protocol beside the published one: AUC (95 %)", *table]
    for title, results in zip(TITLES, (honest, published), strict=True):
        stamps = (line for one in results for line in one["caveats"] if line.startswith(LEAK))
        told = dict.fromkeys(line.partition(" (e.g. ")[0] for line in stamps)
        lines += [f"  {title}: {line}" for line in told] or [f"  {title}: no leak was found"]
    return "\n".join(lines)


def _cells(results: Sequence[Result]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for result in results:
        run = result["run"]
        for name, part in result["by_manipulation"].items():
            for level in LEVELS:
                yield (run["head"], "+".join(run["train"]), name, level), part[level]


def _auc(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return "-"
    return f"{FEW if figures['few_groups'] else ''}{tight_interval(figures['auc'])}"


def _difference(honest: dict[str, Any] | None, published: dict[str, Any] | None) -> str:
    if honest is None or published is None:
        return "-"
    return f"{published['auc']['value'] - honest['auc']['value']:+.3f}"
