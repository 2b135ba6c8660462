"""Model files that tests change."""

from __future__ import annotations

from pathlib import Path

import onnx

from salt_infer.modelfile import checksum


def load(path: Path) -> onnx.ModelProto:
    """A model without its checksum, so that what is changed of it is not refused as damage."""
    model = onnx.load(path)
    for entry in [each for each in model.metadata_props if each.key == checksum.METADATA_KEY]:
        model.metadata_props.remove(entry)
    return model
