"""The decoded frames of a video by their number: the timeline of all, and decoding of some."""

import io
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import dropwhile, islice, zip_longest
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from extract.images import Unreadable

# Codecs of which each packet gives one frame; of others (VP8 has hidden frames) the frames are counted by decoding.
ONE_FRAME_A_PACKET = {"h264", "hevc", "mpeg4", "mjpeg"}


class _File(io.BufferedReader):
    """A file that answers impossible seeks, as a damaged index asks for, by -1: FFmpeg expects that, no exception."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except (OSError, ValueError):
            return -1


class UnexpectedFrame(Exception):
    """Decoding gives other frames than the packets promise."""


class Timeline(NamedTuple):
    """When each frame of a video is shown.

    Attributes
    ----------
    pts : list of int
        In units of ``time_base``, ascending: frame k is the k-th that decoding everything gives.
    keys : list of int
        Numbers of the frames from which decoding can start, ascending, the first 0.
    time_base : Fraction
        Seconds.
    codec : str
    """

    pts: list[int]
    keys: list[int]
    time_base: Fraction
    codec: str


def packet_timeline(path: str | Path) -> Timeline:
    """Timeline by the packets, without decoding; by decoding where packets do not tell.

    Raises
    ------
    Unreadable
        No video, no frame, truncated or damaged.
    """
    with opened(path) as (container, stream):
        packets = [packet for packet in container.demux(stream) if packet.size]
        is_counted = container.format.name.startswith("mov")  # its header says how many packets there are
        if is_counted and len(packets) < stream.frames:
            raise Unreadable("decode", f"truncated: {len(packets)} of {stream.frames} frames are there")
        shown = [packet for packet in packets if not packet.is_discard]
        times = {packet.pts: packet.is_keyframe for packet in shown if packet.pts is not None}
        codec, time_base = stream.codec_context.name, stream.time_base
    pts = sorted(times)
    each_has_its_time = 0 < len(shown) == len(pts)
    if codec not in ONE_FRAME_A_PACKET or time_base is None or not each_has_its_time:
        return decoded_timeline(path)
    if shown[0].pts != pts[0] or not shown[0].is_keyframe:  # begins in the midst of a group: not all can be decoded
        return decoded_timeline(path)
    return Timeline(pts, [number for number, time in enumerate(pts) if times[time]], time_base, codec)


def decoded_timeline(path: str | Path) -> Timeline:
    """Timeline by decoding everything, once; decoding then starts at the first frame only.

    Raises
    ------
    Unreadable
        No video, no frame, or damaged.
    """
    with opened(path) as (container, stream):
        times = [_time_of_intact(frame) for frame in container.decode(stream)]
        codec, rate, time_base = stream.codec_context.name, stream.average_rate, stream.time_base
    if not times:
        raise Unreadable("decode", "the video has no frame")
    known = [pts for pts in times if pts is not None]
    if time_base is not None and len(known) == len(times) and known == sorted(known):
        return Timeline(known, [0], time_base, codec)
    return Timeline(list(range(len(times))), [0], 1 / rate if rate else Fraction(1, 25), codec)  # no usable times


def seek_frames(path: str | Path, timeline: Timeline, numbers: list[int]) -> Iterator[VideoFrame]:
    """Frames of ascending numbers, each decoded from the last key frame where that saves decoding.

    Raises
    ------
    UnexpectedFrame
        A frame is missing, damaged, or not where the timeline has it.
    Unreadable
        Damaged.
    """
    with opened(path) as (container, stream):
        frames, position = container.decode(stream), 0
        for number in numbers:
            key = timeline.keys[bisect_right(timeline.keys, number) - 1]
            if key > position:
                container.seek(timeline.pts[key], stream=stream)
                frames, position = _skip_before(timeline.pts[key], container.decode(stream)), key
            for frame, expected in zip_longest(
                islice(frames, number + 1 - position), timeline.pts[position : number + 1]
            ):
                if frame is None or frame.pts != expected or frame.is_corrupt:
                    raise UnexpectedFrame
            position = number + 1
            yield frame


def step_frames(path: str | Path, numbers: list[int]) -> Iterator[VideoFrame]:
    """Frames of ascending numbers, decoded from the start.

    Raises
    ------
    Unreadable
        Damaged before the last frame asked for.
    """
    with opened(path) as (container, stream):
        until_last = islice(container.decode(stream), max(numbers, default=-1) + 1)
        yield from (frame for number, frame in enumerate(until_last) if number in numbers)


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A video's container and its best video stream; whatever goes wrong with them is `Unreadable`."""
    try:
        file = _File(io.FileIO(path))  # names that are not UTF-8 open as file objects only
    except OSError as error:
        raise Unreadable("open", error.strerror or str(error)) from error
    with file:
        try:  # a file may not make FFmpeg open others (playlists)
            container = av.open(file, "r", metadata_errors="replace", container_options={"protocol_whitelist": "none"})
        except (av.FFmpegError, OSError, ValueError) as error:
            raise Unreadable("open", f"no video that FFmpeg knows ({_reason(error)})") from error
        with container:
            stream = container.streams.best("video")
            if not isinstance(stream, VideoStream):
                raise Unreadable("open", "no video stream in the file")
            _set_up(stream)
            try:
                yield container, stream
            except (av.FFmpegError, OSError) as error:  # OSError: of the disk, while reading
                raise Unreadable("decode", f"truncated or damaged: {_reason(error)}") from error


def _set_up(stream: VideoStream) -> None:
    """One thread, as many of these run side by side, and no larger frames than pictures may be."""
    codec = stream.codec_context
    if codec is None:
        raise Unreadable("open", "a video of a codec that this FFmpeg does not know")
    if Image.MAX_IMAGE_PIXELS is not None:
        if codec.width * codec.height > Image.MAX_IMAGE_PIXELS:
            raise Unreadable("open", f"larger than {Image.MAX_IMAGE_PIXELS} pixels: {codec.width} x {codec.height}")
        codec.options = {"max_pixels": str(Image.MAX_IMAGE_PIXELS)}  # of a frame whose own header says otherwise
    codec.thread_count = 1


def _time_of_intact(frame: VideoFrame) -> int | None:
    if frame.is_corrupt:
        raise Unreadable("decode", "a frame is damaged")
    return frame.pts


def _skip_before(pts: int, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Frames from a time on: behind a key frame come some that are shown before it and need what was not decoded."""
    return dropwhile(lambda frame: frame.pts is not None and frame.pts < pts, frames)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
