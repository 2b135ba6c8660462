"""What devices profit from, and how far a file of each precision may be from its network."""

from __future__ import annotations

import dataclasses
from typing import Literal

from salt_export import parity
from salt_export.errors import ExportError
from salt_export.parity import Tolerance

Precision = Literal["fp32", "fp16", "int8"]
TargetName = Literal["portable", "cpu", "cuda", "tensorrt"]


@dataclasses.dataclass(frozen=True)
class Target:
    """What a device profits from.

    Attributes:
        gated: decode only tiles that pass the gate. TensorRT cannot: the number of tiles that pass
            is only known when the graph runs.
        precision: arithmetic of the networks.
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
# How far a file of each precision may be from the network in float32. In float16 a weight is off by
# up to 2^-11 of itself; over some forty layers a pixel near the threshold moves by about 0.01.
TOLERANCES: dict[str, Tolerance] = {
    "fp32": parity.FP32,
    "fp16": Tolerance(probability=0.05, flipped=1e-3),
    # What int8 may change is the guard's to say, in the score; this is for what it cannot see, such
    # as a shape that goes wrong.
    "int8": Tolerance(probability=1.0, flipped=0.05),
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
        ExportError: the device cannot run that, or calibration and precision do not go together.
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
        raise ExportError(
            "TensorRT takes no gated file: how many tiles pass the gate is only known when the "
            "graph runs; leave out --gated"
        )
    _check_int8(wanted, calibrated)
    return wanted


def _check_int8(wanted: Target, calibrated: bool) -> None:
    if wanted.precision != "int8":
        if calibrated:
            raise ExportError(
                f"--calibrate is for int8, this file is {wanted.precision}; add --precision int8"
            )
    elif not wanted.int8:
        raise ExportError(
            "ONNX Runtime has no int8 convolutions for CUDA; use --precision fp16, or --target "
            "tensorrt"
        )
    elif not calibrated:
        raise ExportError("int8 needs tiles to measure its ranges on; give --calibrate")
