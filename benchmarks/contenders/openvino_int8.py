"""OpenVINO's own int8: ``python -m contenders.openvino_int8 MODEL.onnx TILES.npy OUT.xml``.

NNCF measures ranges on tiles, uint8 [N, 101, 101], and writes the quantised model; it takes no part
in a run.
"""

from __future__ import annotations

import sys

import numpy as np

from salt_infer.system import privacy

with privacy.unreported():
    import nncf
    import openvino as ov


def main() -> None:
    source, tiles, out = sys.argv[1:]
    model = ov.Core().read_model(source)
    samples = np.load(tiles)
    dataset = nncf.Dataset([tile[None, None] for tile in samples])
    quantised = nncf.quantize(model, dataset, subset_size=len(samples))
    ov.save_model(quantised, out, compress_to_fp16=False)


if __name__ == "__main__":
    main()
