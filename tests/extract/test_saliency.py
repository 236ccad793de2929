"""Maps of what a score hangs on: planted parts are found, laws of the methods hold, nothing of the encoder changes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from extract.encoder import Encoder, load_encoder
from extract.models import Network
from extract.saliency import CELLS, Maps, by_cells, covered_embeddings, pixel_gradients

SIDE = 56
PARTS = 4  # along each side of the toy's grid


def make_toy(linear: bool = False) -> Encoder:
    """A convolution, squared where it is not linear, and its mean in each of 4 x 4 parts: an embedding of 16 parts."""
    import torch

    class Toy(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.visual = torch.nn.Conv2d(3, 1, 3, padding=1)
            self.visual.preprocess_cfg = {
                "size": SIDE, "mean": [0.4] * 3, "std": [0.25] * 3, "interpolation": "bicubic",
                "resize_mode": "shortest", "fill_color": 0,
            }  # fmt: skip
            self.logit_scale = torch.nn.Parameter(torch.zeros(()))
            self.logit_bias = None

        def encode_image(self, pixels: Any, normalize: bool) -> Any:
            seen = self.visual(pixels)
            return torch.nn.functional.adaptive_avg_pool2d(seen if linear else seen**2, PARTS).flatten(1)

    return Encoder(Network("toy", Toy(), {"embed_dim": PARTS**2}, lambda: None), torch.device("cpu"), ())


@pytest.fixture(scope="module")
def toy() -> Encoder:
    return make_toy()


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def maps_of(encoder: Encoder, square: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Both maps of a linear score."""
    return both(Maps(encoder), square, weights)


def both(maps: Maps, square: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "gradient": maps.gradient(square, weights),
        "occlusion": maps.occlusion(square, lambda rows: rows @ weights),
    }


@pytest.mark.parametrize("part", [0, 6, 15])
def test_a_planted_part_is_where_the_mass_is(toy: Encoder, noise: np.ndarray, part: int) -> None:
    """Cells of 4 pixels, parts of 14: a part and the width of a patch around it."""
    row, column = divmod(part, PARTS)
    for name, values in maps_of(toy, noise, np.eye(PARTS**2)[part]).items():
        mass = np.abs(values)
        around = tuple(slice(max(0, int(3.5 * at) - 1), int(3.5 * (at + 1)) + 2) for at in (row, column))
        assert mass[around].sum() > 0.95 * mass.sum(), name


def test_what_raises_the_score_speaks_for_fake(toy: Encoder, noise: np.ndarray) -> None:
    """Its squares make the toy answer to detail: blurring lowers them everywhere."""
    for values in maps_of(toy, noise, np.ones(PARTS**2)).values():
        assert values.min() > 0
    for values in maps_of(toy, noise, -np.ones(PARTS**2)).values():
        assert values.max() < 0


def test_random_heads_hang_on_no_part_of_noise(toy: Encoder, noise: np.ndarray) -> None:
    random, maps = np.random.default_rng(1), Maps(toy)  # which embeds the covered pictures once for all heads
    shares: dict[str, list[float]] = {"gradient": [], "occlusion": []}
    for _ in range(40):
        for name, values in both(maps, noise, random.normal(size=PARTS**2)).items():
            mass = np.abs(values)
            shares[name].append(mass[: CELLS // 2, : CELLS // 2].mean() / mass.mean())
    for name, found in shares.items():
        assert np.mean(found) == pytest.approx(1, abs=0.12), name
        assert np.std(found) > 0.05, "each by itself does hang on some part"


def test_integrated_gradients_make_up_the_difference(toy: Encoder, noise: np.ndarray) -> None:
    """Completeness, between the picture and its mean with the blurred one."""
    import torch

    from extract.saliency import blurred

    weights = np.random.default_rng(2).normal(size=PARTS**2)
    sharp, blur = toy.to_device(np.stack([noise, blurred(noise)]))
    with torch.no_grad():
        ends = toy.module.encode_image(torch.stack([sharp, (sharp + blur) / 2]), normalize=False).numpy() @ weights
    found = pixel_gradients(toy, noise, weights)
    assert found.shape == (SIDE, SIDE)
    assert found.sum() == pytest.approx(ends[0] - ends[1], rel=1e-4)


def test_of_a_linear_encoder_both_say_the_same(noise: np.ndarray) -> None:
    """The half blurred picture is half the way."""
    found = maps_of(make_toy(linear=True), noise, np.random.default_rng(3).normal(size=PARTS**2))
    np.testing.assert_allclose(2 * found["gradient"], found["occlusion"], atol=1e-5)


def test_a_plain_picture_has_nothing_to_hang_on(toy: Encoder) -> None:
    for values in maps_of(toy, np.full((SIDE, SIDE, 3), 90, np.uint8), np.ones(PARTS**2)).values():
        np.testing.assert_allclose(values, 0, atol=1e-6)


def test_an_encoder_is_as_it_was(tiny_clip: Path) -> None:
    """A vision transformer, whose 64 pixels no 14 cells divide."""
    encoder = load_encoder(str(tiny_clip), device="cpu")
    square = np.random.default_rng(4).integers(0, 256, (64, 64, 3), np.uint8)
    before = encoder.embed_images(square[None])["embedding"]
    tensors = {name: tensor.clone() for name, tensor in encoder.module.state_dict().items()}
    for values in maps_of(encoder, square, np.random.default_rng(5).normal(size=encoder.embed_dim)).values():
        assert values.shape == (CELLS, CELLS) and np.isfinite(values).all() and np.ptp(values) > 0
    assert np.array_equal(encoder.embed_images(square[None])["embedding"], before)
    for name, tensor in encoder.module.state_dict().items():
        assert tensor.equal(tensors[name]), name
    assert all(parameter.grad is None for parameter in encoder.module.parameters())


def test_covered_pictures_are_embedded_once(toy: Encoder, noise: np.ndarray) -> None:
    seen = []

    def embed(pixels: np.ndarray) -> dict[str, np.ndarray]:
        seen.append(len(pixels))
        return toy.embed_images(pixels)

    maps = Maps(SimpleNamespace(embed_images=embed))
    one = maps.occlusion(noise, lambda rows: rows[:, 0])
    other = maps.occlusion(noise, lambda rows: -rows[:, 0])
    assert sum(seen) == 1 + 13 * 13
    np.testing.assert_array_equal(one, -other)
    maps.occlusion(noise[::-1], lambda rows: rows[:, 0])
    assert sum(seen) == 2 * (1 + 13 * 13), "another picture is another"


def test_the_first_embedding_is_of_the_picture_itself(toy: Encoder, noise: np.ndarray) -> None:
    rows = covered_embeddings(toy, noise)
    np.testing.assert_allclose(rows[0], toy.embed_images(noise[None])["embedding"][0], rtol=1e-6)
    corner = np.flatnonzero(np.abs(rows[1] - rows[0]) > 1e-6)
    assert corner.tolist() == [0], "the first patch lies in the first part"


def test_cells_hold_means_of_patches() -> None:
    np.testing.assert_allclose(by_cells(np.ones((13, 13))), 1)
    one = np.zeros((13, 13))
    one[0, 0] = 1
    found = by_cells(one)
    assert found[0, 0] == 1, "no other patch covers a corner"
    assert found[0, 1] == 1 / 2 and found[1, 1] == 1 / 4 and found[2].sum() == 0
