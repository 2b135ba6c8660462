"""What one fold's run says of itself, as it begins and when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salt_train.checkpoints import shipped
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.compute.device import slow_precision
from salt_train.data import run_warnings
from salt_train.scoring import verdict
from salt_train.scoring.calibrate import BY_OWN_CHOICE, SEEN
from salt_train.settings.config import FOLD, IMAGENET, SHIPPED, TrainConfig
from salt_train.settings.schedule import cut_short, small_set
from salt_train.training.trainer import Trainer


def opening(trainer: Trainer) -> str:
    """What a run begins or goes on with, and what there is to doubt."""
    config, parts = trainer.config, (trainer.train_data, trainer.validation_data)
    after = f"; resuming after epoch {trainer.epoch}" if trainer.epoch else ""
    lines = [
        f"{config.recipe}: {config.model.architecture}",
        f"{_dealt(trainer)}{after}",
        *trainer.pseudo_remarks,
        *_started_from(trainer),
        *(
            [f"this CPU computes {config.precision} slowly: --precision fp32 is faster"]
            if slow_precision(config, trainer.options.device)
            else []
        ),
        *filter(None, [trainer.lineage.doubt(trainer.held_out)]),
        *(run_warnings.of_all(*parts) if config.fold is None else run_warnings.of_parts(*parts)),
        *run_warnings.of_pseudo(trainer.train_data, trainer.pseudo_tiles),
        *small_set(config, len(trainer.train_data)),
        *cut_short(config, trainer.steps_per_epoch),
    ]
    return "\n".join(lines)


def part(config: TrainConfig) -> str:
    """Which part of the tiles a network is of."""
    return "every tile" if config.fold is None else f"fold {config.fold} of {config.folds}"


def _dealt(trainer: Trainer) -> str:
    """Which tiles are for what."""
    config = trainer.config
    labelled = len(trainer.split.ids) - int(trainer.split.held_out(config.fold).sum())
    pseudo = len(trainer.train_data) - labelled
    more = f" and {pseudo} with pseudo-labels" if pseudo else ""
    held_out = "none held out" if config.fold is None else len(trainer.validation_data)
    return f"{part(config)}: {labelled} tiles{more} to train on, {held_out} to validate on"


def _started_from(trainer: Trainer) -> list[str]:
    """Whose weights a new run goes on from; nothing of random ones."""
    config = trainer.config
    if trainer.epoch or not (config.init_weights or config.encoder_weights):
        return []
    if config.init_weights == SHIPPED:
        return ["starts from the shipped network"]
    if config.init_weights:
        return [f"starts from {config.init_weights.replace(FOLD, config.fold_name)}"]
    published = config.encoder_weights == IMAGENET
    named = "ImageNet's weights" if published else config.encoder_weights
    return [f"the encoder starts from {named}"]


def summary(checkpoint: Checkpoint, path: Path) -> str:
    """What came out of a run: the scores in its last checkpoint, which lies at ``path``."""
    scores, config = checkpoint.scores, checkpoint.config
    if config.fold is None:
        return _summary_of_all(checkpoint, path)
    low, high = scores["score_interval"]
    decision = checkpoint.decision
    parts = {
        "score_without_tta": "without TTA",  # one of all folds has none, see crossval
        "score_ungated": "without the gate",
        "score_of_empty_masks": "for empty masks",
    }
    more = ", ".join(f"{scores[key]:.4f} {what}" for key, what in parts.items() if key in scores)
    lines = [
        f"{path}: epoch {checkpoint.epoch}, score {scores['score']:.4f} ({low:.3f} to {high:.3f}) "
        f"on fold {config.fold} of {config.folds} with flip TTA{shipped.doubted(scores)}",
        f"{more}; threshold {decision.threshold:g}, gate {decision.gate:.3g}"
        f"{_by_own_choice(scores)}",
        *verdict.beside_start(scores),
        *verdict.beside_empty_masks(scores),
    ]
    return "\n".join(lines)


def _by_own_choice(scores: Mapping[str, Any]) -> str:
    """What an exported file scores on these tiles; too high, and no contradiction."""
    if (score := scores.get(BY_OWN_CHOICE)) is None:
        return ""
    return f" ({score:.4f} with these, which were chosen on the same tiles)"


def _summary_of_all(checkpoint: Checkpoint, path: Path) -> str:
    scores, decision = checkpoint.scores, checkpoint.decision
    lines = [
        f"{path}: epoch {checkpoint.epoch}, trained on every tile; score of seen tiles "
        f"{scores[SEEN]:.4f} with flip TTA, which says nothing of others",
        f"{scores['score_of_empty_masks']:.4f} for empty masks; threshold {decision.threshold:g}, "
        f"gate {decision.gate:.3g}, the neutral ones: there are no unseen tiles to choose them on",
        *verdict.beside_empty_masks(scores),
    ]
    return "\n".join(lines)
