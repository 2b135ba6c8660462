"""What may run a model, and how ONNX Runtime is to load it.

Everything here is a pure function of what was asked; what the machine can do is found out in
:mod:`salt_infer.backends.availability`, what really ran in
:mod:`salt_infer.backends.node_placement`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from salt_infer.backends.option_rules import (
    NHWC,
    PROFILES,
    STREAMS,
    Given,
    Options,
    check_deterministic,
    check_options,
    cuda_options,
    normal,
    profile_shape,
    tensorrt_options,
)
from salt_infer.errors import UsageError

Provider = Literal["cpu", "cuda", "tensorrt", "openvino"]
Asked = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]
CHOICES: tuple[str, ...] = get_args(Asked)

# As ONNX Runtime calls them; OpenVINO is not run through it.
CPU = "CPUExecutionProvider"
NAMES: Mapping[str, str] = {
    "cpu": CPU, "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider",
}  # fmt: skip
GPUS = ("tensorrt", "cuda")

# Best first. ONNX Runtime's CPU provider comes before OpenVINO because files are verified with it,
# and int8 rounds differently in the other: that one is taken by name, or where it is alone.
AUTO: tuple[Provider, ...] = ("tensorrt", "cuda", "cpu", "openvino")
FALLBACKS: Mapping[str, tuple[Provider, ...]] = {
    "cpu": (), "cuda": ("cpu",), "tensorrt": ("cuda", "cpu"), "openvino": ("cpu",),
}  # fmt: skip

BATCH, GPU_BATCH = 32, 128  # tiles, where none are asked for
_SECOND = 4  # second passes go in batches that are smaller by this

ProviderList = list[tuple[str, Options]]


@dataclasses.dataclass(frozen=True)
class ProviderRequest:
    """What was asked for.

    Attributes:
        provider: ``auto`` takes the best that is usable.
        device_id: number of the GPU.
        options: of the provider, by its own names; only where it is named.
        allow_fallback: run on the next best instead of failing.
        engine_cache: folder for TensorRT's engines; the user's cache directory if None.
        deterministic: the same bytes in every run on one device, or an error.
    """

    provider: Asked = "auto"
    device_id: int = 0
    options: Given = ()
    allow_fallback: bool = False
    engine_cache: Path | None = None
    deterministic: bool = False

    def __post_init__(self) -> None:
        if self.provider not in CHOICES:
            raise UsageError(f"provider is {self.provider!r}, expected one of {', '.join(CHOICES)}")
        if self.device_id < 0:
            raise UsageError(f"device id is {self.device_id}, expected 0 or more")
        if self.device_id and self.provider in ("cpu", "openvino"):
            raise UsageError(f"--device-id names a GPU, the provider asked for is {self.provider}")
        if self.options and self.provider == "auto":
            raise UsageError("provider options belong to one provider: name it with --provider")
        check_options(self.provider, self.options)
        if self.deterministic:
            check_deterministic(self.provider, self.options)

    @property
    def candidates(self) -> tuple[Provider, ...]:
        """What may run the model, in this order."""
        if self.provider == "auto":
            return AUTO[1:] if self.deterministic else AUTO
        return (self.provider, *(FALLBACKS[self.provider] if self.allow_fallback else ()))

    def options_of(self, provider: Provider) -> Options:
        """The user's options, for the provider they were meant for."""
        return normal(self.options) if provider == self.provider else {}


def fixes_the_batch(provider: Provider, options: Mapping[str, str]) -> bool:
    """Whether every batch has one size. On a GPU it does: cuDNN searches its algorithms and
    TensorRT builds an engine for each new shape. A user's own profiles lift it.
    """
    return provider in GPUS and not any(name in options for name in PROFILES)


def batch_for(provider: Provider, asked: int | None) -> int:
    """Tiles a batch: those asked for, or what suits the provider."""
    return asked or (GPU_BATCH if provider in GPUS else BATCH)


