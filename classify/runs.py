"""From a cache to run folders: one for each training and head, whole or not there."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from classify.caches import open_caches
from classify.choices import BY_DEFAULT, check_choices
from classify.fitted import Fitted
from classify.heads import HEADS
from classify.normalize import METHODS
from classify.parameters import Parameters
from classify.planning import columns_needed, plan_trainings
from classify.protocol import SplitPlan, check_split, publish_split
from classify.record import is_finished
from classify.run_record import Cell, Features, Job, planned_run
from classify.training import read_features, run_head


def classify(
    cache: Path | str,
    out: Path | str,
    *,
    test_cache: Path | str | None = None,
    train: Sequence[str] = (),
    test: Sequence[str] = (),
    matrix: bool = False,
    leave_one_out: bool = False,
    differ: Sequence[str] = (),
    heads: Sequence[str] = BY_DEFAULT,
    features: Sequence[str] = ("embedding",),
    normalize: str = METHODS[0],
    prompt_set: str | None = None,
    split: str = "grouped",
    test_size: float = 0.3,
    disjoint: str = "identity",
    drop_crossing: bool = False,
    allow_leak: bool = False,
    where: Sequence[str] = (),
    frames: int | None = None,
    fraction: float | None = None,
    parameters: Parameters | Iterable[str] = (),
    calibrate: str | None = None,
    threshold: float | None = None,
    keep_checkpoints: bool = False,
    model: str | None = None,
    pretrained: str | None = None,
    seed: int = 0,
    additions: Sequence[Path | str] = (),
    command: str = "",
    say: Callable[[str], None] = lambda sentence: None,
) -> list[Path]:
    """Fit heads on the training side of some manipulations and score the test side of others.

    Writes ``out/<training manipulations>/<head>/`` (``out/all-but-<manipulation>/<head>/``) with ``run.json``,
    ``predictions.csv``, ``video_predictions.csv``, ``view_predictions.csv`` (test caches with other views), ``model/``,
    ``history.csv`` (heads with epochs) and ``run.log``, and ``out/splits.csv``, which all of them share. A finished
    run with the same settings is left as it is.

    Parameters
    ----------
    cache : path of a finished cache
    out : path of a folder
    test_cache : path of a finished cache, optional
        Test on this one instead: ``cache`` gives the training side alone, this the test side alone. It is not split,
        but for what a given split says of it. Nobody in it may have been trained on.
    train : sequence of str
        Manipulations to train on together; all but those of ``test`` by default; reals join by themselves.
    test : sequence of str
        Manipulations to test on; all but those of ``train`` by default, all of them in another cache.
    matrix : bool
        Train on each manipulation alone and test on every one, in the place of ``train`` and ``test``.
    leave_one_out : bool
        Train on all manipulations but one, each left out in turn, and test on every one.
    differ : sequence of {"crop", "view", "compression"}
        What may differ between training and test; every report says so. Encoder, preprocessing, adapter and prompts
        never may.
    heads : sequence of str
        Names in `HEADS`.
    features : sequence of {"embedding", "cls", "prompts"}
    normalize : {"l2", "standard", "none"}
    prompt_set : str, optional
        Needed for ``prompts`` where the cache holds several sets.
    split : str
        "grouped" (dealt here), "manipulation" (each whole on the side that it is named for, which leaks inside a data
        set), "column" (as the data set says), the path of a CSV file, or "ffpp:" and the folder of FaceForensics++'s
        official lists.
    test_size : float
        Share of the groups dealt to the test side; of a split by manipulation that of the reals, 1: all on both sides.
    disjoint : {"identity", "scene", "video"}
        What never stands on both sides.
    drop_crossing : bool
        Deal single identities and drop the fakes that join both sides.
    allow_leak : bool
        Go on although groups stand on both sides; every report says so.
    where : sequence of str
        ``column=value``: the samples to use. The split is dealt before, so that it does not depend on this.
    frames : int, optional
        At most so many frames of each video, spread evenly, in training and in test; all by default.
    fraction : float, optional
        Share of the training groups to train on, for learning curves: a smaller one keeps groups that a larger one
        keeps, too. The test side stays whole.
    parameters : mapping, or iterable of ``head.parameter=value``
        What the user fixes; it leaves the search.
    calibrate : {"platt", "isotonic"}, optional
        Turn scores into probabilities, by the out-of-fold scores.
    threshold : float, optional
        Score from which on a frame or a video counts as fake, in the place of the one that the folds choose.
    keep_checkpoints : bool
        Keep the weights after each epoch, of heads with epochs.
    model, pretrained : str, optional
        The encoder that made the cache, as `extract` takes it: for heads that run its text tower.
    seed : int
        Of the split and of the heads.
    additions : sequence of paths
        Additions made for the caches.
    command : str
        The command line that reproduces this, for ``run.json``.
    say : callable
        Takes a sentence on what goes on.

    Returns
    -------
    list of Path
        The run folders, those that were there already included.

    Raises
    ------
    InputError
        Anything that cannot be used; nothing is left half written.
    """
    fixed = check_choices(heads, normalize, parameters, calibrate, threshold)
    caches = open_caches(cache, test_cache, additions, columns_needed(where))
    job, cells = plan_trainings(
        caches,
        Path(out),
        fixed,
        SplitPlan(split, test_size, disjoint, drop_crossing, allow_leak, seed),
        train=train,
        test=test,
        matrix=matrix,
        leave_one_out=leave_one_out,
        differ=differ,
        heads=heads,
        features=features,
        normalize=normalize,
        prompt_set=prompt_set,
        where=where,
        frames=frames,
        fraction=fraction,
        calibrate=calibrate,
        threshold=threshold,
        keep_checkpoints=keep_checkpoints,
        encoder=(model, pretrained),
        command=command,
    )
    last_ensembles = sorted(dict.fromkeys(heads), key=lambda head: head == "ensemble")
    return _run_all(job, cells, last_ensembles, say)


def _run_all(job: Job, cells: list[Cell], heads: list[str], say: Callable[[str], None]) -> list[Path]:
    """Carry out what is not there yet; everything that is there is looked at before anything is written."""
    planned = [(cell, head, job.out / cell.folder / head) for cell in cells for head in heads]
    records = [planned_run(job, cell, head) for cell, head, _ in planned]
    finished = [is_finished(folder, record) for (*_, folder), record in zip(planned, records, strict=True)]
    check_split(job.out, job.published, job.plan)
    for record, done in zip(records, finished, strict=True):
        if not done:
            HEADS[record["head"]].check_installed()
    if any(finished):
        publish_split(job.out, job.published, job.plan)  # in the place of one that was removed
    read: Features | None = None
    fitted: dict[str, Fitted] = {}  # of the cell at hand
    for (cell, _, folder), record, done in zip(planned, records, finished, strict=True):
        if done:
            say(f"{folder}: already there")
            continue
        if read is None or read.cell is not cell:
            read, fitted = read_features(job, cell), {}
        fitted[record["head"]] = run_head(job, read, record, folder, fitted)
        say(f"{folder}: done")
    return [folder for *_, folder in planned]
