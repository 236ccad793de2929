"""The text tower against open_clip's own text pass, which computes every token of the context: values and gradients."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch

from cache.errors import InputError
from extract.encoder import hash_weights, load_encoder
from extract.models import Network, load_network
from extract.text_tower import TextTower, load_text_tower
from tests.extract.conftest import TINY_CONFIG, save_clip

TEXTS = ("a photo of a real face.", "fake", "a very smooth photo of a person with glasses, looking to the left")
CPU = torch.device("cpu")


def custom_clip(folder: Path, pool: dict[str, Any]) -> Network:
    """A CLIP whose text tower is a module of its own, as open_clip builds some."""
    config = json.loads(json.dumps(TINY_CONFIG))
    config["model_cfg"]["custom_text"] = True
    config["model_cfg"]["text_cfg"].update(pool)
    return load_network(str(save_clip(folder, config)))


@pytest.fixture(scope="module", params=["demo", "ViT-B-32", "a tower of its own", "ends by number"])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder = tmp_path_factory.mktemp("towers") / "clip"
    if request.param == "demo":
        return load_network("demo")
    if request.param == "ViT-B-32":  # its own configuration, but narrow
        config = open_clip.get_model_config("ViT-B-32")
        config["vision_cfg"] |= {"layers": 1, "width": 64}
        config["text_cfg"] |= {"layers": 3, "width": 64}
        return load_network(str(save_clip(folder, {"model_cfg": config, "preprocess_cfg": {}})))
    return custom_clip(folder, {"pool_type": "eos", "eos_id": 49407} if request.param == "ends by number" else {})


@pytest.fixture(scope="module")
def tower(network: Network) -> TextTower:
    return TextTower(network, CPU)


def whole_pass(network: Network, tokens: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """Text embeddings of token embeddings of full length, by the parts of open_clip alone."""
    tower: Any = network.module if isinstance(network.module, open_clip.CLIP) else network.module.text
    seen = tower.transformer(tokens + tower.positional_embedding, attn_mask=tower.attn_mask)
    return tower.ln_final(seen)[torch.arange(len(ends)), ends] @ tower.text_projection


@pytest.mark.parametrize("begun", [1, 2, "all"])
def test_texts_that_share_a_beginning_are_open_clips(network: Network, tower: TextTower, begun: int | str) -> None:
    """However a text is cut into what is shared and what is its own."""
    ids = network.tokenizer()(list(TEXTS))
    theirs: torch.Tensor = network.module.encode_text(ids)  # type: ignore[operator]
    rows = [tower.embed_tokens(text) for text in TEXTS]
    if begun == "all":
        ours = torch.stack([tower.encode(row[None, :-1], [row[-1:]])[0, 0] for row in rows])
    else:
        texts = [row for row in rows if torch.equal(row[:begun], rows[0][:begun])]
        assert len(texts) == (3 if begun == 1 else 2)
        ours = tower.encode(rows[0][None, :begun], [row[begun:] for row in texts])[0]
        theirs = theirs[[any(row is text for text in texts) for row in rows]]
    assert ours.shape == (len(theirs), tower.embed_dim)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_a_batch_of_contexts_and_its_gradients_are_those_of_the_whole_pass(network: Network, tower: TextTower) -> None:
    generator = torch.Generator().manual_seed(0)
    contexts = torch.randn(5, 4, tower.width, generator=generator)
    direction = torch.randn(5, 2, tower.embed_dim, generator=generator)
    start, endings = tower.embed_tokens("x")[:1], [tower.embed_tokens(f"{name}.")[1:] for name in ("real", "fake face")]
    ours_in, theirs_in = (contexts.clone().requires_grad_() for _ in range(2))
    ours = tower.encode(torch.cat([start.expand(5, 1, -1), ours_in], dim=1), endings)
    rows = [[start, theirs_in[i], ending] for i in range(5) for ending in endings]
    ends = torch.tensor([sum(map(len, row)) - 1 for row in rows])
    padding = torch.randn(tower.context_length, tower.width, generator=generator)  # whatever it is
    whole = torch.stack([torch.cat([*row, padding])[: tower.context_length] for row in rows])
    theirs = whole_pass(network, whole, ends).reshape(5, 2, -1)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    (ours * direction).sum().backward()
    (theirs * direction).sum().backward()
    assert ours_in.grad is not None and theirs_in.grad is not None
    assert (ours_in.grad.abs().sum(dim=2) > 0).all()
    torch.testing.assert_close(ours_in.grad, theirs_in.grad, atol=1e-5 * float(theirs_in.grad.abs().max()), rtol=1e-4)


def test_nothing_in_it_is_trained(network: Network, tower: TextTower) -> None:
    before = hash_weights(network.module.state_dict())
    network.module.zero_grad()  # of what the other tests passed through it
    start, *rest = tower.embed_tokens("real.")
    learned = start[None, None].clone().requires_grad_()
    tower.encode(learned, [torch.stack(rest)]).sum().backward()
    texts = {name: values for name, values in network.module.named_parameters() if "visual" not in name}
    assert all(values.grad is None for values in texts.values())
    assert hash_weights(network.module.state_dict()) == before == tower.weights
    sizes = {name: values.numel() for name, values in texts.items() if name != "logit_scale"}
    assert tower.n_parameters == sum(sizes.values())


def test_endings_do_not_see_each_other(tower: TextTower) -> None:
    start = tower.embed_tokens("real.")[None, :1]
    ending, other = tower.embed_tokens("real.")[1:], tower.embed_tokens("fake.")[1:]
    first = tower.encode(start, [ending, other])[0, 0]
    again = tower.encode(start, [ending, 100 * other])[0, 0]
    torch.testing.assert_close(first, again, atol=1e-6, rtol=0)


def test_parameters_by_hand(tiny_clip: Path) -> None:
    per_layer = 12 * 32**2 + 13 * 32  # attention 4 W^2 + 4 W, MLP 8 W^2 + 5 W, two norms 4 W
    tower = load_text_tower(str(tiny_clip), device="cpu")
    assert tower.n_parameters == 49408 * 32 + 77 * 32 + 2 * per_layer + 2 * 32 + 32 * 32


def test_it_is_known_by_the_fingerprints_of_the_encoder(tiny_clip: Path) -> None:
    tower, encoder = load_text_tower(str(tiny_clip), device="cpu"), load_encoder(str(tiny_clip), device="cpu")
    for name in ("model_name", "architecture", "weights", "embed_dim", "logit_scale", "device"):
        assert getattr(tower, name) == getattr(encoder, name)
    assert (tower.width, tower.context_length) == (32, 77)


def test_a_prompt_that_is_too_long_is_refused(tiny_clip: Path) -> None:
    tower = load_text_tower(str(tiny_clip), device="cpu")
    row = tower.embed_tokens("word " * 100)
    assert row.shape == (77, 32)
    assert tower.encode(row[None, :1], [row[1:]]).shape == (1, 1, 32)
    with pytest.raises(ValueError, match="a prompt has 78 tokens; tiny_clip takes 77 at most"):
        tower.encode(row[None, :2], [row[1:]])


@pytest.mark.parametrize("text", [{"no_causal_mask": True, "pool_type": "last"}, {"pool_type": "last"}])
def test_towers_of_another_kind_are_refused(make_clip: Callable[..., Path], text: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"text tower of other\d is of another kind than CLIP's"):
        load_text_tower(str(make_clip(f"other{len(text)}", text_cfg=text)), device="cpu")


def test_a_tower_with_a_class_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of another kind than CLIP's"):
        TextTower(custom_clip(tmp_path / "coca", {"embed_cls": True}), CPU)


def test_copies_share_it(tiny_clip: Path) -> None:
    tower = load_text_tower(str(tiny_clip), device="cpu")
    assert copy.deepcopy({"text_tower": tower})["text_tower"] is tower


def test_a_vocabulary_that_cannot_be_read_is_told(tiny_clip: Path) -> None:
    def fail() -> Any:
        raise OSError("no vocabulary")

    tower = TextTower(load_network(str(tiny_clip))._replace(tokenizer=fail), CPU)
    with pytest.raises(InputError, match="the tokenizer of tiny_clip cannot be made: no vocabulary"):
        tower.embed_tokens("a face")
