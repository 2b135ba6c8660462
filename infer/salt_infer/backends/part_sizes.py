"""How large the parts of a batch are that a processor runs, by what runs it."""

from __future__ import annotations

from salt_infer.backends.providers import BATCH
from salt_infer.batch.parts import Parts, tiles_of

# Images, a tile in two views being two of them, that a processor runs together best: the layers of
# so few stay in its caches. Threads that share a batch wait for each other after every layer, and
# need more; up to so many had better have one each. Measured on two (benchmarks/LOG.md).
_ALONE, _A_THREAD, _FEW_THREADS = 8, 16, 4
# OpenVINO's, one number for few threads, as a run may go on with others, or be Ray's.
_OF_OPENVINO, _OF_GATED = 16, 32


def parts_of_onnxruntime(threads: int) -> Parts:
    """How so many threads of a processor share a batch."""
    if threads <= _FEW_THREADS:
        return Parts(_ALONE, threads)
    return Parts(_A_THREAD * threads)


def part_of_openvino(views: int, threads: int, gated: bool) -> tuple[int, int]:
    """Tiles, and views of each, that OpenVINO is given at once, whatever a batch has: networks for
    different sizes may round differently, and the answers shall not depend on the batch.

    Args:
        views: of each tile.
        threads: that compute; for many of them, with which none was measured, a usual batch.
        gated: a file whose parts are not of one shape throughout, and better larger.
    """
    images = _OF_GATED if gated else _OF_OPENVINO
    return (tiles_of(images, views) if threads <= _FEW_THREADS else BATCH), views
