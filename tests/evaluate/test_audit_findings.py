"""A finding as a sentence, as an exit code, as JSON."""

import json

import pytest

from evaluate.audit_findings import audit_exit_code, audit_lines, audit_record, finding, gravest_first

LEAK = finding("group", "leak", "83 of 120 test groups were in training", {"shared": 83}, ["004", "519", "634", "9"])
WARNING = finding("coverage", "warning", "frames read", after=": told")
NOTE = finding("balance", "note", "test")


def test_a_sentence_for_a_reviewer() -> None:
    assert LEAK.sentence == "LEAK: 83 of 120 test groups were in training (e.g. 004, 519, 634)"
    assert LEAK.examples == ("004", "519", "634")
    assert WARNING.sentence == "WARNING: frames read: told"


@pytest.mark.parametrize(
    ("found", "code", "strict"), [([], 0, 0), ([NOTE], 0, 0), ([NOTE, WARNING], 0, 3), ([LEAK], 3, 3)]
)
def test_exit_codes(found: list, code: int, strict: int) -> None:
    assert (audit_exit_code(found), audit_exit_code(found, strict=True)) == (code, strict)
    assert audit_record(found, strict=True)["exit_code"] == strict


def test_lines_end_with_a_verdict_and_json_has_the_counts() -> None:
    ordered = gravest_first([NOTE, LEAK, WARNING])
    assert ordered == [LEAK, WARNING, NOTE]
    assert audit_lines(ordered)[-1] == "leaks of 1 kind; warnings: 1, notes: 1"
    assert audit_lines([NOTE])[-1] == "no leak found; warnings: 0, notes: 1"
    record = json.loads(json.dumps(audit_record(ordered)))
    assert record["findings"][0]["counts"] == {"shared": 83}
    assert record["findings"][0]["severity"] == "leak"
