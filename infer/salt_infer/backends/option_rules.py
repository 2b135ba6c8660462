"""Options of providers: which may be given, and how ONNX Runtime is told of them.

Pure functions of what was asked; :mod:`salt_infer.backends.providers` puts them together.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from pathlib import Path

from salt_infer.errors import UsageError
from salt_infer.modelfile.contract import TILES

_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_OURS = {
    "device_id": "give --device-id",
    "trt_engine_cache_path": "give --engine-cache",
    "trt_timing_cache_path": "give --engine-cache",
    "trt_engine_cache_enable": "the cache is always on",
    "trt_timing_cache_enable": "the cache is always on",
    "user_compute_stream": "there is no stream to name here",
    "has_user_compute_stream": "there is no stream to name here",
    "trt_cuda_graph_enable": "graphs are for cuda, as enable_cuda_graph=1",
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

# Options of this program's own, which no provider is given.
STREAMS = "streams"
_MOST_STREAMS = 4
GRAPH, NHWC, SEARCH, TF32 = (
    "enable_cuda_graph", "prefer_nhwc", "cudnn_conv_algo_search", "use_tf32"
)  # fmt: skip
_CUDA_BOOLEANS = (GRAPH, NHWC, TF32)
# With these and ONNX Runtime's own switch for it, a GPU rounds alike in every run.
_DETERMINISTIC = {SEARCH: "DEFAULT", TF32: "0"}

Options = dict[str, str]
Given = tuple[tuple[str, str], ...]


def parse_option(text: str) -> tuple[str, str]:
    """``K=V`` -> (K, V).

    Raises:
        UsageError: no ``=``, or a key that no provider has.
    """
    key, equals, value = text.partition("=")
    if not equals or not _OPTION.fullmatch(key):
        raise UsageError(f"provider option {text!r} is not of the form KEY=VALUE")
    return key, value


def check_options(provider: str, options: Given) -> None:
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
        if key in (*_TRT_BOOLEANS, *_CUDA_BOOLEANS) and value.lower() not in _BOOLEANS:
            raise UsageError(f"provider option {key} is {value!r}, expected True or False")
        if key == STREAMS and provider != "openvino" and value not in _numbers(_MOST_STREAMS):
            raise UsageError(f"{STREAMS} is {value!r}, expected 1 to {_MOST_STREAMS}")
    check_profiles(dict(options))


def _numbers(most: int) -> list[str]:
    return [str(number) for number in range(1, most + 1)]


def check_deterministic(provider: str, options: Given) -> None:
    """Refuse what would let bytes differ from run to run.

    Raises:
        UsageError: TensorRT, or an option that says otherwise.
    """
    if provider == "tensorrt":
        raise UsageError(
            "TensorRT times its kernels when it builds an engine, and another build may choose "
            "others: --deterministic is for --provider cuda"
        )
    for key, value in normal(options).items():
        if provider == "cuda" and _DETERMINISTIC.get(key, value) != value:
            raise UsageError(f"--deterministic needs {key}={_DETERMINISTIC[key]}, not {value}")


def normal(options: Given) -> Options:
    """Options as ONNX Runtime takes them: booleans of TensorRT are ``True`` or ``False`` only, of
    CUDA they are written as 1 or 0 here.
    """
    return dict(_normal(key, value) for key, value in options)


def _normal(key: str, value: str) -> tuple[str, str]:
    if key in _TRT_BOOLEANS:
        return key, _BOOLEANS[value.lower()]
    if key in _CUDA_BOOLEANS:
        return key, "1" if _BOOLEANS[value.lower()] == "True" else "0"
    return key, value


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


def files_of_an_engine(options: Mapping[str, str]) -> list[Path]:
    """Files that options of TensorRT name, whether they exist or not."""
    values = (value for name, value in options.items() if name in _TRT_FILES)
    return [Path(path) for value in values for path in value.split(";") if path]


def cuda_options(
    device_id: int, options: Options, precision: str = "", deterministic: bool = False
) -> Options:
    """Options of the CUDA provider; all values are strings.

    Chosen from what is documented: tensor cores want half precision with channels last (1.17 times
    as fast on an H200, once); an exhaustive search for algorithms may end otherwise the next time;
    and a file in float32 was proven in float32, not in TF32.

    Args:
        device_id: number of the GPU.
        options: the user's, which win.
        precision: of the model file.
        deterministic: nothing may differ from run to run.
    """
    own = {"device_id": str(device_id), SEARCH: "HEURISTIC", TF32: "0"}
    if precision == "fp16":
        own[NHWC] = "1"
    if deterministic:
        own |= _DETERMINISTIC
    return own | {key: value for key, value in options.items() if key != STREAMS}


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
    options = {key: value for key, value in options.items() if key != STREAMS}
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
