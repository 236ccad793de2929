"""Saved models: the same scores back, and nothing but what we saved."""

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from cache.errors import InputError
from cache.schema import Provenance, json_hash
from classify.checkpoints import write_checkpoints
from classify.fit import fit_head, scores
from classify.fitted import Fitted
from classify.heads import HEADS
from classify.heads.base import Prompts
from classify.models import load_model, save_model

MADE = {name: f"some {name}" for name in Provenance.__dataclass_fields__}
FOUND = r"not the file that was saved|is damaged|was changed since|has model format|no description"
BLOCKS = (("embedding", 4), ("prompts", 2))


def meta_of(blocks: tuple[tuple[str, int], ...] = BLOCKS) -> dict[str, Any]:
    """What every model states."""
    features = [name for name, _ in blocks]
    stated = {
        "train": ["FaceSwap"],
        "train_groups": ["g0"],
        "train_identities": [],
        "caveats": [],
        "cache": {"provenance": MADE},
    }
    return {**stated, "features": features, "blocks": blocks}


def some_prompts(width: int) -> Prompts:
    embeddings = np.eye(2, width, dtype=np.float32)
    return Prompts(("a real face", "a fake face"), np.array([0, 1]), embeddings, 100.0)


def some_fit(
    head: str = "logistic", normalize: str = "l2", calibrate: str | None = None, groups: int = 30
) -> tuple[Fitted, np.ndarray]:
    """A head on two rows a group; heads that compare with texts get an embedding alone."""
    rng = np.random.default_rng(0)
    alone = bool(HEADS[head].needs)
    width = 128 if "text_tower" in HEADS[head].needs else 6
    y = np.tile([0, 1], groups)
    X = (rng.normal(size=(2 * groups, width)) + y[:, None]).astype(np.float32)
    names = np.array([f"g{i // 2}" for i in range(2 * groups)], dtype=object)
    videos = np.array([f"v{i}" for i in range(2 * groups)], dtype=object)
    blocks = (("embedding", width),) if alone else BLOCKS
    known = {"prompts": lambda: some_prompts(width), "text_tower": demo_tower}
    fixed: dict[str, Any] = {"epochs": 2} if HEADS[head].chooses_epochs else {}
    if head == "ensemble":
        fixed = {"members": ["logistic", "linear_svm"]}
    options = {"blocks": blocks, "normalize": "none" if alone else normalize, "parameters": fixed, "known": known}
    return fit_head(head, X, y, videos, names, calibrate=calibrate, **options), X


def demo_tower() -> Any:
    from extract.text_tower import load_text_tower

    return load_text_tower("demo")


def saved(folder: Path, fitted: Fitted) -> Path:
    save_model(folder, fitted, meta_of(fitted.estimator.named_steps["normalize"].blocks))
    return folder


@pytest.mark.parametrize("head", HEADS)
def test_a_model_gives_the_same_scores_after_the_round_trip(tmp_path: Path, head: str) -> None:
    fitted, X = some_fit(head, calibrate="platt", groups=12)
    model = load_model(saved(tmp_path, fitted))
    for taker in model.takers_of_the_tower:
        taker.text_tower = demo_tower()
    assert np.array_equal(scores(model.pipeline, X), scores(fitted.estimator, X))
    assert type(model.head) is HEADS[head]
    assert model.head.get_params()["random_state"] == 0
    assert not set(vars(model.head)) & {"history_", "model_"}
    for level in ("frame", "video"):
        assert model.threshold(level) == fitted.thresholds[level]["value"]
        assert model.calibration(level) == fitted.calibration[level]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.safetensors"]


