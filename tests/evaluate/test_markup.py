"""Any name comes through Markdown and LaTeX as it was written, and takes no part of the table with it."""

import re

from hypothesis import given
from hypothesis import strategies as st

from evaluate.markup import Interval, TextTable, escaped, latex, markdown

NAMES = st.text(st.sampled_from("ab_%&#${}\\^~<>|[]*†é\n "), min_size=1, max_size=12)
INTERVAL = Interval("0.800", "0.75", "0.88", "†")


def table(name: str) -> TextTable:
    return TextTable([["head", name], [name, INTERVAL], ["b", Interval("0.5", None, None)]], 1, f"Of {name}.", [name])


@given(NAMES)
def test_latex_is_whole_whatever_the_names(name: str) -> None:
    text = latex(table(name))
    bare = re.sub(r"\\[{}$&#_%\\]", "", text)  # what is left of these is syntax
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert "#" not in bare and "_" not in bare and "~" not in bare and "^" not in bare and "†" not in bare
    assert [line.count("&") for line in bare.splitlines() if "&" in line] == [1, 1, 1]
    assert not re.search(r"\\\\\s*[\[*]", text)  # would be read as an argument of \\
    assert text.count("\\\\\n") == 3 and bare.count("%") == 1  # the comment on top


def test_latex_by_hand() -> None:
    assert escaped(r"a_b 5% & #1 {x} $ \ ~ ^") == (
        r"a\_b 5\% \& \#1 \{x\} \$ \textbackslash{} \textasciitilde{} \textasciicircum{}"
    )
    lines = latex(table("c_1")).splitlines()
    assert lines[:5] == [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "\\centering",
        "\\caption{Of c\\_1. \\textbf{c\\_1}}",
        "\\begin{tabular}{lr}",
    ]
    assert lines[5:11] == [
        "\\toprule",
        "head & c\\_1 \\\\",
        "\\midrule",
        "c\\_1 & $0.800$\\textsuperscript{\\dag{}} {\\small $[0.75, 0.88]$} \\\\",
        "b & $0.5$ {\\small no interval} \\\\",
        "\\bottomrule",
    ]
    assert lines[11:] == ["\\end{tabular}", "\\end{table}"]


@given(NAMES)
def test_markdown_has_its_columns_whatever_the_names(name: str) -> None:
    lines = markdown(table(name)).splitlines()[:4]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}
    assert all(line.startswith("| ") and line.endswith(" |") for line in lines)


def test_markdown_by_hand() -> None:
    signed = Interval("+0.067", "-0.09", "+0.21")
    text = markdown(TextTable([["a", "b"], ["x|y<z>", signed], ["w", INTERVAL]], 1, "A note.", ["LEAK: one"]))
    assert text == (
        "| a | b |\n| --- | ---: |\n| x\\|y&lt;z> | +0.067 (-0.09 to +0.21) |\n| w | †0.800 (0.75-0.88) |\n"
        "\nA note.\n\n**LEAK: one**\n"
    )
