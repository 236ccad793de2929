"""DeepFakeDetection by itself, outside the tree of FaceForensics++: its file names say who is real and who swapped."""

import posixpath
from pathlib import Path

from cache.errors import InputError
from cache.identity import DFD_FAKE, DFD_REAL, REAL_MANIPULATION, Name, folder_says, parse_video
from extract.layouts.base import ClassFolder, Listing, parse_file, sorted_listing
from extract.layouts.ffpp import COMPRESSIONS
from extract.layouts.files import glance, list_files, valid_text
from extract.layouts.places import Place, placed_sources

FAKES = "DeepFakeDetection"
EXPECTED = "01__scene.mp4 (real) and 01_02__scene__8CHARS42.mp4 (fake), in any folders"


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where it is not."""
    stems = (posixpath.splitext(posixpath.basename(path.rstrip("/")))[0] for path in glance(root))
    found = next((stem for stem in stems if DFD_FAKE.fullmatch(stem) or DFD_REAL.fullmatch(stem)), "")
    return f"names such as {valid_text(found)}" if found else ""


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources of DeepFakeDetection, told by the names of files, or of folders of frames, at any depth.

    Reals are ``actor__scene``, fakes ``target_source__scene__code``. A folder raw, c0, c23 or c40 above them is the
    compression.

    Parameters
    ----------
    root : Path
    dataset : str, optional
        "DFD" by default.

    Raises
    ------
    InputError
        The root is missing or holds no such file; a folder called real holds a fake, or the other way round; two
        files give the same sample.

    References
    ----------
    N. Dufour, A. Gully, "Contributing Data to Deepfake Detection Research", 2019; names as in
    https://github.com/ondyari/FaceForensics, dataset/README.md
    """
    files = list_files(root)
    name = valid_text(dataset or "DFD")

    def place(path: str, is_video: bool) -> Place | str:
        known = _name(path, is_video)
        if known is None:
            return "neither its name nor its folder's is one of DeepFakeDetection"
        manipulation, video, nested = known
        folders = path.split("/")[:-1]
        said = next((word for word in map(folder_says, reversed(folders)) if word), "")
        if said and (said == "real") != (manipulation == REAL_MANIPULATION):
            raise InputError(
                f"{path} is named as a {'fake' if said == 'real' else 'real'}, but lies in a {said} folder"
            )
        compression = next((folder for folder in reversed(folders) if folder in COMPRESSIONS), "unknown")
        return Place(ClassFolder("", name, compression, manipulation), video, "", nested)

    return sorted_listing(root, *placed_sources(files, place))


def _name(path: str, is_video: bool) -> tuple[str, Name, bool] | None:
    """Manipulation and video of a file, and whether it is a frame in the video's folder."""
    *folders, file = posixpath.splitext(path)[0].split("/")
    for manipulation, pattern in ((FAKES, DFD_FAKE), (REAL_MANIPULATION, DFD_REAL)):
        name = parse_video(file, manipulation) if is_video else parse_file(path, manipulation)
        if pattern.fullmatch(name.video):
            return manipulation, name, False
        if folder := next((folder for folder in reversed(folders) if pattern.fullmatch(folder)), None):
            return manipulation, parse_video(folder, manipulation), True
    return None
