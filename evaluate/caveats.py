"""What has to be said beside the numbers of a run: one sentence for each reason to doubt or to read with care."""

from collections.abc import Iterator
from typing import Any

from evaluate.calibration import UNCHANGED
from evaluate.folders import Run
from evaluate.intervals import FEW_GROUPS
from evaluate.levels import LEVELS
from evaluate.prompt_words import against_words
from evaluate.wording import capital, is_trained, listed, number, plural, spread, with_interval

LEAK = "LEAK:"  # starts every sentence about samples that stood on both sides
FEW = "Too few groups:"
UNCROPPED = "The run does not say how its pictures were cropped"
ALL = "all test rows"
Figures = dict[str, Any]


def caveats(run: Run, result: Figures) -> list[str]:
    """Sentences on one run, the gravest first.

    Parameters
    ----------
    run : Run
    result : dict
        ``frame``, ``video`` and ``by_manipulation`` as `evaluate.runs.evaluate_run` has them.
    """
    told = [
        *stamps(run),
        *map(capital, run.config.get("caveats") or []),
        *_measured(run, result),
        *_standing(run, result),
    ]
    return sorted(dict.fromkeys(told), key=lambda sentence: not sentence.startswith(LEAK))


def stamps(run: Run) -> list[str]:
    """Every sentence on a leak: what the run says itself, and what is counted anew."""
    return [*leaks(run), *(line for line in run.config.get("caveats") or [] if line.startswith(LEAK))]


def leaks(run: Run) -> list[str]:
    """What stands in training and in test at once, counted anew from the run's own rows."""
    trained = set(run.config.get("train_groups") or []) | set(run.rows("val")["group"].unique())
    tested = set(run.rows("test")["group"].unique())
    shared = sorted(trained & tested)
    told = f"{LEAK} {len(shared):,} of {len(tested):,} test "  # groups, or scenes where these are kept whole
    if not shared or any(sentence.startswith(told) for sentence in run.config.get("caveats") or []):
        return []
    return [f"{told}groups were in training: {listed(shared, 3)}"]


def _measured(run: Run, result: Figures) -> Iterator[str]:
    """What the figures themselves say."""
    yield from _few_groups(result)
    yield from _below_chance(result)
    yield from _below_majority(result)
    if not is_trained(run.head):
        yield from _not_trained(run)
    elif run.trained_on is not None:
        yield from _seen(result)
    yield from _few_reals(result)
    yield from _lost_draws(result)
    homes = run.rows("test")[["dataset", "compression"]].drop_duplicates()
    if len(homes) > 1:
        names = listed([f"{row.dataset}/{row.compression}" for row in homes.itertuples(index=False)])
        yield f"The line over {ALL} mixes {names}: a head may tell these apart instead of real from fake"


def _standing(run: Run, result: Figures) -> Iterator[str]:
    """What holds for every run, with this run's values."""
    frames = spread(*result["frame"]["n"]["frames_per_video"])
    yield (
        f"A video's score is the {run.aggregate} over its frames ({frames} each). Frame level counts every frame "
        "once, video level every video once"
    )
    if run.config.get("kind") != "scores":
        yield _pictures(run)
    yield from _inverted_prompts(run)
    yield from _reliability(run)
    values = [f"{number(result[level]['threshold']['value'])} at {level} level" for level in LEVELS]
    sources = dict.fromkeys(str(result[level]["threshold"]["source"]) for level in LEVELS)
    yield f"Decisions use the threshold {listed(values)}; its source: {'; '.join(sources)}"
    shares = [_fake_share(figures["frame"]) for _, figures in _cells(result)]
    yield (
        f"AP and F1 depend on the share of fakes ({spread(min(shares), max(shares))} % of the frames here) and are "
        "not to be compared where it differs"
    )
    yield (
        "Intervals are 95 % bootstraps over whole groups and hold the trained model fixed: another training sample or "
        "seed can move a figure further"
    )


def _pictures(run: Run) -> str:
    made = (run.config.get("test_cache") or run.config.get("cache") or {}).get("provenance") or {}
    known = [f"{name} {made[name]}" for name in ("crop", "view", "sampling") if made.get(name)]
    pictures = f"Pictures: {', '.join(known)}" if known else UNCROPPED
    if made.get("model") == "demo":
        return f"{pictures}. The encoder is the demo's miniature: its figures say nothing about a full CLIP"
    return pictures


def _inverted_prompts(run: Run) -> Iterator[str]:
    """Prompts that say the other class than the one they are declared for."""
    prompts = run.config.get("prompts")
    if prompts and (wrong := against_words(prompts["texts"], prompts["labels"])):
        count = f"{len(wrong)} of {plural(len(prompts['texts']), 'prompt')}"
        yield f"{count} are declared against their own words: {listed(wrong, 3)}"