@dataclasses.dataclass(frozen=True)
class SessionPlan:
    """How ONNX Runtime is to load a file.

    Attributes:
        provider: what is to run it.
        providers: for ``InferenceSession``, with options.
        shape: N and V of every batch; None where any will do.
        elsewhere: nodes may run on other providers.
        streams: batches under way at once on a GPU: one is copied while another is computed.
        second: tiles of a batch of second passes (:mod:`salt_infer.batch.doubtful`); 0 for none.
        deterministic: see :class:`ProviderRequest`.
    """

    provider: Provider = "cpu"
    providers: tuple[tuple[str, Options], ...] = ((CPU, {}),)
    shape: tuple[int, int] | None = None
    elsewhere: bool = False
    streams: int = 1
    second: int = 0
    deterministic: bool = False

    @property
    def options(self) -> Options:
        """Of the provider in first place."""
        return self.providers[0][1]

    @property
    def of_second_passes(self) -> SessionPlan:
        """How the same file is loaded for batches of second passes."""
        return dataclasses.replace(self, shape=(self.second, 1))

    @property
    def entries(self) -> Mapping[str, str]:
        """Configuration of the session."""
        return {
            # Idle threads that spin would take the cores from those that decode and encode.
            "session.intra_op.allow_spinning": "0",
            "session.record_ep_graph_assignment_info": "1",
        }


def plan(
    provider: Provider, request: ProviderRequest, shape: tuple[int, int], precision: str,
    cache: Path = Path(),
) -> SessionPlan:  # fmt: skip
    """Put together what was asked for.

    Args:
        provider: one of ONNX Runtime's.
        request: the options, and whether nodes may run elsewhere.
        shape: tiles and views of a batch.
        precision: of the file, from its contract.
        cache: folder of the engine, for TensorRT.

    Raises:
        UsageError: the user's profiles do not hold such batches.
    """
    options, device = request.options_of(provider), request.device_id
    sure = request.deterministic
    fixed = shape if fixes_the_batch(provider, options) else None
    providers: ProviderList = [(NAMES[provider], options)]
    streams = int(options.get(STREAMS, "2")) if provider in GPUS else 1
    if provider == "cuda":
        providers = [(NAMES["cuda"], cuda_options(device, options, precision, sure))]
    elif provider == "tensorrt":
        check_covered(shape, options)
        # CUDA comes after it so that a node which TensorRT refuses shows up there, and not on CPU.
        providers = [
            (NAMES["tensorrt"], tensorrt_options(device, precision, cache, options)),
            (NAMES["cuda"], cuda_options(device, {}, precision)),
        ]
    return SessionPlan(
        provider, tuple(providers), fixed, request.allow_fallback, streams, deterministic=sure
    )


def with_second_passes(planned: SessionPlan) -> SessionPlan:
    """The same for ``--tta doubtful``: half of the tiles would fill half of a fixed batch, and cost
    a whole one. TensorRT would build an engine for another size, so it gets the same one.
    """
    if planned.shape is None:
        return planned
    smaller = 1 if planned.provider == "tensorrt" else _SECOND
    return dataclasses.replace(planned, second=max(1, planned.shape[0] // smaller))


def without_layout(planned: SessionPlan, request: ProviderRequest) -> SessionPlan | None:
    """The same with ONNX Runtime's own layout of tensors; None where another was not chosen here,
    but by the user or not at all.
    """
    (name, options), *others = planned.providers
    if options.get(NHWC) != "1" or NHWC in request.options_of(planned.provider):
        return None
    return dataclasses.replace(planned, providers=((name, options | {NHWC: "0"}), *others))


def check_covered(shape: tuple[int, int], options: Mapping[str, str]) -> None:
    """A profile must hold every batch of a run, down to a last one of a single tile.

    Raises:
        UsageError: it does not; each batch outside would have an engine of its own built.
    """
    if PROFILES[0] not in options:
        return
    least, _, most = (profile_shape(options[name], name) for name in PROFILES)
    if least[0] > 1 or not all(a <= b <= c for a, b, c in zip(least, shape, most, strict=False)):
        raise UsageError(
            f"the profiles hold {least[0]} to {most[0]} tiles in {least[1]} to {most[1]} views, "
            f"expected 1 to {shape[0]} in {shape[1]}: change them, --batch-size or --tta"
        )
