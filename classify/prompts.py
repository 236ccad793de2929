"""The prompts of a cache, for heads and features that take them."""

from collections.abc import Collection

import numpy as np

from cache.errors import InputError
from cache.reader import Cache
from classify.heads.base import Prompts

UNTAKEN = "--prompt-set is for --features prompts and for heads that compare with prompts, none of which is named"


def prompt_set_used(cache: Cache, prompt_set: str | None, takers: Collection[str]) -> str | None:
    """Name of the prompt set that is taken, or None where nothing takes prompts.

    Parameters
    ----------
    cache : Cache
    prompt_set : str, optional
        As the user names it; needed where the cache holds several.
    takers : collection of str
        Heads that take prompts.

    Raises
    ------
    InputError
        A set is named and nothing takes it; or one is needed and the cache does not hold it, or holds several.
    """
    if not takers:
        if prompt_set is not None:
            raise InputError(UNTAKEN)
        return None
    cache.similarity(prompt_set, np.array([], int))  # says what is known where the name is not
    return prompt_set or cache.prompt_sets()[0]


def prompts_of(cache: Cache, prompt_set: str | None) -> Prompts:
    """The prompts of a set, as heads take them."""
    found = cache.prompts(prompt_set)
    embeddings = found.text_embeddings[:].astype("f4")
    scalars = cache.scalars()
    if "logit_scale" not in scalars:
        raise InputError(f"{cache.path} does not hold the encoder's logit_scale, which cosines are multiplied with")
    return Prompts(tuple(found.texts), found.labels.astype(int), embeddings, scalars["logit_scale"])
