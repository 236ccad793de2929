"""The frozen plan of an extraction: settings, and one line per input, written before the first picture is read.

An input is a picture (one slot) or a video (as many slots as frames are wanted of it). Slots are numbered through in
the order of the plan; batches and parts are ranges of slots, so that a resumed run computes what an uninterrupted
one does. The status of an input is not written down a second time: it follows from the sealed parts.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.schema import json_hash
from cache.sealed import write_durably

INPUT_COLUMNS = (
    "root", "path", "dataset", "compression", "manipulation", "video", "frame", "is_video", "scene", "identities",
    "group", "label", "split", "slots", "byte_size",
)  # fmt: skip


@dataclass(frozen=True)
class Ledger:
    """Settings and inputs of one extraction.

    Attributes
    ----------
    settings : dict
        Everything that must be the same when the work is taken up again: provenance, roots, batch size ...
    inputs : DataFrame
        Columns `INPUT_COLUMNS`, one row an input, in the order of the slots.
    """

    settings: dict[str, Any]
    inputs: pd.DataFrame

    @property
    def slots(self) -> int:
        """How many slots the plan has."""
        return int(self.inputs["slots"].sum())

    def input_of_slot(self) -> np.ndarray:
        """The input of each slot, shape (slots,)."""
        return np.repeat(np.arange(len(self.inputs)), self.inputs["slots"])

    def fingerprint(self) -> str:
        """Hash of settings and inputs: what a finished cache names as its plan."""
        return json_hash([self.settings, self.inputs.to_json(orient="values")])

    def write(self, path: Path) -> None:
        """Write the ledger durably; a line of settings, then a line of JSON per input."""
        head = {"settings": self.settings, "inputs": len(self.inputs), "hash": self.fingerprint()}
        lines = self.inputs.to_json(orient="records", lines=True, force_ascii=False)
        text = json.dumps(head, ensure_ascii=False) + "\n" + lines
        write_durably(path, lambda temporary: _write(temporary, text))


def read_ledger(path: Path) -> Ledger:
    """Read a ledger back.

    Raises
    ------
    InputError
        It is damaged or no ledger.
    """
    try:
        head, *lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")  # names may hold other line ends
        header = json.loads(head)
        inputs = pd.DataFrame([json.loads(line) for line in lines], columns=list(INPUT_COLUMNS))
        ledger = Ledger(header["settings"], inputs)
        if header["hash"] != ledger.fingerprint():
            raise ValueError("its hash does not agree")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"the ledger {path} is damaged ({error}); remove its folder to begin anew") from error
    return ledger


def setting_differences(mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """One phrase per setting that differs, with both values."""
    names = sorted({*mine, *theirs})
    pairs = ((name, mine.get(name), theirs.get(name)) for name in names)
    return [f"{name} is {left!r} now and was {right!r}" for name, left, right in pairs if left != right]


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
