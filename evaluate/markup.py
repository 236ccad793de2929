"""A table as text: Markdown to read, LaTeX to publish."""

from collections.abc import Sequence
from typing import NamedTuple

from evaluate.wording import FEW

SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
        **{sign: f"\\{sign}" for sign in "{}$&#_%"},
        **{sign: f"{{{sign}}}" for sign in "[]*"},  # at the start of a row these would belong to the \\ before it
        "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", FEW: r"\dag{}", "\n": " ",
    }
)  # fmt: skip


class Interval(NamedTuple):
    """A cell with a number, already in digits.

    Attributes
    ----------
    value : str
    low, high : str or None
        Ends of the 95 % interval; None where there is none.
    mark : str
        Beside the value: what it must be read with.
    """

    value: str
    low: str | None
    high: str | None
    mark: str = ""


Cell = str | Interval


class TextTable(NamedTuple):
    """What a table says, whatever it is written in.

    Attributes
    ----------
    rows : sequence of sequence of Cell
        The head first.
    names : int
        How many columns from the left are words; the others are numbers.
    note : str
        How to read it.
    warnings : sequence of str
        What must not be overlooked.
    """

    rows: Sequence[Sequence[Cell]]
    names: int
    note: str
    warnings: Sequence[str] = ()


def markdown(table: TextTable) -> str:
    """The table in Markdown, notes below.

    Examples
    --------
    >>> print(markdown(TextTable([["head", "AUC"], ["a|b", Interval("0.800", "0.75", "0.88")]], 1, "A note.")), end="")
    | head | AUC |
    | --- | ---: |
    | a\\|b | 0.800 (0.75-0.88) |
    <BLANKLINE>
    A note.
    """
    head, *body = table.rows
    rule = ["---"] * table.names + ["---:"] * (len(head) - table.names)
    lines = [f"| {' | '.join(map(_markdown_cell, row))} |" for row in (head, rule, *body)]
    return "\n".join([*lines, "", "\n\n".join([table.note, *(f"**{line}**" for line in table.warnings)]), ""])


def _markdown_cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
    if cell.low is None:
        return f"{cell.mark}{cell.value} (no interval)"
    signed = any(end and not end[0].isdigit() for end in (cell.low, cell.high))
    between = " to " if signed else "-"  # a sign after a dash would be misread
    return f"{cell.mark}{cell.value} ({cell.low}{between}{cell.high})"


def latex(table: TextTable) -> str:
    """The table in LaTeX with the rules of booktabs; nothing is bold, for a best on test would be chosen by test.

    References
    ----------
    Fear, Publication quality tables in LaTeX, https://ctan.org/pkg/booktabs
    """
    head, *body = ([_latex_cell(cell) for cell in row] for row in table.rows)
    note = " ".join([escaped(table.note), *(f"\\textbf{{{escaped(line)}}}" for line in table.warnings)])
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            "\\begin{table}",
            "\\centering",
            f"\\caption{{{note}}}",
            f"\\begin{{tabular}}{{{'l' * table.names}{'r' * (len(head) - table.names)}}}",
            "\\toprule",
            _latex_row(head),
            "\\midrule",
            *map(_latex_row, body),
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    r"""Text as LaTeX prints it.

    Examples
    --------
    >>> print(escaped("50 % of a_b & c"))
    50 \% of a\_b \& c
    """
    return text.translate(SPECIAL)


def _latex_cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return escaped(cell)
    mark = f"\\textsuperscript{{{escaped(cell.mark)}}}" if cell.mark else ""
    ends = "no interval" if cell.low is None else f"$[{cell.low}, {cell.high}]$"
    return f"${cell.value}${mark} {{\\small {ends}}}"


def _latex_row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"
