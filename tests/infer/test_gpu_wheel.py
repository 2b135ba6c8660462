"""What the parsers inside the real GPU wheel say of our options, on a machine without a GPU.

``SALT_GPU_PYTHON`` names an interpreter with ``onnxruntime-gpu[cuda,cudnn]``, which excludes the
CPU package of the tests' own environment. The driver and TensorRT are stand-ins, compiled here, in
which every function fails: providers then load, parse their options, and give up at the first
call to a device. That an option is known and its value well formed is shown; what it does is not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from salt_infer.backends import option_rules
from salt_infer.backends.providers import ProviderRequest, plan
from tests.conftest import ROOT

PYTHON = os.environ.get("SALT_GPU_PYTHON")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PYTHON, reason="SALT_GPU_PYTHON is not set: an interpreter with onnxruntime-gpu"
    ),
    pytest.mark.skipif(not shutil.which("g++"), reason="no g++ to compile stand-ins with"),
]

REGISTRY = "".join(f"virtual void* f{index}() {{return 0;}}" for index in range(40))
STAND_INS = {
    "libcuda.so.1": "int cuInit(unsigned) {return 100;} int cuTensorMapEncodeTiled() {return 100;}",
    "libnvonnxparser.so.10": (
        "void* createNvOnnxParser_INTERNAL() {return 0;}"
        "void* createNvOnnxParserRefitter_INTERNAL() {return 0;}"
    ),
    # The registry of plug-ins is an object, all of whose virtual functions answer null.
    "libnvinfer.so.10": (
        f"struct Registry {{ {REGISTRY} }}; static Registry registry;"
        "void* getPluginRegistry() {return &registry;}"
        "int getInferLibVersion() {return 101401;}"
        "void* createInferBuilder_INTERNAL() {return 0;}"
        "void* createInferRefitter_INTERNAL() {return 0;}"
        "void* createInferRuntime_INTERNAL() {return 0;}"
        "bool initLibNvInferPlugins() {return true;}"
    ),
}
PARSE = """
import json, sys
import onnxruntime
onnxruntime.preload_dlls(directory="")
model, name, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
try:
    onnxruntime.InferenceSession(model, providers=[(name, options)], enable_fallback=0)
except Exception as error:
    print("RAISED", type(error).__name__, error)
"""
# What the library says of "1" for each word in it that may be an option of TensorRT.
ASK = """
import json, re, sys
from pathlib import Path
import onnxruntime
onnxruntime.preload_dlls(directory="")
library = Path(onnxruntime.__file__).parent / "capi" / "libonnxruntime_providers_tensorrt.so"
said = {}
for name in sorted(set(re.findall(rb"trt_[a-z0-9_]+", library.read_bytes()))):
    providers = [("TensorrtExecutionProvider", {name.decode(): "1"})]
    try:
        onnxruntime.InferenceSession(sys.argv[1], providers=providers, enable_fallback=0)
    except Exception as error:
        said[name.decode()] = str(error)
print(json.dumps(said))
"""
A_DEVICE_IS_MISSED = "CUDA failure"  # the first call after all options are parsed


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stand-ins")
    for name, code in STAND_INS.items():
        source = folder / f"{name}.cc"
        source.write_text(f'extern "C" {{ {code} }}')
        command = ["g++", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", folder / name, source]
        subprocess.run(command, check=True)
    return folder


def parsed(stand_ins: Path, model: Path, name: str, options: dict[str, str]) -> str:
    return ran(stand_ins, PARSE, model, name, json.dumps(options))


def ran(stand_ins: Path, code: str, *arguments: object) -> str:
    """What a script prints there."""
    assert PYTHON is not None
    done = subprocess.run(
        [PYTHON, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, check=False,
        env=os.environ | {"LD_LIBRARY_PATH": str(stand_ins)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def cuda(options: tuple[tuple[str, str], ...] = ()) -> dict[str, str]:
    ((_, made),) = plan("cuda", ProviderRequest("cuda", options=options), (32, 2), "fp16").providers
    # Its parser calls the device where it finds the number, and stops there.
    return {name: value for name, value in made.items() if name != "device_id"}


def tensorrt(precision: str, options: tuple[tuple[str, str], ...] = ()) -> dict[str, str]:
    request = ProviderRequest("tensorrt", options=options)
    return plan("tensorrt", request, (32, 2), precision, Path("/tmp/x")).providers[0][1]


@pytest.mark.parametrize(
    "options", [(), (("use_tf32", "1"),), (("prefer_nhwc", "0"), ("arena_extend_strategy",
                                                                "kSameAsRequested")),
                (("enable_cuda_graph", "1"), ("cudnn_conv_algo_search", "EXHAUSTIVE"))],
)  # fmt: skip
def test_cuda_takes_the_options(
    stand_ins: Path, dense_model: Path, options: tuple[tuple[str, str], ...]
) -> None:
    said = parsed(stand_ins, dense_model, "CUDAExecutionProvider", cuda(options))
    assert A_DEVICE_IS_MISSED in said
    assert "provider option" not in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((("nonsense", "1"),), 'Unknown provider option: "nonsense"'),
        ((("use_tf32", "maybe"),), 'Failed to parse provider option "use_tf32"'),
    ],
)
def test_cuda_refuses_others_itself(
    stand_ins: Path, dense_model: Path, options: tuple[tuple[str, str], ...], says: str
) -> None:
    assert says in parsed(stand_ins, dense_model, "CUDAExecutionProvider", cuda(options))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_tensorrt_takes_the_options(stand_ins: Path, dense_model: Path, precision: str) -> None:
    said = parsed(stand_ins, dense_model, "TensorrtExecutionProvider", tensorrt(precision))
    assert A_DEVICE_IS_MISSED in said


def test_the_booleans_of_tensorrt_are_those_that_the_wheel_has(
    stand_ins: Path, dense_model: Path
) -> None:
    said = json.loads(ran(stand_ins, ASK, dense_model).splitlines()[-1])
    booleans = {name for name, text in said.items() if "should be 'True' or 'False'" in text}
    assert len(booleans) > 15
    assert booleans - option_rules._OURS.keys() == option_rules._TRT_BOOLEANS


def test_tensorrt_takes_every_boolean_as_we_write_it(stand_ins: Path, dense_model: Path) -> None:
    options = tuple((name, "0") for name in sorted(option_rules._TRT_BOOLEANS))
    made = tensorrt("fp32", options)
    assert A_DEVICE_IS_MISSED in parsed(stand_ins, dense_model, "TensorrtExecutionProvider", made)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"trt_fp16_enable": "1"}, "should be 'True' or 'False'"),
        ({"nonsense": "1"}, "Invalid TensorRT EP option: nonsense"),
    ],
)
def test_tensorrt_refuses_others_itself(
    stand_ins: Path, dense_model: Path, options: dict[str, str], says: str
) -> None:
    assert says in parsed(stand_ins, dense_model, "TensorrtExecutionProvider", options)


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_the_wheel_without_a_driver(tmp_path: Path, provider: str) -> None:
    """The real libraries are there, the driver is not: an error before any session, in a line."""
    assert PYTHON is not None
    command = [
        PYTHON, "-m", "salt_infer", "--images", ROOT / "examples" / "tiles", "--out", "x.csv",
        "--provider", provider,
    ]  # fmt: skip
    env = os.environ | {"PYTHONPATH": str(ROOT / "infer")}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=env
    )
    assert done.returncode == 1
    assert "no NVIDIA driver: libcuda.so.1 cannot be loaded" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert os.listdir(tmp_path) == []
