"""The one door to stage 1: the text tower of the encoder that made a cache, for heads that learn prompts."""

from typing import TYPE_CHECKING

from cache.errors import InputError
from cache.schema import Provenance

if TYPE_CHECKING:
    from extract.text_tower import TextTower

EMBEDDED = "demo"  # the model that needs no download, and no name either


def load_text_tower(provenance: Provenance, model: str | None = None, pretrained: str | None = None) -> "TextTower":
    """Load the text tower of the encoder that made a cache.

    Parameters
    ----------
    provenance : Provenance
        Of the embeddings that a head is fitted on.
    model, pretrained : str, optional
        As for ``extract``; a cache of the embedded model needs neither.

    Raises
    ------
    InputError
        No model is named, torch or open_clip is missing, the model cannot be loaded, its text tower is of a kind that
        cannot be run, or it is another one than made the cache.
    """
    if model is None and provenance.model != EMBEDDED:
        raise InputError(
            "coop and cocoop run the text tower of the encoder that made the cache: name it as for extract,"
            f" --model {_options(provenance.model)}"
        )
    from extract import text_tower

    tower = text_tower.load_text_tower(EMBEDDED if model is None else model, pretrained)
    for name in ("architecture", "weights"):
        if getattr(tower, name) != getattr(provenance, name):
            raise InputError(
                f"the cache was made by {provenance.model}: its {name} is {getattr(provenance, name)!r},"
                f" that of {tower.model_name} {getattr(tower, name)!r}; give the model that made the cache"
            )
    return tower


def _options(label: str) -> str:
    """What a model was named by, as options.

    Examples
    --------
    >>> _options("ViT-B-32, openai")
    'ViT-B-32 --pretrained openai'
    """
    model, _, pretrained = label.partition(", ")
    return f"{model} --pretrained {pretrained}" if pretrained else model
