"""Time to `pipeline.py --help`, beside a bare interpreter and an interpreter that imports torch.

python benchmarks/bench_startup.py
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "pipeline.py --help": ["pipeline.py", "--help"],
    "pipeline.py classify --help": ["pipeline.py", "classify", "--help"],
    "python -c 'import torch'": ["-c", "import torch"],
}


def seconds(arguments: list[str]) -> float:
    """Wall time of one run of the interpreter, in seconds."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    """Interleave the commands, so that a drifting machine touches all alike; print medians and ratios."""
    rounds = [{name: seconds(arguments) for name, arguments in COMMANDS.items()} for _ in range(8)][1:]
    medians = {name: statistics.median(one[name] for one in rounds) for name in COMMANDS}
    base = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:<30}{median:8.3f} s{median / base:8.1f} x bare interpreter")


if __name__ == "__main__":
    main()
