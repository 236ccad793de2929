"""Rounds of measurements: we and the others take turns, so that a drifting machine touches all alike."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from measured import Sleeper, Speed, bare_network, bare_sleeper, decoded, extracted, speed_of
from photographs import data_set

HERE = Path(__file__).parent
STAT = Path("/proc/stat")
NETWORKS = {"vitb32": "ViT-B-32", "vitl14": "ViT-L-14", "demo": "demo"}
SLEEPERS = ("balanced", "infinite")
TARGETS = {"vitb32": 0.95, "balanced": 0.95}  # of the bound, on two cores; where decoding decides 0.85
DECODING_DECIDES, WITH_CUDA = 0.85, 0.9

# From the seconds that a sleeper takes for a batch: a function from how long to measure to the images/s of the bare
# model, and the encoder. A network does not sleep.
Model = Callable[[float], tuple[Callable[[float], float], Any]]


@dataclass
class Setting:
    """What all contenders of a table share.

    Attributes
    ----------
    encoder : str
        A name of `NETWORKS` or `SLEEPERS`.
    checkpoint : Path or None
        Random weights, of a network that has none of its own.
    patience : float
        Seconds to wait, before each measurement, for others to leave the cores.
    """

    encoder: str
    checkpoint: Path | None
    device: str
    batch_size: int
    workers: int
    seconds: float
    least_batches: int
    patience: float
    scratch: Path

    @property
    def shares_cores(self) -> bool:
        """Whether model and decoding compete for the cores."""
        return self.encoder in NETWORKS and self.device == "cpu"

    @property
    def target(self) -> float:
        """Share of the bound to reach."""
        return WITH_CUDA if self.device != "cpu" else TARGETS.get(self.encoder, DECODING_DECIDES)

    def bound(self, bare: float, decode: float) -> float:
        """Images/s that nothing can exceed."""
        return 1 / (1 / bare + 1 / decode) if self.shares_cores else min(bare, decode)


def random_weights(encoder: str, folder: Path) -> Path | None:
    """A checkpoint of a randomly initialised network, made once."""
    if encoder not in ("vitb32", "vitl14"):
        return None
    import open_clip
    import torch

    path = folder / f"{encoder}.pt"
    if not path.exists():
        torch.manual_seed(0)
        torch.save(open_clip.create_model(NETWORKS[encoder]).state_dict(), path)
    return path


def contender(who: str, python: str, setting: Setting, folder: Path, sleep: float | None) -> Speed:
    """Speed of one of `contenders`, in an interpreter of its own."""
    names = {**NETWORKS, "demo": f"local-dir:{HERE.parent / 'demo' / 'clip'}"}
    device = setting.device if sleep is None else "cpu"
    with tempfile.TemporaryDirectory(dir=setting.scratch) as out:
        task = {
            "who": who,
            "folder": str(folder),
            "model": names.get(setting.encoder),
            "checkpoint": setting.checkpoint and str(setting.checkpoint),
            "sleep": sleep,
            "batch_size": setting.batch_size,
            "workers": setting.workers,
            "device": device,
            "out": f"{out}/embeddings",
        }
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}  # clip-retrieval takes a GPU unasked
        done = subprocess.run(
            [python, str(HERE / "contenders.py"), json.dumps(task)],
            env={**os.environ, **hidden},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{who} failed:\n{done.stderr[-2000:]}")
        return speed_of(*json.loads(Path(f"{out}/embeddings.json").read_text()))


def measure(setting: Setting, files: Sequence[Path], rounds: int) -> tuple[int, list[dict[str, Speed]]]:
    """How many images a run has, and in each round the speeds of a to e and what follows from them."""
    model = _model(setting)
    pilot = data_set(setting.scratch / f"pilot-{setting.encoder}", files, setting.batch_size * setting.least_batches)
    bare, encoder = model(0.0)
    decode = _decode(setting, pilot, encoder.preprocessing)
    if setting.encoder == "balanced":
        bare, encoder = model(setting.batch_size / decode)
    expected = setting.bound(bare(1.0), decode)
    batches = max(setting.least_batches, round(setting.seconds * expected / setting.batch_size))
    folder = data_set(setting.scratch / setting.encoder, files, batches * setting.batch_size)
    results = []
    for number in range(rounds):
        results.append(_round(setting, folder, model))
        print(f"  {setting.encoder}, round {number + 1}: {_in_a_line(results[-1])}", file=sys.stderr, flush=True)
    return batches * setting.batch_size, results


def _round(setting: Setting, folder: Path, model: Model) -> dict[str, Speed]:
    wait_for_quiet(setting.patience)
    bare, encoder = model(0.0)
    decode = _decode(setting, folder, encoder.preprocessing)
    sleep = {"balanced": setting.batch_size / decode, "infinite": 0.0}.get(setting.encoder)
    if sleep:
        bare, encoder = model(sleep)
    speeds = {"a": _flat(bare(min(setting.seconds, 10))), "b": _flat(decode)}
    speeds["bound"] = _flat(setting.bound(speeds["a"].steady, decode))
    out = setting.scratch / f"{setting.encoder}.h5"
    wait_for_quiet(setting.patience)
    speeds["c"] = extracted(folder, out, encoder, setting.batch_size, setting.workers)
    wait_for_quiet(setting.patience)
    speeds["d"] = contender("loop", sys.executable, setting, folder, sleep)
    if peer := os.environ.get("PEER_PYTHON"):
        wait_for_quiet(setting.patience)
        speeds["e"] = contender("clip_retrieval", peer, setting, folder, sleep)
    for name in ("bound", "d", "e"):
        if name in speeds:
            ours, other = speeds["c"], speeds[name]
            speeds[f"c / {name}"] = Speed(ours.steady / other.steady, ours.whole / other.whole, 0, 0)
    return speeds


def wait_for_quiet(patience: float) -> None:
    """Wait until others use less than a tenth of a core, at most so many seconds; say so where they use more."""
    deadline = time.monotonic() + patience
    while patience and (used := _cores_in_use()) > 0.1:
        if time.monotonic() > deadline:
            print(f"  others use {used:.1f} cores: what follows is too slow", file=sys.stderr, flush=True)
            return


def _cores_in_use() -> float:
    """By all processes of the machine, over half a second in which we do nothing; 0 where it does not say."""
    if not STAT.exists():
        return 0.0
    before = _idle_seconds()
    started = time.perf_counter()
    time.sleep(0.5)
    seconds = time.perf_counter() - started
    return max(0.0, (os.cpu_count() or 1) - (_idle_seconds() - before) / seconds)


def _idle_seconds() -> float:
    """Of all cores since the start of the machine, waiting for a disk included."""
    fields = STAT.read_text().split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


def _model(setting: Setting) -> Model:
    if setting.encoder in SLEEPERS:
        size = setting.batch_size
        return lambda sleep: (partial(bare_sleeper, Sleeper(sleep), size), Sleeper(sleep))
    from extract.encoder import load_encoder
    from extract.models import load_network

    name = NETWORKS[setting.encoder]
    checkpoint = str(setting.checkpoint) if setting.checkpoint else None
    encoder = load_encoder(name, checkpoint, setting.device)
    network = load_network(name, checkpoint)
    network.module.eval().to(setting.device)
    bare = partial(bare_network, network, encoder.preprocessing, setting.batch_size, setting.device)
    return lambda sleep: (bare, encoder)


def _decode(setting: Setting, folder: Path, preprocessing: Any) -> float:
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    return decoded(folder, paths, preprocessing, setting.workers)


def _flat(rate: float) -> Speed:
    return Speed(rate, rate, 0, 0)


def _in_a_line(speeds: dict[str, Speed]) -> str:
    rates = ", ".join(f"{name} {speed.steady:.3g} ({speed.whole:.3g})" for name, speed in speeds.items())
    return f"{rates}; c started in {speeds['c'].start:.1f} s, ended in {speeds['c'].end:.1f} s"
