"""The averages of weights that are deployed."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from salt_train.scoring.evaluate import to_input

# Not torch.optim.swa_utils, which gives other bits: the first update of its AveragedModel copies
# the model, where the first step blends here; it averages all buffers, cutting integers' fractions
# off, or copies all, statistics too; and it collects its lists anew at each update. update_bn gives
# each batch the same weight, however few tiles the last one has.


class Blend:
    """Moves averaged weights towards those that are trained, all by a few operations on lists that
    are made once: both networks' tensors must stay where they are, as ``load_state_dict`` lets
    them.
    """

    def __init__(self, average: nn.Module, model: nn.Module) -> None:
        """The average's network and the trained one, of the same shape."""
        pairs = [*zip(average.state_dict().values(), model.state_dict().values(), strict=True)]
        self._floats = _lists(pair for pair in pairs if pair[0].is_floating_point())
        self._counts = _lists(pair for pair in pairs if not pair[0].is_floating_point())

    @torch.no_grad()
    def __call__(self, decay: float) -> None:
        """``decay`` of what the average was, the rest the model's; integers are copied."""
        average, model = self._floats
        torch._foreach_lerp_(average, model, 1.0 - decay)
        if self._counts[0]:
            torch._foreach_copy_(*self._counts)


def _lists(pairs: Iterable[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    taken = list(pairs)
    return [one for one, _ in taken], [other for _, other in taken]


def ema_decay(decay: float, warmup: float, step: int) -> float:
    """A young average would remember the random start for long: its memory grows with the run."""
    return min(decay, (1 + step) / (warmup + step))


@torch.no_grad()
def refresh_statistics(
    model: nn.Module, tiles: npt.NDArray[np.uint8], batch_size: int, most: int | None = None
) -> None:
    """Measure batch-normalisation statistics anew: those of averaged weights are not the average
    of the members' (Izmailov et al., 2018, section 3.2).

    Args:
        model: left in evaluation mode.
        tiles: uint8 [N, 101, 101], training tiles.
        batch_size: tiles at once.
        most: use at most so many of the tiles, from all over them; None uses all.
    """
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
    model.train()
    device = next(model.parameters()).device
    chosen = tiles[:: math.ceil(len(tiles) / most) if most else 1]
    for start in range(0, len(chosen), batch_size):
        batch = chosen[start : start + batch_size]
        for norm in norms:  # the mean over all tiles: the last batch may have fewer
            norm.momentum = len(batch) / (start + len(batch))
        model(to_input(batch, device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()
