"""What devices profit from."""

from __future__ import annotations

import dataclasses
from typing import Literal

from salt_export.errors import OptionsError

Precision = Literal["fp32", "fp16-weights", "fp16", "int8"]
TargetName = Literal["portable", "cpu", "cuda", "tensorrt"]


@dataclasses.dataclass(frozen=True)
class Target:
    """What a device profits from.

    Attributes:
        gated: decode only tiles that pass the gate. TensorRT cannot: the number of tiles that pass
            is only known when the graph runs.
        precision: arithmetic of the networks; ``fp16-weights`` is that of ``fp32``, with weights
            stored in float16.
        int8: style of int8, ``cpu`` or ``tensorrt``; empty where int8 gains nothing.
    """

    gated: bool
    precision: Precision
    int8: str = "cpu"


TARGETS: dict[TargetName, Target] = {
    "portable": Target(gated=False, precision="fp32"),
    "cpu": Target(gated=True, precision="fp32"),
    # ONNX Runtime has no int8 convolutions for CUDA: they would run in float32.
    "cuda": Target(gated=False, precision="fp16", int8=""),
    "tensorrt": Target(gated=False, precision="fp16", int8="tensorrt"),
}


def resolve(
    name: TargetName, gated: bool | None, precision: Precision | None, calibrated: bool
) -> Target:
    """A target with what was asked for instead of its own choices.

    Args:
        name: of the target.
        gated: instead of its own; None leaves it.
        precision: likewise.
        calibrated: there are tiles to calibrate int8 on.

    Raises:
        OptionsError: the device cannot run that, or calibration and precision do not go together.
    """
    preset = TARGETS[name]
    # The CPU profits from int8 wherever there are tiles to calibrate on.
    own: Precision = "int8" if name == "cpu" and calibrated else preset.precision
    wanted = dataclasses.replace(
        preset,
        gated=preset.gated if gated is None else gated,
        precision=precision or own,
    )
    if name == "tensorrt" and wanted.gated:
        raise OptionsError(
            "TensorRT takes no gated file: how many tiles pass the gate is only known when the "
            "graph runs; leave out --gated"
        )
    _check_int8(wanted, calibrated)
    return wanted


def _check_int8(wanted: Target, calibrated: bool) -> None:
    if wanted.precision != "int8":
        if calibrated:
            raise OptionsError(
                f"--calibrate is for int8, this file is {wanted.precision}; add --precision int8"
            )
    elif not wanted.int8:
        raise OptionsError(
            "ONNX Runtime has no int8 convolutions for CUDA; use --precision fp16, or --target "
            "tensorrt"
        )
    elif not calibrated:
        raise OptionsError("int8 needs tiles to measure its ranges on; give --calibrate")
