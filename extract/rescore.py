"""New prompts on a finished cache: the text tower alone, no pictures."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cache.errors import InputError
from cache.reader import Cache, open_cache
from cache.schema import PromptScores, Space
from cache.store import row_blocks, write_addition
from extract.device import Encoder
from extract.prompts import PromptSet, similarities


def score_prompts(base: Path, out: Path, prompts: Sequence[PromptSet], encoder: Encoder) -> None:
    """Write the similarities of every sample of a cache to further prompts, as an addition to it.

    They come from the stored embeddings, which are rounded to float16: against a fresh extraction a cosine differs
    by less than 1e-4 (100,000 random embeddings of 128 numbers or more).

    Parameters
    ----------
    base : Path
        A finished cache.
    out : Path
        The addition; must not exist.
    prompts : sequence of PromptSet
        None of which the cache has already.
    encoder : Encoder
        The one that made the cache.

    Raises
    ------
    InputError
        Another encoder, a prompt set that is there already, or ``out`` exists.
    """
    cache = open_cache(base)
    spaces = {name: _score(cache, name, prompts, encoder) for name in cache.spaces}
    write_addition(out, base, spaces)


def bring_prompts(cache: Cache, prompts: PromptSet, folder: Path, load: Callable[[], Encoder]) -> Path | None:
    """The addition that brings a prompt set to a cache; None where the cache holds it.

    Parameters
    ----------
    cache : Cache
        With its additions joined.
    prompts : PromptSet
    folder : Path
        Where the addition is, or is made.
    load : callable
        Loads the encoder that made the cache; called only where something has to be scored.

    Raises
    ------
    InputError
        Other prompts of the same name are there.
    """
    if prompts.name in cache.prompt_sets():
        held = cache.prompts(prompts.name)
        _refuse_others(prompts, held.texts, held.labels, cache.path)
        return None
    path = folder / f"{prompts.name}.h5"
    if path.exists():
        held = Cache(path, "addition").prompts(prompts.name)
        _refuse_others(prompts, held.texts, held.labels, path)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        score_prompts(cache.path, path, [prompts], load())
    return path


def _refuse_others(prompts: PromptSet, texts: Sequence[str], labels: np.ndarray, path: Path) -> None:
    if (tuple(texts), labels.tolist()) != (prompts.texts, prompts.labels.tolist()):
        raise InputError(
            f"{path} holds other prompts under the name {prompts.name!r}: {'; '.join(texts)}; name another --out, or "
            "call the new set otherwise"
        )


def _score(cache: Cache, space: str, prompts: Sequence[PromptSet], encoder: Encoder) -> Space:
    provenance = cache.provenance(space)
    for name in ("architecture", "weights"):
        if getattr(encoder, name) != getattr(provenance, name):
            raise InputError(
                f"{cache.path} was made by {provenance.model}: its {name} is {getattr(provenance, name)!r}, "
                f"that of {encoder.model_name} {getattr(encoder, name)!r}; give the model that made the cache"
            )
    named = " ".join(f"{one.name}:{one.fingerprint()}" for one in prompts)
    provenance = replace(provenance, prompts=named, tokens="none", software=encoder.software)
    embedding = cache.array("embedding", space=space)
    scores = {}
    for one in prompts:
        texts = encoder.embed_prompts(one)
        blocks = [similarities(embedding[rows].astype(np.float32), texts) for rows in row_blocks(len(cache))]
        scores[one.name] = PromptScores(list(one.texts), one.labels, texts, np.concatenate(blocks))
    return Space(provenance, prompts=scores)
