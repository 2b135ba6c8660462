"""A network while it learns: its weights, their average, the optimiser, one step at a time."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from salt_train import optimizer
from salt_train.checkpoint import Checkpoint, not_finite
from salt_train.compute import Compute
from salt_train.config import Stage, TrainConfig
from salt_train.dataset import Images
from salt_train.distributed import World
from salt_train.errors import TrainError
from salt_train.losses import salt_tiles, total_loss
from salt_train.model import Logits, SaltNet


class Learner:
    """What changes while a run goes on, but for the number of finished epochs.

    Attributes:
        model: the weights that are trained.
        average: the weights that are validated and deployed.
    """

    def __init__(self, config: TrainConfig, device: str, world: World) -> None:
        """Draw first weights from the run's seed."""
        self.config, self.world = config, world
        self.compute = Compute(config, world.device(device))
        torch.manual_seed(config.seed)
        self.model = SaltNet(config.model).to(self.compute.device)
        self.model.to(memory_format=self.compute.layout)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self._parallel = world.parallel(world.synchronised(self.model))
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

    def restore(self, checkpoint: Checkpoint, stage: Stage) -> None:
        """Be as a resumable checkpoint of this run was, in the middle of a stage."""
        assert checkpoint.run is not None
        self.model.load_state_dict(checkpoint.run["model"])
        self.average.load_state_dict(checkpoint.weights)
        self.begin(stage)
        self.optimizer.load_state_dict(checkpoint.run["optimizer"])
        self.compute.scaler.load_state_dict(checkpoint.run["scaler"])

    def step(self, tiles: Tensor, masks: Tensor, stage: Stage, rate: float, number: int) -> float:
        """Learn from this process's part of a batch.

        Args:
            tiles: float32 [b, 1, H, W] in 0..1, on the device.
            masks: float32 [b, H, W], 0 or 1.
            stage: whose loss and average.
            rate: learning rate.
            number: steps before this one.

        Returns:
            The whole batch's loss.

        Raises:
            TrainError: the loss or its gradient is not finite; the weights are as before.
        """
        with self.compute.autocast():
            logits: Logits = self._parallel(tiles.contiguous(memory_format=self.compute.layout))
        loss = self._loss(logits, masks, stage)
        whole = self.world.sum(loss.detach()) / self.world.size
        value = self._checked(whole, self._backward(loss))
        self._update(rate)
        if stage.average == "ema" and self.config.ema_decay:
            decay = optimizer.ema_decay(self.config.ema_decay, self.config.ema_warmup, number)
            optimizer.blend(self.average, self.model, decay)
        return value

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
            optimizer.blend(self.average, self.model, within / (within + 1))
            optimizer.refresh_statistics(
                self.average, tiles, self.config.batch_size, self.config.statistics_tiles
            )
        elif not self.config.ema_decay:
            optimizer.blend(self.average, self.model, 0.0)
        if name := not_finite(self.average.state_dict()):
            raise TrainError(f"weight {name} is not finite")

    def _loss(self, logits: Logits, masks: Tensor, stage: Stage) -> Tensor:
        """The part's loss, so weighted that the mean over processes is the whole batch's."""
        mine = salt_tiles(masks)
        share = mine * self.world.size / self.world.sum(mine).clamp(min=1.0)
        loss = total_loss(logits, masks, stage, self.config.judge_weight, share)
        # Every weight takes part even where no tile has salt: other processes wait for its
        # gradient, and an optimiser passes over a weight without one. In float16 the sum overflows.
        return loss + sum(0.0 * output.float().sum() for output in (logits.mask, *logits.levels))

    def _backward(self, loss: Tensor) -> Tensor:
        """Leave each weight its gradient; the norm of all of them together."""
        scaler = self.compute.scaler
        self.optimizer.zero_grad()
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.unscale_(self.optimizer)
        gradients = [weight.grad for weight in self.model.parameters() if weight.grad is not None]
        return nn.utils.get_total_norm(gradients)

    def _checked(self, loss: Tensor, gradient: Tensor) -> float:
        """The loss, unless that or the gradient's norm is not finite, which would spoil every
        weight. Both are read at once: the host waits for the device wherever it reads.
        """
        value, norm = torch.stack([loss, gradient]).tolist()
        if not math.isfinite(value):
            raise TrainError(f"loss is {value}")
        # Under loss scaling too large a gradient is common: the step is left out, the scale halved.
        if not math.isfinite(norm) and not self.compute.scaling:
            raise TrainError(f"gradient is {norm}")
        return float(value)

    def _update(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.compute.scaler.step(self.optimizer)
        self.compute.scaler.update()
