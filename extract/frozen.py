"""What an extraction was begun with, settings and plan, and whether a later call asks for the same."""

import json
import re
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from cache.errors import InputError
from cache.ledger import Ledger, read_ledger, setting_differences
from cache.parts import Part, missing_ranges
from cache.schema import Provenance
from cache.sealed import sync_folder
from extract.device import Encoder
from extract.faces import FaceCrop
from extract.plan import listing_differences, rewritten
from extract.prompts import PromptSet
from extract.video import Sampling, decoder_version


def work_folder(out: Path) -> Path:
    """Folder of the ledger and the sealed parts, beside the file that they become."""
    return out.with_name(out.name + ".work")


def describe(
    encoder: Encoder,
    prompts: Sequence[PromptSet],
    sampling: Sampling,
    crop: str,
    view: str = "clean",
    faces: FaceCrop | None = None,
) -> Provenance:
    """All that changes a number in the feature space that is about to be made."""
    decoder = decoder_version()
    return Provenance(
        model=encoder.model_name,
        architecture=encoder.architecture,
        weights=encoder.weights,
        adapter="none",
        preprocessing=encoder.preprocessing.describe(),
        decoder=f"{decoder}, {faces.detector.software}" if faces else decoder,
        sampling=sampling.describe(),
        crop=faces.describe() if faces else crop,
        view=view,
        tokens=" ".join(("embedding", *encoder.tokens)),
        precision=encoder.precision,
        prompts=" ".join(f"{one.name}:{one.fingerprint()}" for one in prompts) or "none",
        software=encoder.software,
    )


def freeze(folder: Path, wanted: Ledger, encoder: Encoder) -> tuple[Ledger, list[str]]:
    """The plan that was frozen in ``folder``, or the one wanted, frozen now; and what is to be said of it.

    Raises
    ------
    InputError
        The plan there was made with other settings, or has too few batches for the shard.
    """
    path = folder / "ledger.jsonl"
    if not path.exists():
        batch_size = wanted.settings["batch_size"] or encoder.fitting_batch_size()
        ledger = Ledger({**wanted.settings, "batch_size": batch_size}, wanted.inputs)
        shard_slots(ledger)
        ledger.write(path)
        sync_folder(folder.parent)  # or a power failure could take the folder and all parts in it
        return ledger, []
    ledger = read_ledger(path)
    refuse_differences(folder, wanted.settings, ledger.settings)
    notes = listing_differences(wanted.inputs, ledger.inputs)
    if paths := rewritten(ledger.inputs, path.stat().st_mtime):
        notes.append(f"inputs since the plan was frozen: {len(paths)} written to ({paths[0][1]}); what is sealed stays")
    return ledger, notes


def refuse_differences(where: Path, wanted: dict[str, Any], made: dict[str, Any]) -> None:
    """Refuse settings that are not those that ``where`` was made with, naming each, and both values."""
    if wanted["batch_size"] is None:  # nobody asked for one: the first run's stands
        wanted = {**wanted, "batch_size": made["batch_size"]}
    if differences := setting_differences(_flat(wanted), _flat(made)):
        raise InputError(
            f"{where} was made with other settings: {'; '.join(differences)}. "
            "Give the same settings to go on, or name another --out"
        )


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with the provenance's fields among them, so that a refusal names the field."""
    others = {key: value for key, value in settings.items() if key != "provenance"}
    return {**settings["provenance"], **others}


def plan_hash(ledger: Ledger) -> str:
    """Hash of settings and inputs, the same for all shards of one plan."""
    return Ledger({**ledger.settings, "shard": None}, ledger.inputs).fingerprint()


def file_attributes(ledger: Ledger) -> dict[str, Any]:
    """What a finished file says of how it was made."""
    attributes = {"plan": plan_hash(ledger), "settings": json.dumps(ledger.settings)}
    if ledger.settings["shard"]:
        first, last = shard_slots(ledger)
        attributes["slots"] = f"{first}-{last}"
    return attributes


def parse_shard(shard: str | None) -> tuple[int, int]:
    """(i, n) of a shard "i/n"; of none, (1, 1).

    Raises
    ------
    InputError
        It is not written so.
    """
    match = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", shard or "1/1")
    if not match or int(match[1]) > int(match[2]):
        raise InputError(f"--shard is i/n with i from 1 to n, as 1/4, not {shard!r}")
    return int(match[1]), int(match[2])


def shard_slots(ledger: Ledger) -> tuple[int, int]:
    """First slot of the ledger's shard, and the first behind it; of a ledger without a shard, all.

    Raises
    ------
    InputError
        The shard is not written i/n, or the plan has fewer batches than shards.
    """
    number, count = parse_shard(ledger.settings["shard"])
    size = ledger.settings["batch_size"]
    batches = ceil(ledger.slots / size)
    if count > batches:
        raise InputError(f"{count} shards for a plan of {batches} batches of {size}; take at most {batches}")
    first, last = (min(batches * one // count * size, ledger.slots) for one in (number - 1, number))
    return first, last


def open_ranges(ledger: Ledger, parts: Sequence[Part], part_rows: int) -> Iterator[tuple[int, int]]:
    """Slots of the ledger's shard that no part covers, in pieces of a part, which is a number of whole batches."""
    return missing_ranges(parts, *shard_slots(ledger), whole_batches(part_rows, ledger.settings["batch_size"]))


def whole_batches(rows: int, batch_size: int) -> int:
    """The rows of as many whole batches as ``rows`` hold, of one at least.

    Examples
    --------
    >>> whole_batches(100, 32), whole_batches(8, 32)
    (96, 32)
    """
    return max(rows // batch_size, 1) * batch_size
