from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from salt_train.checkpoints import shipped
from salt_train.errors import ConfigError
from salt_train.settings import recipes
from salt_train.settings.config import IMAGENET, Stage, TrainConfig
from salt_train.settings.model_config import ModelConfig
from salt_train.settings.overrides import difference, flat, override
from salt_train.settings.recipes import RECIPES, rescaled, two_stages
from salt_train.training import augment

JUDGE = RECIPES["binary-judge"].config
BCE = Stage("bce", 30, "constant", 3e-4, optimizer="adam")
LOVASZ = Stage("lovasz", 90, "constant", 1e-4, bce_weight=0.0, optimizer="adam")
CYCLES = Stage(
    "lovasz", 80, "triangular2", 1e-3, 1e-4, bce_weight=0.0, optimizer="adam", cycle_epochs=10
)
SETTINGS = TrainConfig(model=ModelConfig(), stages=two_stages(6, 1e-3))


def shrunk(name: str, *assignments: str) -> TrainConfig:
    """A recipe with a small network, few epochs and a fold of a few tiles."""
    config = RECIPES[name].config
    sizes = ["encoder=resnet18", "width=16", "decoder_channels=8"]
    if config.model.judge:
        sizes.append("judge_channels=8")
    if config.model.hypercolumn_channels:
        sizes.append("hypercolumn_channels=8")
    small = [f"model.{size}" for size in sizes] + ["folds=3", "batch_size=4", "warmup_steps=1"]
    short, scratch = rescaled(config, max(2, len(config.stages))), {"encoder_weights": ""}
    return override(short, [*small, *assignments], scratch)


def changed(name: str, start: str) -> set[str]:
    """Settings, without the stages', in which a recipe differs from another."""
    old, new = (flat(RECIPES[key].config.to_json()) for key in (start, name))
    names = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    return {key for key in names if not key.startswith("stages.")} - {"recipe"}


def stages(name: str) -> list[Stage]:
    return list(RECIPES[name].config.stages)


def test_each_recipe_has_its_own_name() -> None:
    assert recipes.DEFAULT in RECIPES
    for name, recipe in RECIPES.items():
        assert name == recipe.name == recipe.config.recipe


def test_the_default_starts_from_imagenets_weights() -> None:
    config = RECIPES[recipes.DEFAULT].config
    assert config.model.encoder == "efficientnet-lite0"
    assert config.encoder_weights == IMAGENET
    assert config.stages == two_stages(14, 1e-3)


def test_lite2_is_the_network_that_ships() -> None:
    (member,) = shipped.read().members
    assert RECIPES["lite2"].config.model == member.network.meant
    assert changed("lite2", recipes.DEFAULT) == {"model.encoder"}
    assert stages("lite2") == stages(recipes.DEFAULT)


def test_from_scratch_is_longer_and_needs_no_weights() -> None:
    config = RECIPES["scratch"].config
    assert config.encoder_weights == config.init_weights == ""
    assert config.model == ModelConfig(depth=34, width=32, canvas_px=112)
    assert config.stages == two_stages(60, 1e-3)
    assert (config.weight_decay, config.ema_decay, config.precision) == (0.01, 0.999, "bf16")


def test_a_run_of_the_recipe_that_was_cpu_goes_on_as_scratch() -> None:
    begun = dataclasses.replace(RECIPES["scratch"].config, recipe="cpu")
    assert difference(begun, RECIPES["scratch"].config) == ""
    said = difference(begun, RECIPES["cpu"].config)
    assert said.startswith("model.encoder was resnet and is now efficientnet-lite0; ")
    assert said.endswith("; encoder_weights was empty and is now imagenet")


@pytest.mark.parametrize(("before", "now"), [("cpu", "lite2"), ("lite", "cpu")])
def test_a_run_goes_on_by_what_its_recipe_is_called_now(before: str, now: str) -> None:
    begun = dataclasses.replace(RECIPES[now].config, recipe=before)
    assert difference(begun, RECIPES[now].config) == ""


def test_the_baseline_is_the_study_s() -> None:
    config = RECIPES["baseline"].config
    model = config.model
    assert (model.depth, model.width, model.stem_pool) == (34, 64, True)
    assert (model.decoder_channels, model.upsampling) == (64, "transposed")
    assert (model.canvas_px, model.mean, model.std) == (128, 0.0, 1.0)
    absent = (model.scse_reduction, model.hypercolumn_channels, model.subpixel_head, model.judge)
    assert not any((*absent, model.coord_conv, model.deep_supervision))
    assert config.stages == (dataclasses.replace(BCE, epochs=50),)
    assert (config.ema_decay, config.weight_decay, config.warmup_steps) == (0, 0, 0)


def test_the_baseline_does_not_augment() -> None:
    random = torch.Generator().manual_seed(0)
    tiles = torch.rand((64, 1, 101, 101), generator=random)
    masks = (torch.rand((64, 101, 101), generator=random) > 0.5).float()
    for name, same in (("baseline", True), ("baseline-augmented", False)):
        changes = augment.draw(64, RECIPES[name].config.augment, random)
        after, masks_after = augment.apply(tiles, masks, changes)
        assert torch.equal(masks_after, masks) == same
        assert torch.allclose(after, tiles, atol=1e-4) == same


