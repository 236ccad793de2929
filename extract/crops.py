"""How frames are cropped, as a user names it."""

from collections.abc import Callable
from pathlib import Path

from cache.errors import InputError, choose
from extract.detector import load_yunet
from extract.face_model import cached_model
from extract.faces import NO_FACE_POLICIES, FaceCrop
from extract.views import BACKGROUND, parse_views

CROPS = {
    "none": "the whole frame",
    "given": "the pictures come already cropped to the face",
    "face": "the largest face, followed through a video",
}


def check_crop(crop: str, face_model: Path | None, no_face: str, views: str) -> tuple[str, ...]:
    """The names of the views, where the options go together.

    Raises
    ------
    InputError
        They do not, or one is not known.
    """
    choose(CROPS, crop, "crop")
    choose(NO_FACE_POLICIES, no_face, "--no-face")
    names = parse_views(views, has_faces=crop == "face")
    if crop != "face" and (face_model is not None or no_face != "skip"):
        raise InputError("--face-model and --no-face belong to --crop face; add it, or leave them out")
    if no_face == "full" and BACKGROUND in names:
        raise InputError("the view 'background' needs a face of every frame: leave out --no-face full")
    return names


def face_crop(crop: str, face_model: Path | None, no_face: str, say: Callable[[str], None]) -> FaceCrop | None:
    """How frames are cropped to a face, the detector tried out; None where they are not.

    Raises
    ------
    InputError
        The detector's model cannot be had or used.
    """
    if crop != "face":
        return None
    return FaceCrop(load_yunet(face_model or cached_model(say)), no_face)
