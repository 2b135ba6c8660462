"""What a run is: frozen settings, one dataclass a concern, stored in every checkpoint as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, Self

from salt_infer.system.text import shown
from salt_train.errors import ConfigError
from salt_train.settings.model_config import ModelConfig
from salt_train.settings.validation import AT_LEAST_ONE, NOT_NEGATIVE, SMALLEST, check

LossName = Literal["bce", "focal", "dice", "lovasz", "symmetric-lovasz"]
ScheduleName = Literal["constant", "cosine", "triangular2", "cyclic-cosine"]
OptimizerName = Literal["adamw", "adam", "sgd"]
AverageName = Literal["ema", "swa"]
PrecisionName = Literal["fp32", "bf16", "fp16"]

FOLD = "{fold}"  # in a path: stands for the number of the fold that is held out
NONE = "none"  # instead of a fold: no tile is held out; of encoder weights: random ones
SHIPPED = "default"  # instead of a checkpoint's path: the network that ships with salt-infer
IMAGENET = "imagenet"  # instead of a file: the encoder's published weights

_MOST_STRETCH = 4  # one axis 16 times the other
_MOST_EPOCHS = 100_000  # of a stage: each is drawn, and listed in checkpoints
_MEMORY = (0.0, 0.999999)  # share that a moving average keeps each step: all of it stands still


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stretch of training with one loss, one optimiser and one learning-rate schedule.

    Attributes:
        loss: the mask's loss: ``bce``, ``focal``, ``dice`` (soft), ``lovasz`` (hinge) or
            ``symmetric-lovasz``; the last three of each tile by itself.
        epochs: length of the stage.
        schedule: ``constant``; ``cosine`` from ``learning_rate`` down to ``floor_rate``;
            ``cyclic-cosine``, the same in each cycle; ``triangular2``, up from ``floor_rate`` and
            back in each cycle, half as high every time (Smith, 2017).
        learning_rate: the highest rate.
        floor_rate: the lowest rate.
        bce_weight: BCE added to a Lovasz or Dice loss, which alone is slow to start.
        focal_gamma: exponent of the focal loss: how little pixels count that are right already.
        level_weight: of each decoder level's mask loss beside the output's 1, under deep
            supervision.
        optimizer: a stage starts with a fresh one.
        momentum: of SGD, by Nesterov's rule.
        beta1: of Adam and AdamW: what its average of gradients keeps at each step.
        beta2: the same of the average of their squares.
        epsilon: of Adam and AdamW, added to the root that a step is divided by.
        cycle_epochs: length of a cycle, for the schedules that have them.
        snapshots: keep a checkpoint of every cycle's end (Huang et al., "Snapshot Ensembles",
            2017).
        average: which weights are validated and deployed: ``ema``, the exponential moving average
            over steps, or ``swa``, the plain mean over the stage's epochs (Izmailov et al.,
            "Averaging Weights Leads to Wider Optima and Better Generalization", 2018).
    """

    loss: LossName
    epochs: int
    schedule: ScheduleName = "constant"
    learning_rate: float = 1e-3
    floor_rate: float = 1e-6
    bce_weight: float = 0.1
    focal_gamma: float = 2.0
    level_weight: float = 0.1
    optimizer: OptimizerName = "adamw"
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    cycle_epochs: int = 0
    snapshots: bool = False
    average: AverageName = "ema"

    def __post_init__(self) -> None:
        check(
            self, floor_rate=(0, 1), bce_weight=NOT_NEGATIVE, focal_gamma=NOT_NEGATIVE,
            level_weight=NOT_NEGATIVE, momentum=_MEMORY, beta1=_MEMORY, beta2=_MEMORY,
            epsilon=(1e-16, 1),
        )  # fmt: skip
        if not 0 <= self.epochs <= _MOST_EPOCHS:
            raise ConfigError(f"a stage has {self.epochs} epochs, expected 0 to {_MOST_EPOCHS}")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning rate is {self.learning_rate}, expected within 0..1")
        if self.schedule != "constant" and self.floor_rate > self.learning_rate:
            raise ConfigError(
                f"floor_rate is {self.floor_rate}, expected at most the learning rate, "
                f"{self.learning_rate}"
            )
        if self.cyclic and self.cycle_epochs < 1:
            raise ConfigError(
                f"a {self.schedule} stage has cycles of {self.cycle_epochs} epochs, expected 1 or "
                "more"
            )
        if self.snapshots and not self.cyclic:
            raise ConfigError(f"snapshots need a schedule with cycles, this one is {self.schedule}")

    @property
    def cyclic(self) -> bool:
        """Whether the schedule repeats every ``cycle_epochs``."""
        return self.schedule in ("triangular2", "cyclic-cosine")


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Random changes to a training tile, each drawn uniformly from within its bound.

    Attributes:
        hflip: probability of a left-right flip.
        shift: largest shift, as a share of the tile's edge, both axes.
        scale_low: least magnification.
        scale_high: greatest magnification.
        rotate_deg: largest rotation, degrees.
        brightness: largest offset of grey values in 0..1.
        contrast: largest relative change of contrast about the tile's mean.
        gamma: largest change of log2(gamma).
        polarity: probability that grey values are turned to 1 - value, as of a survey whose
            amplitudes have the other sign; before contrast, brightness and gamma.
        stretch: largest |log2| of the ratio of horizontal to vertical magnification, as of a
            survey of other sampling. Drawn is s, uniformly from -stretch..stretch; the scale is
            multiplied by 2**(s/2) horizontally and by 2**(-s/2) vertically, so the ratio is 2**s
            and areas stay what the scale makes of them. Along the tile's own axes, before it is
            rotated.
    """

    hflip: float = 0.5
    shift: float = 0.1
    scale_low: float = 0.8
    scale_high: float = 1.1
    rotate_deg: float = 8.0
    brightness: float = 0.08
    contrast: float = 0.15
    gamma: float = 0.25
    polarity: float = 0.0
    stretch: float = 0.0

    def __post_init__(self) -> None:
        check(
            self, hflip=(0, 1), shift=(0, 1), scale_low=(SMALLEST, self.scale_high),
            scale_high=NOT_NEGATIVE, rotate_deg=(0, 180), brightness=(0, 1), contrast=(0, 1),
            gamma=NOT_NEGATIVE, polarity=(0, 1), stretch=(0, _MOST_STRETCH),
        )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One run: the network, the stages, the split, and how it is computed.

    Attributes:
        model, stages, augment: see their classes.
        fold: which fold is held out, from 0. None (``--fold none``): every tile is trained on, and
            no score is of unseen ones.
        folds: how many there are; 1 where none is held out.
        split_seed: by which tiles are dealt to folds.
        batch_size: tiles a step, over all processes.
        weight_decay: of convolutions; biases and normalisation have none.
        judge_weight: factor of the judge's loss beside the mask's.
        ema_decay: of the averaged weights, a step, below 1; 0 deploys the weights as they are.
        ema_warmup: how slowly a young average's decay grows: step s has at most
            (1 + s) / (ema_warmup + s); 1 has the whole decay from the start.
        statistics_tiles: training tiles, at most, that SWA's weights, and those of the shipped
            network to start from, measure their batch-normalisation statistics on.
        warmup_steps: steps over which each stage's rate rises from nothing.
        precision: arithmetic of the forward pass; weights and losses stay float32.
        seed: of the first weights, the order of tiles and their augmentation.
        encoder_weights: ``imagenet`` or the path of a published file that the encoder starts
            from; empty, or ``none``, for random weights.
        init_weights: path of a checkpoint whose network and weights the run goes on from, with
            ``{fold}`` for the fold's number, or ``default`` for the shipped network; empty for
            none.
        recipe: name of the recipe that this was made from.
        pseudo_sha256: of the tiles with pseudo-labels that are trained on too; empty for none.
        pseudo_fraction: share of each coverage class's pseudo-labels used, surest first.
    """

    model: ModelConfig
    stages: tuple[Stage, ...]
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    fold: int | None = 0
    folds: int = 10
    batch_size: int = 32
    weight_decay: float = 1e-4
    judge_weight: float = 0.5
    ema_decay: float = 0.998
    ema_warmup: float = 10.0
    statistics_tiles: int = 1024
    warmup_steps: int = 100
    precision: PrecisionName = "fp32"
    seed: int = 0
    encoder_weights: str = ""
    init_weights: str = ""
    split_seed: int = 0
    recipe: str = ""
    pseudo_sha256: str = ""
    pseudo_fraction: float = 0.0

    def __post_init__(self) -> None:
        check(
            self, weight_decay=NOT_NEGATIVE, judge_weight=NOT_NEGATIVE, ema_decay=_MEMORY,
            ema_warmup=AT_LEAST_ONE, statistics_tiles=AT_LEAST_ONE, warmup_steps=NOT_NEGATIVE,
            pseudo_fraction=(0, 1),
        )  # fmt: skip
        _check_fold(self.fold, self.folds)
        if not self.epochs:
            raise ConfigError("the stages have no epochs, expected at least 1")
        for name in ("seed", "split_seed"):
            if not 0 <= getattr(self, name) < 2**32:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected 0 to {2**32 - 1}")
        if self.encoder_weights and self.init_weights:
            raise ConfigError("weights start from encoder_weights or init_weights, not from both")
        resnet = self.model.is_resnet
        if self.encoder_weights == IMAGENET and resnet and self.model.width != 64:
            raise ConfigError(
                "ImageNet's encoder weights are for a width of 64, model.width is "
                f"{self.model.width}; --set model.width=64, or --encoder-weights none"
            )
        _check_decay(self.stages, self.weight_decay)
        if self.batch_size < 2:
            raise ConfigError(
                f"batch size is {self.batch_size}, expected at least 2: batch normalisation needs "
                "more than one tile"
            )

    @property
    def fold_name(self) -> str:
        """The fold's number, or NONE."""
        return NONE if self.fold is None else str(self.fold)

    @property
    def epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings."""
        return dataclasses.asdict(self) | {
            "stages": [dataclasses.asdict(stage) for stage in self.stages]
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Rebuild a config.

        A setting that is missing, as one newer than the file is, has its default; so a default has
        to mean what the program did before the setting was there.

        Raises:
            ConfigError: a setting is unknown or out of range, or one without a default is missing.
        """
        try:
            parts = {
                "model": ModelConfig(**value["model"]),
                "augment": AugmentConfig(**value["augment"]),
                "stages": tuple(Stage(**stage) for stage in value["stages"]),
            }
            return cls(**(value | parts))
        except (KeyError, TypeError) as error:
            raise ConfigError(
                f"settings do not fit this version of salt-train ({shown(str(error))}); they were "
                "written by another version, use that one or train anew"
            ) from error


def _check_decay(stages: tuple[Stage, ...], weight_decay: float) -> None:
    for number, stage in enumerate(stages):
        taken = stage.learning_rate * weight_decay
        if stage.optimizer != "adam" and taken >= 1:  # which has it among its gradients
            raise ConfigError(
                f"weight_decay is {weight_decay:g} and stages.{number}.learning_rate "
                f"{stage.learning_rate:g}: a step would take away {taken:.3g} times each weight, "
                "expected less than 1"
            )


def _check_fold(fold: object, folds: int) -> None:
    if fold is None and folds == 1:
        return
    if type(fold) is not int or not 0 <= fold < folds or folds < 2:
        raise ConfigError(
            f"fold is {fold!r} of {folds}, expected 0 <= fold < folds, folds >= 2"
            + ("; --fold none trains on every tile and holds none out" if folds == 1 else "")
        )
