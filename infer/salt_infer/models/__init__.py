"""The model files that ship, and which of them is whose; ``CARD.md`` beside them tells what they
are and how good.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

from salt_infer.system.cpu import Machine, this_machine

CPU_DEFAULT = "default-cpu.onnx"
DENSE_DEFAULT = "default.onnx"


def of_digest(sha256: object) -> Path | None:
    """Which of these files has that sha256, if any."""
    folder = default_model().parent
    files = (folder / name for name in (CPU_DEFAULT, DENSE_DEFAULT))
    digests = ((hashlib.sha256(file.read_bytes()).hexdigest(), file) for file in files)
    return next((file for digest, file in digests if digest == sha256), None)


def default_model(provider: str = "cpu", machine: Machine | None = None) -> Path:
    """The model that ships for a provider: gated int8 for ``cpu`` and ``openvino``, dense fp16 for
    all others, where early exit and 8-bit activations with zero points cost more than they save,
    and for ``openvino`` where it computes that in bfloat16.

    Args:
        provider: by its name.
        machine: the processor; this one's if None.
    """
    dense = provider not in ("cpu", "openvino") or (
        provider == "openvino" and (machine or this_machine()).multiplies_bf16
    )
    return Path(str(resources.files(__name__) / (DENSE_DEFAULT if dense else CPU_DEFAULT)))
