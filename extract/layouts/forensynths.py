"""ForenSynths and the sets of UniversalFakeDetect: reals in folders `0_real`, fakes in `1_fake`."""

from pathlib import Path

from extract.layouts.base import Listing
from extract.layouts.pairs import find_marked, list_pairs

REAL_FOLDER, FAKE_FOLDER = "0_real", "1_fake"
EXPECTED = "<generator>/[<category>/]{0_real,1_fake}/<picture>"


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where it is not."""
    found = find_marked(root, REAL_FOLDER, FAKE_FOLDER)
    return f"it holds {found}" if found else ""


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources of ForenSynths and the sets of UniversalFakeDetect, as `extract.layouts.pairs.list_pairs` reads them.

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
    S.-Y. Wang et al., "CNN-generated images are surprisingly easy to spot... for now", CVPR 2020;
    https://github.com/PeterWang512/CNNDetection. U. Ojha et al., "Towards Universal Fake Image Detectors that
    Generalize Across Generative Models", CVPR 2023; https://github.com/WisconsinAIVision/UniversalFakeDetect
    """
    return list_pairs(root, dataset, REAL_FOLDER, FAKE_FOLDER, EXPECTED)
