from __future__ import annotations

import dataclasses

import pytest

from salt_train.errors import ConfigError
from salt_train.settings.config import Stage, TrainConfig
from salt_train.settings.idle import idle
from salt_train.settings.model_config import ModelConfig
from salt_train.settings.overrides import difference, flat, listed, override
from salt_train.settings.recipes import RECIPES, two_stages

CONFIG = TrainConfig(model=ModelConfig(depth=34, width=64), stages=two_stages(7, 2e-3), fold=3)
SETTINGS = TrainConfig(model=ModelConfig(), stages=two_stages(6, 1e-3))
LITE = RECIPES["cpu"].config
# Every kind of stage, so that all its settings have an effect somewhere.
ALL_KINDS = dataclasses.replace(
    SETTINGS,
    model=ModelConfig(deep_supervision=True),
    stages=(
        Stage("focal", 2),
        Stage("lovasz", 3, "cyclic-cosine", cycle_epochs=1),
        Stage("bce", 1, optimizer="sgd", average="swa"),
    ),
)


def test_flat_names_every_setting_by_its_path() -> None:
    value = flat(CONFIG.to_json())
    assert value["model.width"] == 64
    assert value["stages.1.epochs"] == 5
    assert value["augment.hflip"] == 0.5
    assert value["fold"] == 3
    assert not any(isinstance(each, dict | list) for each in value.values())


def test_a_difference_is_told_in_full() -> None:
    other = dataclasses.replace(CONFIG, stages=CONFIG.stages[:1], seed=4)
    said = difference(CONFIG, other)
    assert "seed was 0 and is now 4" in said
    assert "stages.1.loss was lovasz and is now None" in said
    started = dataclasses.replace(CONFIG, encoder_weights="a.pth")
    assert difference(CONFIG, started) == "encoder_weights was empty and is now a.pth"
    assert difference(CONFIG, CONFIG) == ""


def test_a_name_in_a_difference_is_shown_harmlessly() -> None:
    """It may be another's, in a checkpoint."""
    started = dataclasses.replace(CONFIG, encoder_weights="a\x1b[31m.pth")
    assert difference(CONFIG, started).endswith(r"is now 'a\x1b[31m.pth'")