def test_each_step_of_the_study_adds_what_it_says() -> None:
    pretrained = [dataclasses.replace(BCE, epochs=50), dataclasses.replace(LOVASZ, epochs=45)]
    assert stages("baseline-augmented") == [*pretrained, dataclasses.replace(CYCLES, epochs=40)]
    assert all(key.startswith("augment.") for key in changed("baseline-augmented", "baseline"))
    assert stages("scse-hypercolumn") == stages("baseline-augmented")
    assert changed("scse-hypercolumn", "baseline-augmented") == {
        "model.scse_reduction", "model.hypercolumn_channels", "model.upsampling",
    }  # fmt: skip
    assert RECIPES["scse-hypercolumn"].config.model.scse_reduction == 16
    assert RECIPES["scse-hypercolumn"].config.model.upsampling == "bilinear"
    assert stages("binary-judge") == [BCE, LOVASZ, CYCLES]
    assert changed("binary-judge", "scse-hypercolumn") == {"model.judge", "model.judge_dropout"}
    assert JUDGE.model.judge
    assert JUDGE.epochs == 200


def test_the_other_approaches_differ_from_the_judge_only_where_they_say() -> None:
    assert changed("focal-lovasz", "binary-judge") == set()
    assert stages("focal-lovasz") == [dataclasses.replace(BCE, loss="focal"), LOVASZ, CYCLES]
    assert changed("deep-supervision", "binary-judge") == {"model.deep_supervision"}
    lengths = [
        (stage.loss, stage.epochs, stage.cycle_epochs) for stage in stages("deep-supervision")
    ]
    assert lengths == [("bce", 9, 0), ("lovasz", 27, 0), ("lovasz", 24, 3)]
    assert changed("coordconv", "binary-judge") == {"model.coord_conv"}
    assert stages("coordconv") == stages("binary-judge")
    assert changed("snapshot", "binary-judge") == set()
    assert stages("snapshot")[:2] == [BCE, LOVASZ]
    last = stages("snapshot")[2]
    assert (last.schedule, last.cycle_epochs, last.snapshots) == ("cyclic-cosine", 20, True)
    assert (last.loss, last.epochs, last.optimizer) == ("lovasz", 80, "adam")
    assert changed("swa", "binary-judge") == set()
    assert stages("swa")[:3] == stages("binary-judge")
    assert [stage.average for stage in stages("swa")] == ["ema", "ema", "ema", "swa"]
    assert stages("swa")[3].schedule == "constant"


@pytest.mark.parametrize("name", RECIPES)
@given(epochs=st.integers(4, 1000))
def test_rescaled_stages_add_up(name: str, epochs: int) -> None:
    config = RECIPES[name].config
    scaled = rescaled(config, epochs)
    assert scaled.epochs == epochs
    assert all(stage.epochs > 0 for stage in scaled.stages)
    assert len(scaled.stages) == len(config.stages)
    for old, new in zip(config.stages, scaled.stages, strict=True):
        # An end is rounded to the next epoch, or makes room for a stage of one epoch; epochs that
        # whole cycles leave over are the stage before's.
        over = max(stage.epochs // (stage.cycle_epochs or 1) for stage in config.stages)
        apart = abs(new.epochs - old.epochs * epochs / config.epochs)
        assert apart <= len(config.stages) + over
        if old.cyclic:
            assert new.epochs % new.cycle_epochs == 0
            cycles = new.epochs // new.cycle_epochs
            assert cycles <= old.epochs // old.cycle_epochs
            assert cycles == old.epochs // old.cycle_epochs or new.cycle_epochs == 1
        same = dataclasses.replace(new, epochs=old.epochs, cycle_epochs=old.cycle_epochs)
        assert same == old
        assert bool(new.cycle_epochs) == new.cyclic


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(1, 300))
def test_any_stages_are_rescaled_or_refused(lengths: list[int], epochs: int) -> None:
    if not any(lengths):
        lengths = [1]
    config = dataclasses.replace(SETTINGS, stages=tuple(Stage("bce", each) for each in lengths))
    wanted = sum(1 for each in lengths if each)
    if epochs < wanted:
        with pytest.raises(ConfigError, match=f"^{epochs} epochs? for {wanted} stages"):
            rescaled(config, epochs)
    else:
        scaled = rescaled(config, epochs)
        assert scaled.epochs == epochs
        assert len(scaled.stages) == wanted  # a stage without epochs is left out


def test_rescaled_to_its_own_length_is_unchanged() -> None:
    for recipe in RECIPES.values():
        assert rescaled(recipe.config, recipe.config.epochs) == recipe.config
    halved = rescaled(JUDGE, 100)
    assert [stage.epochs for stage in halved.stages] == [15, 45, 40]
    assert halved.stages[2].cycle_epochs == 5


