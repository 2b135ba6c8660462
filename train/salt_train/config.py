"""What a run is: frozen settings, one dataclass a concern, stored in every checkpoint as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, Self

from salt_train.errors import ConfigError

LossName = Literal["bce", "focal", "lovasz", "symmetric-lovasz"]
ScheduleName = Literal["constant", "cosine"]
PrecisionName = Literal["fp32", "bf16", "fp16"]


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Shape of the network; with it a state dict can be loaded without the run that made it.

    Attributes:
        depth: ResNet depth, 18, 34 or 50.
        width: channels of the first encoder level (64 is torchvision's); each level doubles it.
        stem_pool: keep torchvision's max-pool after the stem, which halves every feature map.
        decoder_channels: channels of every decoder level.
        hypercolumn_channels: channels that each decoder level is projected to before the last
            convolution; 0 uses the last level alone.
        subpixel_head: predict 2x2 canvas pixels from each pixel of the half-size decoder level
            (Shi et al., 2016) instead of adding a decoder level at canvas size; the stem has
            halved the canvas already, so that level has no skip to learn from and costs most.
        scse_reduction: channel reduction of the SCSE blocks; 0 leaves them out.
        judge_channels: hidden channels of the binary judge.
        judge_dropout: dropout before the judge's last layer, 0..1.
        tile_px, canvas_px: tile edge, and the edge it is replicate-padded to (before: the
            smaller half of the difference).
        mean, std: normalisation of grey values in 0..1 (mean and spread of the TGS train tiles).
    """

    depth: int = 18
    width: int = 32
    stem_pool: bool = False
    decoder_channels: int = 32
    hypercolumn_channels: int = 32
    subpixel_head: bool = True
    scse_reduction: int = 16
    judge_channels: int = 64
    judge_dropout: float = 0.2
    tile_px: int = 101
    canvas_px: int = 128
    mean: float = 0.47
    std: float = 0.16

    def __post_init__(self) -> None:
        if self.depth not in (18, 34, 50):
            raise ConfigError(f"depth is {self.depth}, expected 18, 34 or 50")
        stride = 32 if self.stem_pool else 16
        if self.canvas_px % stride or self.canvas_px < self.tile_px:
            raise ConfigError(
                f"canvas is {self.canvas_px} px, expected a multiple of {stride} that is at least "
                f"the tile's {self.tile_px} px"
            )
        if min(self.width, self.decoder_channels, self.judge_channels) < 1:
            raise ConfigError("width, decoder and judge channels must be at least 1")

    @property
    def architecture(self) -> str:
        """One line for people: which network this is."""
        scse = f", SCSE r={self.scse_reduction}" if self.scse_reduction else ""
        columns = ", hypercolumn" if self.hypercolumn_channels else ""
        return (
            f"U-Net, ResNet{self.depth} encoder (width {self.width}), "
            f"{self.decoder_channels}-channel decoder{scse}{columns}, binary judge"
        )


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stretch of training with one loss and one learning-rate schedule.

    Attributes:
        loss: the mask's loss: ``bce``, ``focal``, ``lovasz`` (hinge, each tile by itself) or
            ``symmetric-lovasz``.
        epochs: length of the stage.
        schedule: ``constant``, or ``cosine`` from ``learning_rate`` down to ``floor_rate``.
        learning_rate, floor_rate: AdamW's learning rate.
        bce_weight: BCE added to a Lovasz loss, which alone is slow to start.
    """

    loss: LossName
    epochs: int
    schedule: ScheduleName = "constant"
    learning_rate: float = 1e-3
    floor_rate: float = 1e-6
    bce_weight: float = 0.1

    def __post_init__(self) -> None:
        if self.epochs < 0:
            raise ConfigError(f"a stage has {self.epochs} epochs, expected 0 or more")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning rate is {self.learning_rate}, expected within 0..1")


def default_stages(epochs: int, learning_rate: float) -> tuple[Stage, ...]:
    """BCE for the first 40 % of the epochs, then Lovasz while the rate falls to nothing."""
    warm = max(1, round(0.4 * epochs)) if epochs > 1 else 0
    return (
        Stage("bce", warm, "constant", learning_rate),
        Stage("lovasz", epochs - warm, "cosine", learning_rate),
    )


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Random changes to a training tile, each drawn uniformly from within its bound.

    Attributes:
        hflip: probability of a left-right flip.
        shift: largest shift, as a share of the tile's edge, both axes.
        scale_low, scale_high: range of magnification.
        rotate_deg: largest rotation, degrees.
        brightness: largest offset of grey values in 0..1.
        contrast: largest relative change of contrast about the tile's mean.
        gamma: largest change of log2(gamma).
    """

    hflip: float = 0.5
    shift: float = 0.1
    scale_low: float = 0.8
    scale_high: float = 1.1
    rotate_deg: float = 8.0
    brightness: float = 0.08
    contrast: float = 0.15
    gamma: float = 0.25


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One run: the network, the stages, the split, and how it is computed.

    ``encoder_weights`` is ``imagenet`` or the path of a torchvision-format file that the encoder
    starts from; empty for random weights.
    """

    model: ModelConfig
    stages: tuple[Stage, ...]
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    fold: int = 0
    folds: int = 10
    batch_size: int = 32
    weight_decay: float = 1e-4
    judge_weight: float = 0.5
    ema_decay: float = 0.998
    warmup_steps: int = 100
    precision: PrecisionName = "fp32"
    seed: int = 0
    encoder_weights: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.fold < self.folds or self.folds < 2:
            raise ConfigError(
                f"fold is {self.fold} of {self.folds}, expected 0 <= fold < folds, folds >= 2"
            )
        if not self.epochs:
            raise ConfigError("the stages have no epochs, expected at least 1")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed is {self.seed}, expected 0 to {2**32 - 1}")
        if self.batch_size < 2:
            raise ConfigError(
                f"batch size is {self.batch_size}, expected at least 2: batch normalisation needs "
                "more than one tile"
            )

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
        """Rebuild a config; unknown or missing fields raise ConfigError."""
        try:
            parts = {
                "model": ModelConfig(**value["model"]),
                "augment": AugmentConfig(**value["augment"]),
                "stages": tuple(Stage(**stage) for stage in value["stages"]),
            }
            return cls(**(value | parts))
        except (KeyError, TypeError) as error:
            raise ConfigError(
                f"settings do not fit this version of salt-train ({error}); they were written by "
                "another version, use that one or train anew"
            ) from error
