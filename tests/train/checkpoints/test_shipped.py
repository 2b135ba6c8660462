from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from salt_infer.modelfile.onnx_reader import read_model
from salt_infer.models import default_model
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import shipped
from salt_train.errors import CheckpointError
from salt_train.settings.model_config import ModelConfig
from salt_train.settings.recipes import RECIPES

HERE = Path("model.onnx")


def test_an_exported_file_says_what_its_network_is(
    tiny_checkpoint: Path, dense_model: Path
) -> None:
    contract = read_model(dense_model).contract
    assert shipped.networks(contract, HERE) == [checkpoints.load(tiny_checkpoint).config.model]


def test_what_ships_names_a_network_and_what_it_held_out() -> None:
    file = shipped.read()
    for number, member in enumerate(file.members):
        assert member.number == number
        assert isinstance(member.network, ModelConfig)
        assert member.origin["folds"] >= 2
        assert len(member.origin["split_sha256"]) == 64


@pytest.mark.parametrize("name", ["binary-judge", "scratch"])
def test_a_file_without_shapes_has_a_recipes_network_by_its_words(name: str) -> None:
    contract = read_model(default_model("cuda")).contract
    wanted = dataclasses.replace(RECIPES[name].config.model, canvas_px=160, mean=0.25)
    older = dataclasses.replace(
        contract, architecture=wanted.architecture, canvas_px=160, mean=0.25, std=wanted.std,
        provenance={},
    )  # fmt: skip
    assert shipped.networks(older, HERE) == [wanted]


@pytest.mark.parametrize(
    "networks", [[{"depth": 19}], [{"depth": 18, "of_the_future": 1}], [3], 3, ["deep"]]
)
def test_shapes_that_this_version_does_not_know(networks: object) -> None:
    contract = read_model(default_model("cuda")).contract
    odd = dataclasses.replace(contract, provenance={"networks": networks})
    with pytest.raises(CheckpointError, match=r"model\.onnx is of U-Net.*, which this version can"):
        shipped.networks(odd, HERE)
    unknown = dataclasses.replace(contract, provenance={}, architecture="V-Net")
    with pytest.raises(CheckpointError, match=r"is of V-Net, which this version cannot train on"):
        shipped.networks(unknown, HERE)
