"""The field's names: a class folder or file name -> manipulation, video, identities; and the groups they form."""

import re
from collections.abc import Sequence
from typing import NamedTuple

REAL_MANIPULATION = "real"

FAKES = {  # what FaceForensics++ and its users call a manipulation, in lower case -> its canonical name
    "df": "Deepfakes",
    "deepfakes": "Deepfakes",
    "f2f": "Face2Face",
    "face2face": "Face2Face",
    "fs": "FaceSwap",
    "faceswap": "FaceSwap",
    "nt": "NeuralTextures",
    "neuraltextures": "NeuralTextures",
    "faceshifter": "FaceShifter",
    "deepfakedetection": "DeepFakeDetection",
}
REAL_WORDS = {"real", "reals", "original", "originals", "pristine", "youtube", "actors"}
FAKE_WORDS = {"fake", "fakes", "manipulated", "synthesis", "deepfake"}
FILLER_WORDS = {"sequences", "videos", "images", "frames", "faces", "celeb", "dfd"}  # beside a word that tells

FFPP_PAIR = re.compile(r"(?P<target>\d{3})_(?P<source>\d{3})")
DFD_REAL = re.compile(r"(?P<actor>\d{2})__[a-z].*")
DFD_FAKE = re.compile(r"(?P<target>\d{2})_(?P<source>\d{2})__(?P<scene>[a-z].*)__[A-Z0-9]{8}")
CELEB_REAL = re.compile(r"(?P<person>id\d+)_\d{4}")
CELEB_FAKE = re.compile(r"(?P<target>id\d+)_(?P<source>id\d+)_(?P<clip>\d{4})")
NUMBERED = re.compile(r"(?P<video>.+)_(?P<frame>\d+)")


class Name(NamedTuple):
    """What the name of a video or of a frame says.

    Attributes
    ----------
    video : str
        The video, as the data set names it.
    target : str
        The video that a fake was made from; a real's own name.
    sources : tuple of str
        Who is in it beside the target: the donor of a face or of an expression; where the data set names people
        (actors, celebrities), all of them, the target's own first.
    frame : int or None
        Number of the frame, where the name has one.
    """

    video: str
    target: str
    sources: tuple[str, ...] = ()
    frame: int | None = None

    @property
    def identities(self) -> tuple[str, ...]:
        """Who is in it: target and sources, or the people alone where the data set names them.

        Examples
        --------
        >>> Name("018_019", "018", ("019",)).identities, Name("id0_id1_0003", "id0_0003", ("id0", "id1")).identities
        (('018', '019'), ('id0', 'id1'))
        """
        if self.sources and self.target.startswith(f"{self.sources[0]}_"):  # a video of the first of them
            return tuple(dict.fromkeys(self.sources))
        return tuple(dict.fromkeys((self.target, *self.sources)))


def canonical(folder: str) -> str:
    """Manipulation that a class folder stands for.

    Names of FaceForensics++ and their abbreviations become its canonical ones, names of originals become "real",
    anything else stays as written.

    Examples
    --------
    >>> [canonical(name) for name in ("Real_youtube", "0_real", "f2f", "StyleGAN2")]
    ['real', 'real', 'Face2Face', 'StyleGAN2']
    """
    words = _telling_words(folder)
    if words and words <= REAL_WORDS:
        return REAL_MANIPULATION
    return FAKES.get(folder.lower(), folder)


def folder_says(folder: str) -> str:
    """Whether a folder's name says "real" or "fake"; "" where it tells neither.

    Examples
    --------
    >>> [folder_says(name) for name in ("Real_youtube", "1_fake", "FaceSwap", "faces")]
    ['real', 'fake', 'fake', '']
    """
    words = _telling_words(folder)
    if words and words <= REAL_WORDS:
        return "real"
    return "fake" if folder.lower() in FAKES or (words and words <= FAKE_WORDS) else ""


def _telling_words(folder: str) -> set[str]:
    return {word for word in re.split(r"[^a-z0-9]+", folder.lower()) if word and not word.isdigit()} - FILLER_WORDS


def is_real(manipulation: str) -> bool:
    """Whether a manipulation (as `canonical` names it) stands for originals."""
    return manipulation == REAL_MANIPULATION


