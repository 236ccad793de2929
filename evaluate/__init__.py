"""From predictions to numbers one may believe: metrics, intervals, comparisons, figures, report."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluate.ablation.report import write_report as write_report
    from evaluate.audit_findings import audit_lines as audit_lines
    from evaluate.compare import differences as differences
    from evaluate.compare import holm as holm
    from evaluate.compare import judged as judged
    from evaluate.compare import with_draws as with_draws
    from evaluate.folders import read_run as read_run
    from evaluate.intervals import group_draws as group_draws
    from evaluate.intervals import interval as interval
    from evaluate.levels import measure as measure
    from evaluate.metrics import METRICS as METRICS
    from evaluate.metrics import auc as auc
    from evaluate.metrics import average_precision as average_precision
    from evaluate.metrics import eer as eer
    from evaluate.runs import evaluate_run as evaluate_run
    from evaluate.runs import evaluate_tree as evaluate_tree
    from evaluate.score_runs import make_runs as make_runs
    from evaluate.tables import summary_table as summary_table
else:
    from cache.lazy import offer

    HOMES = {  # what `from evaluate import ...` gives, and where it lives: loaded when it is asked for
        "METRICS": "evaluate.metrics",
        "auc": "evaluate.metrics",
        "audit_lines": "evaluate.audit_findings",
        "average_precision": "evaluate.metrics",
        "differences": "evaluate.compare",
        "eer": "evaluate.metrics",
        "evaluate_run": "evaluate.runs",
        "evaluate_tree": "evaluate.runs",
        "group_draws": "evaluate.intervals",
        "holm": "evaluate.compare",
        "interval": "evaluate.intervals",
        "judged": "evaluate.compare",
        "make_runs": "evaluate.score_runs",
        "measure": "evaluate.levels",
        "read_run": "evaluate.folders",
        "summary_table": "evaluate.tables",
        "with_draws": "evaluate.compare",
        "write_report": "evaluate.ablation.report",
    }

    __getattr__, __dir__ = offer(__name__, HOMES)
