"""ONNX Runtime in a plain loop: load a batch, run it, encode it, next."""

from __future__ import annotations

import numpy as np
import onnxruntime

from contenders.common import Task, batches, rle, running, write


def main() -> None:
    task = Task.parse()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = task.threads
    session = onnxruntime.InferenceSession(task.model, options, providers=["CPUExecutionProvider"])
    with running():
        paths = task.paths
        rows: list[str] = []
        for _, tiles in batches(paths, task.batch_size):
            views = np.stack([tiles, tiles[:, :, ::-1]], axis=1)
            probability, salt = session.run(["probability", "salt"], {"tiles": views})
            mean = (probability[:, 0] + probability[:, 1, :, ::-1]) / 2
            masks = (mean > task.threshold) & (salt > task.gate)[:, None, None]
            rows += [rle(mask) for mask in masks]
        write(task.out, paths, rows)


if __name__ == "__main__":
    main()
