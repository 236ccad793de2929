"""The native tree of FaceForensics++: originals and manipulations by method, compression, and videos or frames."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from cache.errors import InputError
from cache.identity import DFD_FAKE, FFPP_PAIR, REAL_MANIPULATION, canonical
from cache.schema import FAKE
from extract.layouts.base import ClassFolder, Listing, Source, image_sources, sorted_listing, video_sources
from extract.layouts.files import list_files, valid_text

ORIGINALS, MANIPULATED = "original_sequences", "manipulated_sequences"
COMPRESSIONS = ("raw", "c0", "c23", "c40")
FRAMES, VIDEOS = "frames", "videos"
DFD_FOLDERS = ("actors", "DeepFakeDetection")  # a data set of its own that the benchmark's tree holds as well
EXPECTED = f"{ORIGINALS}/ and {MANIPULATED}/<method>/<compression>/{{videos,frames}}"


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where it is not."""
    found = [top for top in (ORIGINALS, MANIPULATED) if (root / top).is_dir()]
    return f"it holds {' and '.join(found)}" if found else ""


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources of a FaceForensics++ tree.

    ``original_sequences/<origin>/<compression>/{videos,frames}`` and
    ``manipulated_sequences/<method>/<compression>/{videos,frames}``. Where a class has both at one compression, its
    frames are taken and its videos listed as skipped. Masks are skipped.

    Parameters
    ----------
    root : Path
    dataset : str, optional
        "FF++" by default, and "DFD" for the DeepFakeDetection part and its actors.

    Raises
    ------
    InputError
        The root is missing, is no such tree, or holds no picture and no video; two files give the same sample.

    References
    ----------
    A. Rössler et al., "FaceForensics++: Learning to Detect Manipulated Facial Images", ICCV 2019; the tree:
    https://github.com/ondyari/FaceForensics, dataset/README.md
    """
    files = list_files(root, {"masks": "masks are no samples"})
    if not any((root / top).is_dir() for top in (ORIGINALS, MANIPULATED)):
        raise InputError(f"neither {ORIGINALS} nor {MANIPULATED} in {root}; class folders need --layout folders")
    skipped = list(files.skipped)
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)  # top/class/compression/kind -> files
    for kind, paths in ((FRAMES, files.images), (VIDEOS, files.videos)):
        for path in paths:
            place = tuple(path.split("/")[:-1][:4])
            if _is_known(place, kind):
                places[place].append(path)
            else:
                skipped.append((path, f"not in {ORIGINALS} or {MANIPULATED}/<class>/<{'|'.join(COMPRESSIONS)}>/{kind}"))
    sources: list[Source] = []
    for place, paths in places.items():
        if place[3] == VIDEOS and (*place[:3], FRAMES) in places:
            skipped += [(path, f"the frames in {'/'.join(place[:3])}/{FRAMES} are read instead") for path in paths]
            continue
        manipulation = REAL_MANIPULATION if place[0] == ORIGINALS else canonical(place[1])
        name = dataset or ("DFD" if place[1] in DFD_FOLDERS else "FF++")
        folder = ClassFolder("/".join(place), valid_text(name), place[2], manipulation)
        sources += (video_sources if place[3] == VIDEOS else image_sources)(paths, folder)
    return sorted_listing(root, sources, skipped, _unparsed(sources))


def _unparsed(sources: Sequence[Source]) -> list[str]:
    """A sentence on fakes whose names do not say who is in them."""
    fakes = dict.fromkeys(source.video for source in sources if source.label == FAKE)
    strange = [video for video in fakes if not any(rule.fullmatch(video) for rule in (FFPP_PAIR, DFD_FAKE))]
    if not strange:
        return []
    return [
        f"{len(strange)} fake videos are not named target_source ({strange[0]}): who is in them is not known, each is a"
        " group of its own, and one person may stand on both sides of a split"
    ]


def _is_known(place: tuple[str, ...], kind: str) -> bool:
    return len(place) == 4 and place[0] in (ORIGINALS, MANIPULATED) and place[2] in COMPRESSIONS and place[3] == kind
