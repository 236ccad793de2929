"""Plan -> prepare -> embed -> write: one extraction, which can be stopped anywhere and taken up again."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from cache.errors import InputError, InterruptedWork, NothingReadableError
from cache.ledger import Ledger, read_ledger, setting_differences
from cache.parts import Part, missing_ranges, sealed_parts
from cache.reader import open_cache
from cache.schema import Provenance
from cache.store import assemble
from extract.collect import Collected, Encoder
from extract.plan import listing_differences, slot_numbers
from extract.prepare import Item
from extract.prompts import PromptSet
from extract.stopping import stop_signals
from extract.video import Sampling, decoder_version
from extract.workers import prepared_batches

PART_ROWS = 16_384
SEAL_SECONDS = 300  # a part is sealed after so long even if it is not full: on a slow machine, too, little is lost
CROPS = {"none": "the whole frame", "given": "the pictures come already cropped to the face"}
Progress = Callable[[int, int], None]


@dataclass
class Summary:
    """What an extraction did."""

    path: Path
    samples: int
    failures: pd.DataFrame
    seconds: float
    complete_before: bool = False
    notes: list[str] = field(default_factory=list)


def extract(
    inputs: pd.DataFrame,
    root: Path,
    out: Path,
    encoder: Encoder,
    prompts: Sequence[PromptSet],
    sampling: Sampling,
    *,
    crop: str = "none",
    selection: dict[str, Any] | None = None,
    batch_size: int | None = None,
    part_rows: int = PART_ROWS,
    workers: int = 2,
    progress: Progress | None = None,
) -> Summary:
    """Embed every planned frame into the cache ``out``; an interrupted run is taken up where its sealed parts end.

    Parameters
    ----------
    inputs : DataFrame
        The plan, as `extract.plan.plan_inputs` makes it.
    selection : dict, optional
        How the inputs were chosen (layout, limit ...): compared when the work is taken up again.
    batch_size : int, optional
        32 by default; fixed by the first run, because the last bits of an embedding depend on it.
    part_rows : int
        Slots in a sealed part.
    workers : int
        Processes that decode and resize.
    progress : callable, optional
        Called with (slots done, slots in all).

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        ``out`` or its unfinished work was made with other settings, another extraction is at work on it, or nothing
        could be read.
    InterruptedWork
        By SIGINT or SIGTERM, once the work so far is sealed.
    """
    started = time.monotonic()
    provenance = describe(encoder, prompts, sampling, crop)
    settings = {"root": str(root.resolve()), "batch_size": batch_size, **(selection or {})}
    settings["provenance"] = asdict(provenance)
    if out.exists():
        return _finished(out, Ledger(settings, inputs))
    folder = work_folder(out)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            ledger, notes = _frozen(folder, Ledger(settings, inputs))
            parts, damaged = _kept_parts(folder)
            notes += [f"{path.name} was damaged and is made again" for path in damaged]
            if kept := sum(part.stop - part.start for part in parts):
                notes.append(f"went on from {kept} of {ledger.slots} frames, sealed before")
            parts += _work(ledger, parts, folder, encoder, prompts, sampling, provenance, part_rows, workers, progress)
            attributes = {"plan": ledger.fingerprint(), "settings": json.dumps(ledger.settings)}
            samples = assemble(out, [part.path for part in sorted(parts)], scratch=folder, attributes=attributes)
    except Timeout:
        raise InputError(f"another extraction is at work on {out}; wait for it, or name another file") from None
    except NothingReadableError:
        shutil.rmtree(folder)  # nothing is lost, and mended files are read the next time
        raise
    shutil.rmtree(folder)
    return Summary(out, samples, open_cache(out).failures, time.monotonic() - started, notes=notes)


def work_folder(out: Path) -> Path:
    """Folder of the ledger and the sealed parts, beside the file that they become."""
    return out.with_name(out.name + ".work")


def describe(
    encoder: Encoder, prompts: Sequence[PromptSet], sampling: Sampling, crop: str, view: str = "clean"
) -> Provenance:
    """All that changes a number in the feature space that is about to be made."""
    return Provenance(
        model=encoder.model_name,
        architecture=encoder.architecture,
        weights=encoder.weights,
        adapter="none",
        preprocessing=encoder.preprocessing.describe(),
        decoder=decoder_version(),
        sampling=sampling.describe(),
        crop=crop,
        view=view,
        tokens=" ".join(("embedding", *encoder.tokens)),
        precision=encoder.precision,
        prompts=" ".join(f"{one.name}:{one.fingerprint()}" for one in prompts) or "none",
        software=encoder.software,
    )


def flat(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with the provenance's fields among them, so that a refusal names the field."""
    return {
        **settings["provenance"],
        **{key: value for key, value in settings.items() if key != "provenance"},
    }


