"""The training loop: epochs of steps, averaged weights, validation, checkpoints, resume."""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from salt_infer.files import write_whole
from salt_train import checkpoint as checkpoints
from salt_train import folds, weights
from salt_train.augment import augment
from salt_train.checkpoint import Checkpoint
from salt_train.config import TrainConfig
from salt_train.dataset import Dataset
from salt_train.errors import CheckpointError, ConfigError, TrainError
from salt_train.evaluate import final_scores, scores, to_input
from salt_train.losses import total_loss
from salt_train.model import SaltNet
from salt_train.schedule import learning_rate, stage_at

LAST, BEST, METRICS = "last.pth", "best.pth", "metrics.jsonl"


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """How a run is carried out, as opposed to what it computes.

    Attributes:
        out: folder for checkpoints and metrics.
        device: torch device name.
        progress: show progress bars.
        validate_every: epochs between validations; the last epoch always has one.
    """

    out: Path
    device: str = "cpu"
    progress: bool = True
    validate_every: int = 1


class Trainer:
    """State of one run: weights, averaged weights, optimiser, finished epochs."""

    def __init__(self, config: TrainConfig, options: RunOptions, data: Dataset) -> None:
        self.config, self.options = config, options
        fold = folds.assign(data.ids, folds.coverage_class(data.masks), config.folds, config.seed)
        self.split = folds.fingerprint(data.ids, fold)
        self.train_data = data.subset(fold != config.fold)
        self.validation_data = data.subset(fold == config.fold)
        self.device = _device(options.device)
        torch.manual_seed(config.seed)
        self.layout = _memory_format(config)
        self.encoder_sha256 = ""
        self.model = SaltNet(config.model).to(self.device)
        if config.encoder_weights:
            path = weights.fetch(config.encoder_weights, config.model.depth)
            self.encoder_sha256 = weights.load_file(self.model.encoder, path)
        self.model.to(memory_format=self.layout)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(self.model, config.weight_decay), lr=config.stages[0].learning_rate
        )
        self.scaler = torch.amp.GradScaler(
            self.device.type, enabled=config.precision == "fp16" and self.device.type == "cuda"
        )
        self.epoch = 0
        self.best = float("-inf")
        self.history: list[dict[str, Any]] = []

    @property
    def steps_per_epoch(self) -> int:
        return max(1, len(self.train_data) // self.config.batch_size)

    def run(self) -> Checkpoint:
        """Train the epochs that are left, then score as deployed; returns the last checkpoint."""
        self.options.out.mkdir(parents=True, exist_ok=True)
        while self.epoch < self.config.epochs:
            row = self._epoch()
            self.history.append(row)
            self._save(row)
            tqdm.write(_line(row, self.config.epochs))
        last = checkpoints.load(self.options.out / LAST)
        measured = final_scores(self.average, self.validation_data)
        scored = dataclasses.replace(last, scores=self._origin() | measured)
        checkpoints.save(scored, self.options.out / LAST)
        return scored

    def _origin(self) -> dict[str, Any]:
        """What a score was measured on."""
        config = self.config
        return {
            "split_sha256": self.split,
            "split_tiles": len(self.train_data) + len(self.validation_data),
            "split_seed": config.seed,
            "folds": config.folds,
            "fold": config.fold,
            "encoder_sha256": self.encoder_sha256,
        }

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same run.

        Raises:
            CheckpointError: it has other settings, or cannot be resumed.
        """
        if checkpoint.config != self.config:
            raise CheckpointError(
                f"the run in {self.options.out} has other settings: "
                f"{_difference(checkpoint.config, self.config)}; repeat them or give another --out"
            )
        if checkpoint.scores.get("split_sha256") != self.split:
            raise CheckpointError("the data or its folds have changed since this run began")
        if checkpoint.run is None:
            raise CheckpointError("this checkpoint was stripped of what resuming needs")
        self.model.load_state_dict(checkpoint.run["model"])
        self.average.load_state_dict(checkpoint.weights)
        self.optimizer.load_state_dict(checkpoint.run["optimizer"])
        self.scaler.load_state_dict(checkpoint.run["scaler"])
        self.epoch = checkpoint.epoch
        self.history = list(checkpoint.history)
        self.best = max((row["score"] for row in self.history if "score" in row), default=self.best)

    def _epoch(self) -> dict[str, Any]:
        started = time.perf_counter()
        # Everything random in an epoch comes from (seed, epoch): a resumed run draws the same.
        torch.manual_seed(self.config.seed * 100_003 + self.epoch)
        losses = [self._step(step, batch) for step, batch in enumerate(self._batches())]
        seconds = time.perf_counter() - started
        stage, _ = stage_at(self.config, self.epoch)
        self.epoch += 1
        row: dict[str, Any] = {
            "epoch": self.epoch,
            "loss_name": stage.loss,
            "loss": float(np.mean(losses)),
            "tiles_per_s": len(losses) * self.config.batch_size / seconds,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
        }
        if self.epoch % self.options.validate_every == 0 or self.epoch == self.config.epochs:
            row |= scores(self.average, self.validation_data, "none")
        return row | {"seconds": time.perf_counter() - started}

    def _batches(self) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
        size = min(self.config.batch_size, len(self.train_data))
        order = torch.randperm(len(self.train_data)).numpy()
        bar = tqdm(
            range(self.steps_per_epoch),
            desc=f"epoch {self.epoch + 1}/{self.config.epochs}",
            disable=not self.options.progress,
            leave=False,
        )
        for step in bar:
            yield order[step * size : (step + 1) * size]

    def _step(self, step: int, batch: np.ndarray[Any, np.dtype[np.int64]]) -> float:
        config = self.config
        stage, _ = stage_at(config, self.epoch)
        rate = learning_rate(config, self.epoch, step, self.steps_per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        tiles = to_input(self.train_data.tiles[batch], self.device)
        masks = torch.from_numpy(self.train_data.masks[batch]).to(self.device).float()
        tiles, masks = augment(tiles, masks, config.augment, torch.default_generator)
        with self._autocast():
            logits = self.model(tiles.contiguous(memory_format=self.layout))
        loss = total_loss(logits, masks, stage, config.judge_weight)
        value = float(loss.detach())
        if not np.isfinite(value):
            names = ", ".join(self.train_data.ids[index] for index in batch)
            raise TrainError(
                f"loss is {value} at epoch {self.epoch + 1}, step {step + 1}, tiles {names}; "
                "lower --learning-rate or use --precision fp32"
            )
        self._update(loss, self.epoch * self.steps_per_epoch + step)
        return value

    def _update(self, loss: Tensor, step: int) -> None:
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        # A young average would remember the random start for long: its memory grows with the run.
        decay = min(self.config.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            _blend(self.average, self.model, decay)

    def _autocast(self) -> torch.autocast:
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
        return torch.autocast(
            self.device.type,
            dtype[self.config.precision],
            enabled=self.config.precision != "fp32",
        )

    def _save(self, row: dict[str, Any]) -> None:
        """Best first: a run killed in between repeats the epoch and saves both again."""
        # Until the run is scored as deployed, at its end, there is no "score".
        measured = {"score_without_tta": row["score"]} if "score" in row else {}
        plain = Checkpoint(
            config=self.config,
            epoch=self.epoch,
            scores=self._origin() | measured,
            weights=dict(self.average.state_dict()),
            history=tuple(self.history),
        )
        if row.get("score", float("-inf")) > self.best:
            self.best = row["score"]
            chosen = self._origin() | measured | {"selected_on_its_own_fold": True}
            checkpoints.save(dataclasses.replace(plain, scores=chosen), self.options.out / BEST)
        run = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        checkpoints.save(dataclasses.replace(plain, run=run), self.options.out / LAST)
        lines = "".join(json.dumps(entry) + "\n" for entry in self.history)
        write_whole(self.options.out / METRICS, lines.encode(), overwrite=True)


def _line(row: dict[str, Any], epochs: int) -> str:
    """An epoch in a line for people."""
    score = f", score {row['score']:.4f} without TTA" if "score" in row else ""
    return (
        f"epoch {row['epoch']}/{epochs}: {row['loss_name']} loss {row['loss']:.4f}{score}, "
        f"{row['tiles_per_s']:.1f} tiles/s, {row['seconds']:.0f} s"
    )


def _device(name: str) -> torch.device:
    try:
        torch.empty(0, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"device {name!r} cannot be used here ({reason})") from error


def _memory_format(config: TrainConfig) -> torch.memory_format:
    """Channels last, which is faster, except where oneDNN corrupts memory: in the backward pass of
    strided 1x1 convolutions of fewer than 16 channels (uxlfoundation/oneDNN#6035).
    """
    return torch.channels_last if config.model.width >= 16 else torch.contiguous_format


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Biases and normalisation weights are not decayed."""
    decayed = [weight for weight in model.parameters() if weight.ndim > 1]
    plain = [weight for weight in model.parameters() if weight.ndim <= 1]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]


def _blend(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the average towards the model; integer buffers are copied."""
    current = model.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(current[name], 1.0 - decay)
        else:
            value.copy_(current[name])


def _difference(old: TrainConfig, new: TrainConfig) -> str:
    before, after = _flat(old.to_json()), _flat(new.to_json())
    changed = [key for key in before if before[key] != after.get(key)]
    return "; ".join(f"{key} was {before[key]} and is now {after.get(key)}" for key in changed)


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested settings to ``{"model.width": 32, "stages.0.epochs": 24, ...}``."""
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return {name: value}
    prefix = f"{name}." if name else ""
    return {k: v for key, part in items for k, v in _flat(part, f"{prefix}{key}").items()}
