from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from salt_train.errors import ConfigError
from salt_train.settings.config import AugmentConfig, Stage, TrainConfig
from salt_train.settings.model_config import ModelConfig
from salt_train.settings.recipes import RECIPES, two_stages

CONFIG = TrainConfig(model=ModelConfig(depth=34, width=64), stages=two_stages(7, 2e-3), fold=3)
NAN = float("nan")
# What the program did before there were settings for these.
NEWER = {"ema_warmup": 10.0, "statistics_tiles": 1024}
NEWER_IN_STAGES = {
    "focal_gamma": 2.0, "level_weight": 0.1, "momentum": 0.9, "beta1": 0.9, "beta2": 0.999,
    "epsilon": 1e-8,
}  # fmt: skip
NEWER_IN_AUGMENT = {"polarity": 0.0, "stretch": 0.0}


@pytest.mark.parametrize("config", [CONFIG, *(recipe.config for recipe in RECIPES.values())])
def test_json_round_trip(config: TrainConfig) -> None:
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_unknown_and_missing_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"another version, use that one or train anew"):
        TrainConfig.from_json(CONFIG.to_json() | {"colour": "red"})
    stage = {"loss": "bce", "epochs": 1, "speed": 3}
    with pytest.raises(ConfigError, match="speed"):
        TrainConfig.from_json(CONFIG.to_json() | {"stages": [stage]})
    with pytest.raises(ConfigError, match="'model'"):
        TrainConfig.from_json({"stages": [], "augment": {}})


def test_newer_settings_mean_by_default_what_the_program_did_before() -> None:
    value = CONFIG.to_json()
    assert NEWER.items() <= value.items()
    assert NEWER_IN_AUGMENT.items() <= value["augment"].items()
    for stage in value["stages"]:
        assert NEWER_IN_STAGES.items() <= stage.items()


def test_settings_of_an_older_file_have_their_defaults() -> None:
    """Files from before a setting was there keep their meaning."""
    value = CONFIG.to_json()
    for name in ("coord_conv", "deep_supervision", "upsampling", "judge"):
        del value["model"][name]
    for stage in value["stages"]:
        for name in ("optimizer", "cycle_epochs", "snapshots", "average", *NEWER_IN_STAGES):
            del stage[name]
    for name in NEWER:
        del value[name]
    for name in NEWER_IN_AUGMENT:
        del value["augment"][name]
    assert TrainConfig.from_json(value) == CONFIG


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fold": 10}, "fold is 10 of 10"),
        ({"folds": 1, "fold": 0}, "folds >= 2; --fold none trains on every tile"),
        ({"fold": None}, "fold is None of 10"),
        ({"fold": "1"}, "fold is '1' of 10"),
        ({"fold": True}, "fold is True of 10"),
        ({"seed": -1}, "seed is -1"),
        ({"split_seed": 2**32}, "split_seed is 4294967296"),
        ({"stages": ()}, "no epochs"),
        ({"stages": (Stage("bce", 0),)}, "no epochs"),
        ({"batch_size": 1}, "batch size is 1, expected at least 2"),
        ({"precision": "fp8"}, "precision is 'fp8', expected one of fp32, bf16, fp16"),
        (
            {"weight_decay": 1e4},
            r"weight_decay is 10000 and stages\.0\.learning_rate \S+: a step would take away",
        ),
        ({"weight_decay": NAN}, "weight_decay is nan, expected 0 or more"),
        ({"judge_weight": -1.0}, "judge_weight is -1.0, expected 0 or more"),
        ({"ema_decay": 1.5}, "ema_decay is 1.5, expected 0 to 0.999999"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0, expected 0 to 0.999999"),
        ({"ema_warmup": 0.5}, "ema_warmup is 0.5, expected 1 or more"),
        ({"ema_warmup": NAN}, "ema_warmup is nan, expected 1 or more"),
        ({"statistics_tiles": 0}, "statistics_tiles is 0, expected 1 or more"),
        ({"warmup_steps": -1}, "warmup_steps is -1, expected 0 or more"),
        ({"pseudo_fraction": 2.0}, "pseudo_fraction is 2.0, expected 0 to 1"),
    ],
)
def test_impossible_runs(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        dataclasses.replace(CONFIG, **changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"epochs": -1}, "-1 epochs"),
        ({"learning_rate": 3}, "learning rate is 3"),
        ({"learning_rate": 0}, "learning rate is 0"),
        ({"floor_rate": -1e-4}, "floor_rate is -0.0001, expected 0 to 1"),
        ({"bce_weight": NAN}, "bce_weight is nan"),
        ({"focal_gamma": -1.0}, "focal_gamma is -1.0, expected 0 or more"),
        ({"epochs": 10**22}, f"a stage has {10**22} epochs, expected 0 to 100000"),
        ({"focal_gamma": NAN}, "focal_gamma is nan, expected 0 or more"),
        ({"level_weight": float("inf")}, "level_weight is inf, expected 0 or more"),
        ({"momentum": 1.0}, "momentum is 1.0, expected 0 to 0.999999"),
        ({"beta1": -0.1}, "beta1 is -0.1, expected 0 to 0.999999"),
        ({"beta2": NAN}, "beta2 is nan, expected 0 to 0.999999"),
        ({"epsilon": 0.0}, "epsilon is 0.0, expected 1e-16 to 1"),
        (
            {"loss": "iou"},
            "loss is 'iou', expected one of bce, focal, dice, lovasz, symmetric-lovasz",
        ),
        ({"schedule": "step"}, "schedule is 'step'"),
        ({"optimizer": "lamb"}, "optimizer is 'lamb', expected one of adamw, adam, sgd"),
        ({"average": "mean"}, "average is 'mean', expected one of ema, swa"),
        ({"schedule": "cosine", "learning_rate": 1e-7}, "floor_rate is 1e-06, expected at most"),
        ({"schedule": "triangular2"}, "triangular2 stage has cycles of 0 epochs, expected 1"),
        ({"snapshots": True}, "snapshots need a schedule with cycles, this one is constant"),
        ({"schedule": "cosine", "snapshots": True}, "this one is cosine"),
    ],
)
def test_impossible_stages(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        dataclasses.replace(Stage("bce", 1), **changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"hflip": 1.5}, "hflip is 1.5, expected 0 to 1"),
        ({"scale_low": 0.0}, "scale_low is 0.0, expected 0.001 to 1.1"),
        ({"scale_low": 2.0}, "scale_low is 2.0, expected 0.001 to 1.1"),
        ({"rotate_deg": -1.0}, "rotate_deg is -1.0"),
        ({"gamma": float("inf")}, "gamma is inf, expected 0 or more"),
        ({"polarity": 1.5}, "polarity is 1.5, expected 0 to 1"),
        ({"polarity": NAN}, "polarity is nan, expected 0 to 1"),
        ({"stretch": -0.5}, "stretch is -0.5, expected 0 to 4"),
        ({"stretch": 5.0}, "stretch is 5.0, expected 0 to 4"),
    ],
)
def test_impossible_augmentation(changes: dict[str, float], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        AugmentConfig(**changes)


def test_the_architecture_names_what_the_network_has() -> None:
    assert ModelConfig().architecture == (
        "U-Net, ResNet18 encoder (width 32), 32-channel decoder, SCSE r=16, hypercolumn, "
        "binary judge"
    )
    plain = ModelConfig(scse_reduction=0, hypercolumn_channels=0, judge=False, coord_conv=True)
    assert plain.architecture == "U-Net, ResNet18 encoder (width 32), CoordConv, 32-channel decoder"
