"""GenImage: reals in folders `nature`, fakes in `ai`."""

from pathlib import Path

from extract.layouts.base import Listing
from extract.layouts.pairs import find_marked, list_pairs

REAL_FOLDER, FAKE_FOLDER = "nature", "ai"
EXPECTED = "<generator>/[<set>/]{train,val}/{ai,nature}/<picture>"


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where it is not."""
    found = find_marked(root, REAL_FOLDER, FAKE_FOLDER)
    return f"it holds {found}" if found else ""


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources of GenImage, as `extract.layouts.pairs.list_pairs` reads them.

    Parameters
    ----------
    root : Path
    dataset : str, optional
        The root's name by default; each generator is ``<dataset>-<generator>``.

    Raises
    ------
    InputError
        The root is missing or has no such folder with a picture; two files give the same sample.

    References
    ----------
    M. Zhu et al., "GenImage: A Million-Scale Benchmark for Detecting AI-Generated Image", NeurIPS 2023;
    https://github.com/GenImage-Dataset/GenImage
    """
    return list_pairs(root, dataset, REAL_FOLDER, FAKE_FOLDER, EXPECTED)