def _cells(result: Figures) -> list[tuple[str, Figures]]:
    """(name, figures by level) of each manipulation, and of all test rows where there are several."""
    parts = list(result["by_manipulation"].items())
    return [*parts, (ALL, result)] if len(parts) > 1 else parts


def _levels(result: Figures) -> Iterator[tuple[str, Figures]]:
    """(name with its level, figures) of every cell and level."""
    for name, figures in _cells(result):
        for level in LEVELS:
            yield f"{name} ({level})", figures[level]


def _few_groups(result: Figures) -> Iterator[str]:
    few = {name: figures["video"]["n"] for name, figures in _cells(result) if figures["video"]["few_groups"]}
    if few:
        found = listed([f"{n['groups_real']} real and {n['groups_fake']} fake in {name}" for name, n in few.items()])
        yield (
            f"{FEW} {found}, where at least {FEW_GROUPS} of each class are wanted. An interval from so few "
            "is too narrow: read it as the least that the doubt can be"
        )


def _below_chance(result: Figures) -> Iterator[str]:
    below = {name: figures["auc"] for name, figures in _levels(result) if _is_below(figures["auc"])}
    if below:
        found = listed([f"{name} {with_interval(auc, 2)}" for name, auc in below.items()])
        yield (
            f"Worse than guessing: the AUC of {found}. Fakes score lower than reals there: is the score that of "
            "real, or are the labels turned round?"
        )


def _is_below(auc: dict[str, Any]) -> bool:
    """Whether an AUC is worse than guessing with its whole interval, or as bad as can be."""
    return bool(auc["value"] == 0 if auc["high"] is None else auc["high"] < 0.5)


def _below_majority(result: Figures) -> Iterator[str]:
    below = [
        f"{name} {number(figures['accuracy']['value'])} against {number(figures['majority_baseline'])}"
        for name, figures in _levels(result)
        if figures["accuracy"]["value"] < figures["majority_baseline"]
    ]
    if below:
        yield f"Accuracy below that of always naming the larger class: {listed(below)}"


def _seen(result: Figures) -> Iterator[str]:
    by_kind: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for name, figures in result["by_manipulation"].items():
        by_kind[figures["seen"]].append(name)
    if by_kind[None]:
        yield f"Nobody named the fakes of {listed(by_kind[None])}: whether the like were trained on is unknown"
    elif not by_kind[False]:
        yield f"Every test manipulation was trained on ({listed(by_kind[True])}): nothing here speaks of unseen ones"
    elif by_kind[True]:
        yield (
            f"Trained on {listed(by_kind[True])}: how far the head reaches beyond shows on {listed(by_kind[False])} "
            f"alone. The line over {ALL} mixes both"
        )


def _not_trained(run: Run) -> Iterator[str]:
    yield (
        f"{run.head} is not trained: it takes no more than thresholds and calibration from its training side. Its "
        "out-of-fold AUC is its AUC there, and seen and unseen manipulations differ in nothing but how hard they are"
    )


def _reliability(run: Run) -> Iterator[str]:
    """What the scores are as probabilities."""
    for level in LEVELS:
        calibration = run.calibration(level)
        if calibration and calibration["method"] == UNCHANGED:
            yield f"Scores of a {level} were not calibrated: {calibration['why']}"
    asked = run.config.get("calibrate")
    if asked and not run.config.get("calibration"):
        yield f"Calibration ({asked}) could not be made without out-of-fold scores: scores are as the head gives them"
    told = [level for level in LEVELS if run.gives_probabilities(level)]
    if told:
        yield (
            f"Log loss, Brier score and ECE ({listed(told)} level) weigh both classes alike: read a score as "
            "the probability of fake where half of all is fake; where fakes are rarer it is too high"
        )
    elif run.config.get("score"):
        how = (
            ""
            if asked or run.trained_on is None
            else "; calibration (`classify --calibrate`) makes probabilities of them"
        )
        yield f"Scores rank and are no probabilities: no log loss, Brier score or ECE is reported{how}"


def _few_reals(result: Figures) -> Iterator[str]:
    reals = {level: result[level]["n"]["real"] for level in LEVELS}
    few = [f"{plural(count, 'real')} at {level} level" for level, count in reals.items() if count < 100]
    if few:
        yield f"TPR at 1 % FPR rests on {listed(few)}: below 100 reals it allows no false alarm at all"


def _lost_draws(result: Figures) -> Iterator[str]:
    lost = [f"{name} {figures['one_class_draws']}" for name, figures in _levels(result) if figures["one_class_draws"]]
    if lost:
        yield f"Draws that were left with one class and do not count in the interval: {listed(lost)}"


def _fake_share(figures: Figures) -> int:
    return round(100 * figures["n"]["fake"] / figures["n"]["samples"])
