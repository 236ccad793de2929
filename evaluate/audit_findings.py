"""What an audit found: one sentence for a reader, counts for a script, and what it means for the exit code."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from evaluate.caveats import LEAK
from evaluate.wording import plural

PREFIX = {"leak": LEAK, "warning": "WARNING:", "note": "Note:"}  # how a sentence starts; the gravest first
SHOWN = 3  # examples in a sentence
LEAK_FOUND = 3  # exit code


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes
    ----------
    kind : str
        What was looked at: group, scene, video, identity, frame, pair, balance, coverage, metadata ...
    severity : {"leak", "warning", "note"}
        A leak stands on both sides of the split. A warning can make a number mean something else. A note is to be
        known.
    sentence : str
        For the reader, starting with "LEAK:", "WARNING:" or "Note:".
    counts : dict of str to number
        The figures of the sentence.
    examples : tuple of str
        Names of what was found, at most `SHOWN`.
    """

    kind: str
    severity: str
    sentence: str
    counts: Mapping[str, float | None] = field(default_factory=dict)
    examples: tuple[str, ...] = ()


def finding(
    kind: str,
    severity: str,
    text: str,
    counts: Mapping[str, float | None] | None = None,
    examples: Iterable[str] = (),
    after: str = "",
) -> Finding:
    """A finding whose sentence is the prefix of its severity, ``text``, examples in brackets, and ``after``.

    Examples
    --------
    >>> finding("group", "leak", "2 of 5 test groups were in training", {"shared": 2}, ["004", "519"]).sentence
    'LEAK: 2 of 5 test groups were in training (e.g. 004, 519)'
    """
    shown = tuple(examples)[:SHOWN]
    named = f" (e.g. {', '.join(shown)})" if shown else ""
    return Finding(kind, severity, f"{PREFIX[severity]} {text}{named}{after}", counts or {}, shown)


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings by severity, otherwise in the order given."""
    order = list(PREFIX)
    return sorted(findings, key=lambda one: order.index(one.severity))


def audit_exit_code(findings: Sequence[Finding], *, strict: bool = False) -> int:
    """0 where no leak was found, 3 where one was; ``strict``: a warning counts as one."""
    grave = {"leak", "warning"} if strict else {"leak"}
    return LEAK_FOUND if any(one.severity in grave for one in findings) else 0


def audit_lines(findings: Sequence[Finding]) -> list[str]:
    """The sentences, and a verdict in the end."""
    counts = {severity: sum(one.severity == severity for one in findings) for severity in PREFIX}
    verdict = "leaks of " + plural(counts["leak"], "kind") if counts["leak"] else "no leak found"
    return [*(one.sentence for one in findings), f"{verdict}; warnings: {counts['warning']}, notes: {counts['note']}"]


def audit_record(findings: Sequence[Finding], *, strict: bool = False) -> dict[str, Any]:
    """The findings for a script: ``{"exit_code", "findings": [...]}``."""
    return {"exit_code": audit_exit_code(findings, strict=strict), "findings": [asdict(one) for one in findings]}
