"""A video file -> the frames that a sampling takes from it, upright 8-bit RGB, or the reason why not."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL
import simplejpeg
import xxhash
from av.video.frame import VideoFrame
from PIL import features

from cache.errors import InputError
from extract.frames import Timeline, UnexpectedFrame, decoded_timeline, packet_timeline, seek_frames, step_frames
from extract.images import Frame, Unreadable, hash_pixels


@dataclass(frozen=True)
class Sampling:
    """Which frames of a video become samples: a number spread evenly, or a rate, or (neither given) every one.

    Attributes
    ----------
    frames : int, optional
        This many, from the first to the last frame; all of a shorter video.
    fps : float, optional
        At each 1/fps seconds from the first frame on, the last frame not later; each frame once.

    Raises
    ------
    InputError
        Both are given, or one is out of range.
    """

    frames: int | None = None
    fps: float | None = None

    def __post_init__(self) -> None:
        if self.frames is not None and self.fps is not None:
            raise InputError("a number of frames and frames per second exclude each other; give one")
        if self.frames is not None and self.frames < 1:
            raise InputError(f"the number of frames of a video must be at least 1, not {self.frames}")
        if self.fps is not None and not 0.001 <= self.fps <= 1000:
            raise InputError(f"frames per second must lie between 0.001 and 1000, not {self.fps}")

    def describe(self) -> str:
        """In words, for the provenance.

        Examples
        --------
        >>> Sampling(frames=16).describe(), Sampling(fps=1).describe(), Sampling().describe()
        ('16 frames spread evenly', '1 frame/s', 'every frame')
        """
        if self.frames is not None:
            return f"{self.frames} frame{'s' if self.frames > 1 else ''} spread evenly"
        if self.fps is not None:
            return f"{self.fps:.12g} frame{'' if self.fps == 1 else 's'}/s"
        return "every frame"


def decoder_version() -> str:
    """The libraries that turn bytes into pixels, with their versions, for the provenance."""
    jpeg = features.version("libjpeg_turbo") or features.version("jpg")
    pictures = f"simplejpeg {simplejpeg.__version__}, Pillow {PIL.__version__} (libjpeg {jpeg})"
    return f"{pictures}, PyAV {av.__version__} (FFmpeg {av.ffmpeg_version_info})"


def count_slots(path: str | Path, sampling: Sampling) -> int:
    """How many samples a video may give: with a number of frames that number, without opening the file.

    Raises
    ------
    Unreadable
        No video, no frame, truncated or damaged.
    """
    if sampling.frames is not None:
        return sampling.frames
    return len(choose_frames(sampling, packet_timeline(path)))


def read_slots(path: str | Path, sampling: Sampling, slots: Sequence[int]) -> dict[int, Frame]:
    """Decode the frames of some slots.

    Parameters
    ----------
    path : str or Path
    sampling : Sampling
    slots : sequence of int
        Which of the samples that ``sampling`` takes from the video, counted from 0.

    Returns
    -------
    dict of Frame by slot
        Without those slots for which the video is too short.

    Raises
    ------
    Unreadable
        No video, no frame, truncated, or damaged before the last frame asked for.
    """
    return dict(iterate_slots(path, sampling, slots))


def iterate_slots(path: str | Path, sampling: Sampling, slots: Collection[int]) -> Iterator[tuple[int, Frame]]:
    """`read_slots` one frame at a time, in order; what comes before a damage is still given."""
    file_hash, byte_size = _hash_file(path)
    timeline = packet_timeline(path)
    given = set()
    try:
        numbers = _number_slots(sampling, timeline, slots)
        for (slot, number), frame in zip(
            numbers.items(), seek_frames(path, timeline, list(numbers.values())), strict=True
        ):
            yield slot, _to_frame(frame, number, file_hash, byte_size, timeline.codec)
            given.add(slot)
        return
    except (UnexpectedFrame, Unreadable):  # the packets promise other frames than decoding gives
        timeline = decoded_timeline(path)
    numbers = _number_slots(sampling, timeline, set(slots) - given)
    for (slot, number), frame in zip(numbers.items(), step_frames(path, list(numbers.values())), strict=True):
        yield slot, _to_frame(frame, number, file_hash, byte_size, timeline.codec)


def choose_frames(sampling: Sampling, timeline: Timeline) -> list[int]:
    """Number of the frame of each slot, ascending, each frame once.

    Examples
    --------
    >>> shown = Timeline(pts=[0, 10, 20, 30, 40], keys=[0], time_base=Fraction(1, 20), codec="h264")
    >>> choose_frames(Sampling(frames=3), shown), choose_frames(Sampling(fps=1), shown)
    ([0, 2, 4], [0, 2, 4])
    >>> choose_frames(Sampling(fps=0.75), shown)
    [0, 2]
    """
    count = len(timeline.pts)
    if sampling.frames is not None:
        return spread(count, sampling.frames)
    if sampling.fps is None:
        return list(range(count))
    rate = timeline.time_base * Fraction(sampling.fps).limit_denominator(10_000)
    places = [(pts - timeline.pts[0]) * rate for pts in timeline.pts]  # times counted in steps of 1/fps, exactly
    last = {-(-place // 1): number for number, place in enumerate(places)}  # by the first step not before the frame
    return [number for step, number in last.items() if step <= places[-1]]


def spread(count: int, wanted: int) -> list[int]:
    """``wanted`` of ``count`` frames, evenly from the first to the last; all where there are fewer.

    Examples
    --------
    >>> spread(10, 4), spread(10, 1), spread(3, 8)
    ([0, 3, 6, 9], [0], [0, 1, 2])
    """
    return [int(number) for number in np.rint(np.linspace(0, count - 1, min(wanted, count)))]


def _number_slots(sampling: Sampling, timeline: Timeline, slots: Collection[int]) -> dict[int, int]:
    """Frame number of each slot that the video is long enough for, in order."""
    chosen = choose_frames(sampling, timeline)
    return {slot: chosen[slot] for slot in sorted(slots) if slot < len(chosen)}


def _hash_file(path: str | Path) -> tuple[str, int]:
    digest = xxhash.xxh3_128()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest(), file.tell()
    except OSError as error:
        raise Unreadable("open", error.strerror or str(error)) from error


def _to_frame(frame: VideoFrame, number: int, file_hash: str, byte_size: int, codec: str) -> Frame:
    """RGB pixels of a decoded frame, turned upright as the display matrix says, with its fingerprints."""
    decoded = frame.to_ndarray(format="rgb24", threads=1)
    pixels = np.ascontiguousarray(np.rot90(decoded, round(frame.rotation / 90)))
    return Frame(
        index=number,
        file_hash=file_hash,
        pixel_hash=hash_pixels(pixels),
        width=pixels.shape[1],
        height=pixels.shape[0],
        byte_size=byte_size,
        format=codec,
        quantization="",
        pixels=pixels,
    )
