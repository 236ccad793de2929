"""The encoder: pictures and texts -> embeddings of an open_clip model, with a fingerprint of what makes them."""

import os
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from cache.errors import InputError, choose
from cache.schema import json_hash
from extract.models import Network, load_network
from extract.prompts import PromptSet
from extract.square import Preprocessing

if TYPE_CHECKING:
    import torch

# A thread that waits for OpenMP spins by default: where worker processes decode on the same cores, a forward pass then
# takes up to ten times as long. Read when torch is loaded, so before it is.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

TOKENS = {"cls": "the class token after the last norm, before the projection"}
TEXTS_AT_ONCE = 256
OUT_OF_MEMORY = (
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "not enough memory",
    "can't allocate memory",
)
CPU_BATCH = 32  # on a CPU 1.3 to 1.6 times as fast as 64 to 256
CUDA_BATCH = 512  # the largest tried: more is not faster, and wants more shared memory


def load_encoder(
    model: str, pretrained: str | None = None, device: str = "auto", tokens: Collection[str] = ()
) -> "Encoder":
    """Load an open_clip model as an encoder.

    Parameters
    ----------
    model, pretrained : str
        As `extract.models.load_network` takes them.
    device : str
        "cpu", "cuda", "cuda:1" ..., or "auto": CUDA where there is one.
    tokens : collection of str
        "cls" for the class token beside the embedding.

    Raises
    ------
    InputError
        torch or open_clip is missing; model, weights, device or token is not known; the model has no class token.
    """
    for token in tokens:
        choose(TOKENS, token, "token")
    network = load_network(model, pretrained)
    return Encoder(network, choose_device(device), tuple(sorted(set(tokens))))


