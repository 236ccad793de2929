"""The sets of CLIPping the Deception, in ImageNet's folders: reals in folders `n01440764`, fakes in `n01443537`."""

from pathlib import Path

from extract.layouts.base import Listing
from extract.layouts.pairs import find_marked, list_pairs

REAL_FOLDER, FAKE_FOLDER = "n01440764", "n01443537"
EXPECTED = "<set>/images/{train,val}/{n01440764 (real),n01443537 (fake)}/<picture>"


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where it is not."""
    found = find_marked(root, REAL_FOLDER, FAKE_FOLDER)
    return f"it holds {found}" if found else ""


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources of CLIPping's sets, as `extract.layouts.pairs.list_pairs` reads them.

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
    S. A. Khan, D.-T. Dang-Nguyen, "CLIPping the Deception: Adapting Vision-Language Models for Universal Deepfake
    Detection", ICMR 2024; https://github.com/sfimediafutures/CLIPping-the-Deception
    """
    return list_pairs(root, dataset, REAL_FOLDER, FAKE_FOLDER, EXPECTED)