@pytest.mark.parametrize("normalize", ["l2", "standard", "none"])
def test_normalisation_travels_with_the_head(tmp_path: Path, normalize: str) -> None:
    fitted, X = some_fit("mlp", normalize, groups=5)
    model = load_model(saved(tmp_path / "run" / "model", fitted))
    assert np.array_equal(scores(model.pipeline, X), scores(fitted.estimator, X))
    assert model.pipeline.named_steps["normalize"].get_params() == {"method": normalize, "blocks": BLOCKS}
    assert model.calibration("frame") is None and model.meta["features"] == ["embedding", "prompts"]
    again = load_model(tmp_path / "run")
    assert again.fingerprint == model.fingerprint, "the folder of the run will do"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with weights in the order of Fortran, in a dict, a list and alone."""
    return saved(tmp_path / "model", some_fit("mlp", groups=5)[0])


def forge(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """What a forger would do: another description, and a hash that agrees with it."""
    document = json.loads((folder / "model.json").read_text())
    change(document)
    document["arrays"] = xxhash.xxh3_128_hexdigest((folder / "model.safetensors").read_bytes())
    del document["hash"]
    (folder / "model.json").write_text(json.dumps({**document, "hash": json_hash(document)}))


def forge_arrays(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    arrays = load_file(folder / "model.safetensors")
    change(arrays)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / "model.safetensors")
    forge(folder, lambda document: None)


def test_any_flipped_byte_is_found(folder: Path) -> None:
    """But for white space between the words of JSON, which says nothing."""
    for name in ("model.safetensors", "model.json"):
        data = (folder / name).read_bytes()
        for place in range(0, len(data), max(len(data) // 150, 1)):
            if data[place : place + 1].isspace():
                continue
            (folder / name).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            with pytest.raises(InputError, match=FOUND):
                load_model(folder)
        (folder / name).write_bytes(data)
    load_model(folder)


def test_a_cut_file_is_found(folder: Path) -> None:
    for name in ("model.safetensors", "model.json"):
        data = (folder / name).read_bytes()
        for length in (0, 1, 7, 8, 20, len(data) - 2):
            (folder / name).write_bytes(data[:length])
            with pytest.raises(InputError):
                load_model(folder)
        (folder / name).write_bytes(data)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every part of a tree of JSON stands."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


NEEDED = [  # of a model whose head is an MLP with one hidden layer
    ("head", "head"), ("head", "parameters"), ("head", "fitted"), ("head", "fitted", "coefs_"),
    ("head", "fitted", "coefs_", 0), ("head", "fitted", "intercepts_"), ("head", "fitted", "n_features_in_"),
    ("normalize",), ("normalize", "method"), ("normalize", "blocks"), ("normalize", "fitted", "center_"),
    ("normalize", "fitted", "n_features_in_"), ("meta",), ("meta", "features"), ("meta", "thresholds"),
    ("meta", "thresholds", "video"), ("meta", "cache", "provenance", "weights"), ("meta", "train_groups"),
]  # fmt: skip


@pytest.mark.parametrize("path", NEEDED, ids=lambda path: ".".join(map(str, path)))
def test_a_key_that_is_missing_is_told(folder: Path, path: tuple[Any, ...]) -> None:
    forge(folder, lambda document: at(document, path[:-1]).__delitem__(path[-1]))
    with pytest.raises(InputError):
        load_model(folder)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A model of three heads, and what describes it."""
    folder = saved(tmp_path_factory.mktemp("fuzzed"), some_fit("mlp", groups=5)[0])
    return folder, json.loads((folder / "model.json").read_text())


@given(data=st.data())
def test_a_forged_description_loads_as_a_model_or_is_refused(
    fuzzed: tuple[Path, dict[str, Any]], data: st.DataObject
) -> None:
    folder, document = fuzzed
    changed = json.loads(json.dumps(document))
    path = data.draw(st.sampled_from(places(document)[1:]))
    if data.draw(st.booleans()):
        del at(changed, path[:-1])[path[-1]]
    else:
        at(changed, path[:-1])[path[-1]] = data.draw(JUNK)
    changed.pop("hash", None)
    (folder / "model.json").write_text(json.dumps({**changed, "hash": json_hash(changed)}))
    try:
        model = load_model(folder)
    except InputError:
        return
    assert type(model.head) in HEADS.values()
    assert np.isfinite(model.pipeline.decision_function(np.ones((3, 6), np.float32))).all()