class Encoder:
    """A frozen open_clip model.

    Attributes
    ----------
    model_name : str
    architecture : str
        Hash of the model's configuration, with the activation in effect.
    weights : str
        xxh3-128 of names, dtypes, shapes and bytes of all tensors.
    preprocessing : Preprocessing
        The model's own.
    embed_dim : int
    n_parameters : int
        Of image and text tower together: beside it stands how few a head trains.
    precision : str
        "float32" on a CPU, "float16-autocast" on CUDA (texts in float32 on both).
    device : str
    logit_scale : float
        As it is multiplied with: the exponential of the parameter.
    logit_bias : float or None
    tokens : tuple of str
    lanes : int
        How many threads may call `embed_images` at a time: on CUDA one copies and launches while another waits.
    software : str
        Libraries that compute, with their versions.
    module : torch.nn.Module
        The model itself, on its device.
    """

    def __init__(self, network: Network, device: "torch.device", tokens: tuple[str, ...]) -> None:
        import open_clip
        import torch

        module: Any = network.module
        self.model_name = network.name
        self.architecture = json_hash(network.config)
        self.weights = hash_weights(module.state_dict())
        self.preprocessing = _read_preprocessing(module.visual.preprocess_cfg)
        self.embed_dim = int(network.config["embed_dim"])
        self.n_parameters = sum(parameter.numel() for parameter in module.parameters())
        self.precision = "float16-autocast" if device.type == "cuda" else "float32"
        self.device = str(device)
        self.logit_scale = module.logit_scale.exp().item()
        self.logit_bias = None if module.logit_bias is None else module.logit_bias.item()
        self.tokens = tokens
        self.lanes = 2 if device.type == "cuda" else 1
        self.software = f"torch {torch.__version__}, open_clip {open_clip.__version__}"
        self._make_tokenizer = network.tokenizer
        self.module = module.eval().to(device)
        self._mean = torch.tensor(self.preprocessing.mean, device=device).view(3, 1, 1)
        self._std = torch.tensor(self.preprocessing.std, device=device).view(3, 1, 1)
        self._local = threading.local()  # of each thread: its stream, its last class token
        if "cls" in tokens:
            _watch_class_token(module.visual, network.name, self._local)

    def embed_images(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Embed prepared pictures.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (B, h, w, 3)
            RGB of the size that ``preprocessing`` gives.

        Returns
        -------
        dict of ndarray of float32
            ``embedding`` (B, D): projected, unnormalised; where asked for ``cls`` (B, W).

        Raises
        ------
        MemoryError
            The device's memory does not suffice for so many at a time.
        """
        import torch

        try:
            with torch.inference_mode(), self._autocast(), self._stream():
                arrays = {"embedding": self.module.encode_image(self.to_device(pixels), normalize=False)}
                if "cls" in self.tokens:
                    arrays["cls"] = self._local.class_token
                return {name: array.float().cpu().numpy() for name, array in arrays.items()}
        except RuntimeError as error:  # torch's own class for it, and that of the libraries below it
            if not any(words in str(error) for words in OUT_OF_MEMORY):
                raise
            torch.cuda.empty_cache()
            raise MemoryError(str(error)) from error

    def _stream(self) -> AbstractContextManager[Any]:
        """On CUDA a stream of each thread's own, so that one copies while another computes."""
        import torch

        if self.lanes == 1:
            return nullcontext()
        if not hasattr(self._local, "stream"):
            self._local.stream = torch.cuda.Stream(self.device)
        return torch.cuda.stream(self._local.stream)

    def to_device(self, pixels: np.ndarray) -> "torch.Tensor":
        """Normalised on the device, float32 (B, 3, h, w); to a GPU the bytes go from pinned memory, without waiting."""
        import torch

        batch = torch.from_numpy(np.ascontiguousarray(pixels))
        if self.lanes > 1:
            batch = batch.pin_memory().to(self.device, non_blocking=True)
        batch = batch.permute(0, 3, 1, 2).contiguous().float().div_(255)
        return batch.sub_(self._mean).div_(self._std)

    def fitting_batch_size(self) -> int:
        """Frames to embed at a time where nobody says: on CUDA the largest power of two that fits, up to 512.

        Raises
        ------
        InputError
            Not even one fits.
        """
        if self.lanes == 1:
            return CPU_BATCH
        size = CUDA_BATCH
        while size:
            try:
                self.embed_images(np.zeros((self.lanes * size, *self.preprocessing.size, 3), np.uint8))
                return size
            except MemoryError:
                size //= 2
        raise InputError(f"{self.model_name} does not fit into the memory of {self.device}; free some, or --device cpu")

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts.

        Returns
        -------
        ndarray of float32, shape (P, D)
            Unnormalised.
        """
        import torch

        with torch.inference_mode():
            tokens = self._tokenizer(list(texts)).split(TEXTS_AT_ONCE)
            blocks = [self.module.encode_text(block.to(self.device), normalize=False) for block in tokens]
            return torch.cat(blocks).float().cpu().numpy()

    def embed_prompts(self, prompts: PromptSet) -> np.ndarray:
        """Embed a prompt set: the mean of a text's unit embeddings in all templates, at unit length.

        Returns
        -------
        ndarray of float32, shape (P, D)
        """
        filled = prompts.filled()
        units = _unit(self.embed_texts([text for texts in filled for text in texts]))
        return _unit(units.reshape(len(filled), -1, units.shape[1]).mean(axis=1))

    @cached_property
    def _tokenizer(self) -> Callable[[list[str]], "torch.Tensor"]:
        try:
            return self._make_tokenizer()
        except Exception as error:  # a vocabulary that is damaged or has to be downloaded can fail in any way
            raise InputError(f"the tokenizer of {self.model_name} cannot be made: {error}") from error

    def _autocast(self) -> AbstractContextManager[Any]:
        import torch

        return torch.autocast("cuda", torch.float16) if self.precision == "float16-autocast" else nullcontext()


def hash_weights(tensors: dict[str, "torch.Tensor"]) -> str:
    """xxh3-128 over the sorted names, with dtype, shape and bytes of each tensor, as hex."""
    import torch

    digest = xxhash.xxh3_128()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def choose_device(name: str) -> "torch.device":
    """The device of a name: "cpu", "cuda", "cuda:1" ..., or "auto": CUDA where there is one.

    Raises
    ------
    InputError
        It is not there.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if name not in known and not (name == "cuda" and len(known) > 1):
        raise InputError(f"no device {name!r} here; there is: auto, {', '.join(known)}")
    return torch.device(name)


def _read_preprocessing(config: dict[str, Any]) -> Preprocessing:
    """open_clip's preprocessing configuration in our words; one number stands for all sides or channels."""
    size, mean, std = config["size"], config["mean"], config["std"]
    height, width = size if isinstance(size, Sequence) else (size, size)
    return Preprocessing(
        size=(int(height), int(width)),
        resize_mode=config["resize_mode"] or "shortest",
        interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
        mean=tuple(mean) if isinstance(mean, Sequence) else (mean,) * 3,
        std=tuple(std) if isinstance(std, Sequence) else (std,) * 3,
        fill_color=int(config["fill_color"]),
        resizer="torch",
    )


def _watch_class_token(visual: Any, model: str, into: threading.local) -> None:
    """Let each forward pass of a vision transformer leave its class token in ``into.class_token``."""
    from open_clip.transformer import VisionTransformer

    is_plain = isinstance(visual, VisionTransformer) and visual.attn_pool is None
    if not is_plain or (visual.final_ln_after_pool and visual.pool_type != "tok"):
        raise InputError(f"{model} has no class token between its last norm and the projection; leave out --tokens cls")

    def note(module: Any, inputs: Any, output: "torch.Tensor") -> None:
        into.class_token = output if visual.final_ln_after_pool else output[:, 0]

    visual.ln_post.register_forward_hook(note)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.finfo(np.float32).tiny)
