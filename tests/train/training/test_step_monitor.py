from __future__ import annotations

import math

import pytest
import torch

from salt_train.errors import NotFiniteError
from salt_train.training.step_monitor import Watch, telling


def see(watch: Watch, loss: float, gradient: float = 1.0, loss_scale: float = 0.0) -> None:
    watch.see(*map(torch.tensor, (loss, gradient, loss_scale)))


@pytest.mark.parametrize("every", [1, 3, 100])
def test_all_losses_are_there_in_the_end(every: int) -> None:
    watch = Watch(every)
    for loss in range(7):
        see(watch, float(loss))
    assert watch.finish() == [0, 1, 2, 3, 4, 5, 6]
    assert watch.finish() == []
    see(watch, 8.0)
    assert watch.finish() == [8.0]  # the next epoch's


def test_it_is_looked_at_every_so_many_steps() -> None:
    watch = Watch(3)
    see(watch, math.nan)
    see(watch, 1.0)
    with pytest.raises(NotFiniteError, match="loss is nan") as seen:
        see(watch, 1.0)
    assert seen.value.step == 0


@pytest.mark.parametrize(
    ("loss", "gradient", "said"),
    [(math.inf, 1.0, "loss is inf"), (1.0, math.nan, "gradient is nan")],
)
def test_the_step_that_is_not_finite_is_the_one_named(
    loss: float, gradient: float, said: str
) -> None:
    watch = Watch(2)
    for _ in range(4):
        see(watch, 1.0)
    see(watch, loss, gradient)
    with pytest.raises(NotFiniteError, match=said) as seen:
        watch.finish()
    assert seen.value.step == 4


def test_a_gradient_too_large_for_its_scale_is_no_fault_until_the_scale_is_small() -> None:
    watch = Watch(1)
    see(watch, 1.0, math.inf, 2.0)
    see(watch, 1.0, math.inf, 1.0)
    with pytest.raises(NotFiniteError, match="gradient is inf"):
        see(watch, 1.0, math.inf, 0.5)


def test_the_mean_is_of_what_was_looked_at() -> None:
    watch = Watch(2)
    assert watch.mean is None
    for loss in (1.0, 2.0, 6.0):
        see(watch, loss)
    assert watch.mean == 1.5
    watch.finish()
    assert watch.mean is None


def test_a_long_epoch_gives_a_sign_of_life_now_and_then() -> None:
    now, told = [0.0], list[tuple[int, float]]()
    steps = telling(range(10), lambda *word: told.append(word), 60.0, lambda: now[0])
    for _ in steps:
        now[0] += 25.0
    assert told == [(3, 75.0), (6, 150.0), (9, 225.0)]


def test_a_short_one_does_not() -> None:
    told: list[tuple[int, float]] = []
    steps = telling(range(10), lambda *word: told.append(word), 60.0, iter(range(99)).__next__)
    assert list(steps) == list(range(10))
    assert told == []
