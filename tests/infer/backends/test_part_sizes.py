from __future__ import annotations

import pytest

from salt_infer.backends.part_sizes import part_of_openvino, parts_of_onnxruntime
from salt_infer.batch.parts import Parts


@pytest.mark.parametrize(
    ("views", "threads", "dense", "gated"),
    [(2, 1, 8, 16), (1, 4, 16, 32), (2, 5, 32, 32), (1, 64, 32, 32), (40, 1, 1, 1)],
)
def test_what_openvino_is_given_at_once(views: int, threads: int, dense: int, gated: int) -> None:
    assert part_of_openvino(views, threads, False) == (dense, views)
    assert part_of_openvino(views, threads, True) == (gated, views)


@pytest.mark.parametrize(
    ("threads", "expected"), [(1, Parts(8, 1)), (4, Parts(8, 4)), (5, Parts(80)), (16, Parts(256))]
)
def test_how_threads_share_a_batch_with_onnx_runtime(threads: int, expected: Parts) -> None:
    assert parts_of_onnxruntime(threads) == expected
