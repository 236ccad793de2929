"""The text tower of an encoder, frozen: token embeddings -> text embeddings, with gradients for what learns prompts."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Self

from cache.errors import InputError
from cache.schema import json_hash
from extract.encoder import choose_device, hash_weights
from extract.models import Network, load_network

if TYPE_CHECKING:
    import torch


def load_text_tower(model: str, pretrained: str | None = None, device: str = "auto") -> "TextTower":
    """Load the text tower of an open_clip model.

    Parameters
    ----------
    model, pretrained : str
        As `extract.models.load_network` takes them.
    device : str
        As `extract.encoder.choose_device` takes it.

    Raises
    ------
    InputError
        torch or open_clip is missing; model, weights or device is not known; the text tower is of another kind.
    """
    network = load_network(model, pretrained)
    return TextTower(network, choose_device(device))


class TextTower:
    """The frozen text transformer of an open_clip model, in float32.

    Attributes
    ----------
    model_name : str
    architecture, weights : str
        Hashes of the whole model, image tower included, as `extract.encoder.Encoder` has them.
    width : int
        Length of a token's embedding.
    embed_dim : int
        Length of a text's embedding.
    context_length : int
        The most tokens of a text, start and end token included.
    logit_scale : float
        As it is multiplied with: the exponential of the parameter.
    n_parameters : int
        Of the text tower; none of them is trained.
    device : str
    """

    def __init__(self, network: Network, device: "torch.device") -> None:
        module: Any = network.module
        tower = _causal_tower(network)
        self.model_name = network.name
        self.architecture = json_hash(network.config)
        self.weights = hash_weights(module.state_dict())
        self.embed_dim = int(network.config["embed_dim"])
        self.context_length, self.width = (int(size) for size in tower.positional_embedding.shape)
        self.logit_scale: float = module.logit_scale.exp().item()
        named = [(name, parameter.numel()) for name, parameter in module.named_parameters()]
        self.n_parameters = sum(size for name, size in named if not name.startswith(("visual.", "logit_")))
        self.device = str(device)
        self._make_tokenizer = network.tokenizer
        self._find_end = _end_finder(tower)
        parts = (tower.token_embedding, tower.transformer, tower.ln_final)
        self._tokens, self._transformer, self._norm = (part.eval().requires_grad_(False).to(device) for part in parts)
        self._positions = tower.positional_embedding.detach().to(device)  # (context_length, width)
        self._projection = tower.text_projection.detach().to(device)  # (width, embed_dim)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # nothing in it ever changes: copies of a head share it

    def embed_tokens(self, text: str) -> "torch.Tensor":
        """Look up the embeddings of a text's tokens: the start token first, the end token last.

        What follows the end token never matters and is left out.

        Parameters
        ----------
        text : str
            What is too long is cut off, as by open_clip.

        Returns
        -------
        Tensor of float32, shape (L, width)
            On the CPU.

        Raises
        ------
        InputError
            The tokenizer cannot be made.
        """
        ids = self._tokenizer([text])[0]
        return self._tokens(ids[: self._find_end(ids) + 1].to(self.device)).cpu()

    def encode(self, beginnings: "torch.Tensor", endings: Sequence["torch.Tensor"]) -> "torch.Tensor":
        """Embed every beginning with every ending, as one would each whole text, at a fraction of the work.

        The tower is causal: a token sees those before it only. So nothing behind an end token is computed, and the
        tokens of a beginning are computed once for all its endings, which stand behind it side by side and do not
        see each other.

        Parameters
        ----------
        beginnings : Tensor of float32, shape (B, S, width)
            Token embeddings, the start token's first.
        endings : sequence of K Tensors of float32, shape (L_k, width)
            Token embeddings, the end token's last.

        Returns
        -------
        Tensor of float32, shape (B, K, embed_dim)
            Unnormalised, on the device of ``beginnings``; differentiable.

        Raises
        ------
        ValueError
            A text is longer than ``context_length``.

        References
        ----------
        ``encode_text`` of open_clip, which computes all ``context_length`` tokens of each text.
        """
        import torch

        begun, lengths = beginnings.shape[1], [len(ending) for ending in endings]
        if (longest := begun + max(lengths)) > self.context_length:
            raise ValueError(f"a prompt has {longest} tokens; {self.model_name} takes {self.context_length} at most")
        places = [*range(begun), *(begun + place for length in lengths for place in range(length))]
        behind = torch.cat([ending.to(self.device) for ending in endings]).expand(len(beginnings), -1, -1)
        tokens = torch.cat([beginnings.to(self.device), behind], dim=1) + self._positions[places]  # (B, S + sum L, W)
        with self._repeatable():
            tokens = self._transformer(tokens, attn_mask=_tree_mask(begun, lengths).to(self.device))
        ends = [begun + last - 1 for last in accumulate(lengths)]
        return (self._norm(tokens[:, ends]) @ self._projection).to(beginnings.device)

    def _repeatable(self) -> AbstractContextManager[Any]:
        """On CUDA the fast kernels of attention add up gradients in any order; on so few tokens they gain nothing."""
        from torch.nn.attention import SDPBackend, sdpa_kernel

        return sdpa_kernel(SDPBackend.MATH) if self.device.startswith("cuda") else nullcontext()

    @cached_property
    def _tokenizer(self) -> Callable[[list[str]], "torch.Tensor"]:
        try:
            return self._make_tokenizer()
        except Exception as error:  # a vocabulary that is damaged or has to be downloaded can fail in any way
            raise InputError(f"the tokenizer of {self.model_name} cannot be made: {error}") from error


def _causal_tower(network: Network) -> Any:
    """What holds the parts of the text tower: the model itself, or its ``text``."""
    import open_clip
    import torch
    from open_clip.transformer import TextTransformer

    tower: Any = network.module
    if not isinstance(tower, open_clip.CLIP):
        tower = getattr(tower, "text", None)
    is_plain = isinstance(tower, open_clip.CLIP) or (isinstance(tower, TextTransformer) and tower.cls_emb is None)
    causal = is_plain and tower.attn_mask is not None and _pooling(tower)[0] in ("argmax", "eos")
    if not causal or not isinstance(tower.text_projection, torch.nn.Parameter):
        raise InputError(
            f"the text tower of {network.name} is of another kind than CLIP's (causal, read at its end token, a linear"
            " projection): heads that learn prompts cannot run it; choose other heads"
        )
    return tower


def _pooling(tower: Any) -> tuple[str, int]:
    """Kind of pooling, and the number of the end token where that kind goes by it."""
    if hasattr(tower, "text_pool_type"):
        return tower.text_pool_type, getattr(tower, "text_eos_id", -1)  # an older open_clip has none
    return tower.pool_type, getattr(tower, "eos_id", -1)


def _end_finder(tower: Any) -> Callable[["torch.Tensor"], int]:
    kind, end_token = _pooling(tower)
    if kind == "argmax":
        return lambda ids: int(ids.argmax())
    return lambda ids: int((ids == end_token).int().argmax())


def _tree_mask(begun: int, lengths: Sequence[int]) -> "torch.Tensor":
    """What is added to the attention logits: 0 where a token sees another, minus infinity where not.

    Each sees itself and those before it: of the beginning, and of its own ending.
    """
    import torch

    branch = torch.tensor([0] * begun + [number for number, length in enumerate(lengths, 1) for _ in range(length)])
    seen = ((branch[:, None] == branch) | (branch == 0)).tril()
    return torch.zeros(seen.shape).masked_fill(~seen, -torch.inf)
