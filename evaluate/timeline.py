"""How the score runs through single videos: the worst misjudged ones and the most confident hits, frame by frame."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from evaluate.drawing import COLOURS, INK, REAL_COLOUR, STYLE, WIDTH
from evaluate.folders import Run
from evaluate.gallery import KINDS, choose
from evaluate.wording import CLASS

LEAST = 4  # frames of a video that make a course worth drawing
MOST = 6  # videos
ACROSS = 2
LETTERS = 32  # of a video's name above its drawing
FEW_FRAMES = 30  # more points than this are drawn as a line alone


def videos_to_show(videos: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """The videos furthest from their threshold, errors and hits in turn, until there are enough.

    Parameters
    ----------
    videos : DataFrame
        Test predictions, one row a video, with ``frames``.
    threshold : float
        That of videos.

    Returns
    -------
    DataFrame
        At most `MOST` rows with their ``kind``, in the order of `evaluate.gallery.KINDS`; videos of less than `LEAST`
        frames are left out.
    """
    long = videos[videos["frames"] >= LEAST]
    chosen = choose(long.assign(sample_id=long["video_id"]), threshold, MOST)
    turn = chosen.groupby("kind").cumcount()
    first = turn.sort_values(kind="stable").index[:MOST]  # the first of each kind, then the second ...
    return chosen.loc[np.sort(first)].reset_index(drop=True)


def frame_numbers(sample_ids: pd.Series) -> np.ndarray:
    """Number of each frame of a video, the last part of its sample_id; its place in the table where one has none.

    Examples
    --------
    >>> frame_numbers(pd.Series(["FF++/c23/real/000/0", "FF++/c23/real/000/25"])).tolist()
    [0.0, 25.0]
    >>> frame_numbers(pd.Series(["real/000/a.png", "real/000/b.png"])).tolist()
    [0.0, 1.0]
    """
    numbers = pd.to_numeric(sample_ids.str.rpartition("/")[2], errors="coerce").to_numpy(float)
    return numbers if np.isfinite(numbers).all() else np.arange(len(numbers), dtype=float)


@mpl.rc_context(STYLE)
def timeline_figure(frames: pd.DataFrame, chosen: pd.DataFrame, threshold: float) -> Figure:
    """Score by frame of each video, its mean as a pale line, and the threshold of frames, dotted.

    Parameters
    ----------
    frames : DataFrame
        Test predictions, one row a frame.
    chosen : DataFrame
        As `videos_to_show` gives them; at least one row.
    threshold : float
        That of frames.
    """
    rows = -(-len(chosen) // ACROSS)
    figure = Figure(figsize=(WIDTH, 0.5 + 1.25 * rows), layout="constrained")
    FigureCanvasSVG(figure)
    places = figure.subplots(rows, ACROSS, sharey=True, squeeze=False).ravel()
    of_video = dict(iter(frames[frames["video_id"].isin(chosen["video_id"])].groupby("video_id")))
    for axes, video in zip(places, chosen.itertuples(), strict=False):
        mine = of_video[video.video_id]
        at, scores = frame_numbers(mine["sample_id"]), mine["score"].to_numpy()
        order = np.argsort(at, kind="stable")
        colour = COLOURS[3] if video.label else REAL_COLOUR
        axes.axhline(threshold, color=INK, linewidth=1, linestyle=":")
        axes.axhline(scores.mean(), color=colour, linewidth=3, alpha=0.3)
        marker = "o" if len(mine) <= FEW_FRAMES else ""
        axes.plot(at[order], scores[order], color=colour, linewidth=1.2, marker=marker, markersize=3)
        truth, called = (CLASS[label] for label in KINDS[video.kind])
        axes.set_title(f"{_cut_middle(video.video_id)}\n{truth}, called {called}", fontsize=7, loc="left")
        axes.tick_params(labelsize=7)
    for axes in places[len(chosen) :]:
        axes.remove()
    shown = np.concatenate([of_video[name]["score"].to_numpy() for name in chosen["video_id"]])
    margin = 0.03 * max(1.0, shown.max() - shown.min())
    places[0].set_ylim(min(0.0, shown.min()) - margin, max(1.0, shown.max()) + margin)
    figure.supxlabel("frame", fontsize=8)
    figure.supylabel("score (dotted: threshold of frames)", fontsize=8)
    return figure


def draw(run: Run) -> Figure | None:
    """The figure of a run; None where no video has enough frames."""
    frames = run.rows("test")
    chosen = videos_to_show(run.at_level(frames, "video"), run.threshold("video")["value"])
    return timeline_figure(frames, chosen, run.threshold("frame")["value"]) if len(chosen) else None


CAPTION = (
    "The score of single frames through a video: the videos furthest on the wrong side of the threshold, then the most "
    "confident hits. Pale: the mean of the frames. A video that is wrong throughout is another error than one that is "
    "wrong at a few frames."
)


def _cut_middle(name: str) -> str:
    """A long name without its middle: its ends tell the manipulation and the video."""
    half = (LETTERS - 1) // 2
    return name if len(name) <= LETTERS else f"{name[:half]}…{name[-half:]}"
