"""Which parts of a picture a score hangs on: by the gradient through the encoder, and by covering them up."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from extract.encoder import Encoder

if TYPE_CHECKING:
    import torch

CELLS = 14  # of a map, along each side
PATCH = 2  # cells along the side of a patch: 1/7 of the picture, moved by half of itself
STEPS = 16  # between the softened picture and the sharp one
AT_ONCE = 32  # pictures in a pass
BLUR = 1 / 28  # sigma by the picture's side: texture and edges go, the place of the parts of a face is left

Score = Callable[[np.ndarray], np.ndarray]  # embeddings (n, D) -> scores (n,)


class Maps:
    """Maps of the parts of pictures that a score hangs on, 14 by 14 cells, in units of the score.

    What speaks for fake is above 0. A cell holds the mean over the patches of 2 by 2 cells that cover it. Nothing of
    the encoder is changed. Embeddings of covered pictures are kept, for the scores of other heads.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._covered: dict[bytes, np.ndarray] = {}

    def gradient(self, square: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Integrated gradients of the embedding along a direction, from the half blurred picture to the sharp one.

        Their sum over a patch estimates how far blurring it alone would lower the score, which `occlusion` measures.
        The path begins half way to the blurred picture because farther off the direction holds less: on the demo's
        faces the maps agree with occlusion at .65 to .79 (Spearman's rank correlation, four heads), those of the whole
        path at .46 to .68.

        Parameters
        ----------
        square : ndarray of uint8, shape (h, w, 3)
        direction : ndarray, shape (D,)
            Gradient of the score by the embedding.

        References
        ----------
        M. Sundararajan, A. Taly, Q. Yan, "Axiomatic Attribution for Deep Networks", ICML 2017; a blurred picture as
        the baseline: R. Fong, A. Vedaldi, "Interpretable Explanations of Black Boxes by Meaningful Perturbation", ICCV
        2017
        """
        return by_cells(_by_patches(pixel_gradients(self._encoder, square, direction)))

    def occlusion(self, square: np.ndarray, score: Score) -> np.ndarray:
        """How far the score falls where a patch is blurred; model-free: the encoder is only run.

        Parameters
        ----------
        square : ndarray of uint8, shape (h, w, 3)
        score : callable
            Embeddings, float32 (n, D), the first that of the picture itself, to scores (n,).

        References
        ----------
        M. Zeiler, R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2
        """
        key = square.tobytes()
        if key not in self._covered:
            self._covered[key] = covered_embeddings(self._encoder, square)
        scores = np.asarray(score(self._covered[key]), float)
        places = CELLS - PATCH + 1
        return by_cells((scores[0] - scores[1:]).reshape(places, places))


def pixel_gradients(encoder: Encoder, square: np.ndarray, direction: np.ndarray, steps: int = STEPS) -> np.ndarray:
    """The integrated gradients of each pixel, summed over its channels, float64, shape (h, w); computed in float32.

    Together they make up the difference, along ``direction``, between the embeddings of the picture and of its mean
    with the blurred one; exactly so with infinitely many ``steps``.
    """
    import torch

    module = encoder.module.requires_grad_(False)
    sharp, blur = encoder.to_device(np.stack([square, blurred(square)]))
    soft = (sharp + blur) / 2
    along = torch.from_numpy(np.asarray(direction, np.float32)).to(encoder.device)
    total = torch.zeros_like(sharp)
    for places in torch.split((torch.arange(steps, device=encoder.device) + 0.5) / steps, AT_ONCE):
        between = (soft + places.view(-1, 1, 1, 1) * (sharp - soft)).requires_grad_()
        value = (module.encode_image(between, normalize=False) @ along).sum()
        total += torch.autograd.grad(value, between)[0].sum(dim=0)
    return _to_numpy(((sharp - soft) * total / steps).sum(dim=0))


def covered_embeddings(encoder: Encoder, square: np.ndarray) -> np.ndarray:
    """Embeddings of a picture, and of it with each of its patches blurred in turn, float32, shape (1 + 13 * 13, D)."""
    soft = blurred(square)
    pictures = [square]
    for rows in _patches(square.shape[0]):
        for columns in _patches(square.shape[1]):
            covered = square.copy()
            covered[rows, columns] = soft[rows, columns]
            pictures.append(covered)
    starts = range(0, len(pictures), AT_ONCE)
    return np.concatenate([encoder.embed_images(np.stack(pictures[at : at + AT_ONCE]))["embedding"] for at in starts])


def blurred(square: np.ndarray) -> np.ndarray:
    """A picture of which the details are gone and the colours are left, uint8, shape (h, w, 3)."""
    return np.asarray(Image.fromarray(square).filter(ImageFilter.GaussianBlur(BLUR * max(square.shape))))


def _edges(side: int) -> np.ndarray:
    return np.rint(np.linspace(0, side, CELLS + 1)).astype(int)


def _patches(side: int) -> list[slice]:
    edges = _edges(side).tolist()
    return [slice(start, stop) for start, stop in zip(edges, edges[PATCH:], strict=False)]


def _by_patches(pixels: np.ndarray) -> np.ndarray:
    """Sums over each patch, shape (13, 13)."""
    rows, columns = (_patches(side) for side in pixels.shape)
    return np.array([[pixels[row, column].sum() for column in columns] for row in rows])


def by_cells(patches: np.ndarray) -> np.ndarray:
    """Means over the patches that cover each cell, shape (14, 14)."""
    total, count = np.zeros((2, CELLS, CELLS))
    for (row, column), value in np.ndenumerate(patches):
        total[row : row + PATCH, column : column + PATCH] += value
        count[row : row + PATCH, column : column + PATCH] += 1
    return total / count


def _to_numpy(tensor: "torch.Tensor") -> np.ndarray:
    return tensor.detach().double().cpu().numpy()
