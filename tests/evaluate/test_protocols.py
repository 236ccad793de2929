"""Two protocols beside each other: the same cell in one line, and what leaks said of each."""

from typing import Any

from evaluate.protocols import beside


def result(head: str, auc: float, *, few: bool = False, train: str = "FaceSwap", leak: str = "") -> dict[str, Any]:
    """As much of a measured run as the comparison reads."""
    levels = {
        level: {"auc": {"value": auc + add, "low": 0.4, "high": 0.9}, "few_groups": few}
        for level, add in (("video", 0.0), ("frame", -0.1))
    }
    caveats = ["Decisions use the threshold 0.5", *([leak] if leak else [])]
    return {"run": {"head": head, "train": [train]}, "by_manipulation": {"NeuralTextures": levels}, "caveats": caveats}


def cells(text: str) -> list[list[str]]:
    """The table's lines, cut at two spaces or more."""
    lines = [line for line in text.splitlines() if line.startswith("  ") and "protocol" not in line]
    return [[cell for cell in line.strip().split("  ") if cell.strip()] for line in lines]


def test_a_cell_of_both_protocols_is_one_line() -> None:
    leak = "LEAK: 94 of 111 test groups were in training (e.g. 018, 022)"
    text = beside([result("svm", 0.6, few=True)], [result("svm", 0.99, leak=leak), result("svm", 0.99, leak=leak)])
    table = [[cell.strip() for cell in line] for line in cells(text)]
    assert table[:3] == [
        ["head", "tested on", "level", "honest", "as published", "difference"],
        ["svm", "NeuralTextures", "video", "†0.600 (0.40-0.90)", "0.990 (0.40-0.90)", "+0.390"],
        ["svm", "NeuralTextures", "frame", "†0.500 (0.40-0.90)", "0.890 (0.40-0.90)", "+0.390"],
    ]
    assert text.splitlines()[-2:] == [
        "  honest: no leak was found",
        "  as published: LEAK: 94 of 111 test groups were in training",
    ]


def test_what_one_protocol_has_alone_stands_alone_and_trainings_are_told_apart() -> None:
    text = beside([result("svm", 0.6)], [result("svm", 0.5, train="Deepfakes")])
    table = [[cell.strip() for cell in line] for line in cells(text)]
    assert table[0][:3] == ["head", "trained on", "tested on"]
    assert ["svm", "FaceSwap", "NeuralTextures", "video", "0.600 (0.40-0.90)", "-", "-"] in table
    assert ["svm", "Deepfakes", "NeuralTextures", "video", "-", "0.500 (0.40-0.90)", "-"] in table
    assert "-0.100" in beside([result("svm", 0.6)], [result("svm", 0.5)])
