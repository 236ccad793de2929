"""A model's name -> the open_clip network with its weights, or a sentence that says why not."""

import difflib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash

from cache.errors import InputError

if TYPE_CHECKING:
    import torch

DEMO_FOLDER = Path(__file__).resolve().parent.parent / "demo" / "clip"
CONFIG_FILE = "open_clip_config.json"
CHECKPOINT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")  # in a folder the first kind found is taken

# Hugging Face's names of OpenAI's models; those of other repositories stand in open_clip's own table.
OPENAI_NAMES = {
    "openai/clip-vit-base-patch32": ("ViT-B-32-quickgelu", "openai"),
    "openai/clip-vit-base-patch16": ("ViT-B-16-quickgelu", "openai"),
    "openai/clip-vit-large-patch14": ("ViT-L-14-quickgelu", "openai"),
    "openai/clip-vit-large-patch14-336": ("ViT-L-14-336-quickgelu", "openai"),
}


class Network(NamedTuple):
    """A network with its weights.

    Attributes
    ----------
    name : str
        For people: the model's name and where its weights come from.
    module : torch.nn.Module
        On the CPU, in float32.
    config : dict
        open_clip's model configuration, with the activation in effect; files that it names stand as their hashes.
    tokenizer : callable
        Makes the tokenizer, when texts are to be embedded.
    """

    name: str
    module: "torch.nn.Module"
    config: dict[str, Any]
    tokenizer: Callable[[], Callable[[list[str]], "torch.Tensor"]]


def load_network(model: str, pretrained: str | None = None) -> Network:
    """Build a network and load its weights.

    Parameters
    ----------
    model : str
        "demo"; an architecture of open_clip ("ViT-L-14"); a model's name at Hugging Face as far as open_clip knows it
        ("openai/clip-vit-large-patch14"); a folder with ``open_clip_config.json`` and weights.
    pretrained : str, optional
        A tag of open_clip, which downloads the weights where they are not there yet; or a local checkpoint.

    Raises
    ------
    InputError
        open_clip is not installed, a name is not known, weights are missing, unsafe, or do not fit.
    """
    open_clip = _import_open_clip()
    if model == "demo":
        return _from_folder("demo", DEMO_FOLDER, pretrained)
    name = model.removeprefix("hf-hub:")
    aliases = {**_hub_names(), **OPENAI_NAMES}
    architecture, tag = aliases.get(name, (name.replace("/", "-"), None))
    if architecture in open_clip.list_models():
        return _from_architecture(model, architecture, pretrained or tag)
    if Path(model).is_dir():
        return _from_folder(Path(model).resolve().name, Path(model), pretrained)
    near = _nearest(name, [*open_clip.list_models(), *aliases, "demo"])
    raise InputError(
        f"unknown model {model!r}: no architecture of open_clip and no folder{near};"
        " python -c 'import open_clip; print(*open_clip.list_models())' lists all"
    )


def _import_open_clip() -> Any:
    try:
        import open_clip
    except ImportError as error:
        raise InputError(
            f"embedding needs torch and open_clip, but {error}; install them with: pip install -e .[extract]"
        ) from error
    return open_clip


def _hub_names() -> dict[str, tuple[str, str]]:
    """(architecture, tag) of each Hugging Face repository in open_clip's table; the variant with its activation."""
    open_clip = _import_open_clip()
    pairs = [(pair, open_clip.get_pretrained_cfg(*pair).get("hf_hub", "")) for pair in open_clip.list_pretrained()]
    return {hub.rpartition("/")[0]: pair for pair, hub in pairs if hub}


def _from_architecture(name: str, architecture: str, pretrained: str | None) -> Network:
    open_clip = _import_open_clip()
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    known = f"tags of {architecture}: {', '.join(tags) or 'none'}"
    if pretrained is None:
        raise InputError(f"{name} alone has random weights, which mean nothing; add --pretrained TAG or FILE; {known}")
    config = open_clip.get_model_config(architecture)
    tag = open_clip.get_pretrained_cfg(architecture, pretrained)
    if tag:  # some tags were trained with another activation than their architecture has by default
        config["quick_gelu"] = bool(config.get("quick_gelu") or tag.get("quick_gelu"))
        module = _build(architecture, pretrained=pretrained, force_quick_gelu=config["quick_gelu"])
    elif Path(pretrained).is_file():
        module = _build(architecture, load_weights=False, pretrained_text=False)
        _load_weights(module, Path(pretrained), architecture)
    else:
        raise InputError(f"{pretrained!r} is no tag of {architecture} and no file{_nearest(pretrained, tags)}; {known}")
    label = f"{name}, {pretrained if tag else Path(pretrained).name}"
    return Network(label, module, _effective(config), lambda: open_clip.get_tokenizer(architecture))


