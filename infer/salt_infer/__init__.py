"""Masks of salt bodies from seismic tiles, through ONNX Runtime.

``SaltModel`` is the whole of it in Python, and ``read_tiles`` what it is given; the command line is
a run of the same over files. What ``__all__`` names is the public API: every other module may
change.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from salt_infer import former
from salt_infer.system import privacy

if TYPE_CHECKING:
    from salt_infer.backends.providers import ProviderRequest
    from salt_infer.data.stretch import stretched
    from salt_infer.data.tiles import Tiles, read_tiles
    from salt_infer.errors import InputError, ModelError, SaltError
    from salt_infer.predictor.model import SaltModel
    from salt_infer.predictor.prediction import Prediction

__version__ = "0.1.0"
__all__ = [
    "InputError",
    "ModelError",
    "Prediction",
    "ProviderRequest",
    "SaltError",
    "SaltModel",
    "Tiles",
    "__version__",
    "read_tiles",
    "stretched",
]
_HOMES = {
    "InputError": "errors",
    "ModelError": "errors",
    "Prediction": "predictor.prediction",
    "ProviderRequest": "backends.providers",
    "SaltError": "errors",
    "SaltModel": "predictor.model",
    "Tiles": "data.tiles",
    "read_tiles": "data.tiles",
    "stretched": "data.stretch",
}

privacy.switch_off()  # before any runtime can be imported
former.find("salt_infer", former.NAMES)


def __dir__() -> list[str]:
    """What is offered: completion goes by this, and imports nothing."""
    return __all__


def __getattr__(name: str) -> Any:
    """Import the runtime only for those who use it: RLE and score work without one."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"salt_infer.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
