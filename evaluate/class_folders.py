"""The folder of a path that tells real from fake, and what stands between it and the file."""

from functools import lru_cache
from typing import NamedTuple

from cache.identity import canonical, folder_says
from evaluate.wording import CLASS

COMPRESSIONS = {"raw", "c0", "c23", "c40"}
CONTAINERS = {"frames", "images", "videos", "faces", "crops"} | COMPRESSIONS  # folders that name no video


class ClassFolder(NamedTuple):
    """What the folders of a path say.

    Attributes
    ----------
    tells : str
        The class that the last of them names: real, fake, or "".
    between : str
        The folders between that one and the file, which name the video.
    manipulation, compression : str
    """

    tells: str
    between: str
    manipulation: str
    compression: str


@lru_cache(maxsize=10_000)
def class_folder(folder: str, label: int, shared: int = 0) -> ClassFolder:
    """What the last folder of a path that tells a class says.

    Parameters
    ----------
    folder : str
        With slashes.
    label : int
        The row's own: 0 real, 1 fake.
    shared : int
        The first folders of the path, those that all rows share, which tell nothing.
    """
    parts = folder.split("/")
    compression = next((part for part in reversed(parts) if part in COMPRESSIONS), "")
    for at in range(len(parts) - 1, shared - 1, -1):
        says = folder_says(parts[at])
        if says:
            kind = canonical(parts[at]) if says == CLASS[label] else parts[at]
            between = "/".join(part for part in parts[at + 1 :] if part.lower() not in CONTAINERS)
            return ClassFolder(says, between, kind, compression)
    return ClassFolder("", "", CLASS[label], compression)
