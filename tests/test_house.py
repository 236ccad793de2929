"""The house rules that a machine can hold: who imports whom, what stays light, what must stay in step."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("cache", "extract", "classify", "evaluate", "demo")
MAY_IMPORT = {
    "cache": {"cache"},
    "extract": {"extract", "cache"},
    "evaluate": {"evaluate", "cache"},
    "classify": {"classify", "evaluate", "cache"},
    "demo": {"demo", "cache"},
}
CACHE_LIBRARIES = {"numpy", "h5py", "pandas", "xxhash"}
THE_DOOR = ROOT / "classify" / "text_tower.py"  # heads that learn prompts run the encoder's text tower
HEAVY = {"torch", "open_clip", "torchvision", "numpy", "pandas", "h5py", "sklearn", "matplotlib", "PIL", "av", "cv2"}


def imported(path: Path) -> set[str]:
    """Top-level names of all imports of a module, those inside functions included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_whom_they_may(room: str) -> None:
    assert modules(room)
    for path in modules(room):
        strangers = (imported(path) & set(ROOMS)) - MAY_IMPORT[room] - ({"extract"} if path == THE_DOOR else set())
        assert not strangers, f"{path.relative_to(ROOT)} imports {strangers}"
        assert "pipeline" not in imported(path)


def test_the_cache_needs_four_libraries() -> None:
    for path in modules("cache"):
        strangers = imported(path) - sys.stdlib_module_names - CACHE_LIBRARIES - {"cache"}
        assert not strangers, f"{path.relative_to(ROOT)} imports {strangers}"


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_stage_two_never_loads_torch() -> None:
    rooms = [path for room in ("cache", "classify", "evaluate") for path in modules(room)]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in rooms]
    loaded = loaded_by("\n".join(f"import {name}" for name in names))
    assert {"sklearn", "h5py"} <= loaded
    assert not loaded & {"torch", "open_clip", "torchvision"}


def test_help_loads_nothing_heavy() -> None:
    loaded = loaded_by(
        "import contextlib, io, sys, pipeline\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    sys.argv = ['pipeline.py', '--help']; pipeline.main()"
    )
    assert "typer" in loaded
    assert not loaded & HEAVY


def test_worker_processes_stay_light() -> None:
    assert not loaded_by("import extract.prepare, extract.workers") & {"torch", "open_clip", "sklearn", "matplotlib"}


def requirement_names(lines: list[str]) -> set[str]:
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def test_requirements_are_base_and_extract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = set(project["dependencies"]) | set(project["optional-dependencies"]["extract"])
    assert requirement_names((ROOT / "requirements.txt").read_text().splitlines()) == wanted


def test_every_dependency_is_imported_and_every_import_is_a_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    listed = [*project["dependencies"], *extras["extract"], *extras["cluster"]]
    distributions = {
        "scikit-learn": "sklearn", "open_clip_torch": "open_clip", "pillow": "PIL", "Jinja2": "jinja2",
        "opencv-python-headless": "cv2",
    }  # fmt: skip
    names = {line.split(">=")[0] for line in listed}
    wanted = {distributions.get(name, name) for name in names}
    used = set().union(*(imported(path) for room in ROOMS for path in modules(room)), imported(ROOT / "pipeline.py"))
    used -= sys.stdlib_module_names | set(ROOMS)
    assert used - wanted == {"sklearnex"}, "imported but not listed; that one is used only where it is installed"
    unused = wanted - used - {"torchvision", "pyarrow"}  # open_clip needs the one, pandas' Parquet the other
    assert unused == set(), "listed but not imported"


def test_packages_of_the_install_are_all_packages() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {
        ".".join(path.parent.relative_to(ROOT).parts) for room in ROOMS for path in (ROOT / room).rglob("__init__.py")
    }
    assert set(setuptools["packages"]) == found


def test_nothing_large_or_binary_slips_in() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    sizes = {
        name: (ROOT / name).stat().st_size for name in tracked.stdout.split("\0") if name and (ROOT / name).exists()
    }
    assert sum(size for name, size in sizes.items() if name.startswith("demo/clip/")) <= 6_000_000
    assert max(size for name, size in sizes.items() if not name.startswith("demo/clip/")) < 1_000_000
