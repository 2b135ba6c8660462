from __future__ import annotations

from pathlib import Path

import numpy as np
import steps
import torch

from salt_train.settings.recipes import RECIPES
from tests import drawing


def test_views_and_memory_are_no_operations() -> None:
    ones = torch.ones(4)
    with steps.Trace() as trace:
        torch.empty(3)
        ones.view(2, 2).t()[0].detach()
        ones.add_(1.0).mul(2.0)
        torch._foreach_add_([ones, ones], 1.0)
    assert trace.operations == {"add_": 1, "mul": 1, "_foreach_add_": 1}
    assert not trace.waits


def test_what_the_host_reads_is_a_wait() -> None:
    values = torch.arange(4)
    honest = torch.Tensor.tolist
    with steps.Trace() as trace:
        assert values.tolist() == [0, 1, 2, 3]
        assert bool(values[0] == 0)
        values[values > 1]
        values.nonzero()
        values[torch.tensor([0, 1])]
    assert trace.waits == {"tolist": 1, "_local_scalar_dense": 1, "index": 1, "nonzero": 1}
    assert trace.operations["index"] == 1
    assert torch.Tensor.tolist is honest


def test_all_steps_but_the_first_are_traced(tmp_path: Path) -> None:
    data = drawing.draw(10, seed=0)  # nine to train on: four steps
    config = RECIPES["baseline"].config
    trace = steps.traced(config, data, tmp_path)
    assert trace.operations["convolution"] % 3 == 0  # steps of the same
    assert trace.operations["convolution"] > 3 * 40
    assert trace.operations["_fused_adam_"] == 3 * 2  # weights with decay and without
    assert np.isclose(trace.waits.total(), 0)  # losses are read every 20 steps