class Trap:
    """Opens a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


def test_a_pickle_is_refused_and_never_run(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps(Trap(folder / "sprung")))
    forge(folder, lambda document: None)
    with pytest.raises(InputError, match="no model of this program"):
        load_model(folder)
    assert not (folder / "sprung").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 90_000_000) + b"{}",
        struct.pack("<Q", 60) + b'{"a":{"dtype":"F64","shape":[4611686018427387904],"data_of',
        struct.pack("<Q", 56) + b'{"a":{"dtype":"F64","shape":[9],"data_offsets":[0, 72]}}' + b"too short",
        struct.pack("<Q", 55) + b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}' + b"12",
    ],
    ids=["empty", "huge header", "long header", "cut header", "cut arrays", "a precision that numpy lacks"],
)
def test_other_arrays_are_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    forge(folder, lambda document: None)
    with pytest.raises(InputError, match="no model of this program"):
        load_model(folder)


def set_fitted(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["head"]["fitted"].__setitem__(name, value)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["head"].update(head="system"),
        lambda document: document["head"].update(head="os.system"),
        lambda document: document["head"]["parameters"].update(shell="true"),
        lambda document: document["head"].update(extra=1),
        lambda document: document["normalize"].update(method="eval"),
        set_fitted("decision_function", "x"),
        set_fitted("_decide", "x"),
        set_fitted("__class__", "x"),
        set_fitted("__class_", "x"),
        set_fitted("fit", "x"),
        set_fitted("chosen_", 1),
        set_fitted("extra_", {"array": "no such array"}),
        set_fitted("extra_", {"pickle": "x"}),
        set_fitted("extra_", {"array": "head.coefs_.0", "order": "C"}),
        set_fitted("extra_", {"head": "logistic"}),
        set_fitted("coefs_", []),
        set_fitted("coefs_", "x"),
        set_fitted("n_features_in_", 7),
        lambda document: document["meta"].update(features="embedding"),
        lambda document: document["meta"].update(blocks=[["embedding", 6]]),
        lambda document: document["meta"]["thresholds"]["frame"].update(value="high"),
        lambda document: document["meta"].update(calibration={"frame": {"method": "system"}, "video": None}),
    ],
)
def test_what_no_head_of_ours_consists_of_is_refused(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    forge(folder, change)
    with pytest.raises(InputError):
        load_model(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.update({"head.coefs_.0": arrays["head.coefs_.0"][:, :-1]}),
        lambda arrays: arrays.update({"head.coefs_.0": arrays["head.coefs_.0"] * np.nan}),
        lambda arrays: arrays.update({"normalize.scale_": np.ones(5)}),
        lambda arrays: arrays.update({"normalize.center_": np.full(6, np.inf)}),
        lambda arrays: arrays.update({"head.more": np.ones(1)}),
        lambda arrays: arrays.pop("head.intercepts_.1"),
        lambda arrays: arrays.update({"head.intercepts_.1": np.ones((3, 3))}),
    ],
    ids=["narrow", "NaN", "short scale", "infinite centre", "one too many", "one too few", "another shape"],
)
def test_arrays_that_do_not_fit_are_refused(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    forge_arrays(folder, change)
    with pytest.raises(InputError, match="no model of this program"):
        load_model(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is damaged"),
        ("[" * 100_000, "is damaged"),
        ('{"format": 2, "hash": NaN}', "is damaged"),
        ("{}", "no description of a model"),
        ("[]", "no description of a model"),
        ('{"format": 3, "hash": ""}', "has model format 3; this program reads 2: update"),
        ('{"format": 2, "hash": ""}', "was changed since it was saved"),
    ],
)
def test_other_descriptions_are_refused(folder: Path, text: str, message: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(InputError, match=message):
        load_model(folder)


def test_a_threshold_that_was_edited_is_found(folder: Path) -> None:
    text = (folder / "model.json").read_text()
    assert '"value": 0.5' in text
    (folder / "model.json").write_text(text.replace('"value": 0.5', '"value": 0.4'))
    with pytest.raises(InputError, match="was changed since it was saved"):
        load_model(folder)


def test_a_folder_without_a_model_is_refused(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    for missing in (tmp_path / "none", tmp_path / "empty"):
        with pytest.raises(InputError, match=r"is no model.*`classify` writes one"):
            load_model(missing)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="is no model"):
        load_model(folder)


def test_a_folder_of_runs_names_some_of_them(tmp_path: Path) -> None:
    for name in ("a/b/mlp", "a/b/logistic", "a/c/knn", "a/d/knn", "a/d/deeper/knn"):
        saved_in = tmp_path / name / "model"
        saved_in.mkdir(parents=True)
        (saved_in / "model.json").write_text("{}")
    shown = ", ".join(str(tmp_path / "a" / name) for name in ("b/logistic", "b/mlp", "c/knn"))
    for root in (tmp_path, tmp_path / "a"):
        with pytest.raises(InputError, match=f"holds runs below it, name one: {shown} ...$"):
            load_model(root)
    with pytest.raises(InputError, match=r"c/knn$"):
        load_model(tmp_path / "a" / "c")


def test_whoever_may_read_the_description_may_read_the_arrays(folder: Path) -> None:
    write_checkpoints(folder / "checkpoints", [(1, {"weight": np.ones((2, 2))[:, :1]})])
    checkpoint = folder / "checkpoints" / "epoch_001.safetensors"
    assert load_file(checkpoint)["weight"].tolist() == [[1.0], [1.0]]
    modes = {path.stat().st_mode for path in (folder / "model.json", folder / "model.safetensors", checkpoint)}
    assert len(modes) == 1


def test_prompts_are_texts_of_two_classes(folder: Path) -> None:
    forge(folder, lambda document: document["meta"].update(prompts={"texts": ["a", "b"], "labels": [0, 1]}))
    load_model(folder)
    for texts, labels in (([1, 2], [0, 1]), (["a", "b"], [0, 2]), (["a", "b"], ["0", "1"])):
        stated = {"texts": texts, "labels": labels}
        forge(folder, lambda document, stated=stated: document["meta"].update(prompts=stated))
        with pytest.raises(InputError, match="no model of this program"):
            load_model(folder)


def test_a_model_of_the_first_format_is_to_be_fitted_again(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(b"PK")
    (tmp_path / "meta.json").write_text('{"format": 1}')
    with pytest.raises(InputError, match=r"older version.*fit it again"):
        load_model(tmp_path)
