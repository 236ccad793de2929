"""Celeb-DF, first or second version: three class folders and the list of its test videos, in which 1 is real."""

import re
from pathlib import Path, PurePosixPath

from cache.errors import InputError
from cache.identity import CELEB_FAKE, CELEB_REAL, REAL_MANIPULATION
from cache.schema import FAKE, REAL
from extract.layouts.base import ClassFolder, Listing, label_of, sorted_listing
from extract.layouts.files import list_files, valid_text
from extract.layouts.places import Place, name_below, placed_sources

CLASSES = {  # folder -> manipulation, what its videos are called, in words
    "Celeb-real": (REAL_MANIPULATION, CELEB_REAL, "idA_NNNN"),
    "YouTube-real": (REAL_MANIPULATION, re.compile(r"\d{5}"), "NNNNN"),
    "Celeb-synthesis": ("Celeb-synthesis", CELEB_FAKE, "idA_idB_NNNN"),
}
TEST_LIST = "List_of_testing_videos.txt"
FIRST_VERSION = re.compile(r".*(v1|[-_]1)", re.IGNORECASE)
EXPECTED = f"{', '.join(CLASSES)} and {TEST_LIST}"


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where it is not."""
    found = [name for name in ("Celeb-real", "Celeb-synthesis") if (root / name).is_dir()]
    return f"it holds {' and '.join(found)}" if found else ""


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources of Celeb-DF: ``<class>/[videos/]<video>.mp4``, ``<class>/[frames/]<video>/<frame>`` or flattened.

    A video of the test list is test, any other train. Who is in a video stands in its name: ``idA_NNNN`` is a video
    of person A, ``idA_idB_NNNN`` the same with the face of B; those of YouTube are of nobody else.

    Parameters
    ----------
    root : Path
    dataset : str, optional
        "Celeb-DF-v2" by default, "Celeb-DF-v1" where the root's name ends so.

    Raises
    ------
    InputError
        The root is missing or holds no picture and no video of Celeb-DF; the test list is damaged, names a video
        twice, or contradicts the folder; two files give the same sample.

    References
    ----------
    Y. Li et al., "Celeb-DF: A Large-scale Challenging Dataset for DeepFake Forensics", CVPR 2020;
    https://github.com/yuezunli/celeb-deepfakeforensics
    """
    files = list_files(root)
    tested = read_test_list(root / TEST_LIST) if (root / TEST_LIST).exists() else None
    version = "v1" if FIRST_VERSION.fullmatch(root.resolve().name) else "v2"
    name = valid_text(dataset or f"Celeb-DF-{version}")
    found = set()

    def place(path: str, is_video: bool) -> Place | str:
        top, _, rest = path.partition("/")
        if top not in CLASSES or not rest:
            return f"not in {', '.join(CLASSES)}"
        manipulation, pattern, words = CLASSES[top]
        video, nested = name_below(rest, manipulation, is_video)
        if not pattern.fullmatch(video.video):
            return f"not named as videos in {top} are: {words}"
        found.add(f"{top}/{video.video}")
        split = "" if tested is None else "test" if f"{top}/{video.video}" in tested else "train"
        return Place(ClassFolder("", name, "unknown", manipulation), video, split, nested)

    sources, skipped = placed_sources(files, place)
    skipped = [(path, reason) for path, reason in skipped if path != TEST_LIST]
    skipped += [
        (f"{video}.mp4", f"{TEST_LIST} names it, but it is not there") for video in (tested or {}).keys() - found
    ]
    notes = [f"no {TEST_LIST} in {root}: the videos have no split"] if tested is None else []
    return sorted_listing(root, sources, skipped, notes)


def read_test_list(path: Path) -> dict[str, int]:
    """Videos of a test list (``folder/name`` without suffix), each with its label as it is used here (1 is fake).

    Raises
    ------
    InputError
        A line is no label and path, names a video again, or gives it a label that contradicts its folder.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    labels: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = re.fullmatch(r"\s*([01])\s+(\S+/\S+)\s*", line)
        at = f"{path.name}, line {number}"
        if not match:
            raise InputError(f"{at} is {line!r}; expected a label, 1 for real or 0 for fake, and a video's path")
        video = PurePosixPath(match[2]).with_suffix("").as_posix()
        label = REAL if match[1] == "1" else FAKE
        folder = CLASSES.get(video.split("/")[0])
        if folder is None or label_of(folder[0]) != label:
            said = "real" if label == REAL else "fake"
            raise InputError(f"{at} says that {match[2]} is {said} (1 is real there), which its folder contradicts")
        if video in labels:
            raise InputError(f"{at} names {match[2]} a second time; remove one of the lines")
        labels[video] = label
    return labels
