"""Whether a model may go by features that it was not trained on: how they were made, and of whom."""

import re
import shlex
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import pandas as pd

from cache.errors import InputError, choose
from cache.reader import Cache
from cache.schema import Provenance
from cache.splits import cluster_column
from classify.caches import ENCODER, TOLD
from classify.models import Model
from evaluate.caveats import LEAK
from evaluate.wording import listed

NAMED = ("crop", "view")  # may differ where the user names them


def made_with(model: Model) -> Provenance:
    """Where the features come from that a model was trained on."""
    return Provenance(**model.meta["cache"]["provenance"])


def check_provenance(model: Model, found: Provenance, differ: Collection[str] = ()) -> list[str]:
    """Refuse features that a model cannot go by; sentences on what else differs from those it was trained on.

    Parameters
    ----------
    model : Model
    found : Provenance
        Of the features at hand.
    differ : collection of {"crop", "view"}
        What the user allows to differ.

    Raises
    ------
    InputError
        Naming the field and both values.
    """
    for name in differ:
        choose(dict.fromkeys(NAMED), name, "thing that may differ between a model and what it predicts")
    one, other = asdict(made_with(model)), asdict(found)
    phrases = {
        name: f"{name} is {one[name]!r} in training and {other[name]!r} here"
        for name in (*ENCODER, *NAMED, *TOLD)
        if one[name] != other[name] and (one[name] or name in ENCODER)  # of a foreign model not all is known
    }
    if unlike := [phrases[name] for name in ENCODER if name in phrases]:
        raise InputError(
            f"the model goes by features of {one['model']!r}, these are of {other['model']!r}: {'; '.join(unlike)}"
        )
    if unnamed := [name for name in NAMED if name in phrases and name not in differ]:
        raise InputError(
            f"{'; '.join(phrases[name] for name in unnamed)}: to go on nevertheless, which every report will state, "
            f"name it: --differ {','.join(unnamed)}"
        )
    return [phrases[name] for name in (*NAMED, *TOLD) if name in phrases]


def trained_groups(model: Model, samples: pd.DataFrame) -> str:
    """A sentence on the groups of some samples that the model was trained on; "" where there are none.

    Groups are compared by what the split of the model kept apart: scenes or videos by their names; identities one by
    one, because a group bears the name of one of them, and another one in another cache.
    """
    column = group_column(model)
    known = set(model.meta["train_groups"])
    tested = samples[[column, "identities"]].drop_duplicates()
    names = [{group} for group in tested[column]]
    if split_of(model).get("disjoint", "identity") == "identity":
        known |= set(model.meta["train_identities"])
        names = [{group, *who.split()} for group, who in tested.itertuples(index=False)]
    shared = sorted({group for group, found in zip(tested[column], names, strict=True) if found & known})
    total = tested[column].nunique()
    return f"{LEAK} {len(shared):,} of {total:,} test groups were in training: {listed(shared, 3)}" if shared else ""


def check_prompts(model: Model, cache: Cache, name: str) -> None:
    """Refuse a cache without the prompt set whose similarities the model takes, or with other texts of that name."""
    stated = _stated_prompts(model)
    if name not in cache.prompt_sets():
        raise InputError(
            f"the model goes by similarities to the prompts {name!r} ({'; '.join(stated['texts'])}), which "
            f"{cache.path} does not hold: `python pipeline.py cache prompts {shlex.quote(str(cache.path))} --prompts "
            f"FILE.toml --model ... --out ADDITION.h5` brings them, where FILE.toml is {name}.toml (a set of this "
            "program has no file, but its name); then predict --with ADDITION.h5"
        )
    found = cache.prompts(name)
    if stated["texts"] != found.texts or stated["labels"] != found.labels.tolist():
        raise InputError(
            f"the model goes by the prompts {'; '.join(stated['texts'])}; those of set {name!r} in {cache.path} are "
            f"{'; '.join(found.texts)}"
        )


def split_of(model: Model) -> dict[str, Any]:
    """The split of the training, as far as the model states one."""
    return model.meta.get("split") or {}


def group_column(model: Model) -> str:
    """The sample column that the split of the training kept whole."""
    split = split_of(model)
    return cluster_column(split.get("disjoint", "identity"), bool(split.get("drop_crossing")))


def wanted_of_an_extraction(model: Model) -> dict[str, Any]:
    """What has to be extracted beside the embedding: ``tokens``, and ``prompts``, None where no feature is of them.

    Prompts are a dict with ``name``, ``texts`` and ``labels`` (0 real, 1 fake), and ``fingerprint``, None where the
    features do not state it.
    """
    features = model.meta["features"]
    return {
        "tokens": ["cls"] if "cls" in features else [],
        "prompts": _prompts_of_features(model) if "prompts" in features else None,
    }


def _prompts_of_features(model: Model) -> dict[str, Any]:
    name, stated = model.meta["prompt_set"], _stated_prompts(model)
    made = re.search(rf"(?:^| ){re.escape(name)}:([0-9a-f]{{32}})(?: |$)", made_with(model).prompts)
    known = stated.get("fingerprint") or (made[1] if made else None)
    return {"name": name, "texts": stated["texts"], "labels": stated["labels"], "fingerprint": known}


def _stated_prompts(model: Model) -> dict[str, Any]:
    """Texts and labels that a model, one whose features are similarities, says it goes by."""
    if (stated := model.meta.get("prompts")) is None:
        raise InputError("the model does not say by which prompts it goes: fit it again")
    return stated
