"""The small graphs against the same arithmetic in NumPy, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salt_infer.backends import mask_graphs
from salt_infer.batch import doubtful, views
from salt_infer.batch.result import BatchResult
from salt_infer.masks.decision import Decision
from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.modelfile.contract import Tta

THRESHOLDS = st.sampled_from([0.0, 0.3, 0.5, 0.55, 1.0])


def run(model: bytes, **values: Any) -> dict[str, npt.NDArray[Any]]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    feeds = {name: np.asarray(value) for name, value in values.items()}
    return dict(zip(names, session.run(names, feeds), strict=True))


def probabilities(seed: int, count: int, ways: int, threshold: float) -> npt.NDArray[np.float32]:
    """Any numbers, those next to the threshold, and in about half of all tiles one that is none."""
    random = np.random.default_rng(seed)
    values = random.random((count, ways, *TILE_SHAPE), np.float32)
    edge = np.float32(threshold)
    near = [edge, np.nextafter(edge, np.float32(2)), np.nextafter(edge, np.float32(-1))]
    where = random.random(values.shape) < 0.5
    values[where] = random.choice(np.array(near, np.float32), int(where.sum()))
    spoilt = random.random(count) < 0.5
    values[spoilt, random.integers(ways), 7, 9] = np.nan
    return values


def judged(salt: npt.NDArray[np.float32], *passes: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """The judge's answer, NaN where a pixel of a pass is none."""
    spoilt = np.any([np.isnan(each).any(axis=(1, 2, 3)) for each in passes], axis=0)
    return np.where(spoilt, np.float32(np.nan), salt)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 5), threshold=THRESHOLDS, gate=THRESHOLDS,
       tta=st.sampled_from(["none", "hflip"]))  # fmt: skip
def test_masks_are_those_of_numpy(
    seed: int, count: int, threshold: float, gate: float, tta: Tta
) -> None:
    ways = views.count(tta)
    given = probabilities(seed, count, ways, threshold)
    salt = np.random.default_rng(seed + 1).choice(
        np.array([gate, 0.2, 0.7, np.nan], np.float32), count
    )
    seen = run(
        mask_graphs.masks(count, ways), probability=given, salt=salt,
        threshold=np.float32(threshold), gate=np.float32(gate),
    )  # fmt: skip
    expected = views.merge(given, tta) > np.float32(threshold)
    expected[~(salt > np.float32(gate))] = False
    np.testing.assert_array_equal(mask_graphs.unpack(seen["masks"]), expected)
    np.testing.assert_array_equal(seen["judged"], judged(salt, given))


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 5), threshold=THRESHOLDS)
def test_two_passes_are_those_of_numpy(seed: int, count: int, threshold: float) -> None:
    random = np.random.default_rng(seed)
    first = probabilities(seed, count, 1, threshold)
    salt = random.random(count, np.float32)
    limit = np.float32(threshold)
    seen = run(mask_graphs.first_pass(count), probability=first, salt=salt, threshold=limit)
    np.testing.assert_array_equal(mask_graphs.unpack(seen["masks"]), first[:, 0] > limit)
    near = np.abs(first[:, 0] - limit) < doubtful.NEAR
    np.testing.assert_array_equal(seen["nearby"], near.sum(axis=(1, 2)))
    np.testing.assert_array_equal(seen["judged"], judged(salt, first))

    places = random.integers(0, count, 3)
    second = probabilities(seed + 1, 3, 1, threshold)
    salt = random.random(3, np.float32)
    seen = run(
        mask_graphs.second_pass(count, 3), first=first, places=places, probability=second,
        salt=salt, threshold=limit,
    )  # fmt: skip
    np.testing.assert_array_equal(seen["judged"], judged(salt, first[places], second))
    both = np.concatenate([first[places], second], axis=1)
    np.testing.assert_array_equal(
        mask_graphs.unpack(seen["masks"]), views.merge(both, "hflip") > limit
    )


def test_doubt_is_counted_alike_at_its_limit() -> None:
    """1 % of 10201 pixels lies between 102 and 103."""
    for pixels, torn in ((102, False), (103, True)):
        first = np.full((1, 1, *TILE_SHAPE), 0.95, np.float32)
        first.reshape(-1)[:pixels] = 0.5
        salt = np.ones(1, np.float32)
        found = doubtful.doubtful(BatchResult(first, salt, np.arange(1)), Decision(0.5, 0.5))
        seen = run(
            mask_graphs.first_pass(1), probability=first, salt=salt, threshold=np.float32(0.5)
        )
        assert found.tolist() == [torn]
        assert (seen["nearby"].astype(np.float64) / first[0].size > doubtful.SHARE).tolist() == [
            torn
        ]


@pytest.mark.parametrize(
    "model", [mask_graphs.masks(3, 1), mask_graphs.masks(3, 2), mask_graphs.first_pass(3),
              mask_graphs.second_pass(3, 2)],
)  # fmt: skip
def test_they_are_valid_and_every_size_in_them_is_known(model: bytes) -> None:
    """No arithmetic on shapes, which would be done on the host."""
    proto = onnx.load_from_string(model)
    onnx.checker.check_model(proto, full_check=True)
    assert not {node.op_type for node in proto.graph.node} & {"Shape", "Size", "NonZero"}
    inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    sizes = [
        size
        for value in (*inferred.graph.value_info, *inferred.graph.output)
        for size in value.type.tensor_type.shape.dim
    ]
    assert sizes and all(size.dim_value > 0 for size in sizes)


def test_bits_are_those_of_packbits() -> None:
    masks = np.random.default_rng(3).random((4, *TILE_SHAPE)) < 0.3
    bits = np.packbits(masks.transpose(0, 2, 1).reshape(4, -1), axis=1)
    assert bits.shape == (4, mask_graphs.BYTES) == (4, 1276)
    np.testing.assert_array_equal(mask_graphs.unpack(bits), masks)
    assert mask_graphs.unpack(bits[:0]).shape == (0, *TILE_SHAPE)
