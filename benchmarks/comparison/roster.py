"""Who takes part: the command of each contender, what it needs, and what it is compared as."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from contenders.common import Task

from comparison.material import CHECKPOINT, NNCF

Group = Literal[
    "notebook", "PyTorch", "ONNX Runtime", "OpenVINO", "salt-infer", "the study's network"
]  # fmt: skip
OURS: Group = "salt-infer"
STUDY: Group = "the study's network"  # other weights than everybody's, and another network


@dataclasses.dataclass(frozen=True)
class Contender:
    """One way from PNGs to a submission.

    Attributes:
        title: for people.
        group: what it is a variant of.
        program: module of :mod:`contenders`, or empty for the installed ``salt-infer``.
        file: the model it runs, by the names of :class:`comparison.material.Files`.
        mode: of the module, or salt-infer's provider.
        needs: modules that have to be installed.
        tools: programs that have to be.
        batch_size: its own instead of everybody's; 0 for that.
        tta: of salt-infer.
        device: where it runs, ``cpu`` or ``cuda``.
        options: of salt-infer's provider.
    """

    title: str
    group: Group
    program: str
    file: str
    mode: str = ""
    needs: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    batch_size: int = 0
    tta: str = "hflip"
    device: str = "cpu"
    options: tuple[str, ...] = ()

    @property
    def of_study(self) -> bool:
        """Whether it runs the case study's own network."""
        return self.group == STUDY

    @property
    def missing(self) -> str:
        """Why it cannot take part here; empty where it can."""
        modules = [name for name in self.needs if importlib.util.find_spec(name) is None]
        lacking = modules + [name for name in self.tools if shutil.which(name) is None]
        return f"needs {', '.join(lacking)}" if lacking else ""

    def command(self, task: Task) -> list[str]:
        """What to run for a task."""
        if self.program:
            module = f"contenders.{self.program}"
            return [sys.executable, "-m", module, *task.arguments()]
        return [
            _installed("salt-infer"),
            *("--images", str(task.images), "--out", str(task.out), "--model", str(task.model)),
            *("--provider", task.mode, "--batch-size", str(task.batch_size), "--tta", self.tta),
            *("--threshold", str(task.threshold), "--gate", str(task.gate)),
            *("--report", str(_report(task)), "--overwrite", "--restart"),
            *(word for each in self.options for word in ("--provider-option", each)),
        ]

    def run_s(self, task: Task, stdout: str) -> float:
        """Seconds without start-up, by its own account."""
        if self.program:
            return float(json.loads(stdout.splitlines()[-1])["run_s"])
        report = json.loads(_report(task).read_text())
        return float(report["wall_s"] + report["publish_s"])


def _report(task: Task) -> Path:
    return task.out.with_suffix(".json")


def _installed(name: str) -> str:
    """A command of this environment."""
    path = Path(sys.executable).with_name(name)
    return str(path) if path.exists() else shutil.which(name) or name


def _ours() -> dict[str, Contender]:
    """Each file on each runtime; the fastest of each also with a second look at doubtful tiles."""
    return {
        f"salt-{provider}-{precision}-{kind}{mark}": Contender(
            f"salt-infer, {runtime}, {precision} {kind}{said}", OURS, "", f"{precision} {kind}",
            provider, needs=(module,), tta=tta,
        )
        for provider, runtime, module, files in (
            ("cpu", "ONNX Runtime", "onnxruntime", _FILES),
            ("openvino", "OpenVINO", "openvino", (*_FILES, _HALF)),
        )
        for precision, kind in files
        for mark, said, tta in _TTA[: 2 if (precision, kind) in _FAST else 1]
    }  # fmt: skip


_FILES = (("fp32", "dense"), ("fp32", "gated"), ("int8", "dense"), ("int8", "gated"))
_HALF = ("fp16", "dense")  # which OpenVINO computes in bfloat16 where the processor has AMX
_FAST = (("int8", "gated"), _HALF)
_TTA = (("", "", "hflip"), ("-doubtful", ", `--tta doubtful`", "doubtful"))


def _openvino() -> dict[str, Contender]:
    """Also in batches that stay in the cache: many small requests suit it better."""
    ways = {
        f"openvino-int8{name}{small}": Contender(
            f"OpenVINO, NNCF int8{title}{said}", "OpenVINO", "openvino_async", NNCF, mode,
            ("openvino", "nncf"), batch_size=size,
        )
        for name, title, mode in (("", "", "f32"), ("-bf16", ", else bf16", "bf16"))
        for small, said, size in (("", "", 0), ("-batch-4", ", batches of 4", 4))
    }  # fmt: skip
    floats = {
        f"openvino-{name}{small}": Contender(
            f"OpenVINO, {name}{said}", "OpenVINO", "openvino_async", "fp32 dense", mode,
            ("openvino",), batch_size=size,
        )
        for name, mode in (("fp32", "f32"), ("bf16", "bf16"))
        for small, said, size in (("", "", 0), ("-batch-8", ", batches of 8", 8))
    }  # fmt: skip
    return floats | ways


