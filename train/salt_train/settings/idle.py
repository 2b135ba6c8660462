"""Settings that nothing reads beside the others, as the exponent of a focal loss beside BCE."""

from __future__ import annotations

import dataclasses

from salt_train.settings.config import SHIPPED, Stage, TrainConfig
from salt_train.settings.model_config import OF_RESNETS, ModelConfig


def idle(config: TrainConfig) -> dict[str, str]:
    """Paths of the settings without effect, with the reason: ``{"judge_weight": "model.judge is
    false"}``.
    """
    found = {f"model.{name}": reason for name, reason in _of_model(config.model).items()}
    if not config.model.judge:
        found["judge_weight"] = "model.judge is false"
    averages = {stage.average for stage in config.stages if stage.epochs}
    if "ema" not in averages:
        found |= dict.fromkeys(("ema_decay", "ema_warmup"), "no stage's average is ema")
    elif not config.ema_decay:
        found["ema_warmup"] = "ema_decay is 0"
    measured = "swa" in averages or config.init_weights == SHIPPED  # its file has no statistics
    if not measured:
        found["statistics_tiles"] = "no stage's average is swa"
    for number, stage in enumerate(config.stages):
        prefix = f"stages.{number}."
        reasons = _of_stage(stage, config.model.deep_supervision)
        found |= {
            prefix + name: reason if reason.startswith("model.") else prefix + reason
            for name, reason in reasons.items()
        }
    return found


def _of_model(model: ModelConfig) -> dict[str, str]:
    found: dict[str, str] = {}
    if not model.is_resnet:
        found |= dict.fromkeys(OF_RESNETS, f"model.encoder is {model.encoder}")
    if not model.judge:
        found |= dict.fromkeys(("judge_channels", "judge_dropout"), "model.judge is false")
    if model.zoom == 2:
        found["subpixel_head"] = "model.zoom is 2"
    return found


def _of_stage(stage: Stage, deep_supervision: bool) -> dict[str, str]:
    if not stage.epochs:
        others = (field.name for field in dataclasses.fields(stage) if field.name != "epochs")
        return dict.fromkeys(others, "epochs is 0")
    found: dict[str, str] = {}
    if stage.loss in ("bce", "focal"):
        found["bce_weight"] = f"loss is {stage.loss}"
    if stage.loss != "focal":
        found["focal_gamma"] = f"loss is {stage.loss}"
    if not deep_supervision:
        found["level_weight"] = "model.deep_supervision is false"
    if stage.schedule == "constant":
        found["floor_rate"] = "schedule is constant"
    if not stage.cyclic:
        found["cycle_epochs"] = f"schedule is {stage.schedule}"
    others_only = ("beta1", "beta2", "epsilon") if stage.optimizer == "sgd" else ("momentum",)
    return found | dict.fromkeys(others_only, f"optimizer is {stage.optimizer}")
