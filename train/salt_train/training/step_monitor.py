"""Losses and gradients of steps, looked at some at a time: the host waits for its device wherever
it reads, and cannot prepare the next steps meanwhile. And a sign of life in long epochs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from salt_train.errors import NotFiniteError

TOLD_EVERY_S = 60.0

Step = TypeVar("Step")


def telling(
    steps: Iterable[Step],
    tell: Callable[[int, float], None],
    every_s: float = TOLD_EVERY_S,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Step]:
    """The steps of an epoch, and a word of those that are done, now and then.

    Args:
        steps: of an epoch.
        tell: takes how many steps are done, and the seconds they took.
        every_s: seconds between two words, at least; a shorter epoch has none.
        clock: seconds.
    """
    begun = last = clock()
    for done, step in enumerate(steps):
        now = clock()
        if done and now - last >= every_s:
            tell(done, now - begun)
            last = now
        yield step


class Watch:
    """What an epoch's steps measured.

    Attributes:
        every: steps between two looks; with 1 no step takes place whose loss is not finite, with
            more the weights may be spoilt when it is found, and nothing of them may be kept.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._losses: list[float] = []
        self._unread: list[Tensor] = []

    @property
    def mean(self) -> float | None:
        """Of the losses that were looked at in this epoch; None where none was yet."""
        return sum(self._losses) / len(self._losses) if self._losses else None

    def see(self, loss: Tensor, gradient: Tensor, loss_scale: Tensor) -> None:
        """Note a step, and look at those that were noted if it is time.

        Args:
            loss: of the whole batch, a scalar on the device.
            gradient: norm of all gradients together.
            loss_scale: what the loss was multiplied by before they were taken; 0 without scaling.

        Raises:
            NotFiniteError: see :meth:`read`.
        """
        self._unread.append(torch.stack([loss, gradient, loss_scale]))
        if len(self._unread) >= self.every:
            self.read()

    def read(self) -> None:
        """Look at all steps that were noted.

        Raises:
            NotFiniteError: loss or gradient of one is not finite, which spoils every weight.
        """
        rows = torch.stack(self._unread).tolist() if self._unread else []
        self._unread.clear()
        for loss, gradient, loss_scale in rows:
            if not math.isfinite(loss):
                raise NotFiniteError(f"loss is {loss}", len(self._losses))
            # Under loss scaling too large a gradient is common: such a step is left out, and the
            # scale is halved as long as it can be.
            if not math.isfinite(gradient) and loss_scale < 1.0:
                raise NotFiniteError(f"gradient is {gradient}", len(self._losses))
            self._losses.append(loss)

    def finish(self) -> list[float]:
        """The losses of the epoch's steps, all read; the next step noted is another epoch's first.

        Raises:
            NotFiniteError: see :meth:`read`.
        """
        self.read()
        losses, self._losses = self._losses, []
        return losses
