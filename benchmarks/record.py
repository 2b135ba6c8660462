"""What every result file says of its run and machine, and where result files are."""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from salt_infer.modelfile import signature
from salt_infer.system import cpu as processor
from salt_infer.system.whole_files import write_whole

ROOT = Path(__file__).parents[1]
STORED = Path(__file__).parent / "results"  # what the README shows and fresh runs are held against
ELSEWHERE = "SALT_BENCH_RESULTS"  # environment variable: a run that is not to replace those
RESULTS = Path(os.environ.get(ELSEWHERE) or STORED)
PACKAGES = (
    "nncf", "numpy", "nvidia-cudnn-cu13", "onnx", "onnxruntime", "onnxruntime-gpu", "openvino",
    "pandas", "pillow", "salt-toolkit", "tensorrt-cu13", "torch",
)  # fmt: skip
# What of a processor decides how fast networks run on it.
FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_int8")
GPU_FACTS = {
    "name": "name", "driver": "driver_version", "memory": "memory.total",
    "capability": "compute_cap",
}  # fmt: skip
GPU_PATIENCE_S = 30.0  # nvidia-smi wakes the driver up


def machine() -> dict[str, Any]:
    """Processor, its features, CPUs that may be used, GPUs with their driver, and versions."""
    facts = _cpuinfo()
    flags = facts.get("flags", "").split()
    return {
        "cpu": facts.get("model name", platform.processor()),
        "features": [name for name in FEATURES if name in flags],
        "cpus": len(os.sched_getaffinity(0)),
        "gpus": gpus(),
        "system": _system(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def gpus() -> list[dict[str, str]]:
    """Name, driver and memory of each of NVIDIA's, as ``nvidia-smi`` says; none without it."""
    program = shutil.which("nvidia-smi")
    if not program:
        return []
    query = [program, f"--query-gpu={','.join(GPU_FACTS.values())}", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            query, capture_output=True, text=True, timeout=GPU_PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return [{"problem": f"nvidia-smi: {error.__class__.__name__}"}]
    rows = (line.split(", ") for line in done.stdout.splitlines() if line.strip())
    return [dict(zip(GPU_FACTS, row, strict=False)) for row in rows]


def command(arguments: Sequence[str]) -> str:
    """The line that runs a script again; of files elsewhere on this machine it has the names."""
    script, *options = arguments
    path = Path(script).resolve()
    name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
    return shlex.join(["python", name, *map(_portable, options)])


def _portable(option: str) -> str:
    name, equals, value = option.rpartition("=")
    return name + equals + (Path(value).name if Path(value).is_absolute() else value)


def save(
    name: str,
    result: Mapping[str, Any],
    *,
    models: Mapping[str, Path] | None = None,
    threads: int | None = None,
    repeats: int | None = None,
) -> Path:
    """Write ``NAME.json`` into :data:`RESULTS`.

    Args:
        name: the script's, without its ending.
        result: what was measured: raw samples, ``table`` (lines of Markdown) and ``ratios``
            (:mod:`ratios`).
        models: model files that were run, by the name that the result gives them; their sha256
            is noted.
        threads: of each process's computation.
        repeats: rounds that were measured.
    """
    run = {
        "command": command(sys.argv),
        "threads": threads,
        "repeats": repeats,
        "models": {key: signature.sha256_of(path) for key, path in (models or {}).items()},
    }
    given = {key: value for key, value in run.items() if value}
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": machine(), **given, **result}, indent=2) + "\n"
    write_whole(path, text.encode(), overwrite=True)
    return path


def _system() -> str:
    """Kernel and C library by their versions, without what a vendor of machines adds to them."""
    kernel = platform.release().partition("-")[0]
    library = "".join(platform.libc_ver()) or "an unknown C library"
    return f"{platform.system()} {kernel}, {platform.machine()}, {library}"


def _cpuinfo() -> dict[str, str]:
    """What Linux says of the first processor."""
    try:
        return processor.cpu_facts(Path("/proc/cpuinfo").read_text())
    except OSError:
        return {}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
