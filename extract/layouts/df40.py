"""DF40: fakes by method, made from FaceForensics++ and Celeb-DF, or with reals of their own."""

import posixpath
from pathlib import Path

from cache.identity import FAKES, REAL_MANIPULATION, Name
from extract.layouts.base import ClassFolder, Listing, sorted_listing
from extract.layouts.files import glance, list_files, valid_text
from extract.layouts.places import Place, name_below, placed_sources

DOMAINS = {"ff": ("FF++", "c23"), "cdf": ("Celeb-DF-v2", "unknown")}  # data set and compression of the originals
OWN_REALS = {"fake": False, "real": True}
TEST_SETS = {  # folders in lower case, with the names that the benchmark's lists use -> the method
    "heygen": "heygen",
    "heygen_new": "heygen",
    "midjourney": "MidJourney",
    "whichfaceisreal": "whichfaceisreal",
    "whichisreal": "whichfaceisreal",
    "stargan": "stargan",
    "starganv2": "starganv2",
    "styleclip": "styleclip",
    "e4e": "e4e",
    "collabdiff": "CollabDiff",
    "deepfacelab": "deepfacelab",
}
EXPECTED = "<method>/{ff,cdf}/..., or <method>/{fake,real}/... as heygen, MidJourney, whichfaceisreal, stargan have"


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where it is not."""
    for path in glance(root, depth=2):
        method, _, below = path.rstrip("/").partition("/")
        if path.endswith("/") and (below in DOMAINS or (below in OWN_REALS and method.lower() in TEST_SETS)):
            return f"it holds {valid_text(path)}"
    return ""


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources of DF40: ``<method>/{ff,cdf}/[frames/]<video>/<frame>`` and ``<method>/{fake,real}/...``.

    Fakes made from FaceForensics++ or Celeb-DF belong to these data sets, with their scenes and identities: the reals
    come from there, as another root of the same cache. The other test sets (heygen, MidJourney, whichfaceisreal,
    stargan, starganv2, styleclip, e4e, CollabDiff, deepfacelab) have reals of their own and are a data set each. There
    a picture that lies in no further folder stands for itself; a real and a fake of one name are one group.

    Parameters
    ----------
    root : Path
    dataset : str, optional
        Of sets with their own reals, "DF40" by default: ``<dataset>-<method>``.

    Raises
    ------
    InputError
        The root is missing or holds no picture and no video of such a tree; two files give the same sample.

    References
    ----------
    Z. Yan et al., "DF40: Toward Next-Generation Deepfake Detection", NeurIPS 2024; https://github.com/YZY-stack/DF40
    """
    files = list_files(root)
    prefix = valid_text(dataset or "DF40")

    def place(path: str, is_video: bool) -> Place | str:
        folder, _, rest = path.partition("/")
        domain, _, rest = rest.partition("/")
        if not rest or domain not in {**DOMAINS, **OWN_REALS}:
            return f"not in <method>/{{{','.join([*DOMAINS, *OWN_REALS])}}}"
        method = _method(folder)
        manipulation = REAL_MANIPULATION if OWN_REALS.get(domain) else method
        name, nested = name_below(rest, manipulation, is_video)
        if domain in DOMAINS:
            return Place(ClassFolder("", *DOMAINS[domain], manipulation), name, "", nested)
        if not nested and not is_video:
            stem = posixpath.splitext(posixpath.basename(rest))[0]
            name = Name(stem, stem)
        return Place(ClassFolder("", f"{prefix}-{valid_text(method)}", "unknown", manipulation), name, "", nested)

    return sorted_listing(root, *placed_sources(files, place))


def _method(folder: str) -> str:
    """Its manipulation: where FaceForensics++ has one of that name it is another one."""
    return TEST_SETS.get(folder.lower(), f"DF40-{folder}" if folder.lower() in FAKES else folder)
