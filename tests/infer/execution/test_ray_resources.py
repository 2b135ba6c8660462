from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.errors import ExecutorError
from salt_infer.execution.ray_resources import ActorSlots, slots

EIGHT, FOUR = {"CPU": 8.0, "memory": 1e9}, {"CPU": 4.0, "GPU": 2.0}
HEAD = {"memory": 1e9}  # runs nothing


def test_one_for_each_node() -> None:
    assert slots([EIGHT, EIGHT, HEAD], None, gpu=False) == ActorSlots(2, 8, gpu=False)


def test_a_larger_node_has_several_of_the_smallest_ones_size() -> None:
    assert slots([EIGHT, FOUR], None, gpu=False) == ActorSlots(3, 4, gpu=False)


@pytest.mark.parametrize(("wanted", "unit"), [(1, 8), (2, 8), (3, 4), (4, 4), (16, 1)])
def test_so_many_as_asked_for_as_large_as_they_fit(wanted: int, unit: int) -> None:
    assert slots([EIGHT, EIGHT], wanted, gpu=False) == ActorSlots(wanted, unit, gpu=False)


def test_one_for_each_gpu() -> None:
    some = slots([EIGHT, FOUR, FOUR], None, gpu=True)
    assert (some.count, some.actor) == (4, {"num_gpus": 1})
    assert slots([FOUR, FOUR], 3, gpu=True).count == 3


@pytest.mark.parametrize(
    ("nodes", "wanted", "gpu"),
    [([], None, False), ([HEAD], None, False), ([EIGHT], 9, False), ([FOUR], 3, True)],
)
def test_no_room(nodes: list[dict[str, float]], wanted: int | None, gpu: bool) -> None:
    with pytest.raises(ExecutorError, match="add nodes, or give fewer --actors"):
        slots(nodes, wanted, gpu)


@given(st.lists(st.integers(1, 64), min_size=1, max_size=8), st.none() | st.integers(1, 64))
def test_actors_fit_and_leave_room_to_decode(cpus: list[int], wanted: int | None) -> None:
    nodes = [{"CPU": float(count)} for count in cpus]
    try:
        some = slots(nodes, wanted, gpu=False)
    except ExecutorError:
        assert wanted is not None
        assert wanted > sum(cpus)
        return
    assert 1 <= some.count <= some.room(nodes)
    left = some.unit - some.actor["num_cpus"]
    assert left >= some.decoder["num_cpus"] > 0
    assert some.threads == some.unit
    assert some.count <= some.decoders(nodes) <= 4 * sum(cpus)
    # Ray Data would run both steps in one process if they were given the same.
    assert some.actor != some.decoder
