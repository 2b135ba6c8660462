"""What may run a model, and the options that ONNX Runtime is given for it.

Everything here is a pure function of what was asked; what the machine can do is found out in
:mod:`salt_infer.usable`, what really ran in :mod:`salt_infer.placement`.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from salt_infer.contract import TILES
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

_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_OURS = {
    "device_id": "give --device-id",
    "trt_engine_cache_path": "give --engine-cache",
    "trt_timing_cache_path": "give --engine-cache",
    "trt_engine_cache_enable": "the cache is always on",
    "trt_timing_cache_enable": "the cache is always on",
    "user_compute_stream": "there is no stream to name here",
    "has_user_compute_stream": "there is no stream to name here",
    # A captured graph reads fixed addresses; batches here have none, and the first result would
    # be handed out again and again.
    "enable_cuda_graph": "graphs would repeat the first batch's result",
    "trt_cuda_graph_enable": "graphs would repeat the first batch's result",
}
_TRT_BOOLEANS = {
    "trt_fp16_enable", "trt_bf16_enable", "trt_int8_enable", "trt_dla_enable",
    "trt_int8_use_native_calibration_table", "trt_dump_subgraphs", "trt_detailed_build_log",
    "trt_force_sequential_engine_build", "trt_context_memory_sharing_enable",
    "trt_layer_norm_fp32_fallback", "trt_force_timing_cache", "trt_build_heuristics_enable",
    "trt_sparsity_enable", "trt_engine_hw_compatible", "trt_weight_stripped_engine_enable",
    "trt_engine_decryption_enable", "trt_dump_ep_context_model",
}  # fmt: skip
# These name files, with a semicolon between two, whose contents go into an engine.
_TRT_TABLE = "trt_int8_calibration_table_name"
_TRT_FILES = {_TRT_TABLE, "trt_extra_plugin_lib_paths", "trt_engine_decryption_lib_path"}
_BOOLEANS = {"true": "True", "1": "True", "false": "False", "0": "False"}
_PRECISION_FLAGS = {"fp16": "trt_fp16_enable", "int8": "trt_int8_enable"}
PROFILES = tuple(f"trt_profile_{size}_shapes" for size in ("min", "opt", "max"))

Options = dict[str, str]
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
    """

    provider: Asked = "auto"
    device_id: int = 0
    options: tuple[tuple[str, str], ...] = ()
    allow_fallback: bool = False
    engine_cache: Path | None = None

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

    @property
    def candidates(self) -> tuple[Provider, ...]:
        """What may run the model, in this order."""
        if self.provider == "auto":
            return AUTO
        return (self.provider, *(FALLBACKS[self.provider] if self.allow_fallback else ()))

    def options_of(self, provider: Provider) -> Options:
        """The user's options, for the provider they were meant for."""
        return normal(self.options) if provider == self.provider else {}


def parse_option(text: str) -> tuple[str, str]:
    """``K=V`` -> (K, V).

    Raises:
        UsageError: no ``=``, or a key that no provider has.
    """
    key, equals, value = text.partition("=")
    if not equals or not _OPTION.fullmatch(key):
        raise UsageError(f"provider option {text!r} is not of the form KEY=VALUE")
    return key, value


def check_options(provider: Asked, options: tuple[tuple[str, str], ...]) -> None:
    """Refuse what would be ignored, or would break what this program promises.

    Raises:
        UsageError: a key twice, one that is set here, a malformed boolean or profile, or any for
            ``cpu``, which ignores them all.
    """
    keys = [key for key, _ in options]
    if options and provider == "cpu":
        raise UsageError(f"the cpu provider takes no options, {keys[0]!r} would be ignored")
    for key, value in options:
        if keys.count(key) > 1:
            raise UsageError(f"provider option {key} is given twice")
        if key in _OURS:
            raise UsageError(f"provider option {key} cannot be set: {_OURS[key]}")
        if key in _TRT_BOOLEANS and value.lower() not in _BOOLEANS:
            raise UsageError(f"provider option {key} is {value!r}, expected True or False")
    check_profiles(dict(options))


