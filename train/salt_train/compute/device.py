"""Where and in which arithmetic a run is computed."""

from __future__ import annotations

import platform
import re

import torch
from torch import Tensor

from salt_train.errors import ConfigError
from salt_train.settings.config import TrainConfig

_READ_EVERY = 20  # steps of a GPU; of a CPU each, which costs nothing there
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Compute:
    """Device, memory layout, autocast and loss scaling of one run.

    Attributes:
        device: torch device.
        layout: memory format of tiles and weights. Channels last, which is faster, except where
            oneDNN corrupts memory: in the backward pass of strided 1x1 convolutions of fewer than
            16 channels (uxlfoundation/oneDNN#6035).
        scaler: of the loss, for float16: most gradients are too small for it unscaled.
        read_every: steps between two readings of losses from the device.
    """

    def __init__(self, config: TrainConfig, device: str) -> None:
        """Raise ConfigError if the device cannot be used here."""
        self.device = _device(device)
        wide = config.model.width >= 16 or not config.model.is_resnet
        self.layout = torch.channels_last if wide else torch.contiguous_format
        self.read_every = 1 if self.device.type == "cpu" else _READ_EVERY
        self._dtype = _DTYPES[config.precision]
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "fp16")

    def loss_scale(self) -> Tensor:
        """What a loss is multiplied by now, a scalar on the device; 0 where none is."""
        one = torch.full((), float(self.scaler.is_enabled()), device=self.device)
        scaled: Tensor = self.scaler.scale(one)
        return scaled

    def autocast(self) -> torch.autocast:
        """Context in which the forward pass runs in the run's precision."""
        return torch.autocast(
            self.device.type, self._dtype, enabled=self._dtype is not torch.float32
        )


def slow_precision(config: TrainConfig, device: str) -> bool:
    """Whether this CPU computes in the run's precision slower than in float32: in float16 each, the
    way back through convolutions 20 times and more, and in bfloat16 one without instructions for
    it.
    """
    if config.precision == "fp32" or not device.startswith("cpu"):
        return False
    if config.precision == "fp16":
        return True
    if platform.machine() not in ("x86_64", "AMD64") or not hasattr(torch.cpu, "get_capabilities"):
        return False  # nothing known of other machines, or to older releases of torch
    able = torch.cpu.get_capabilities()
    return not any(able.get(name) for name in ("avx512_bf16", "amx_bf16"))


def _device(name: str) -> torch.device:
    try:
        torch.empty(0, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        reason = re.split(r"\. |\n", str(error))[0]  # behind it torch tells of itself
        raise ConfigError(
            f"device {name!r} cannot be used here ({reason}); expected cpu, cuda or cuda:0"
        ) from error
