"""OpenVINO for throughput: several requests under way, from bytes to masks in one static graph.

``--mode`` is the precision of layers that are not int8: ``f32`` or ``bf16``. The mirror image, the
mean of both views, threshold and gate are part of the graph; this thread decodes while requests
run, and each finished request encodes its masks.
"""

from __future__ import annotations

import numpy as np

from contenders.common import EDGE, Task, batches, rle, running, write
from salt_infer.system import privacy

with privacy.unreported():
    import openvino as ov
    from openvino import opset13 as ops

BACKWARDS = np.arange(EDGE)[::-1].copy()


def flipped(node: ov.Node, axis: int) -> ov.Node:
    return ops.gather(node, BACKWARDS, axis)


def with_ends(model: ov.Model, task: Task) -> ov.Model:
    """uint8 [B, 101, 101] -> bool [B, 101, 101] around tiles to probability and salt."""
    model.reshape([task.batch_size, 2, EDGE, EDGE])
    tiles = ops.parameter([task.batch_size, EDGE, EDGE], np.uint8)
    views = ops.concat([ops.unsqueeze(each, 1) for each in (tiles, flipped(tiles, 2))], 1)
    for consumer in model.input("tiles").get_target_inputs():
        consumer.replace_source_output(views.output(0))
    probability, salt = (
        model.output(name).get_node().input_value(0) for name in ("probability", "salt")
    )
    plain, mirrored = ops.split(probability, 1, 2).outputs()
    total = ops.squeeze(ops.add(plain, flipped(mirrored, 3)), 1)
    pixels = ops.greater(total, np.float32(2 * task.threshold))
    has_salt = ops.greater(salt, np.float32(task.gate))
    masks = ops.logical_and(pixels, ops.unsqueeze(has_salt, [1, 2]))
    return ov.Model([masks], [tiles])


def main() -> None:
    task = Task.parse()
    core = ov.Core()
    settings = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": task.mode,
        "INFERENCE_NUM_THREADS": task.threads,
    }
    model = with_ends(core.read_model(task.model), task)
    queue = ov.AsyncInferQueue(core.compile_model(model, "CPU", settings))
    with running():
        paths = task.paths
        rows = [""] * len(paths)

        def finish(request: ov.InferRequest, start: int) -> None:
            masks = request.get_output_tensor().data.astype(bool)
            count = min(task.batch_size, len(paths) - start)
            rows[start : start + count] = [rle(mask) for mask in masks[:count]]

        queue.set_callback(finish)
        for start, tiles in batches(paths, task.batch_size):
            missing = task.batch_size - len(tiles)
            queue.start_async([np.pad(tiles, ((0, missing), (0, 0), (0, 0)))], start)
        queue.wait_all()
        write(task.out, paths, rows)


if __name__ == "__main__":
    main()
