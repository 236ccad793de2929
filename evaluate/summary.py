"""What a reader is told first: a few sentences on a run, on several, and on their errors."""

from collections.abc import Sequence
from typing import Any

from evaluate.caveats import ALL
from evaluate.wording import FEW, is_trained, listed, number, plural, with_interval

MARKS = {"*": "seen in training", FEW: "too few groups"}
LEVELS = ("video", "frame")  # the headline first
ERRORS = {"false_positive": ("real", "fake"), "false_negative": ("fake", "real")}  # what it is, what it was called
Result = dict[str, Any]


def title(run: dict[str, Any]) -> str:
    """A run in one line: its head, and what it was trained on."""
    if not run["train"]:
        return f"{run['head']}, training unknown"
    origin = "trained on" if is_trained(run["head"]) else "not trained, thresholds from"
    return f"{run['head']}, {origin} {listed(run['train'])}"


def headline(result: Result) -> list[str]:
    """What one run says, in sentences."""
    trained = is_trained(result["run"]["head"])
    known = trained and bool(result["run"]["train"])
    kinds = {False: ", which it never saw", True: ", which it was trained on", None: ""} if known else {None: ""}
    told: list[str] = []
    for kind, words in kinds.items():
        parts = [(name, part) for name, part in result["by_manipulation"].items() if not known or part["seen"] is kind]
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
    if not any(result["run"]["train"] for result in results):
        return _scores_headline(results)
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


def _scores_headline(results: Sequence[Result]) -> list[str]:
    """Of scores that nobody knows the training of: each by itself, in the order given."""
    count = f"{plural(len(results), 'file')} of scores"
    if results[0]["comparison"]["video"]["mean"] is None:
        names = listed([f"{one['comparison']['head']} has {listed(list(one['by_manipulation']))}" for one in results])
        return [f"{count} without a test in common: {names}. Name the manipulation in a column, or the paths."]
    aucs = listed(
        [f"{with_interval(one['comparison']['video']['mean'])} for {one['comparison']['head']}" for one in results]
    )
    tests = list(dict.fromkeys(name for one in results for name in one["by_manipulation"]))
    of = (
        f"AUC at video level on {tests[0]}"
        if len(tests) == 1
        else "Mean AUC at video level over the tests that all share"
    )
    return [f"{count}. {of}: {aucs}."]


def named_rows(result: Result) -> list[tuple[str, dict[str, Any]]]:
    """(name, figures by level) of each test manipulation, and of all test rows where there are several.

    The names carry the marks of `MARKS`.
    """
    parts = [(f"{name}{' *' if part['seen'] else ''}", part) for name, part in result["by_manipulation"].items()]
    rows = [*parts, (ALL, result)] if len(parts) > 1 else parts
    return [(f"{name} {FEW}" if part["video"]["few_groups"] else name, part) for name, part in rows]


def error_sentences(figures: dict[str, Any]) -> list[str]:
    """Errors of one level by kind, with their mean score and distance from the threshold."""
    told = []
    for kind, (truth, called) in ERRORS.items():
        error, total = figures["errors"][kind], figures["n"][truth]
        sentence = f"{error['count']:,} of {plural(total, truth)} called {called}"
        if error["count"]:
            score, margin = number(error["mean_score"]), number(error["mean_margin"])
            sentence += f"; their mean score is {score}, {margin} from the threshold on average"
        told.append(sentence)
    return told


def error_places(result: Result, level: str) -> list[str]:
    """Where the errors of one level lie, the manipulation with the highest share first; nothing of one alone."""
    parts = {name: part[level] for name, part in result["by_manipulation"].items()}
    told = []
    for kind, (truth, called) in ERRORS.items():
        counts = {name: (part["errors"][kind]["count"], part["n"][truth]) for name, part in parts.items()}
        if len(counts) == 1 or (truth == "real" and len(set(counts.values())) == 1):
            continue  # all tested against the same reals
        ranked = sorted(counts.items(), key=lambda one: -one[1][0] / one[1][1])
        told.append(f"{truth}s called {called}: {listed([f'{n:,} of {of:,} in {name}' for name, (n, of) in ranked])}")
    return told


def _auc(figures: dict[str, Any]) -> str:
    return with_interval(figures["auc"], few=figures["few_groups"])


def _validation_auc(result: Result) -> float:
    return float(result["validation"]["video"]["auc"]["value"])
