"""Several processes that train one network, each on its part of every batch (``torchrun``).

The parts add up to what one process computes on the whole batch: every process draws the whole
batch's order and augmentation, batch normalisation takes its statistics over all parts, and the
loss weighs each part by the tiles that it counts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
from collections.abc import Iterator
from typing import Any, Self

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from salt_infer.errors import one_line
from salt_train.compute.lifeline import Lifeline, Peers
from salt_train.errors import ConfigError, TrainError

_REACH = datetime.timedelta(seconds=10)  # to hear from the store where signs of life are left


@dataclasses.dataclass(frozen=True)
class World:
    """Which of the processes this is.

    Attributes:
        rank: from 0; the first one validates and writes.
        size: number of processes.
        local_rank: from 0 on this machine; the GPU that is this process's.
        line: ends this process where it is left alone, or told to end.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    line: Lifeline | None = dataclasses.field(default=None, compare=False)

    @classmethod
    def join(cls, device: str) -> Self:
        """Join the processes that ``torchrun`` has started, or be alone without it.

        Raises:
            ConfigError: the environment is not torchrun's, or the device not for several.
        """
        size, local_rank = (_number(name) for name in ("WORLD_SIZE", "LOCAL_RANK"))
        if size is None or size == 1:
            return cls()
        if local_rank is None:
            raise ConfigError("WORLD_SIZE is set and LOCAL_RANK is not; start with torchrun")
        if device.startswith("cuda:"):
            raise ConfigError(
                f"device is {device} for {size} processes, expected cuda: each takes its own GPU"
            )
        line = Lifeline(os.getppid() if "TORCHELASTIC_RUN_ID" in os.environ else None)
        try:
            if device == "cuda":
                torch.cuda.set_device(local_rank)
            dist.init_process_group("nccl" if device == "cuda" else "gloo")
            line.peers = _peers(dist.get_rank(), size)
        except (RuntimeError, ValueError, AssertionError) as error:
            line.close()
            reason = str(error).partition("\n")[0]
            raise ConfigError(f"{size} processes cannot be joined ({reason})") from error
        return cls(dist.get_rank(), size, local_rank, line)

    def leave(self) -> None:
        """End the group, where there is one."""
        if self.size > 1:
            dist.destroy_process_group()
        if self.line:
            self.line.close()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Within, a peer that is gone is told so.

        Raises:
            TrainError: a collective failed.
        """
        try:
            yield
        except RuntimeError as error:
            if self.size == 1 or not (isinstance(error, dist.DistError) or "gloo" in str(error)):
                raise
            reason = one_line(error).partition(". ")[0]  # what follows is of no use
            raise TrainError(
                f"another process of this run is gone ({reason}); start all again, with --resume"
            ) from error

    @property
    def first(self) -> bool:
        """Whether this process is the one that validates and writes."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """Device of this process: ``cuda`` becomes a GPU of its own."""
        return f"cuda:{self.local_rank}" if name == "cuda" and self.size > 1 else name

    def part(self, count: int) -> slice:
        """The part of ``count`` things that is this process's.

        Raises:
            ConfigError: they cannot be shared out evenly.
        """
        if count % self.size:
            raise ConfigError(
                f"a batch of {count} tiles cannot be shared out evenly to {self.size} processes; "
                "give another --batch-size"
            )
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def sum(self, value: Tensor) -> Tensor:
        """Sum over all processes, without gradients."""
        if self.size > 1:
            value = value.detach().clone()
            dist.all_reduce(value)
        return value

    def wait(self) -> None:
        """Until all processes have come here."""
        if self.size > 1:
            dist.barrier()

    def synchronised(self, model: nn.Module) -> nn.Module:
        """Let batch normalisation of a network see all parts of a batch."""
        if self.size == 1:
            return model
        if next(model.parameters()).is_cuda:
            nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
            return model
        for part in model.modules():
            if type(part) is nn.BatchNorm2d:
                part.__class__ = _SharedBatchNorm
        return model

    def parallel(self, model: nn.Module) -> nn.Module:
        """A network whose gradients are averaged over the processes."""
        return model if self.size == 1 else DistributedDataParallel(model)


def _peers(rank: int, size: int) -> Peers:
    """The others, by a connection of our own: one that is shared may be waiting for them."""
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    board = dist.TCPStore(  # type: ignore[attr-defined]  # documented, and not in its __all__
        address, port, is_master=False, timeout=_REACH
    )
    return Peers(board, rank, size)


def _number(variable: str) -> int | None:
    """What torchrun says in the environment; None where it says nothing."""
    text = os.environ.get(variable, "")
    if text and not text.isdecimal():
        raise ConfigError(f"{variable} is {text!r}, expected a number; start with torchrun")
    return int(text) if text else None


class _SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over all processes' parts, for CPUs: torch's own is for GPUs alone."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        x32 = x.float()
        count = x.numel() / x.shape[1] * dist.get_world_size()
        mean = _total(x32.sum((0, 2, 3))) / count
        centred = x32 - mean[:, None, None]
        variance = _total(centred.square().sum((0, 2, 3))) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normal: Tensor = centred * scale[:, None, None] + self.bias[:, None, None]
        return normal.to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running statistics as the base class does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share: Any = self.momentum
        if share is None:
            share = 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _Sum(torch.autograd.Function):
    """Sum over all processes; each one's gradient is the sum of theirs."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        (total,) = (gradient.clone() for gradient in gradients)
        dist.all_reduce(total)
        return total


def _total(value: Tensor) -> Tensor:
    """Sum over all processes, through which gradients flow."""
    total: Tensor = _Sum.apply(value)  # type: ignore[no-untyped-call]
    return total
