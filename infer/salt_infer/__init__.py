"""Masks of salt bodies from seismic tiles, through ONNX Runtime.

``SaltModel`` is the whole of it in Python, and ``read_tiles`` what it is given; the command line is
a run of the same over files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt_infer import former
from salt_infer.system import privacy

if TYPE_CHECKING:
    from salt_infer.data.tiles import read_tiles
    from salt_infer.predictor.model import Prediction, SaltModel

__version__ = "0.1.0"
__all__ = ["Prediction", "SaltModel", "__version__", "read_tiles"]

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
    if name == "read_tiles":
        from salt_infer.data.tiles import read_tiles

        return read_tiles
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
