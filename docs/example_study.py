"""Do prompts help on manipulations that were not trained on? A study of one question, from a cache to a figure.

    python docs/example_study.py demo/out/run/features.h5 --out runs/study

Each manipulation is left out in turn: a logistic head learns from all others and is tested on it, on people whom it
never saw; once from the embedding alone, once with the similarities to each prompt beside it. What is asked, and of how
many manipulations, is settled before anything is fitted: the mean is one test, the manipulations are corrected by Holm.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cache import InputError
from classify import classify
from evaluate import auc, differences, group_draws, holm, judged, read_run
from evaluate.compare import sentence
from evaluate.drawing import COLOURS, INK, STYLE, WIDTH, new_axes, svg
from evaluate.levels import cells, has_few_groups

DRAWS = 2000
FIRST, SECOND = ["embedding"], ["embedding", "prompts"]
MEAN = "mean of all"


def unseen_videos(cache: Path, out: Path, features: list[str], prompt_set: str | None) -> dict[str, pd.DataFrame]:
    """Scores of the test videos of each manipulation and of its reals, by the head that was not trained on it."""
    prompts = prompt_set if "prompts" in features else None
    found = {}
    for path in classify(
        cache, out / "+".join(features), leave_one_out=True, heads=["logistic"], features=features, prompt_set=prompts
    ):
        run = read_run(path)
        (left_out,) = set(run.config["test"]) - set(run.config["train"])
        found[left_out] = cells(run.at_level(run.rows("test"), "video"))[left_out]
    return found


def compared(first: dict[str, pd.DataFrame], second: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """AUC of both on each manipulation and on average, and the paired difference: the same groups are drawn for all."""
    everything = pd.concat(first.values())
    draws = group_draws(everything["group"].to_numpy(), everything["label"].to_numpy(), DRAWS)
    rows, values = [], []
    for name, videos in first.items():
        both = videos.merge(second[name][["video_id", "score"]], on="video_id", suffixes=("", "_second"))
        labels, groups = both["label"].to_numpy(), both["group"].to_numpy()
        one, two = both["score"].to_numpy(), both["score_second"].to_numpy()
        values.append(differences(labels, one, two, groups, draws))
        aucs = {"auc_first": auc(labels, one), "auc_second": auc(labels, two)}
        rows.append({"manipulation": name, **aucs, **judged(values[-1]), "few_groups": has_few_groups(both)})
    table = pd.DataFrame(rows).assign(comparisons=len(rows))
    table["p_holm"] = holm(table["p"].tolist())
    mean = {**table[["auc_first", "auc_second"]].mean(), **judged(np.mean(values, axis=0)), "comparisons": 1}
    mean |= {"manipulation": MEAN, "few_groups": table["few_groups"].any(), "p_holm": mean["p"]}
    table = pd.concat([table, pd.DataFrame([mean])], ignore_index=True)
    return table.assign(first="+".join(FIRST), second="+".join(SECOND), draws=DRAWS - table["lost_draws"])


@mpl.rc_context(STYLE)
def drawn(table: pd.DataFrame) -> Figure:
    """The differences with their intervals, one below the other."""
    figure, (axes,) = new_axes(WIDTH, 0.9 + 0.3 * len(table))
    for at, row in enumerate(table.itertuples()):
        colour = COLOURS[1] if row.manipulation == MEAN else COLOURS[0]
        axes.plot([row.low, row.high], [at, at], color=colour, linewidth=1.8)
        axes.plot(row.value, at, "o", color=colour, markersize=5)
    axes.axvline(0, color=INK, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(table)), table["manipulation"])
    axes.set(ylim=(len(table) - 0.5, -0.5), xlabel="AUC with prompts minus AUC without, 95 % interval")
    axes.set_title("Manipulations not trained on, video level")
    return figure


def main(words: Sequence[str] | None = None) -> None:
    """Answer the question for one cache: in sentences, ``differences.csv`` and ``differences.svg``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path, help="with prompts and two manipulations or more")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--prompt-set", help="needed where the cache holds several")
    given = parser.parse_args(words)
    try:
        first, second = (unseen_videos(given.cache, given.out, kind, given.prompt_set) for kind in (FIRST, SECOND))
    except InputError as error:
        parser.error(str(error))
    table = compared(first, second)
    print("\n".join(sentence(row, f", {row['manipulation']}") for row in table.to_dict("records")))
    table.to_csv(given.out / "differences.csv", index=False)
    (given.out / "differences.svg").write_text(svg(drawn(table)), encoding="utf-8")


if __name__ == "__main__":
    main()
