"""A network while it learns: its weights, their average, the optimiser, one step at a time."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn

from salt_train.checkpoints.checkpoint import Checkpoint, not_finite
from salt_train.compute.device import Compute
from salt_train.compute.distributed import World
from salt_train.data.dataset import Images
from salt_train.errors import TrainError
from salt_train.network.model import Logits, SaltNet
from salt_train.settings.config import Stage, TrainConfig
from salt_train.settings.schedule import stage_at
from salt_train.training import averaging, optimizer, resumable
from salt_train.training.feed import Batch
from salt_train.training.losses import total_loss
from salt_train.training.step_monitor import Watch


class Learner:
    """What changes while a run goes on, but for the number of finished epochs.

    Attributes:
        model: the weights that are trained.
        average: the weights that are validated and deployed.
        watch: what the steps of this epoch measured.
    """

    def __init__(self, config: TrainConfig, device: str, world: World, compiled: str = "") -> None:
        """Draw first weights from the run's seed; ``compiled``: ``torch.compile``'s mode."""
        self.config, self.world = config, world
        self.compute = Compute(config, world.device(device))
        torch.manual_seed(config.seed)
        self.model = SaltNet(config.model).to(self.compute.device)
        self.model.to(memory_format=self.compute.layout)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.watch = Watch(self.compute.read_every)
        self._network = world.parallel(world.synchronised(self.model))
        self._blend = averaging.Blend(self.average, self.model)
        self._total_loss = total_loss
        self._compiled = bool(compiled)
        if compiled:
            self._network = cast(nn.Module, torch.compile(self._network, mode=compiled))
            self._total_loss = torch.compile(total_loss, mode=compiled)
        self.begin(config.stages[0])

    def begin(self, stage: Stage) -> None:
        """Start a stage with a fresh optimiser."""
        self.optimizer = optimizer.build(self.model, stage, self.config.weight_decay)

    def state(self) -> dict[str, Any]:
        """Tensors that :meth:`restore` needs beside the averaged weights."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.compute.scaler.state_dict(),
        }

    def fault(self, checkpoint: Checkpoint) -> str:
        """Why a checkpoint of a finished epoch could not be restored; empty where it can."""
        run, own = checkpoint.run, self.state()
        if lacking := resumable.parts(run, own):
            return lacking
        assert run is not None
        stage, _ = stage_at(self.config, checkpoint.epoch - 1)
        fresh = optimizer.build(self.model, stage, self.config.weight_decay)
        return (
            resumable.tensors(checkpoint.weights, self.average.state_dict(), "its average")
            or resumable.tensors(run["model"], own["model"], "its model")
            or optimizer.fault(fresh, run["optimizer"])
            or resumable.numbers(run["scaler"], own["scaler"], "its loss scale")
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Be as a checkpoint of this run without a fault was, in the middle of a stage."""
        assert checkpoint.run is not None
        self.model.load_state_dict(checkpoint.run["model"])
        self.average.load_state_dict(checkpoint.weights)
        self.begin(stage_at(self.config, checkpoint.epoch - 1)[0])
        optimizer.restore(self.optimizer, checkpoint.run["optimizer"])
        self.compute.scaler.load_state_dict(checkpoint.run["scaler"])

    def step(self, batch: Batch, stage: Stage, rate: float, number: int) -> None:
        """Learn from this process's part of a batch; :attr:`watch` has the whole batch's loss.

        Nothing in here waits for the device, but for the watch, now and then.

        Args:
            batch: of b tiles, on the device.
            stage: whose loss and average.
            rate: learning rate.
            number: steps before this one.

        Raises:
            NotFiniteError: loss or gradient is not finite, of this step or one since the last look.
        """
        if self._compiled:  # what a graph wrote in the step before may be written over
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        with self.compute.autocast():
            logits: Logits = self._network(
                batch.tiles.contiguous(memory_format=self.compute.layout)
            )
        loss = self._loss(logits, batch, stage)
        gradient = self._backward(loss)
        self.watch.see(self._whole(loss.detach()), gradient, self.compute.loss_scale())
        self._update(rate)
        if stage.average == "ema" and self.config.ema_decay:
            decay = averaging.ema_decay(self.config.ema_decay, self.config.ema_warmup, number)
            self._blend(decay)

    def end_epoch(self, stage: Stage, within: int, tiles: Images) -> None:
        """Bring an average that does not follow the steps up to date.

        Args:
            stage: the epoch's.
            within: the epoch's number in its stage, from 0.
            tiles: uint8 [N, 101, 101], to train on.

        Raises:
            TrainError: averaged weights are not finite.
        """
        if stage.average == "swa":
            self._blend(within / (within + 1))
            averaging.refresh_statistics(
                self.average, tiles, self.config.batch_size, self.config.statistics_tiles
            )
        elif not self.config.ema_decay:
            self._blend(0.0)
        if name := not_finite(self.average.state_dict()):
            raise TrainError(f"weight {name} is not finite")

    def _loss(self, logits: Logits, batch: Batch, stage: Stage) -> Tensor:
        """The part's loss, so weighted that the mean over processes is the whole batch's."""
        share: Tensor | float = 1.0
        if self.world.size > 1:
            mine = batch.salt.sum()
            # A part divides by 1 at least, see total_loss, and soft labels may come to less.
            share = mine.clamp(min=1.0) * self.world.size / self.world.sum(mine).clamp(min=1.0)
        weight = self.config.judge_weight
        return self._total_loss(logits, batch.masks, stage, weight, share, batch.salt, batch.known)

    def _whole(self, loss: Tensor) -> Tensor:
        """The whole batch's loss, of this part's."""
        return loss if self.world.size == 1 else self.world.sum(loss) / self.world.size

    def _backward(self, loss: Tensor) -> Tensor:
        """Leave each weight its gradient; the norm of all of them together."""
        scaler = self.compute.scaler
        self.optimizer.zero_grad()
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.unscale_(self.optimizer)
        gradients = [weight.grad for weight in self.model.parameters() if weight.grad is not None]
        return nn.utils.get_total_norm(gradients)

    def _update(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.compute.scaler.step(self.optimizer)
        self.compute.scaler.update()
