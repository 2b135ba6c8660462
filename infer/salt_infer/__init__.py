"""Masks of salt bodies from seismic tiles, through ONNX Runtime.

``SaltModel`` is the whole of it in Python; the command line is a run of the same over files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt_infer import former
from salt_infer.system import privacy

if TYPE_CHECKING:
    from salt_infer.predictor.model import Prediction, SaltModel

__version__ = "0.1.0"
__all__ = ["Prediction", "SaltModel", "__version__"]

privacy.switch_off()  # before any runtime can be imported
former.find("salt_infer", former.NAMES)


def __dir__() -> list[str]:
    """What is offered: completion goes by this, and imports nothing."""
    return __all__


def __getattr__(name: str) -> Any:
    """Import the runtime only for those who use it: RLE and score work without one."""
    if name in ("Prediction", "SaltModel"):
        from salt_infer.predictor import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