def test_what_trains_the_same_is_no_difference() -> None:
    """A recipe of another name, and a width where the encoder has none."""
    named = dataclasses.replace(CONFIG, recipe="b")
    assert difference(CONFIG, named) == ""
    assert difference(CONFIG, dataclasses.replace(named, seed=4)) == (
        "seed was 0 and is now 4; recipe was empty and is now b"
    )
    wide = dataclasses.replace(LITE, model=dataclasses.replace(LITE.model, width=64, depth=34))
    assert wide != LITE
    assert difference(wide, LITE) == ""


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("model.width=16", "model.width", 16),
        ("model.judge=false", "model.judge", False),
        ("model.upsampling=transposed", "model.upsampling", "transposed"),
        ("stages.1.learning_rate=3e-4", "stages.1.learning_rate", 3e-4),
        ("stages.1.bce_weight=1", "stages.1.bce_weight", 1.0),
        ("stages.1.bce_weight=.5", "stages.1.bce_weight", 0.5),
        ("stages.1.bce_weight=5.", "stages.1.bce_weight", 5.0),
        ("stages.1.learning_rate=.3e-3", "stages.1.learning_rate", 3e-4),
        ("stages.1.learning_rate=3.e-4", "stages.1.learning_rate", 3e-4),
        ("augment.hflip=0", "augment.hflip", 0.0),
        ("augment.polarity=0.5", "augment.polarity", 0.5),
        ("augment.stretch=0.7", "augment.stretch", 0.7),
        ("stages.0.focal_gamma=1.5", "stages.0.focal_gamma", 1.5),
        ("stages.1.level_weight=0", "stages.1.level_weight", 0.0),
        ("stages.2.momentum=0.95", "stages.2.momentum", 0.95),
        ("stages.0.beta1=0.8", "stages.0.beta1", 0.8),
        ("stages.1.beta2=0.99", "stages.1.beta2", 0.99),
        ("stages.1.epsilon=1e-6", "stages.1.epsilon", 1e-6),
        ("ema_warmup=1", "ema_warmup", 1.0),
        ("statistics_tiles=64", "statistics_tiles", 64),
        ("seed=7", "seed", 7),
        ("encoder_weights=a=b.pth", "encoder_weights", "a=b.pth"),
        ("encoder_weights=", "encoder_weights", ""),
        ("encoder_weights=34", "encoder_weights", "34"),
    ],
)
def test_a_setting_is_changed_and_nothing_else(assignment: str, path: str, value: object) -> None:
    start = override(ALL_KINDS, ["encoder_weights=x.pth"])
    config = override(start, [assignment])
    before, after = flat(start.to_json()), flat(config.to_json())
    assert after.pop(path) == value
    assert type(value) is type(flat(config.to_json())[path])
    before.pop(path)
    assert after == before


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("model.width", r"'model\.width' sets nothing; expected a form like ema_decay=0\.999"),
        ("", "sets nothing"),
        ("=3", r"there is no '', expected one of model, stages"),
        ("colour=red", r"colour: there is no 'colour', expected one of model, stages, augment"),
        ("model.colour=1", r"model\.colour: there is no 'colour', expected one of encoder, depth"),
        ("learning_rate=1", r"expected one of model, .*; is stages\.N\.learning_rate meant\?$"),
        ("EMA_DECAY=0.9", r"there is no 'EMA_DECAY', .*; is ema_decay meant\?$"),
        ("lr=1", r"there is no 'lr', .*; is stages\.N\.learning_rate meant\?$"),
        ("model.hflip=1", r"; is augment\.hflip meant\?$"),
        ("zz=1", r"expected one of .*, pseudo_fraction$"),
        ("stages.2.epochs=1", r"stages\.2\.epochs: there is no '2', expected 0 to 1"),
        ("stages.-1.epochs=1", r"there is no '-1', expected 0 to 1"),
        ("stages." + "1" * 5000 + ".epochs=3", r"^stages\.1{53}\.\.\.: there is no '1{100}'"),
        ("stages.first.epochs=1", r"there is no 'first', expected 0 to 1"),
        ("model.width.x=1", r"model\.width\.x: a setting has nothing below it, leave out 'x'"),
        ("model=3", "model is a group of settings; name one in it"),
        ("stages=[]", "stages is a group of settings"),
        ("stages.0=3", r"stages\.0 is a group of settings"),
        ("model.width=wide", r"model\.width is 'wide', expected a whole number"),
        ("model.width=16.0", r"model\.width is '16\.0', expected a whole number"),
        ("model.width=true", "expected a whole number"),
        ("model.width=", r"model\.width is '', expected a whole number"),
        ("model.judge=1", r"model\.judge is '1', expected true or false"),
        ("model.judge=False", "expected true or false"),
        ("weight_decay=none", r"weight_decay is 'none', expected a number"),
        ("weight_decay=.", "expected a number"),
        ("weight_decay=..5", r"weight_decay is '\.\.5', expected a number"),
        ("weight_decay=null", "expected a number"),
        ("weight_decay=1" + "0" * 400, "expected a number"),
        ("seed=1" + "0" * 5000, r"^seed is '10{99}'\.\.\. \(5001 chara.*expected a whole number"),
        ("weight_decay=NaN", "weight_decay is nan, expected 0 or more"),
        ("weight_decay=1e999", "weight_decay is inf, expected 0 or more"),
        ("model.tile_px=128", "tile_px is 128, expected 101"),
        ("augment.stretch=9", "stretch is 9.0, expected 0 to 4"),
        ("stages.0.beta1=1", "beta1 is 1.0, expected 0 to 0.999999"),
        ("stages.0.focal_gamma=NaN", "focal_gamma is nan, expected 0 or more"),
        ("model.upsampling=nearest", "upsampling is 'nearest', expected one of bilinear"),
        ("stages.0.loss=tversky", "loss is 'tversky', expected one of bce, focal"),
        ("stages.0.learning_rate=2", r"learning rate is 2\.0, expected within 0\.\.1"),
        ("fold=10", "fold is changed by --fold, not by --set"),
        ("recipe=mine", "recipe is changed by --recipe, not by --set"),
        ("pseudo_fraction=0.5", "pseudo_fraction is changed by --pseudo-fraction, not by --set"),
        ("pseudo_sha256=0", "pseudo_sha256 is changed by --pseudo-labels, not by --set"),
    ],
)  # fmt: skip
def test_assignments_that_cannot_be_made(assignment: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        override(SETTINGS, [assignment])


def test_several_assignments_are_made() -> None:
    config = override(SETTINGS, ["model.depth=34", "seed=2"])
    assert (
        difference(SETTINGS, config) == "model.depth was 18 and is now 34; seed was 0 and is now 2"
    )
    assert override(SETTINGS, []) == SETTINGS


@pytest.mark.parametrize(
    ("first", "again", "path"),
    [
        ("model.width=16", "model.width=32", "model.width"),
        ("seed=1", "seed=1", "seed"),
        ("stages.0.epochs=3", "stages.00.epochs=4", "stages.0.epochs"),
    ],
)
def test_a_setting_is_set_once(first: str, again: str, path: str) -> None:
    with pytest.raises(ConfigError, match=f"^{path} is set twice, expected once at most$"):
        override(SETTINGS, [first, "ema_warmup=1", again])
    assert override(SETTINGS, ["stages.0.epochs=3", "stages.1.epochs=3"]).epochs == 6


@pytest.mark.parametrize("name", RECIPES)
def test_all_settings_go_back_through_override(name: str) -> None:
    config = RECIPES[name].config
    lines = listed(config)
    stages = tuple(Stage("bce", 1) for _ in config.stages)
    blank = dataclasses.replace(SETTINGS, recipe=name, stages=stages, encoder_weights="x", seed=9)
    assert override(blank, lines) == config
    assert "stages.0.optimizer=adam" in lines or name in ("cpu", "lite2", "scratch")
    assert f"recipe={name}" in lines


OF_RESNETS = ("model.depth=18", "model.width=16", "model.stem_pool=true")


@pytest.mark.parametrize("assignment", OF_RESNETS)
@pytest.mark.parametrize("named", [[], ["model.encoder=efficientnet-lite2"]])
def test_what_only_resnets_have_is_refused_with_another_encoder(
    assignment: str, named: list[str]
) -> None:
    encoder = "efficientnet-lite2" if named else "efficientnet-lite0"
    for assignments in ([*named, assignment], [assignment, *named]):
        with pytest.raises(ConfigError) as refused:
            override(LITE, assignments)
        assert str(refused.value) == (
            f"model.encoder is {encoder}, and only ResNets have {assignment.partition('=')[0]}; "
            + ("give {} instead" if named else "add {}, or take --recipe scratch").format(
                "--set model.encoder=resnet18 --encoder-weights none"
            )
        )
    remedy = ["model.encoder=resnet18", assignment]
    config = override(LITE, remedy, {"encoder_weights": ""})
    assert config.model.is_resnet
    assert config == override(LITE, remedy[::-1], {"encoder_weights": ""})
    override(SETTINGS, [assignment])


def test_a_depth_that_is_refused_is_the_one_of_the_remedy() -> None:
    says = r"have model\.depth and model\.width; add --set model\.encoder=resnet34, or take"
    with pytest.raises(ConfigError, match=says):
        override(LITE, ["model.width=64", "model.depth=34"], {"encoder_weights": ""})


def test_the_encoder_is_named_with_one_depth() -> None:
    assert override(SETTINGS, ["model.depth=34", "model.encoder=resnet34"]).model.depth == 34
    assert override(SETTINGS, ["model.depth=34", "model.encoder=resnet"]).model.depth == 34
    with pytest.raises(ConfigError, match=r"is resnet18 and model\.depth is 34: leave one"):
        override(SETTINGS, ["model.depth=34", "model.encoder=resnet18"])


def test_the_weights_of_an_encoder_that_is_left_are_asked_about() -> None:
    assert override(LITE, ["model.encoder=efficientnet-lite2"]).encoder_weights == "imagenet"
    for width in (16, 64):  # there are published weights of the one, which would be downloaded
        left = ["model.encoder=resnet34", f"model.width={width}"]
        says = "starts from weights of efficientnet-lite0; add --encoder-weights none, or"
        with pytest.raises(ConfigError, match=says):
            override(LITE, left)
        assert override(LITE, left, {"encoder_weights": ""}).model == dataclasses.replace(
            LITE.model, encoder="resnet", depth=34, width=width
        )
        assert override(LITE, [*left, "encoder_weights="]).encoder_weights == ""


def test_weights_that_are_asked_for_are_checked_with_the_encoder() -> None:
    wide = ["model.encoder=resnet34", "model.width=64"]
    assert override(LITE, wide, {"encoder_weights": "imagenet"}).encoder_weights == "imagenet"
    with pytest.raises(ConfigError, match=r"--set model\.width=64, or --encoder-weights none"):
        override(LITE, wide[:1], {"encoder_weights": "imagenet"})


@pytest.mark.parametrize(
    ("assignments", "reason"),
    [
        (["judge_weight=1", "model.judge=false"], "judge_weight has no effect, as model.judge is"),
        (["model.judge_channels=8", "model.judge=false"], "no effect, as model.judge is false"),
        (["model.subpixel_head=false", "model.zoom=2", "model.canvas_px=224"], "model.zoom is 2"),
        (["ema_warmup=3", "ema_decay=0"], "ema_warmup has no effect, as ema_decay is 0: leave it"),
        (["ema_decay=0.9", "stages.0.average=swa", "stages.1.average=swa"], "average is ema"),
        (["statistics_tiles=9"], "statistics_tiles has no effect, as no stage's average is swa"),
        (["stages.0.bce_weight=1"], r"stages\.0\.loss is bce: leave it out, or change that too$"),
        (["stages.1.focal_gamma=1"], r"as stages\.1\.loss is lovasz"),
        (["stages.1.level_weight=1"], r"as model\.deep_supervision is false"),
        (["stages.0.floor_rate=0"], r"as stages\.0\.schedule is constant"),
        (["stages.1.cycle_epochs=2"], r"as stages\.1\.schedule is cosine"),
        (["stages.1.momentum=0.5"], r"as stages\.1\.optimizer is adamw"),
        (["stages.1.beta2=0.5", "stages.1.optimizer=sgd"], r"as stages\.1\.optimizer is sgd"),
        (["stages.0.loss=focal", "stages.0.epochs=0"], r"0\.loss has .* stages\.0\.epochs is 0"),
    ],
)  # fmt: skip
def test_what_nothing_reads_is_not_changed(assignments: list[str], reason: str) -> None:
    for order in (assignments, assignments[::-1]):
        with pytest.raises(ConfigError, match=reason):
            override(SETTINGS, order)


def test_what_nothing_reads_may_be_given_as_it_is() -> None:
    """As settings that a run has, which is resumed with all that it was begun with."""
    assert override(SETTINGS, ["stages.0.bce_weight=0.1", "statistics_tiles=1024"]) == SETTINGS


def test_the_shipped_network_has_statistics_to_measure() -> None:
    ships = dataclasses.replace(SETTINGS, init_weights="default")
    assert override(ships, ["statistics_tiles=64"]).statistics_tiles == 64
    assert "statistics_tiles=1024" in listed(ships)


@pytest.mark.parametrize("name", RECIPES)
def test_settings_without_effect_are_not_shown(name: str) -> None:
    config = RECIPES[name].config
    shown = {line.partition("=")[0] for line in listed(config)}
    assert shown | set(idle(config)) == set(flat(config.to_json()))
    assert not shown & set(idle(config))
