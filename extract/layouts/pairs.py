"""Sets of single pictures by generator, each with a folder of reals and one of fakes: the family that several share."""

import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cache.errors import InputError
from cache.identity import REAL_MANIPULATION, Name, is_real
from cache.schema import SPLITS
from extract.layouts.base import CONTAINERS, ClassFolder, Listing, sorted_listing
from extract.layouts.files import glance, list_files, valid_text
from extract.layouts.places import Place, placed_sources


@dataclass
class Pairs:
    """A family: what its folders of reals and of fakes are called, and the form of a path, for a user to read."""

    real: str
    fake: str
    EXPECTED: str

    def recognises(self, root: Path) -> str:
        """Why a root is of this layout, or "": both folders lie near its top."""
        names = [path.rstrip("/") for path in glance(root, depth=4) if path.endswith("/")]
        found = [
            next((name for name in names if posixpath.basename(name) == one), "") for one in (self.real, self.fake)
        ]
        return f"it holds {' and '.join(found)}" if all(found) else ""

    def list_sources(self, root: Path, dataset: str | None = None) -> Listing:
        """Sources of a root, as `list_pairs` reads them; ``dataset`` is the root's name by default.

        Raises
        ------
        InputError
            The root is missing or has no such folder with a picture; two files give the same sample.
        """
        return list_pairs(root, dataset, self.real, self.fake, self.EXPECTED)


def list_pairs(root: Path, dataset: str | None, real: str, fake: str, expected: str) -> Listing:
    """Sources below folders ``real`` and ``fake``: ``<generator>/[split, category ...]/<real or fake>/<picture>``.

    The generator is the first folder below the root (the root itself where there is none) and names the manipulation.
    One with reals of its own is a data set of its own; those that have only fakes, or only reals, are one together.
    Every picture stands for itself; one of the same name in the same category, real and fake, is one group: of
    generators that translate pictures they are the same picture. In a folder below ``real`` or ``fake`` lie the frames
    of a video.
    """
    files = list_files(root)
    top = valid_text(dataset or root.resolve().name)
    sides: dict[str, set[str]] = {}
    for path in (*files.images, *files.videos):
        marked = _cut(path, real, fake)
        if marked:
            sides.setdefault(marked.generator, set()).add(marked.side)

    def place(path: str, is_video: bool) -> Place | str:
        marked = _cut(path, real, fake)
        if marked is None:
            return f"in no folder {real} or {fake}"
        generator = marked.generator or root.resolve().name
        if is_real(generator):
            raise InputError(f"{path}: a generator cannot be called {generator!r}; rename the folder")
        manipulation = REAL_MANIPULATION if marked.side == real else generator
        *below, file = marked.below
        nested = bool(below) and not is_video
        parts = [marked.split, *marked.category, *below, "" if nested else file]
        name = top
        if marked.generator and len(sides[marked.generator]) == 2:
            name = f"{top}-{valid_text(generator)}"
        elif manipulation == REAL_MANIPULATION:  # one of several sets of reals
            parts.insert(1, marked.generator)
        video = "/".join(filter(None, parts))
        return Place(ClassFolder("", name, "unknown", manipulation), Name(video, video), marked.split, nested)

    sources, skipped = placed_sources(files, place)
    if not sources:
        raise InputError(f"no folder {real} or {fake} with pictures in {root}; expected {expected}")
    return sorted_listing(root, sources, skipped)


class _Marked(NamedTuple):
    """A path cut at its folder of reals or fakes."""

    generator: str  # "" where the root is the generator's
    split: str
    category: list[str]
    side: str
    below: list[str]  # folders and the file's stem


def _cut(path: str, real: str, fake: str) -> _Marked | None:
    parts = posixpath.splitext(path)[0].split("/")
    marks = [place for place, folder in enumerate(parts[:-1]) if folder in (real, fake)]
    if not marks:
        return None
    above = parts[: marks[-1]]
    split = next((folder for folder in above if folder in SPLITS), "")
    named = [folder for folder in above if folder not in SPLITS and folder.lower() not in CONTAINERS]
    return _Marked(named[0] if named else "", split, named[1:], parts[marks[-1]], parts[marks[-1] + 1 :])


# S.-Y. Wang et al., "CNN-generated images are surprisingly easy to spot... for now", CVPR 2020:
# https://github.com/PeterWang512/CNNDetection; and the sets of U. Ojha et al., "Towards Universal Fake Image Detectors
# that Generalize Across Generative Models", CVPR 2023: https://github.com/WisconsinAIVision/UniversalFakeDetect
FORENSYNTHS = Pairs("0_real", "1_fake", "<generator>/[<category>/]{0_real,1_fake}/<picture>")
# M. Zhu et al., "GenImage: A Million-Scale Benchmark for Detecting AI-Generated Image", NeurIPS 2023:
# https://github.com/GenImage-Dataset/GenImage
GENIMAGE = Pairs("nature", "ai", "<generator>/[<set>/]{train,val}/{ai,nature}/<picture>")
# S. A. Khan, D.-T. Dang-Nguyen, "CLIPping the Deception: Adapting Vision-Language Models for Universal Deepfake
# Detection", ICMR 2024, in ImageNet's folders: https://github.com/sfimediafutures/CLIPping-the-Deception
CLIPPING = Pairs("n01440764", "n01443537", "<set>/images/{train,val}/{n01440764 (real),n01443537 (fake)}/<picture>")