def parse_video(name: str, manipulation: str) -> Name:
    """Who is in a video, by the name of its folder or file (without suffix).

    Fakes named ``target_source`` with the three-digit numbers of FaceForensics++, the actors of its
    DeepFakeDetection part (reals ``actor__scene``, fakes ``target_source__scene__code``) and the celebrities of
    Celeb-DF (reals ``idA_NNNN``, fakes ``idA_idB_NNNN``) are told apart; of any other video the name itself is the
    target.

    Parameters
    ----------
    manipulation : str
        As `canonical` gives it: the same name means one thing among reals and another among fakes.

    References
    ----------
    File names of FaceForensics++: https://github.com/ondyari/FaceForensics, dataset/README.md; of Celeb-DF:
    https://github.com/yuezunli/celeb-deepfakeforensics, README.md

    Examples
    --------
    >>> parse_video("018_019", "FaceSwap")
    Name(video='018_019', target='018', sources=('019',), frame=None)
    >>> parse_video("02_11__talking__0KDMG3QF", "DeepFakeDetection")
    Name(video='02_11__talking__0KDMG3QF', target='02__talking', sources=('02', '11'), frame=None)
    """
    if celebrity := CELEB_REAL.fullmatch(name):
        return Name(name, name, (celebrity["person"],))
    if is_real(manipulation):
        actor = DFD_REAL.fullmatch(name)
        return Name(name, name, (actor["actor"],) if actor else ())
    if swap := CELEB_FAKE.fullmatch(name):
        return Name(name, f"{swap['target']}_{swap['clip']}", (swap["target"], swap["source"]))
    if pair := FFPP_PAIR.fullmatch(name):
        return Name(name, pair["target"], (pair["source"],))
    if swap := DFD_FAKE.fullmatch(name):
        return Name(name, f"{swap['target']}__{swap['scene']}", (swap["target"], swap["source"]))
    return Name(name, name)


def parse_frame(stem: str, manipulation: str) -> Name:
    """Video and frame number of a picture that lies directly in its class folder, by its name without suffix.

    Only the class folder tells the two flattened forms of FaceForensics++ apart: among fakes ``018_019_055`` is
    frame 55 of video 018_019 and ``018_019`` is that video without a frame number; among reals ``286_082`` is
    frame 82 of video 286. ``id0_0003`` of Celeb-DF is a video on either side.

    Examples
    --------
    >>> parse_frame("018_019_055", "FaceSwap")
    Name(video='018_019', target='018', sources=('019',), frame=55)
    >>> parse_frame("286_082", "real")
    Name(video='286', target='286', sources=(), frame=82)
    >>> parse_frame("portrait", "real")
    Name(video='portrait', target='portrait', sources=(), frame=None)
    """
    numbered = NUMBERED.fullmatch(stem)
    fake_videos = () if is_real(manipulation) else (FFPP_PAIR, CELEB_FAKE)
    if not numbered or any(pattern.fullmatch(stem) for pattern in (CELEB_REAL, *fake_videos)):
        return parse_video(stem, manipulation)
    return parse_video(numbered["video"], manipulation)._replace(frame=int(numbered["frame"]))


def connected_groups(identities: Sequence[Sequence[str]]) -> list[str]:
    """Connected component of each sample, when samples that share an identity are joined.

    Parameters
    ----------
    identities : sequence of sequences of str, length N
        Who is in each sample; at least one identity each.

    Returns
    -------
    list of str, length N
        The smallest identity of each sample's component: independent of the order of samples and identities.

    Raises
    ------
    ValueError
        A sample has no identity.

    Examples
    --------
    >>> connected_groups([("004",), ("004", "982"), ("634", "660")])
    ['004', '004', '634']
    """
    samples = [tuple(sample) for sample in identities]
    parents: dict[str, str] = {}
    for sample in dict.fromkeys(samples):  # frames of a video, and videos of a pair, repeat
        if not sample:
            raise ValueError("a sample without an identity belongs to no group")
        roots = [_root(parents, identity) for identity in sample]
        smallest = min(roots)
        parents.update(dict.fromkeys(roots, smallest))
    return [_root(parents, sample[0]) for sample in samples]


def _root(parents: dict[str, str], identity: str) -> str:
    """Smallest identity known of a component; the path to it is halved on the way."""
    parents.setdefault(identity, identity)
    while parents[identity] != identity:
        parents[identity] = parents[parents[identity]]
        identity = parents[identity]
    return identity