def normal(options: tuple[tuple[str, str], ...]) -> Options:
    """Options as ONNX Runtime takes them: booleans of TensorRT are ``True`` or ``False`` only."""
    return {
        key: _BOOLEANS[value.lower()] if key in _TRT_BOOLEANS else value for key, value in options
    }


def check_profiles(options: Mapping[str, str]) -> None:
    """ONNX Runtime only warns of a malformed profile, and then builds an engine for each shape.

    Raises:
        UsageError: not all three of them, not ``tiles:NxVx101x101``, or not ascending.
    """
    given = [name for name in PROFILES if name in options]
    if not given:
        return
    if len(given) < len(PROFILES):
        raise UsageError(f"{given[0]} is given, expected all of {', '.join(PROFILES)}")
    shapes = [profile_shape(options[name], name) for name in PROFILES]
    for smaller, larger in itertools.pairwise(shapes):
        if any(a > b for a, b in zip(smaller, larger, strict=True)):
            raise UsageError(f"the profiles are {shapes}, expected min <= opt <= max in each size")


def profile_shape(text: str, name: str) -> tuple[int, ...]:
    """``tiles:32x2x101x101`` -> (32, 2, 101, 101)."""
    found = re.fullmatch(rf"{TILES}:([1-9]\d{{0,4}})x([12])x101x101", text, re.ASCII)
    if not found:
        raise UsageError(f"{name} is {text!r}, expected {TILES}:NxVx101x101, as tiles:32x2x101x101")
    return int(found[1]), int(found[2]), 101, 101


def fixes_the_batch(provider: Provider, options: Mapping[str, str]) -> bool:
    """Whether every batch has one size. On a GPU it does: cuDNN searches its algorithms and
    TensorRT builds an engine for each new shape. A user's own profiles lift it.
    """
    return provider in GPUS and not any(name in options for name in PROFILES)


def files_of_an_engine(options: Mapping[str, str]) -> list[Path]:
    """Files that options of TensorRT name, whether they exist or not."""
    values = (value for name, value in options.items() if name in _TRT_FILES)
    return [Path(path) for value in values for path in value.split(";") if path]


def cuda_options(device_id: int, options: Options) -> Options:
    """Options of the CUDA provider; all values are strings."""
    return {"device_id": str(device_id)} | options


def tensorrt_options(device_id: int, precision: str, cache: Path, options: Options) -> Options:
    """Options of the TensorRT provider.

    Args:
        device_id: number of the GPU.
        precision: of the model file; TensorRT 10 takes a half-precision graph only when allowed to.
        cache: folder for this engine and no other.
        options: the user's.

    Raises:
        UsageError: the calibration table has a relative path.
    """
    table = options.get(_TRT_TABLE)
    if table and not Path(table).is_absolute():
        raise UsageError(
            f"{_TRT_TABLE} is {table!r}, which ONNX Runtime looks for in the engine's own folder; "
            "give an absolute path"
        )
    own = {
        "device_id": str(device_id),
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(cache),
    }
    if flag := _PRECISION_FLAGS.get(precision):
        own[flag] = "True"
    return own | options


@dataclasses.dataclass(frozen=True)
class Plan:
    """How ONNX Runtime is to load a file.

    Attributes:
        provider: what is to run it.
        providers: for ``InferenceSession``, with options.
        shape: N and V of every batch; None where any will do.
        elsewhere: nodes may run on other providers.
    """

    provider: Provider = "cpu"
    providers: tuple[tuple[str, Options], ...] = ((CPU, {}),)
    shape: tuple[int, int] | None = None
    elsewhere: bool = False

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
) -> Plan:  # fmt: skip
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
    fixed = shape if fixes_the_batch(provider, options) else None
    providers: ProviderList = [(NAMES[provider], options)]
    if provider == "cuda":
        providers = [(NAMES["cuda"], cuda_options(device, options))]
    elif provider == "tensorrt":
        check_covered(shape, options)
        # CUDA comes after it so that a node which TensorRT refuses shows up there, and not on CPU.
        providers = [
            (NAMES["tensorrt"], tensorrt_options(device, precision, cache, options)),
            (NAMES["cuda"], cuda_options(device, {})),
        ]
    return Plan(provider, tuple(providers), fixed, request.allow_fallback)


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
