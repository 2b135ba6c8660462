"""How far an epoch has come: a progress bar, or a line now and then."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from tqdm import tqdm

from salt_infer.system import terminal
from salt_train.training.step_monitor import Watch, telling


@dataclasses.dataclass(frozen=True)
class EpochProgress:
    """Shows how far an epoch has come.

    Attributes:
        epoch: its number of how many, to begin a line with.
        loss: name of its loss.
        steps: that it has.
        batch_size: tiles a step, over all processes.
        watch: what the steps measured so far.
    """

    epoch: str
    loss: str
    steps: int
    batch_size: int
    watch: Watch

    def beside(self, steps: Iterable[int], progress: bool | None) -> Iterable[int]:
        """The steps, with a progress bar beside them, or a line a minute where there is no terminal
        for one.

        Args:
            steps: of the epoch.
            progress: whether there is a bar; None for one on a terminal, and lines elsewhere.
        """
        hidden = None if progress is None else not progress
        bar = tqdm(steps, desc=self.epoch, disable=hidden, leave=False, **terminal.size())
        return telling(steps, self._tell) if hidden is None and bar.disable else bar

    def _tell(self, done: int, seconds: float) -> None:
        """A word in the middle of an epoch."""
        mean = self.watch.mean
        loss = "" if mean is None else f"{self.loss} loss {mean:.4f}, "
        speed = done * self.batch_size / seconds
        tqdm.write(f"{self.epoch}, step {done}/{self.steps}: {loss}{speed:.1f} tiles/s")
