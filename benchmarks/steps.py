"""What a training step asks of its device: ``python benchmarks/steps.py``.

A GPU is bound by launches and by waits long before it is bound by arithmetic, and both can be
counted without one: every operation that computes something is a launch or more, and every value
that the host reads is a wait. Counted over some steps of an epoch, each loss by itself, as a GPU
would be told to take them (losses are read every 20 steps there). Networks are as deep as the
recipes' and narrow, which takes no other operations and less time.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import record
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from salt_train import synthetic
from salt_train.data.dataset import Dataset
from salt_train.settings import recipes
from salt_train.settings.config import TrainConfig
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer

RECIPES = ("cpu", "lite2", "scratch", "binary-judge")
BATCH, STEPS, READ_EVERY = 2, 20, 20
NARROW = 16  # channels of the first level and of the decoder
_READS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero")
# Nothing is computed: another look at the same memory, or memory alone.
_FREE = ("empty", "empty_like", "empty_strided", "detach", "detach_", "alias", "_unsafe_view")


class Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations and waits of what runs within it.

    Attributes:
        operations: by name; views and fresh memory are not counted.
        waits: by name: reads of a value, and masks whose size the host has to know.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        name = func.overloadpacket.__name__
        if name in _READS or (name == "index" and _by_mask(args[1])):
            self.waits[name] += 1
        elif not func.is_view and name not in _FREE:
            self.operations[name] += 1
        return func(*args, **(kwargs or {}))

    def __enter__(self) -> Trace:
        self._tolist = Tensor.tolist
        Tensor.tolist = self._counted  # type: ignore[method-assign]  # it is no operation
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        Tensor.tolist = self._tolist  # type: ignore[method-assign]
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    @property
    def _counted(self) -> Any:
        def tolist(tensor: Tensor) -> Any:
            self.waits["tolist"] += 1
            return self._tolist(tensor)

        return tolist


def _by_mask(indices: Any) -> bool:
    return any(index is not None and index.dtype == torch.bool for index in indices)


class Traced(Trainer):
    """Traces its steps but for the first, in which an optimiser makes its state."""

    def _step(self, step: int, *more: Any) -> Any:
        if step == 0:
            self.trace = Trace()
            return super()._step(step, *more)
        with self.trace:
            return super()._step(step, *more)


def traced(config: TrainConfig, data: Dataset, out: Path) -> Trace:
    """An epoch of :data:`STEPS` steps, and one that is not counted."""
    columns = NARROW if config.model.hypercolumn_channels else 0
    narrow = dataclasses.replace(
        config.model, width=NARROW, decoder_channels=NARROW, hypercolumn_channels=columns
    )
    config = dataclasses.replace(config, model=narrow, batch_size=BATCH, precision="bf16")
    trainer = Traced(config, RunOptions(out, progress=False, validate_every=99), data)
    watch = getattr(trainer.learner, "watch", None)
    if watch:
        watch.every = READ_EVERY
    trainer._epoch()
    return trainer.trace


def measure(recipe: str, data: Dataset, out: Path) -> dict[str, Any]:
    """Operations and waits a step by the stage's loss."""
    config = recipes.RECIPES[recipe].config
    found = {}
    for stage in config.stages:
        if stage.loss not in found:
            alone = dataclasses.replace(
                config, stages=(dataclasses.replace(stage, epochs=3, cycle_epochs=1),)
            )
            trace = traced(alone, data, out)
            found[stage.loss] = {
                "operations": trace.operations.total() / STEPS,
                "waits": trace.waits.total() / STEPS,
                "most": dict(trace.operations.most_common(12)),
                "waiting": dict(trace.waits),
            }
    return {"architecture": config.model.architecture, "stages": found}


def table(measured: dict[str, dict[str, Any]]) -> list[str]:
    """Markdown: a stage a row."""
    rows = ["| recipe | loss | operations a step | waits a step |", "|---|---|---|---|"]
    for recipe, each in measured.items():
        for loss, found in each["stages"].items():
            rows.append(f"| {recipe} | {loss} | {found['operations']:.0f} | {found['waits']:.2f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", action="append", choices=list(recipes.RECIPES))
    wanted = parser.parse_args().recipe or RECIPES
    # An epoch's steps have all tiles but the held-out ones.
    data = synthetic.draw(-(-BATCH * (STEPS + 1) * 10 // 9), seed=0)
    with tempfile.TemporaryDirectory() as out:
        measured = {recipe: measure(recipe, data, Path(out)) for recipe in wanted}
    lines = table(measured)
    record.save("steps", {"table": lines, "recipes": measured, "read_every": READ_EVERY})
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