def _finished(out: Path, wanted: Ledger) -> Summary:
    """The finished file where it is the one asked for."""
    cache = open_cache(out)
    made = json.loads(cache.settings)
    _refuse_differences(out, wanted.settings, made)
    shutil.rmtree(work_folder(out), ignore_errors=True)  # left by a kill between the last two steps
    notes = []
    if Ledger(made, wanted.inputs).fingerprint() != cache.plan:
        notes = [f"the inputs are not those of {out} any more; a finished file never changes: name another --out"]
    return Summary(out, len(cache), cache.failures, 0.0, complete_before=True, notes=notes)


def _frozen(folder: Path, wanted: Ledger) -> tuple[Ledger, list[str]]:
    """The plan that was frozen in ``folder``, or the one wanted, frozen now."""
    path = folder / "ledger.jsonl"
    if not path.exists():
        ledger = Ledger({**wanted.settings, "batch_size": wanted.settings["batch_size"] or 32}, wanted.inputs)
        ledger.write(path)
        return ledger, []
    ledger = read_ledger(path)
    _refuse_differences(folder, wanted.settings, ledger.settings)
    return ledger, listing_differences(wanted.inputs, ledger.inputs)


def _refuse_differences(where: Path, wanted: dict[str, Any], made: dict[str, Any]) -> None:
    if wanted["batch_size"] is None:  # nobody asked for one: the first run's stands
        wanted = {**wanted, "batch_size": made["batch_size"]}
    if differences := setting_differences(flat(wanted), flat(made)):
        raise InputError(
            f"{where} was made with other settings: {'; '.join(differences)}. "
            "Give the same settings to go on, or name another --out"
        )


def _kept_parts(folder: Path) -> tuple[list[Part], list[Path]]:
    """The verified parts; damaged ones and unfinished files are removed."""
    parts, damaged = sealed_parts(folder)
    for path in [*damaged, *folder.glob(".*.tmp")]:
        path.unlink()
    return parts, damaged


def _work(
    ledger: Ledger,
    parts: Sequence[Part],
    folder: Path,
    encoder: Encoder,
    prompts: Sequence[PromptSet],
    sampling: Sampling,
    provenance: Provenance,
    part_rows: int,
    workers: int,
    progress: Progress | None,
) -> list[Part]:
    """Embed what ``parts`` do not cover and seal it: the parts that are new."""
    batch_size = ledger.settings["batch_size"]
    rows = max(part_rows // batch_size, 1) * batch_size
    ranges = [
        (start, min(start + batch_size, part_stop))
        for part_start, part_stop in missing_ranges(parts, ledger.slots, rows)
        for start in range(part_start, part_stop, batch_size)
    ]
    done = ledger.slots - sum(stop - start for start, stop in ranges)
    batches = prepared_batches(_items(ledger, ranges), encoder.preprocessing, sampling, batch_size, workers)
    collected = Collected(ledger, encoder, prompts, provenance, rows)
    sealed_at = time.monotonic()
    with stop_signals() as asked_to_stop:
        try:
            for (start, stop), batch in zip(ranges, batches, strict=True):
                if not collected.goes_on_at(start) or time.monotonic() - sealed_at > SEAL_SECONDS:
                    collected.seal(folder)
                    sealed_at = time.monotonic()
                collected.add(start, stop, batch.frames, encoder.embed_images(batch.pixels))
                done += stop - start
                if progress:
                    progress(done, ledger.slots)
                if asked_to_stop.is_set() and done < ledger.slots:
                    raise InterruptedWork(
                        f"stopped at {done} of {ledger.slots} frames; the same command goes on from there"
                    )
        finally:  # whatever ended the work, what is embedded is kept
            batches.close()
            collected.seal(folder)
    return collected.sealed


def _items(ledger: Ledger, ranges: Sequence[tuple[int, int]]) -> Iterator[list[Item]]:
    """The items of each batch."""
    root = ledger.settings["root"]
    inputs, slots = ledger.input_of_slot(), slot_numbers(ledger.inputs)
    paths, frames = ledger.inputs["path"].to_numpy(), ledger.inputs["frame"].to_numpy()
    videos = ledger.inputs["is_video"].to_numpy()
    for start, stop in ranges:
        yield [
            Item(root, paths[one], bool(videos[one]), int(slots[slot]), int(frames[one]))
            for slot, one in zip(range(start, stop), inputs[start:stop], strict=True)
        ]
