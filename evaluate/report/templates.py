"""The templates that all pages are made of, and how a drawing stands in them."""

import re
from pathlib import Path
from statistics import median

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluate.caveats import LEAK
from evaluate.compare import signed
from evaluate.drawing import FAINT, INK, PAPER
from evaluate.metrics import METRICS
from evaluate.summary import LEVELS, MARKS
from evaluate.wording import CLASS, FEW, ends, number, p_text

SMALL, READABLE = 8, 9  # most letters of a drawing below the one: at least as many pixels as the other on a page
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
TEMPLATES.filters |= {"number": number, "ends": ends, "signed": signed, "p": p_text}
TEMPLATES.globals |= {"leak": LEAK, "levels": LEVELS, "marks": MARKS, "few": FEW, "metrics": METRICS, "classes": CLASS}
TEMPLATES.globals |= {read: [name for name, metric in METRICS.items() if metric.reads == read] for read in READS}
TEMPLATES.globals |= {"kinds": KINDS}


def inline(svg: str, prefix: str) -> str:
    """An SVG drawing as part of a page: in the page's own colours, as wide as there is room, with ids of its own."""
    body = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    letters = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", body)]
    least = READABLE / median(letters) if letters and median(letters) < SMALL else 0.8

    def flexible(size: re.Match[str]) -> str:
        """As wide as there is room, within what is readable; a page scrolls what stays wider than a phone."""
        points = float(size[1])
        return f' role="img" style="min-width: {least * points:.0f}px; max-width: {1.5 * points:.0f}px"'

    body = re.sub(r' width="([^"]*)pt" height="[^"]*"', flexible, body, count=1)
    for start in ('id="', 'href="#', "url(#"):
        body = body.replace(start, f"{start}{prefix}-")
    for drawn, shown in ((INK, "currentColor"), (FAINT, "var(--line)"), (PAPER, "none")):
        body = body.replace(drawn, shown)
    return body
