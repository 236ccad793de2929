"""A published linear layer on CLIP ViT-L/14 becomes a model of ours, bound to the encoder of a cache."""

import shutil
import uuid
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xxhash
from safetensors import safe_open
from sklearn.pipeline import Pipeline

from cache.errors import InputError
from cache.reader import Cache
from cache.schema import Provenance
from cache.store import refuse_taken
from classify.heads.linear_probe import LinearProbe
from classify.models import write_model
from classify.normalize import Normalize
from classify.outcome import LEVELS
from classify.record import software

WIDTH = 768  # of ViT-L/14's projected embedding
NAMES = ("ViT-L-14", "ViT-L-14-quickgelu", "openai-clip-vit-large-patch14")
TAG = "openai"
THRESHOLD = {"value": 0.5, "source": "0.5, as its authors decide"}
PUBLISHED = "db59cca7f65ea31241c4fc74c478836b"  # of the numbers of UniversalFakeDetect's layer
OF_THE_RECIPE: dict[str, Any] = {
    "outputs": 1,
    "weight_decay": 0.0,
    "batch_size": 256,
    "schedule": "plateau",
    "lr_min": 1e-6,
}
UFD = (
    "the linear layer that UniversalFakeDetect publishes (Ojha, Li and Lee, CVPR 2023), trained by its authors on "
    "pictures of ProGAN and of LSUN; nothing about it was chosen here"
)
CROPS_OF_UFD = (
    "its authors train on crops of 224 pixels out of pictures of 256, and test on the 224 pixels in the middle of a "
    "picture without resizing it; the encoder's own preprocessing resizes the picture first, so that scores of larger "
    "pictures differ from theirs"
)
FOREIGN = "a linear layer from elsewhere: what it was trained on, and on which crops, is not known"


class Layer(NamedTuple):
    """A linear layer with one output.

    Attributes
    ----------
    weight : ndarray of float32, shape (1, D)
    bias : ndarray of float32, shape (1,)
    """

    weight: np.ndarray
    bias: np.ndarray

    def hash(self) -> str:
        """Of its numbers, whatever the file."""
        return xxhash.xxh3_128_hexdigest(self.weight.tobytes() + self.bias.tobytes())


def import_head(weights: Path, cache: Cache, out: Path) -> list[str]:
    """Write a linear layer on OpenAI's CLIP ViT-L/14 as a model folder.

    The layer goes by embeddings as they are, not normalised, and decides at 0.5. Which weights "OpenAI's ViT-L/14" are
    cannot be seen from the layer: it is bound to the encoder that made ``cache``, and refuses the features of any
    other from then on.

    Parameters
    ----------
    weights : Path
        ``fc_weights.pth`` as UniversalFakeDetect publishes it, or the same two tensors as safetensors.
    cache : Cache
        Of features of that encoder.
    out : Path
        The model folder; nothing may be there.

    Returns
    -------
    list of str
        Sentences on what is known of the layer.

    Raises
    ------
    InputError
        The cache was made by another encoder; the file cannot be read safely, or holds no such layer.

    References
    ----------
    Ojha, Li and Lee, Towards Universal Fake Image Detectors that Generalize Across Generative Models, CVPR 2023;
    WisconsinAIVision/UniversalFakeDetect, ``pretrained_weights/fc_weights.pth``, ``models/clip_models.py``,
    ``validate.py``.
    """
    refuse_taken(out)
    check_encoder(cache)
    layer = read_layer(weights)
    meta = _meta(layer, weights, cache)
    draft = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        write_model(draft, _pipeline(layer), meta)
        draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return meta["caveats"]


def check_encoder(cache: Cache) -> None:
    """Refuse a cache whose features are not embeddings of OpenAI's CLIP ViT-L/14, as far as their names tell.

    Raises
    ------
    InputError
    """
    made, width = cache.provenance(), cache.array("embedding").shape[1]
    name, _, tag = made.model.removeprefix("hf-hub:").replace("/", "-").partition(", ")
    if name not in NAMES or tag != TAG or width != WIDTH or made.adapter != "none":
        raise InputError(
            f"the layer goes by OpenAI's CLIP ViT-L/14 ({WIDTH} numbers); {cache.path} was made by {made.model!r} "
            f"({width} numbers, adapter {made.adapter}): extract with --model ViT-L-14 --pretrained openai"
        )


