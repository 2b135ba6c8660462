from __future__ import annotations

import pytest

from salt_infer.errors import UsageError
from salt_infer.execution.request import ExecutorRequest


@pytest.mark.parametrize("address", ["auto", "localhost:6379", "10.0.0.1:6379", "[::1]:6379"])
def test_addresses_of_a_cluster(address: str) -> None:
    assert ExecutorRequest("ray", address).ray_address == address


@pytest.mark.parametrize("address", ["", "localhost", "ray://localhost:10001", "a:b", ":1"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(UsageError, match="expected HOST:PORT of the cluster's head"):
        ExecutorRequest("ray", address)


@pytest.mark.parametrize("given", [{"ray_address": "auto"}, {"actors": 2}])
def test_options_of_ray_are_refused_without_it(given: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="belongs to --engine ray, the engine is local"):
        ExecutorRequest(**given)  # type: ignore[arg-type]