def _from_folder(name: str, folder: Path, pretrained: str | None) -> Network:
    open_clip = _import_open_clip()
    config = _read_config(folder)
    checkpoint = Path(pretrained) if pretrained else _find_checkpoint(folder)
    if not checkpoint.is_file():
        raise InputError(f"{checkpoint} is no file; for a model in a folder --pretrained names a local checkpoint")
    schema = f"local-dir:{folder}"
    module = _build(schema, load_weights=False, pretrained_text=False)
    _load_weights(module, checkpoint, str(folder))
    # open_clip takes a path in the configuration as relative to the working directory
    settings = config["text_cfg"].get("tokenizer_kwargs") or {}
    files = {key: folder.resolve() / value for key, value in settings.items() if _is_name_in(folder, value)}
    hashes = {key: xxhash.xxh3_128_hexdigest(path.read_bytes()) for key, path in files.items()}
    if files:
        config["text_cfg"]["tokenizer_kwargs"] = {**settings, **hashes}
    paths = {key: str(path) for key, path in files.items()}
    label = f"{name}, {checkpoint.name}" if pretrained else name
    return Network(label, module, _effective(config), lambda: open_clip.get_tokenizer(schema, **paths))


def _effective(config: dict[str, Any]) -> dict[str, Any]:
    return {**config, "quick_gelu": bool(config.get("quick_gelu", False))}


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_FILE
    try:
        config = json.loads(path.read_text("utf-8"))["model_cfg"]
        if not isinstance(config["vision_cfg"], dict) or not isinstance(config["text_cfg"], dict):
            raise TypeError("vision_cfg and text_cfg must be tables")
    except OSError as error:
        raise InputError(f"{folder} is no model: {CONFIG_FILE} in it cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no configuration of open_clip (model_cfg with its towers): {error}") from error
    return config


def _find_checkpoint(folder: Path) -> Path:
    for suffix in CHECKPOINT_SUFFIXES:
        found = sorted(folder.glob(f"*{suffix}"))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(path.name for path in found)
            raise InputError(f"{folder} has several checkpoints: {names}; name one with --pretrained FILE")
    raise InputError(f"{folder} has no weights ({', '.join(CHECKPOINT_SUFFIXES)}) beside {CONFIG_FILE}")


def _is_name_in(folder: Path, value: object) -> bool:
    return isinstance(value, str) and Path(value).name == value and (folder / value).is_file()


def _build(name: str, **options: Any) -> "torch.nn.Module":
    open_clip = _import_open_clip()
    try:
        with _quiet():
            return open_clip.create_model(name, precision="fp32", device="cpu", **options)
    except Exception as error:  # a configuration or a download can fail in any way
        hint = "; a checkpoint that is there already: --pretrained FILE" if "pretrained" in options else ""
        raise InputError(f"open_clip cannot make {name}: {_first_line(error)}{hint}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without open_clip's log, which warns of random weights where we load weights a moment later."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


def _load_weights(module: "torch.nn.Module", path: Path, model: str) -> None:
    open_clip = _import_open_clip()
    if path.suffix not in CHECKPOINT_SUFFIXES:
        raise InputError(f"{path} is no checkpoint; weights are read from {', '.join(CHECKPOINT_SUFFIXES)}")
    try:
        with _quiet():
            open_clip.load_checkpoint(module, str(path), strict=True, weights_only=True)
    except Exception as error:  # foreign files fail in any way
        raise InputError(_misfit(module, path, model, error)) from error


def _misfit(module: "torch.nn.Module", path: Path, model: str, error: Exception) -> str:
    """Why a checkpoint could not be loaded, in a sentence."""
    from open_clip.factory import load_state_dict

    try:
        found = {name: tuple(tensor.shape) for name, tensor in load_state_dict(str(path)).items()}
    except Exception:
        return f"{path} holds no tensors by name that can be read safely; save model.state_dict(), best as safetensors"
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    both = wanted.keys() & found.keys()
    differences = [
        *(f"{name} is missing" for name in wanted if name not in found),
        *(f"{name} is {found[name]}, not {wanted[name]}" for name in sorted(both) if found[name] != wanted[name]),
        *(f"{name} is not known" for name in found if name not in wanted),
    ]
    what = f"{len(differences)} tensors differ: {', '.join(differences[:3])}" if differences else _first_line(error)
    return f"{path} does not fit {model}: {what}"


def _nearest(name: str, known: list[str]) -> str:
    lower = {one.lower(): one for one in known}
    near = [lower[one] for one in difflib.get_close_matches(name.lower(), lower, n=5, cutoff=0.5)]
    return f" (near: {', '.join(near)})" if near else ""


def _first_line(error: Exception) -> str:
    return f"{error}".strip().partition("\n")[0] or type(error).__name__