def read_layer(path: Path) -> Layer:
    """The layer in a file; nothing in it is executed.

    Raises
    ------
    InputError
        There is no such file, it holds more than tensors, or other ones than a weight (1, 768) and a bias (1,).
    """
    if not path.is_file():
        raise InputError(f"{path} is no file; name the weights of a linear layer, as fc_weights.pth")
    tensors = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    shapes = {name: array.shape for name, array in tensors.items()}
    ends = {name.rpartition(".")[2]: np.asarray(array, np.float32) for name, array in tensors.items()}
    if len(shapes) != 2 or set(ends) != {"weight", "bias"}:
        held = ", ".join(list(shapes)[:5]) or "nothing"
        raise InputError(f"{path} holds {held}, not the weight and the bias of one layer")
    if ends["weight"].shape != (1, WIDTH) or ends["bias"].shape != (1,):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise InputError(f"{path} holds {found}; a layer on ViT-L/14 has a weight (1, {WIDTH}) and a bias (1,)")
    if not all(np.isfinite(array).all() for array in ends.values()):
        raise InputError(f"{path} holds numbers that are not finite")
    return Layer(ends["weight"], ends["bias"])


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
    except Exception as error:  # whatever a damaged or foreign file leads to
        raise InputError(f"{path} cannot be read as safetensors: {error}") from error


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise InputError(f"reading {path.name} needs torch: pip install -e .[extract]") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on pickles of another version, which are then refused or read
            found = torch.load(path, map_location="cpu", weights_only=True)
        if any(tensor.numel() > 4 * WIDTH or not tensor.is_floating_point() for tensor in found.values()):
            raise InputError(f"{path} is no layer of {WIDTH} weights and a bias")  # before any is converted
        return {str(name): tensor.float().numpy() for name, tensor in found.items()}
    except InputError:
        raise
    except Exception as error:  # whatever a damaged or foreign file leads to
        raise InputError(f"{path} holds something else than tensors by name, and is not opened") from error


def _pipeline(layer: Layer) -> Pipeline:
    blocks = (("embedding", WIDTH),)
    normalize = Normalize("none", blocks).fit(np.zeros((1, WIDTH), np.float32))
    head: Any = LinearProbe(**OF_THE_RECIPE)
    head.state_ = layer._asdict()
    head.frozen_ = {}
    head.classes_ = np.array([0, 1])
    head.n_features_in_ = WIDTH
    head.n_parameters_ = WIDTH + 1
    head.converged_ = True
    return Pipeline([("normalize", normalize), ("head", head)])


def _meta(layer: Layer, weights: Path, cache: Cache) -> dict[str, Any]:
    known = layer.hash() == PUBLISHED
    train = ["progan"] if known else ["unknown"]
    return {
        "head": "linear_probe",
        "train": train,
        "trained_on": train,
        "train_groups": [],
        "train_identities": [],
        "features": ["embedding"],
        "blocks": [["embedding", WIDTH]],
        "normalize": "none",
        "prompt_set": None,
        "parameters": OF_THE_RECIPE,
        "seed": None,
        "trainable_parameters": WIDTH + 1,
        "score": LinearProbe.score_meaning,
        "source": {"file": weights.name, "hash": layer.hash()},
        "cache": {
            "path": str(cache.path),
            "fingerprint": cache.fingerprint,
            "additions": [],
            "table": cache.table_hash,
            "provenance": asdict(_made(cache.provenance(), known)),
        },
        "thresholds": dict.fromkeys(LEVELS, THRESHOLD),
        "calibration": None,
        "caveats": [UFD, CROPS_OF_UFD] if known else [FOREIGN],
        "versions": software(),
    }


def _made(of_the_cache: Provenance, known: bool) -> Provenance:
    """What the layer was trained on, the encoder being that of the cache; "" is what nobody knows.

    Of a layer from elsewhere the user says by the cache how its pictures are cropped.
    """
    unknown = dict.fromkeys(("sampling", "precision", "decoder", "software"), "")
    of_ufd = {"crop": "none", "view": "clean"} if known else {}
    return replace(of_the_cache, tokens="embedding", prompts="none", **unknown, **of_ufd)
