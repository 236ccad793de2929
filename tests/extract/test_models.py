"""Every way to name a model gives its network; every wrong way a sentence."""

import gzip
import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import open_clip
import pytest
import torch
from open_clip.transformer import QuickGELU
from safetensors.torch import load_file, save_file

from cache.errors import InputError
from cache.schema import json_hash
from extract import models
from extract.encoder import hash_weights
from extract.models import OPENAI_NAMES, Network, load_network


@pytest.fixture
def architecture(tiny_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name of an architecture of open_clip that is the tiny CLIP, with a tag that needs no download."""
    config = json.loads((tiny_clip / "open_clip_config.json").read_text())["model_cfg"]
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "Tiny-T-1", config)
    tag = {"file": str(tiny_clip / "open_clip_model.safetensors"), "quick_gelu": True, "mean": (0.1, 0.2, 0.3)}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "Tiny-T-1", {"local_tag": tag})
    yield "Tiny-T-1"


@pytest.fixture
def state(tiny_clip: Path) -> dict[str, torch.Tensor]:
    return load_file(tiny_clip / "open_clip_model.safetensors")


def copy_of(folder: Path, to: Path, config: dict | None = None) -> Path:
    """A model folder without its weights."""
    to.mkdir()
    shutil.copy(folder / "open_clip_config.json", to)
    if config is not None:
        (to / "open_clip_config.json").write_text(json.dumps(config))
    return to


def same_weights(network: Network, state: dict[str, torch.Tensor]) -> bool:
    return hash_weights(network.module.state_dict()) == hash_weights(state)


def test_a_folder(tiny_clip: Path, state: dict[str, torch.Tensor]) -> None:
    network = load_network(str(tiny_clip))
    assert network.name == "tiny_clip"
    assert same_weights(network, state)
    assert network.config["quick_gelu"] is False
    assert tuple(network.tokenizer()(["a face"]).shape) == (1, 77)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_folder_with_other_checkpoints(
    tiny_clip: Path, tmp_path: Path, state: dict[str, torch.Tensor], suffix: str, wrapped: bool
) -> None:
    folder = copy_of(tiny_clip, tmp_path / "model")
    torch.save({"state_dict": state, "epoch": 3} if wrapped else state, folder / f"weights{suffix}")
    assert same_weights(load_network(str(folder)), state)
    assert same_weights(load_network(str(copy_of(tiny_clip, tmp_path / "b")), str(folder / f"weights{suffix}")), state)


def test_weights_in_half_precision_are_read_into_float32(tiny_clip: Path, tmp_path: Path) -> None:
    folder = copy_of(tiny_clip, tmp_path / "half")
    halves = {name: tensor.half() for name, tensor in load_file(tiny_clip / "open_clip_model.safetensors").items()}
    save_file(halves, folder / "half.safetensors")
    network = load_network(str(folder))
    assert {tensor.dtype for tensor in network.module.state_dict().values()} == {torch.float32}
    assert same_weights(network, {name: tensor.float() for name, tensor in halves.items()})


def test_demo_is_a_folder_by_name(tiny_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "DEMO_FOLDER", tiny_clip)
    assert load_network("demo").name == "demo"


def test_an_architecture_with_a_local_checkpoint(
    architecture: str, tiny_clip: Path, tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    torch.save(state, tmp_path / "mine.pt")
    network = load_network(architecture, str(tmp_path / "mine.pt"))
    assert network.name == "Tiny-T-1, mine.pt"
    assert same_weights(network, state)
    assert json_hash(network.config) == json_hash(load_network(str(tiny_clip)).config)
    assert not any(isinstance(layer, QuickGELU) for layer in network.module.modules())


def test_a_tag_brings_its_activation_and_preprocessing(architecture: str, state: dict[str, torch.Tensor]) -> None:
    network = load_network(architecture, "local_tag")
    assert same_weights(network, state)
    assert any(isinstance(layer, QuickGELU) for layer in network.module.modules())
    assert network.config["quick_gelu"] is True
    assert network.module.visual.preprocess_cfg["mean"] == (0.1, 0.2, 0.3)


def test_names_at_hugging_face_are_known_to_open_clip() -> None:
    names = {**models._hub_names(), **OPENAI_NAMES}
    assert names["laion/CLIP-ViT-L-14-laion2B-s32B-b82K"] == ("ViT-L-14", "laion2b_s32b_b82k")
    assert names["apple/DFN2B-CLIP-ViT-L-14"] == ("ViT-L-14-quickgelu", "dfn2b")
    for architecture, tag in names.values():
        assert architecture in open_clip.list_models()
        assert open_clip.is_pretrained_cfg(architecture, tag)
    for architecture, tag in OPENAI_NAMES.values():
        assert open_clip.get_model_config(architecture)["quick_gelu"]
        assert open_clip.get_pretrained_cfg(architecture, tag)["quick_gelu"]


def test_an_alias_stands_for_architecture_and_tag(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models.OPENAI_NAMES, "someone/clip-tiny", (architecture, "local_tag"))
    by_alias, by_name = load_network("someone/clip-tiny"), load_network(architecture, "local_tag")
    assert by_alias.config == by_name.config
    assert by_alias.name == "someone/clip-tiny, local_tag"


def test_a_vocabulary_in_the_folder_is_found_and_counts(tiny_clip: Path, tmp_path: Path) -> None:
    config = json.loads((tiny_clip / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {
        "bpe_path": "vocabulary.gz",
        "additional_special_tokens": ["face"],
    }
    folder = copy_of(tiny_clip, tmp_path / "model", config)
    shutil.copy(tiny_clip / "open_clip_model.safetensors", folder)
    (folder / "vocabulary.gz").write_bytes(gzip.compress(b"version", mtime=0))
    network = load_network(str(folder))
    assert network.tokenizer()(["a face"])[0].tolist()[:4] == [512, 320, 514, 513]  # start, "a</w>", "face", end
    (folder / "vocabulary.gz").write_bytes(gzip.compress(b"version\nf a\n", mtime=0))
    assert json_hash(load_network(str(folder)).config) != json_hash(network.config)
    assert str(tmp_path) not in json.dumps(network.config)  # a moved folder is the same model


class Bomb:
    """Does harm when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


def test_checkpoints_that_would_run_code_are_refused(tiny_clip: Path, tmp_path: Path) -> None:
    torch.save({"state_dict": Bomb(tmp_path / "harm")}, tmp_path / "bomb.pt")
    (tmp_path / "bomb.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "harm")))
    for name in ("bomb.pt", "bomb.bin"):
        with pytest.raises(InputError, match="no tensors by name that can be read safely"):
            load_network(str(tiny_clip), str(tmp_path / name))
    assert not (tmp_path / "harm").exists()


def test_checkpoints_that_do_not_fit_are_named_in_one_sentence(
    tiny_clip: Path, tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    missing = {name: tensor for name, tensor in state.items() if name != "visual.proj"}
    extra = {**state, "visual.more": torch.zeros(1)}
    reshaped = {**state, "visual.proj": torch.zeros(64, 31)}
    for tensors, message in (
        (missing, "does not fit .*: 1 tensors differ: visual.proj is missing"),
        (extra, "visual.more is not known"),
        (reshaped, r"visual.proj is \(64, 31\), not \(64, 32\)"),
        ({"other": torch.zeros(1)}, f"{len(state) + 1} tensors differ"),
    ):
        save_file(tensors, tmp_path / "wrong.safetensors")
        with pytest.raises(InputError, match=message) as error:
            load_network(str(tiny_clip), str(tmp_path / "wrong.safetensors"))
        assert "\n" not in str(error.value)


def test_files_that_are_no_checkpoints(tiny_clip: Path, tmp_path: Path) -> None:
    for name in ("text.pt", "text.safetensors", "empty.bin"):
        (tmp_path / name).write_text("" if "empty" in name else "no tensors")
        with pytest.raises(InputError, match="no tensors by name"):
            load_network(str(tiny_clip), str(tmp_path / name))
    (tmp_path / "weights.h5").touch()
    with pytest.raises(InputError, match=r"weights are read from \.safetensors"):
        load_network(str(tiny_clip), str(tmp_path / "weights.h5"))


def test_wrong_names_are_refused_with_near_ones(architecture: str, tmp_path: Path) -> None:
    for model, pretrained, message in (
        ("ViT-B32", None, "unknown model 'ViT-B32'.*near: ViT-B-32, .*list_models"),
        ("openai/clip-vit-base-patch33", None, "near: openai/clip-vit-base-patch32"),
        (architecture, None, "random weights, which mean nothing; .*tags of Tiny-T-1: local_tag"),
        (architecture, "local_tga", "no tag of Tiny-T-1 and no file .near: local_tag"),
        (architecture, str(tmp_path / "gone.pt"), "no tag of Tiny-T-1 and no file"),
        (str(tmp_path), None, "is no model: open_clip_config.json"),
    ):
        with pytest.raises(InputError, match=message):
            load_network(model, pretrained)


def test_wrong_folders_are_refused(tiny_clip: Path, tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    folder = copy_of(tiny_clip, tmp_path / "model")
    with pytest.raises(InputError, match="has no weights"):
        load_network(str(folder))
    with pytest.raises(InputError, match="is no file"):
        load_network(str(folder), "laion2b")
    for name in ("a.pt", "b.pt"):
        torch.save(state, folder / name)
    with pytest.raises(InputError, match=r"several checkpoints: a.pt, b.pt; name one with --pretrained"):
        load_network(str(folder))
    config = json.loads((tiny_clip / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["no_such_setting"] = 1
    with pytest.raises(InputError, match=r"open_clip cannot make .*no_such_setting"):
        load_network(str(copy_of(tiny_clip, tmp_path / "odd", config)), str(folder / "a.pt"))
    for content in ("{", "[]", '{"model_cfg": {"vision_cfg": {}}}'):
        (folder / "open_clip_config.json").write_text(content)
        with pytest.raises(InputError, match="is no configuration of open_clip"):
            load_network(str(folder), str(folder / "a.pt"))


def test_without_open_clip_the_way_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "open_clip", None)
    with pytest.raises(InputError, match=r"pip install -e \.\[extract\]"):
        load_network("ViT-B-32", "openai")


def test_loading_warns_of_nothing(tiny_clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_network(str(tiny_clip))
    assert not caplog.records  # open_clip would warn of random weights, which are replaced a moment later
