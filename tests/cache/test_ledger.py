"""The ledger comes back as it was written, and damage to it is seen."""

from pathlib import Path

import pandas as pd
import pytest

from cache.errors import InputError
from cache.ledger import INPUT_COLUMNS, Ledger, read_ledger, setting_differences


def make_ledger() -> Ledger:
    row = dict.fromkeys(INPUT_COLUMNS, "ü\n\"'")
    rows = [
        {**row, "slots": slots, "frame": 0, "is_video": slots > 1, "label": 1, "byte_size": 7} for slots in (3, 1, 2)
    ]
    return Ledger({"root": "/data", "batch_size": 32, "provenance": {"model": "ViT-B-32"}}, pd.DataFrame(rows))


def test_round_trip(tmp_path: Path) -> None:
    ledger = make_ledger()
    ledger.write(tmp_path / "ledger.jsonl")
    back = read_ledger(tmp_path / "ledger.jsonl")
    assert back.settings == ledger.settings
    assert back.fingerprint() == ledger.fingerprint()
    assert back.inputs.to_dict("records") == ledger.inputs.to_dict("records")
    assert back.slots == 6
    assert back.input_of_slot().tolist() == [0, 0, 0, 1, 2, 2]


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-20], lambda text: text.replace('"slots":3', '"slots":4'), lambda _: ""]
)
def test_damage_is_seen(tmp_path: Path, damage) -> None:
    path = tmp_path / "ledger.jsonl"
    make_ledger().write(path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError, match="damaged"):
        read_ledger(path)


def test_differences_name_the_field_and_both_values() -> None:
    found = setting_differences({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4})
    assert found == ["b is 2 now and was 3", "c is None now and was 4"]