def _on_gpu() -> dict[str, Contender]:
    """In order of interest: what a limit of time cuts off is the last. Batches of 128 where nobody
    else would take another size.
    """
    half = "fp16 dense"
    ours = {
        f"gpu-salt{name}": Contender(
            f"salt-infer, CUDA, {file}{said}", OURS, "", file, "cuda", batch_size=size, tta=tta,
            device="cuda", options=options,
        )
        for name, said, file, size, tta, options in (
            ("", "", half, 128, "hflip", ()),
            ("-doubtful", ", `--tta doubtful`", half, 128, "doubtful", ()),
            ("-batch-32", ", batches of 32", half, 32, "hflip", ()),
            ("-one-stream", ", one stream", half, 128, "hflip", ("streams=1",)),
            ("-nchw", ", channels first", half, 128, "hflip", ("prefer_nhwc=0",)),
            ("-search", ", exhaustive search", half, 128, "hflip",
             ("cudnn_conv_algo_search=EXHAUSTIVE",)),
            ("-graph", ", CUDA graph", half, 128, "hflip", ("enable_cuda_graph=1",)),
            ("-fp32", "", "fp32 dense", 128, "hflip", ()),
        )
    }  # fmt: skip
    others = {
        f"gpu-{name}": Contender(title, group, program, file, mode, needs, batch_size=size,
                                 device="cuda")
        for name, title, group, program, file, mode, needs, size in _OTHERS_ON_GPU
    }  # fmt: skip
    return {"gpu-salt": ours.pop("gpu-salt"), **others, **ours}


_OTHERS_ON_GPU: tuple[tuple[str, str, Group, str, str, str, tuple[str, ...], int], ...] = (
    ("onnxruntime-fp16", "ONNX Runtime, plain loop, fp16", "ONNX Runtime", "onnxruntime_loop",
     "fp16 dense", "cuda", (), 128),
    ("onnxruntime-fp32", "ONNX Runtime, plain loop, fp32", "ONNX Runtime", "onnxruntime_loop",
     "fp32 dense", "cuda", (), 32),
    ("notebook", "the case study's notebook on the GPU", "notebook", "notebook", CHECKPOINT,
     "cuda", ("pandas",), 32),
    ("torch-fp16", "PyTorch, fp16, channels last", "PyTorch", "pytorch_gpu", CHECKPOINT, "half",
     (), 128),
    ("torch-compile", "PyTorch, fp16, compiled", "PyTorch", "pytorch_gpu", CHECKPOINT, "compile",
     (), 128),
    ("torch-bf16", "PyTorch, bf16, compiled", "PyTorch", "pytorch_gpu", CHECKPOINT, "bf16",
     (), 128),
)  # fmt: skip


def _study() -> dict[str, Contender]:
    """The case study's own network as its notebook ran it, and as ``salt-infer`` does."""
    way, ours = f"{STUDY}, the notebook's way", f"{STUDY}, salt-infer"
    return {
        "study-notebook": Contender(way, STUDY, "notebook", CHECKPOINT, needs=("pandas",)),
        "study-salt": Contender(
            f"{ours}, ONNX Runtime, fp32 gated", STUDY, "", "fp32 gated", "cpu",
            needs=("onnxruntime",),
        ),
        "gpu-study-notebook": Contender(
            f"{way}, on the GPU", STUDY, "notebook", CHECKPOINT, "cuda", needs=("pandas",),
            batch_size=32, device="cuda",
        ),
        "gpu-study-salt": Contender(
            f"{ours}, CUDA, fp16 dense", STUDY, "", "fp16 dense", "cuda", batch_size=128,
            device="cuda",
        ),
    }  # fmt: skip


CONTENDERS: Mapping[str, Contender] = {
    "notebook": Contender(
        "the case study's notebook", "notebook", "notebook", CHECKPOINT, needs=("pandas",)
    ),
    "torch-bf16": Contender("PyTorch, bf16", "PyTorch", "pytorch", CHECKPOINT),
    "torch-compile": Contender(
        "PyTorch, bf16, compiled", "PyTorch", "pytorch", CHECKPOINT, "compile", tools=("g++",)
    ),
    "torch-compile-batch-8": Contender(
        "PyTorch, bf16, compiled, batches of 8",
        "PyTorch",
        "pytorch",
        CHECKPOINT,
        "compile",
        tools=("g++",),
        batch_size=8,
    ),
    "onnxruntime": Contender(
        "ONNX Runtime, plain loop", "ONNX Runtime", "onnxruntime_loop", "fp32 dense"
    ),
    **_openvino(),
    **_ours(),
    **_on_gpu(),
    **_study(),
}
# One or two of each group, without torch.compile, which takes a minute to start.
SHORT = (
    "notebook", "torch-bf16", "onnxruntime", "openvino-bf16", "openvino-int8",
    "salt-cpu-int8-gated", "salt-openvino-int8-gated", "salt-openvino-int8-gated-doubtful",
)  # fmt: skip
