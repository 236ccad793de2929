from evaluate.ablation.console import console_lines
from evaluate.ablation.drawn import DrawnGrid
from evaluate.ablation.effects import effects
from evaluate.ablation.ranking import ranking
from evaluate.ablation.words import caveats, headline


def test_the_console_shows_order_axes_failures_and_doubts(drawn_crossed: DrawnGrid) -> None:
    drawn = drawn_crossed
    ranked, found = ranking(drawn), effects(drawn)
    lines = console_lines(drawn, ranked, found, headline(drawn, ranked, found), caveats(drawn, ranked))
    text = "\n".join(lines)
    assert max(map(len, lines[2:-1])) <= 100
    assert [line[:8] for line in lines if line.startswith(("  logistic,", "  mlp,"))] == [
        "  logist",
        "  mlp, f",
        "  logist",
    ]
    assert "  - head mlp, frames 8: InputError: too few groups" in text
    assert "  - head: 0." in text and "from logistic to mlp" in text
    assert "  - LEAK: 2 of 24" in text and lines[-1] == f"Report: {drawn.grid.folder / 'report.html'}"
