"""What has to be said beside several runs: the caveats of each as one list, and what their order rests on."""

import re
from collections.abc import Iterator, Sequence

from evaluate.caveats import FEW, LEAK, UNCROPPED, Figures
from evaluate.wording import listed, plural, run_name

# Told of several runs even where it holds for some only: what is grave, and the protocol that a number is read by.
KEPT = re.compile(
    rf"{LEAK}|{FEW}|Split by |[\d,]+ of [\d,]+ (prompts? |videos are not in the split)|Pictures: |{UNCROPPED}|"
    r"--trained-on |Every score |No path and |Without a path |No reals of |Scores of others|"
    r"Tested on another cache|\w+ is not trained:|\w+ is '[^']*' in training and '"
)
RANKING = (
    "Heads stand in the order of their out-of-fold AUC on the training side; where these lie closer together than "
    "their intervals are wide, the order is chance. Picking a head by a test column would make that column optimistic"
)


def comparison_caveats(results: Sequence[Figures]) -> list[str]:
    """Caveats of several runs as one list: what all runs say once, grave ones and protocols else with their runs.

    Parameters
    ----------
    results : sequence of dict
        As `evaluate.runs.evaluate_tree` returns them for a folder of runs.
    """
    runs: dict[str, list[str]] = {}
    for result in results:
        for sentence in result["caveats"]:
            runs.setdefault(sentence, []).append(run_name(result))
    found = [
        sentence
        if len(names) == len(results)
        else f"{sentence} (in {len(names)} of {len(results)} runs: {listed(names, 2)})"
        for sentence, names in runs.items()
        if len(names) == len(results) or KEPT.match(sentence)
    ]
    found.sort(key=lambda sentence: not sentence.startswith(LEAK))
    heads = {result["comparison"]["head"]: result["comparison"]["video"] for result in results}
    lost = [f"{table['one_class_draws']} for {head}" for head, table in heads.items() if table["one_class_draws"]]
    if lost:
        found.append(
            f"Draws that left a cell with one class and do not count in the intervals of means: {listed(lost)}"
        )
    ranked = len(heads) > 1 and any(result["run"]["train"] for result in results)
    return [*found, *_order(results[0]["comparison"]["video"])] if ranked else found


def _order(table: Figures) -> Iterator[str]:
    """What the order of the heads rests on."""
    if not table["shared"]:
        yield (
            f"No cell (one training, one test) is shared by all heads: the {plural(table['apart'], 'cell')} stand in "
            "the tables alone, without means and order"
        )
        return
    if table["apart"]:
        yield (
            f"Means and order of heads are over the {plural(table['shared'], 'cell')} (one training, one test) that "
            f"all heads share; {table['apart']} more are in the tables alone"
        )
    yield RANKING
