"""The training loop: epochs of steps, averaged weights, validation, checkpoints, resume."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from salt_train import augment, calibrate, evaluate, optimizer, weights
from salt_train import checkpoint as checkpoints
from salt_train.checkpoint import Checkpoint
from salt_train.compute import Compute
from salt_train.config import Stage, TrainConfig, difference
from salt_train.dataset import Dataset
from salt_train.distributed import World
from salt_train.errors import CheckpointError, TrainError
from salt_train.folds import Split
from salt_train.history import History, line
from salt_train.losses import salt_tiles, total_loss
from salt_train.model import Logits, SaltNet
from salt_train.pseudo import Pseudo
from salt_train.schedule import cycle_ends, learning_rate, snapshots, stage_at

LAST, BEST, PREDICTIONS = "last.pth", "best.pth", "validation.npz"

Indices = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """How a run is carried out, as opposed to what it computes.

    Attributes:
        out: folder for checkpoints and metrics.
        device: torch device name.
        progress: show progress bars; None shows them on a terminal.
        validate_every: epochs between validations; the last epoch always has one.
        world: the processes that share the work.
    """

    out: Path
    device: str = "cpu"
    progress: bool | None = None
    validate_every: int = 1
    world: World = dataclasses.field(default_factory=World)


class Trainer:
    """State of one run: weights, averaged weights, optimiser, finished epochs."""

    def __init__(
        self, config: TrainConfig, options: RunOptions, data: Dataset, pseudo: Pseudo | None = None
    ) -> None:
        """Prepare a run.

        Args:
            config: what to compute; what it says of pseudo-labels is filled in here.
            options: how.
            data: labelled tiles; the config says which fold of them is held out.
            pseudo: more tiles to train on, labelled by a model; never validated on.
        """
        self.options, self.world = options, options.world
        self.split = Split.of(data, config.folds, config.split_seed)
        held_out = self.split.fold == config.fold
        self.validation_data = data.subset(held_out)
        self.train_data = data.subset(~held_out)
        if pseudo is not None:
            more = pseudo.load(data, self.split, config.fold)
            self.train_data = self.train_data.joined(more)
            config = dataclasses.replace(
                config, pseudo_sha256=more.sha256, pseudo_fraction=pseudo.fraction
            )
        self.config = config
        self.compute = Compute(config, self.world.device(options.device))
        torch.manual_seed(config.seed)
        self.start_sha256 = ""
        self.model = SaltNet(config.model).to(self.compute.device)
        self.model.to(memory_format=self.compute.layout)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.parallel = self.world.parallel(self.world.synchronised(self.model))
        self.epoch = 0
        self.scored = False
        self.optimizer = self._fresh_optimizer(config.stages[0])
        self.best = float("-inf")
        self.history = History(options.out)

    @property
    def steps_per_epoch(self) -> int:
        return max(1, len(self.train_data) // self.config.batch_size)

    def run(self) -> Checkpoint:
        """Train the epochs that are left, then score as deployed; returns the last checkpoint."""
        self.options.out.mkdir(parents=True, exist_ok=True)
        if self.epoch == 0:
            self._start()
        while self.epoch < self.config.epochs:
            row = self._epoch()
            if self.world.first:
                self._save(row)
                tqdm.write(line(row, self.config.epochs))
            self.world.wait()
        if self.world.first and not self.scored:
            self._finish()
        self.world.wait()
        return checkpoints.load(self.options.out / LAST)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same run.

        Raises:
            CheckpointError: it has other settings, or cannot be resumed.
        """
        if checkpoint.config != self.config:
            raise CheckpointError(
                f"the run in {self.options.out} has other settings: "
                f"{difference(checkpoint.config, self.config)}; repeat them or give another --out"
            )
        if checkpoint.scores.get("split_sha256") != self.split.sha256:
            raise CheckpointError("the data or its folds have changed since this run began")
        if checkpoint.run is None:
            raise CheckpointError("this checkpoint was stripped of what resuming needs")
        self.epoch = checkpoint.epoch
        self.scored = "score" in checkpoint.scores
        self.start_sha256 = checkpoint.scores["start_sha256"]
        self.model.load_state_dict(checkpoint.run["model"])
        self.average.load_state_dict(checkpoint.weights)
        self.optimizer = self._fresh_optimizer(stage_at(self.config, self.epoch - 1)[0])
        self.optimizer.load_state_dict(checkpoint.run["optimizer"])
        self.compute.scaler.load_state_dict(checkpoint.run["scaler"])
        self.history.rows = list(checkpoint.history)
        self.best = max((r["score"] for r in checkpoint.history if "score" in r), default=self.best)

    def _start(self) -> None:
        """What a new run does and a resumed one must not need again."""
        if self.world.first:
            self.split.write(self.options.out)
        if self.config.encoder_weights:
            path = weights.fetch(self.config.encoder_weights, self.config.model.depth)
            self.start_sha256 = weights.load_file(self.model.encoder, path)
        if self.config.init_weights:
            first = checkpoints.load(Path(self.config.init_weights))
            name = self.config.init_weights
            self.split.check_unseen(first.scores, self.config.fold, f"{name} is", "start from")
            self.start_sha256 = weights.load_checkpoint(self.model, first, name)
        self.average.load_state_dict(self.model.state_dict())

    def _fresh_optimizer(self, stage: Stage) -> torch.optim.Optimizer:
        return optimizer.build(self.model, stage, self.config.weight_decay)

    def _epoch(self) -> dict[str, Any]:
        started = time.perf_counter()
        stage, within = stage_at(self.config, self.epoch)
        if within == 0:
            self.optimizer = self._fresh_optimizer(stage)
        # Everything random in an epoch comes from (seed, epoch): a resumed run draws the same.
        torch.manual_seed(self.config.seed * 100_003 + self.epoch)
        losses = [self._step(step, batch) for step, batch in enumerate(self._batches())]
        seconds = time.perf_counter() - started
        self._average_epoch(stage, within)
        self.epoch += 1
        row: dict[str, Any] = {
            "epoch": self.epoch,
            "loss_name": stage.loss,
            "loss": float(np.mean(losses)),
            "tiles_per_s": len(losses) * self.config.batch_size / seconds,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
        }
        due = self.epoch % self.options.validate_every == 0 or self.epoch == self.config.epochs
        if due and self.world.first:
            prediction = evaluate.predict(self.average, self.validation_data.tiles, "none")
            row |= evaluate.brief(prediction, self.validation_data, self._default_decision)
        return row | {"seconds": time.perf_counter() - started}

    def _batches(self) -> Iterator[Indices]:
        size = min(self.config.batch_size, len(self.train_data))
        order = torch.randperm(len(self.train_data)).numpy()
        hidden = None if self.options.progress is None else not self.options.progress
        bar = tqdm(
            range(self.steps_per_epoch),
            desc=f"epoch {self.epoch + 1}/{self.config.epochs}",
            disable=hidden if self.world.first else True,
            leave=False,
        )
        for step in bar:
            yield order[step * size : (step + 1) * size]

    def _step(self, step: int, batch: Indices) -> float:
        stage, _ = stage_at(self.config, self.epoch)
        rate = learning_rate(self.config, self.epoch, step, self.steps_per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        tiles, masks = self._drawn(batch)
        with self.compute.autocast():
            logits: Logits = self.parallel(tiles.contiguous(memory_format=self.compute.layout))
        loss = self._loss(logits, masks, stage)
        value = float(self.world.sum(loss.detach()) / self.world.size)
        if not np.isfinite(value):
            names = ", ".join(self.train_data.ids[index] for index in batch)
            raise TrainError(
                f"loss is {value} at epoch {self.epoch + 1}, step {step + 1}, tiles {names}; "
                "lower the learning rate (--set stages.0.learning_rate=...) or use --precision fp32"
            )
        self._update(loss, stage, self.epoch * self.steps_per_epoch + step)
        return value

    def _drawn(self, batch: Indices) -> tuple[Tensor, Tensor]:
        """What this process has of a batch, augmented: tiles [b, 1, H, W], masks [b, H, W]."""
        part = self.world.part(len(batch))
        changes = augment.draw(len(batch), self.config.augment, torch.default_generator)
        mine, device = batch[part], self.compute.device
        tiles = evaluate.to_input(self.train_data.tiles[mine], device)
        masks = torch.from_numpy(self.train_data.masks[mine]).to(device).float()
        return augment.apply(tiles, masks, changes.part(part))

    def _loss(self, logits: Logits, masks: Tensor, stage: Stage) -> Tensor:
        """The part's loss, so weighted that the mean over processes is the whole batch's."""
        mine = salt_tiles(masks)
        share = mine * self.world.size / self.world.sum(mine).clamp(min=1.0)
        loss = total_loss(logits, masks, stage, self.config.judge_weight, share)
        if self.world.size == 1:
            return loss
        # Every weight takes part even where no tile has salt: the others wait for its gradient.
        outputs = (logits.mask, *logits.levels)
        return loss + 0.0 * torch.stack([output.sum() for output in outputs]).sum()

    def _update(self, loss: Tensor, stage: Stage, step: int) -> None:
        scaler = self.compute.scaler
        self.optimizer.zero_grad()
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.step(self.optimizer)
        scaler.update()
        if stage.average == "ema" and self.config.ema_decay:
            decay = optimizer.ema_decay(self.config.ema_decay, step)
            optimizer.blend(self.average, self.model, decay)

    def _average_epoch(self, stage: Stage, within: int) -> None:
        """What the average takes from a finished epoch, where it does not follow the steps."""
        if stage.average == "swa":
            optimizer.blend(self.average, self.model, within / (within + 1))
            optimizer.refresh_statistics(
                self.average, self.train_data.tiles, self.config.batch_size
            )
        elif not self.config.ema_decay:
            optimizer.blend(self.average, self.model, 0.0)

    def _save(self, row: dict[str, Any]) -> None:
        """Best first: a run killed in between repeats the epoch and saves both again."""
        self.history.add(row)
        # Until the run is scored as deployed, at its end, there is no "score".
        measured = {"score_without_tta": row["score"]} if "score" in row else {}
        plain = Checkpoint(
            config=self.config,
            epoch=self.epoch,
            scores=self._origin() | measured,
            weights=dict(self.average.state_dict()),
            history=tuple(self.history.rows),
            decision=self._default_decision,
        )
        if row.get("score", float("-inf")) > self.best:
            self.best = row["score"]
            chosen = plain.scores | {"selected_on_its_own_fold": True}
            checkpoints.save(dataclasses.replace(plain, scores=chosen), self.options.out / BEST)
        stage, within = stage_at(self.config, self.epoch - 1)
        if stage.snapshots and cycle_ends(stage, within):
            name = f"snapshot-{snapshots(self.config, self.epoch - 1)}.pth"
            checkpoints.save(plain, self.options.out / name)
        run = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.compute.scaler.state_dict(),
        }
        checkpoints.save(dataclasses.replace(plain, run=run), self.options.out / LAST)

    def _finish(self) -> None:
        """Score the last averaged weights as deployed and choose threshold and gate for them."""
        data, default = self.validation_data, self._default_decision
        prediction = evaluate.predict(self.average, data.tiles, "hflip")
        plain = evaluate.predict(self.average, data.tiles, "none")
        scores = calibrate.final_scores(prediction, plain, data, default)
        scored = dataclasses.replace(
            checkpoints.load(self.options.out / LAST),
            scores=self._origin() | scores,
            decision=calibrate.choose(prediction, data.masks, default),
        )
        prediction.save(self.options.out / PREDICTIONS, data.ids)
        self.history.close()
        checkpoints.save(scored, self.options.out / LAST)

    @property
    def _default_decision(self) -> evaluate.Decision:
        return evaluate.default_decision(self.config.model)

    def _origin(self) -> dict[str, Any]:
        """What a score was measured on."""
        return {
            "split_sha256": self.split.sha256,
            "split_tiles": len(self.split.ids),
            "split_seed": self.config.split_seed,
            "folds": self.config.folds,
            "fold": self.config.fold,
            "start_sha256": self.start_sha256,
        }
