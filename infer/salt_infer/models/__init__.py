"""The model files that ship, and which of them is whose; ``CARD.md`` beside them tells what they
are and how good.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

DEFAULTS = {"cpu": "default-cpu.onnx", "openvino": "default-cpu.onnx"}
DENSE_DEFAULT = "default.onnx"


def default_model(provider: str = "cpu") -> Path:
    """The model that ships for a provider: gated int8 for ``cpu`` and ``openvino``, dense fp16 for
    all others, where early exit and 8-bit activations with zero points cost more than they save.
    """
    name = DEFAULTS.get(provider, DENSE_DEFAULT)
    return Path(str(resources.files(__name__) / name))
