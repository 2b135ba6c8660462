"""The model files that ship, and which of them is whose; ``CARD.md`` beside them tells what they
are and how good.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

DEFAULTS = {"cpu": "default-cpu.onnx", "openvino": "default-cpu.onnx"}
DENSE_DEFAULT = "default.onnx"
NAMES = {"default": "", "accurate": "accurate.onnx"}  # instead of a path; no file: the provider's


def default_model(provider: str = "cpu") -> Path:
    """The model that ships for a provider: gated int8 for ``cpu`` and ``openvino``, dense fp16 for
    all others, where early exit and 8-bit activations with zero points cost more than they save.
    """
    name = DEFAULTS.get(provider, DENSE_DEFAULT)
    return _file(name)


def resolve(model: Path | None) -> Path | None:
    """The file that a model is: itself, or the one that ships under that name.

    Args:
        model: a path, or one of NAMES, unless there is a file that is called so.

    Returns:
        None for the one that ships for whatever provider is to run it.
    """
    if model is None or str(model) not in NAMES or model.exists():
        return model
    name = NAMES[str(model)]
    return _file(name) if name else None


def shipped() -> list[Path]:
    """Every model file that ships, by name."""
    return sorted(
        {default_model(), default_model("cuda")} | {_file(x) for x in NAMES.values() if x}
    )


def _file(name: str) -> Path:
    return Path(str(resources.files(__name__) / name))
