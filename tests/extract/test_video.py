"""Video files -> exactly the frames that decoding everything would give."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from cache.errors import InputError
from extract import video
from extract.frames import Timeline, decoded_timeline, packet_timeline, seek_frames, step_frames
from extract.images import Unreadable
from extract.video import Sampling, choose_frames, count_slots, decoder_version, read_slots, spread

MakeVideo = Callable[..., Path]
CODECS = {
    "a.mp4": "libx264",
    "a.mkv": "libx264",
    "a.mov": "mpeg4",
    "a.avi": "mpeg4",
    "b.avi": "mjpeg",
    "a.webm": "libvpx",
    "b.webm": "libvpx-vp9",
}


def decode_all(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(container.streams.video[0])]


def damage(path: Path, packets: range) -> None:
    """Overwrite the second half of some packets, by their order in the file."""
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content, rng = bytearray(path.read_bytes()), np.random.default_rng(0)
    for position, size in (places[number] for number in packets):
        half = size // 2
        content[position + half : position + size] = rng.bytes(size - half)
    path.write_bytes(content)


def timeline(times: list[float], rate: int = 1000) -> Timeline:
    return Timeline([round(time * rate) for time in times], [0], Fraction(1, rate), "h264")


@pytest.mark.parametrize(("name", "codec"), CODECS.items())
def test_every_frame_is_the_one_of_its_number(make_video: MakeVideo, name: str, codec: str) -> None:
    path = make_video(name, frames=40, codec=codec)
    everything = decode_all(path)
    frames = read_slots(path, Sampling(), range(count_slots(path, Sampling())))
    assert [frame.index for frame in frames.values()] == list(range(len(everything))) == list(frames)
    assert all(np.array_equal(frames[number].pixels, pixels) for number, pixels in enumerate(everything))


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("b.avi", "mjpeg")])
def test_seeking_gives_what_decoding_from_the_start_gives(make_video: MakeVideo, name: str, codec: str) -> None:
    path = make_video(name, frames=70, codec=codec, gop=9)
    everything = decode_all(path)
    known = packet_timeline(path)
    assert known.pts == decoded_timeline(path).pts
    assert len(known.keys) >= 7 and known.keys[0] == 0
    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 20):
        numbers = sorted(rng.choice(70, count, replace=False).tolist())
        for decoded in (seek_frames(path, known, numbers), step_frames(path, numbers)):
            pixels = [frame.to_ndarray(format="rgb24") for frame in decoded]
            assert all(np.array_equal(one, everything[number]) for one, number in zip(pixels, numbers, strict=True))


def test_seeking_skips_what_is_not_asked_for(make_video: MakeVideo) -> None:
    path = make_video("a.mp4", frames=60, gop=10)
    good = read_slots(path, Sampling(frames=2), [1])[1]
    damage(path, packets=range(1, 30))
    late = read_slots(path, Sampling(frames=2), [1])[1]
    assert late.index == 59 and late.pixel_hash == good.pixel_hash
    with pytest.raises(Unreadable):
        read_slots(path, Sampling(), [20])


def test_what_lies_between_a_landing_and_its_frame_is_skipped(make_video: MakeVideo) -> None:
    path = make_video("a.mp4", frames=40, gop=10)
    everything = decode_all(path)
    dense = packet_timeline(path)._replace(keys=list(range(40)))  # seeking will land before the frame it aims at
    decoded = [frame.to_ndarray(format="rgb24") for frame in seek_frames(path, dense, [5, 17, 39])]
    assert all(np.array_equal(one, everything[number]) for one, number in zip(decoded, (5, 17, 39), strict=True))


def test_frames_are_counted_by_decoding_where_packets_may_hide_some(make_video: MakeVideo, tmp_path: Path) -> None:
    assert packet_timeline(make_video("a.webm", frames=30, codec="libvpx")).keys == [0]
    with (
        av.open(str(make_video("a.mp4", frames=30, gop=10))) as whole,
        av.open(str(tmp_path / "b.mkv"), "w") as headless,
    ):
        stream = headless.add_stream_from_template(whole.streams.video[0])
        for number, packet in enumerate(whole.demux(video=0)):
            if packet.size and number >= 4:  # without the first key frame
                packet.stream = stream
                headless.mux(packet)
    everything = decode_all(tmp_path / "b.mkv")
    assert 0 < len(everything) < 26
    assert count_slots(tmp_path / "b.mkv", Sampling()) == len(everything)
    last = len(everything) - 1
    assert np.array_equal(read_slots(tmp_path / "b.mkv", Sampling(), [last])[last].pixels, everything[last])


def test_a_frame_has_its_fingerprints(make_video: MakeVideo) -> None:
    path = make_video("a.mp4", frames=5, size=(32, 16))
    first, last = read_slots(path, Sampling(frames=2), [0, 1]).values()
    assert (first.width, first.height, first.format, first.quantization) == (32, 16, "h264", "")
    assert first.byte_size == path.stat().st_size
    assert first.file_hash == last.file_hash == xxhash.xxh3_128_hexdigest(path.read_bytes())
    assert first.pixel_hash != last.pixel_hash


@pytest.mark.parametrize("slots", [[3], [0, 5], [7, 2], [0, 1, 2, 3, 4, 5, 6, 7]])
def test_slots_may_be_read_in_any_portions(make_video: MakeVideo, slots: list[int]) -> None:
    path = make_video("a.mp4", frames=50)
    whole = read_slots(path, Sampling(frames=8), range(8))
    part = read_slots(path, Sampling(frames=8), slots)
    assert set(part) == set(slots)
    assert all(part[slot].pixel_hash == whole[slot].pixel_hash for slot in slots)


def test_a_short_video_lacks_the_last_slots(make_video: MakeVideo) -> None:
    path = make_video("a.mp4", frames=3)
    assert count_slots(path, Sampling(frames=8)) == 8
    assert [frame.index for frame in read_slots(path, Sampling(frames=8), range(8)).values()] == [0, 1, 2]
    assert read_slots(path, Sampling(frames=8), [5]) == {}


@given(count=st.integers(1, 500), wanted=st.integers(1, 100))
def test_spread_is_even_and_without_repetition(count: int, wanted: int) -> None:
    numbers = spread(count, wanted)
    assert len(numbers) == min(count, wanted)
    assert numbers[0] == 0
    steps = np.diff(numbers)
    assert len(steps) == 0 or (numbers[-1] == count - 1 and steps.min() >= 1 and np.ptp(steps) <= 1)


def test_frames_per_second_take_the_last_frame_not_later() -> None:
    shown = timeline([0.0, 0.4, 0.9, 1.0, 1.7, 2.6])  # steps of a second: 0, 1.0 (exactly), 1.7 (not later than 2)
    assert choose_frames(Sampling(fps=1), shown) == [0, 3, 4]
    assert choose_frames(Sampling(fps=2), shown) == [0, 1, 3, 4]  # at 0, .5, 1 and 1.5 (again 1.0), 2 and 2.5 (1.7)
    assert choose_frames(Sampling(fps=100), shown) == [0, 1, 2, 3, 4, 5]  # each frame once
    assert choose_frames(Sampling(fps=0.1), shown) == [0]
    later = timeline([time + 7.3 for time in (0.0, 0.4, 0.9, 1.0, 1.7, 2.6)])  # counted from the first frame
    assert choose_frames(Sampling(fps=1), later) == [0, 3, 4]


@given(
    gaps=st.lists(st.integers(1, 400), min_size=0, max_size=60),
    fps=st.sampled_from([0.3, 1, 2.5, 5, 23.976, 24, 29.97, 60]),
)
def test_frames_per_second_agree_with_their_definition(gaps: list[int], fps: float) -> None:
    times = np.concatenate([[0], np.cumsum(gaps)]).astype(int).tolist()  # milliseconds
    rate = Fraction(fps).limit_denominator(10_000)
    steps = range(int(Fraction(times[-1], 1000) * rate) + 1)
    by_hand = [max(n for n, time in enumerate(times) if Fraction(time, 1000) <= step / rate) for step in steps]
    chosen = choose_frames(Sampling(fps=fps), Timeline(times, [0], Fraction(1, 1000), "h264"))
    assert chosen == sorted(set(by_hand))


def test_frames_per_second_of_a_file(make_video: MakeVideo) -> None:
    path = make_video("a.mp4", frames=60, rate=25)
    sampling = Sampling(fps=5)
    assert count_slots(path, sampling) == 12
    assert [frame.index for frame in read_slots(path, sampling, range(12)).values()] == list(range(0, 60, 5))


def test_sampling_is_described_and_checked() -> None:
    described = [Sampling(frames=1), Sampling(frames=32), Sampling(fps=0.5), Sampling(fps=1.0), Sampling()]
    assert [one.describe() for one in described] == [
        "1 frame spread evenly",
        "32 frames spread evenly",
        "0.5 frames/s",
        "1 frame/s",
        "every frame",
    ]
    for wrong in ({"frames": 0}, {"fps": 0.0}, {"fps": float("nan")}, {"frames": 2, "fps": 1.0}):
        with pytest.raises(InputError):
            Sampling(**wrong)


@pytest.mark.parametrize(("turn", "matrix"), [(1, (0, -1, 1, 0)), (-1, (0, 1, -1, 0)), (2, (-1, 0, 0, -1))])
def test_rotation_of_the_display_matrix_is_applied(make_video: MakeVideo, turn: int, matrix: tuple[int, ...]) -> None:
    path = make_video("a.mp4", frames=3)
    stored = decode_all(path)[0]
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40  # version 0: the matrix lies 40 bytes behind the header
    for cell, value in zip((0, 1, 3, 4), matrix, strict=True):
        content[place + 4 * cell : place + 4 * cell + 4] = (value * 65536).to_bytes(4, "big", signed=True)
    path.write_bytes(content)
    frame = read_slots(path, Sampling(frames=1), [0])[0]
    assert np.array_equal(frame.pixels, np.rot90(stored, turn))
    assert (frame.height, frame.width) == frame.pixels.shape[:2]


def test_unreadable_files_say_stage_and_reason(make_video: MakeVideo, tmp_path: Path) -> None:
    whole = make_video("whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    (tmp_path / "text.mp4").write_text("not a video " * 100)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile whole.mp4\n")
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
    expected = {
        "cut.mp4": ("decode", "truncated"),
        "text.mp4": ("open", "no video that FFmpeg knows"),
        "empty.mp4": ("open", "no video that FFmpeg knows"),
        "list.mp4": ("open", "no video that FFmpeg knows"),  # may not make FFmpeg open another file
        "sound.mkv": ("open", "no video stream"),
        "missing.mp4": ("open", "No such file"),
    }
    for name, (stage, reason) in expected.items():
        for read in (
            lambda path: read_slots(path, Sampling(frames=4), range(4)),
            lambda path: count_slots(path, Sampling()),
        ):
            with pytest.raises(Unreadable) as error:
                read(tmp_path / name)
            assert error.value.stage == stage, name
            assert reason in error.value.reason, name


def test_what_comes_before_a_damage_is_given(make_video: MakeVideo) -> None:
    path = make_video("a.mp4", frames=60, gop=10, size=(128, 96))
    good = {slot: frame.pixel_hash for slot, frame in read_slots(path, Sampling(frames=12), range(12)).items()}
    damage(path, range(31, 60))
    found = {}
    with pytest.raises(Unreadable):
        for slot, frame in video.iterate_slots(path, Sampling(frames=12), range(12)):
            found[slot] = frame.pixel_hash
    assert 5 <= len(found) <= 8
    assert found == {slot: good[slot] for slot in range(len(found))}


def test_a_frame_that_decodes_damaged_is_no_frame(make_video: MakeVideo) -> None:
    path = make_video("a.mp4", frames=30, gop=10, size=(128, 96))
    whole = path.read_bytes()
    concealed = []
    for number in range(11, 20):
        path.write_bytes(whole)
        damage(path, range(number, number + 1))
        with av.open(str(path)) as container:
            corrupt = [frame.is_corrupt for frame in container.decode(video=0)]
        if len(corrupt) == 30 and any(corrupt):  # FFmpeg gives all frames, and only a flag tells
            concealed.append(number)
            with pytest.raises(Unreadable, match="damaged"):
                read_slots(path, Sampling(), [corrupt.index(True)])
    assert concealed


@pytest.mark.parametrize("change", ["early", "late", "no seeking"])
def test_decoding_is_asked_where_packets_mislead(
    make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = make_video("a.mp4", frames=30)
    everything = decode_all(path)
    known = packet_timeline(path)
    times = {"early": [known.pts[0] - 512, *known.pts], "late": [*known.pts, known.pts[-1] + 512]}
    wrong = known._replace(pts=times.get(change, known.pts))  # as of frames that the decoder drops
    monkeypatch.setattr(video, "packet_timeline", lambda path: wrong)
    if change == "no seeking":
        monkeypatch.setattr(video, "seek_frames", cannot_seek)
    frames = list(video.iterate_slots(path, Sampling(), range(31)))
    assert [slot for slot, _ in frames] == [frame.index for _, frame in frames] == list(range(30))
    assert all(np.array_equal(frame.pixels, everything[slot]) for slot, frame in frames)


def cannot_seek(path: Path, timeline: Timeline, numbers: list[int]) -> Iterator[None]:
    raise Unreadable("decode", "Operation not permitted")
    yield


def test_names_that_are_not_utf8_open(make_video: MakeVideo, tmp_path: Path) -> None:
    name = tmp_path / "\udce9t\udce9.mp4"
    make_video("a.mp4", frames=2).rename(name)
    assert len(read_slots(name, Sampling(), [0, 1])) == 2


def test_decoder_version_names_the_libraries() -> None:
    assert all(name in decoder_version() for name in ("Pillow", "libjpeg", "PyAV", "FFmpeg"))


def test_real_ffpp_video(real_data: Path) -> None:
    path = real_data / "ffpp_videos/manipulated_sequences/FaceSwap/c23/videos/634_660.mp4"
    frames = read_slots(path, Sampling(frames=5), range(5))
    assert [frame.index for frame in frames.values()] == [0, 84, 168, 253, 337]
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(container.streams.video[0])):
            if number == 253:
                assert np.array_equal(frame.to_ndarray(format="rgb24"), frames[3].pixels)
    assert len({frame.pixel_hash for frame in frames.values()}) == 5