def test_a_recipe_is_described_with_its_network_and_stages() -> None:
    assert recipes.describe(RECIPES["snapshot"]).splitlines() == [
        "snapshot: binary-judge with cosine cycles, a checkpoint each",
        "    U-Net, ResNet34 encoder (width 64), 64-channel decoder, SCSE r=16, hypercolumn, "
        "binary judge",
        "    30 epochs bce, adam 0.0003",
        "    90 epochs lovasz, adam 0.0001",
        "    80 epochs lovasz, adam cyclic-cosine 0.001 to 1e-05, 20 epochs a cycle, snapshots",
    ]
    assert recipes.describe(RECIPES["swa"]).endswith("30 epochs lovasz, adam 0.0003, SWA")
    for recipe in RECIPES.values():
        told = recipes.describe(recipe)
        starts = "[pretrained]" in told
        assert starts == bool(recipe.config.encoder_weights)
        assert len(told.splitlines()) == 2 + starts + len(recipe.config.stages)


def heights(config: TrainConfig, steps: int = 0) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Filled eighths of each column of the picture."""
    lines = recipes.picture(config, steps).splitlines()
    rows = [line.partition("│")[2] for line in lines if "│" in line]
    columns = zip(*(row.ljust(config.epochs) for row in rows), strict=True)
    return np.array([sum(" ▁▂▃▄▅▆▇█".index(cell) for cell in column) for column in columns])


def test_the_picture_shows_the_rate_of_each_epoch() -> None:
    config = dataclasses.replace(
        JUDGE, stages=(Stage("bce", 6, "constant", 5e-4), Stage("bce", 4, "cosine", 1e-3))
    )
    title = recipes.picture(config).partition("\n")[0]
    assert title == "highest learning rate in each of 10 epochs"
    drawn = heights(config)
    top = 12 * 8  # the cosine's begin
    assert drawn.max() == drawn[6] == top
    assert drawn[:6].tolist() == [round(top * 5e-4 / 1e-3)] * 6
    assert all(np.diff(drawn[6:]) < 0)


@pytest.mark.parametrize("steps", [0, 30])
def test_a_rate_that_rises_and_falls_within_an_epoch_is_seen(steps: int) -> None:
    """At whose end it is the lowest."""
    cyclic = Stage("lovasz", 3, "cyclic-cosine", 1e-3, 1e-6, cycle_epochs=1)
    config = dataclasses.replace(
        JUDGE, warmup_steps=0, stages=(Stage("bce", 3, "constant", 5e-4), cyclic)
    )
    drawn = heights(config, steps)
    assert drawn[:3].tolist() == [48] * 3
    assert drawn[3:].tolist() == [96] * 3


def test_the_picture_leaves_out_the_warm_up() -> None:
    """A warm-up of 100 steps is less than an epoch of real data; drawn over two steps an epoch it
    would fill the picture.
    """
    config = RECIPES["scratch"].config
    assert config.warmup_steps > 0
    title, *bars = recipes.picture(config).splitlines()
    without = recipes.picture(dataclasses.replace(config, warmup_steps=0)).splitlines()
    assert bars == without[1:]
    assert title.startswith(f"{without[0]}, without each stage's first 100 steps")
    assert heights(config)[0] == heights(config).max()


def test_with_the_steps_of_an_epoch_the_picture_has_the_warm_up() -> None:
    config = dataclasses.replace(
        JUDGE, warmup_steps=6, stages=(Stage("bce", 4, "constant", 1e-3), Stage("bce", 1))
    )
    title, *_ = recipes.picture(config, 2).splitlines()
    assert title == "highest learning rate in each of 5 epochs of 2 steps"
    top = 12 * 8
    drawn = heights(config, 2)
    assert drawn.tolist() == [round(top * share / 6) for share in (2, 4, 6, 6, 2)]


def test_a_stage_that_ends_before_its_warm_up_is_warned_of() -> None:
    config = dataclasses.replace(
        JUDGE, warmup_steps=40, stages=(Stage("bce", 4), Stage("bce", 3), Stage("bce", 0))
    )
    *_, warning = recipes.picture(config, 10).splitlines()
    assert warning.startswith("warning: the rate rises over 40 steps and stages.1 has 30, ")
    assert "--set warmup_steps=3," in warning
    assert "warning" not in recipes.picture(config, 14)
    assert recipes.picture(config, 9).count("warning") == 2


def test_cycles_of_one_step_are_warned_of() -> None:
    """The rate is that of a step's beginning, and a cycle begins at its lowest."""
    stage = Stage("bce", 4, "triangular2", 1e-3, 1e-5, cycle_epochs=1)
    config = dataclasses.replace(JUDGE, warmup_steps=0, stages=(Stage("bce", 1), stage))
    *_, warning = recipes.picture(config, 1).splitlines()
    assert warning.startswith("warning: a cycle of stages.1 is one step, at its lowest rate: 1e-05")
    assert "warning" not in recipes.picture(config, 2)
