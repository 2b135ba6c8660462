"""ONNX Runtime in a plain loop: load a batch, run it, encode it, next. With ``--mode cuda`` on a
GPU, with ONNX Runtime's own options and after a batch that warms up.
"""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime

from contenders.common import EDGE, Task, batches, device, rle, running, write

NAMES = ["probability", "salt"]


def opened(task: Task) -> onnxruntime.InferenceSession:
    """The file on what was asked for; exits where it runs elsewhere."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = task.threads
    wanted = "CPUExecutionProvider"
    if task.mode and device() == "cuda":
        wanted = "CUDAExecutionProvider"
        onnxruntime.preload_dlls(directory="")
    session = onnxruntime.InferenceSession(task.model, options, providers=[wanted])
    if session.get_providers()[0] != wanted:
        sys.exit(f"it runs on {session.get_providers()}, expected {wanted}")
    return session


def main() -> None:
    task = Task.parse()
    session = opened(task)
    if task.mode:
        session.run(NAMES, {"tiles": np.zeros((task.batch_size, 2, EDGE, EDGE), np.uint8)})
    with running():
        paths = task.paths
        rows: list[str] = []
        for _, tiles in batches(paths, task.batch_size):
            views = np.stack([tiles, tiles[:, :, ::-1]], axis=1)
            probability, salt = session.run(NAMES, {"tiles": views})
            mean = (probability[:, 0] + probability[:, 1, :, ::-1]) / 2
            masks = (mean > task.threshold) & (salt > task.gate)[:, None, None]
            rows += [rle(mask) for mask in masks]
        write(task.out, paths, rows)


if __name__ == "__main__":
    main()
