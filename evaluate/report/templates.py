"""The templates that all pages are made of, and how a drawing stands in them."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluate.caveats import LEAK
from evaluate.compare import signed
from evaluate.drawing import FAINT, INK, PAPER
from evaluate.metrics import METRICS
from evaluate.prompt_words import CLASS
from evaluate.summary import LEVELS, MARKS
from evaluate.wording import FEW, ends, number

READS = ("scores", "decisions", "probabilities")
KINDS = {
    "false_positive": "Reals called fake",
    "false_negative": "Fakes called real",
    "true_positive": "Fakes found",
    "true_negative": "Reals let pass",
}

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)
TEMPLATES.filters |= {"number": number, "ends": ends, "signed": signed}
TEMPLATES.globals |= {"leak": LEAK, "levels": LEVELS, "marks": MARKS, "few": FEW, "metrics": METRICS, "classes": CLASS}
TEMPLATES.globals |= {read: [name for name, metric in METRICS.items() if metric.reads == read] for read in READS}
TEMPLATES.globals |= {"kinds": KINDS}


def inline(svg: str, prefix: str) -> str:
    """An SVG drawing as part of a page: in the page's own colours, as wide as there is room, with ids of its own."""
    body = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    body = re.sub(r' width="([^"]*)pt" height="[^"]*"', _flexible, body, count=1)
    for start in ('id="', 'href="#', "url(#"):
        body = body.replace(start, f"{start}{prefix}-")
    for drawn, shown in ((INK, "currentColor"), (FAINT, "var(--line)"), (PAPER, "none")):
        body = body.replace(drawn, shown)
    return body


def _flexible(size: re.Match[str]) -> str:
    """As wide as there is room, within what is readable; a page scrolls what stays wider than a phone."""
    points = float(size[1])
    return f' role="img" style="min-width: {0.8 * points:.0f}px; max-width: {1.5 * points:.0f}px"'
