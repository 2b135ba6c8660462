"""A device without the way to it: data that stays there, and the most that it multiplies."""

from __future__ import annotations

import importlib.util
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from common import gemm
from salt_infer.backends import availability
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.backends.providers import GPUS, NAMES, Provider
from salt_infer.modelfile.contract import GATE, TILES

RUNS = 10  # of a product, of which the fastest counts
_STREAM = "user_compute_stream"


def of(provider: Provider) -> str:
    """ONNX Runtime's name of where a provider's data is."""
    return "cuda" if provider in GPUS else "cpu"


class OnDevice:
    """A session that reads and leaves its data on the device."""

    def __init__(
        self, opened: ModelSession, device: str, tiles: npt.NDArray[np.uint8], gate: float
    ) -> None:
        """Copy the tiles there.

        Args:
            opened: what to load again, with the same options and engine.
            device: ``cuda`` or ``cpu``.
            tiles: uint8 [N, V, 101, 101].
            gate: for a gated file.
        """
        runtime = availability.onnxruntime()
        self._torch = _torch_stream() if device == "cuda" else None
        options = runtime.SessionOptions()
        if opened.plan.shape is not None:
            for name, size in zip("NV", opened.plan.shape, strict=True):
                options.add_free_dimension_override_by_name(name, size)
        extra = {_STREAM: str(self._torch.cuda_stream)} if self._torch else {}
        providers = [
            (name, chosen | (extra if name != NAMES["cpu"] else {}))
            for name, chosen in opened.plan.providers
        ]
        self._session = runtime.InferenceSession(opened.path, options, providers, enable_fallback=0)
        self._binding = self._session.io_binding()
        # Runs that are only put in line, so that the device need not wait for the next.
        self._ahead = runtime.RunOptions()
        self._ahead.add_run_config_entry("disable_synchronize_execution_providers", "1")
        self._tiles = runtime.OrtValue.ortvalue_from_numpy(tiles, device, 0)  # kept: it is memory
        self._binding.bind_ortvalue_input(TILES, self._tiles)
        if opened.contract.gated:
            self._binding.bind_cpu_input(GATE, np.asarray(np.float32(gate)))
        for output in self._session.get_outputs():
            self._binding.bind_output(output.name, device)

    def seconds(self, times: int) -> float:
        """Of so many runs."""
        if self._torch is None:
            started = time.perf_counter()
            self._run(times)
            return time.perf_counter() - started
        import torch

        event: Any = torch.cuda.Event  # without types
        first, last = event(enable_timing=True), event(enable_timing=True)
        first.record(self._torch)
        self._run(times)
        last.record(self._torch)
        last.synchronize()
        return float(first.elapsed_time(last)) / 1000

    def _run(self, times: int) -> None:
        for _ in range(times - 1):
            self._session.run_with_iobinding(self._binding, self._ahead)
        self._session.run_with_iobinding(self._binding)  # waits for the device at its end


def _torch_stream() -> Any:
    """A stream of torch's, or None where it has no GPU."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    stream: Any = torch.cuda.Stream  # without types
    return stream() if torch.cuda.is_available() else None


def peaks(provider: Provider, size: int) -> dict[str, float]:
    """Operations a second of large products, by arithmetic. For TensorRT it is CUDA that computes
    them: on the same device, and without an engine to build. In fp32 it may round to TF32 there, as
    it does in networks.
    """
    kinds: tuple[gemm.Arithmetic, ...] = ("fp32", "fp16") if provider in GPUS else ("fp32",)
    name = NAMES["cuda" if provider in GPUS else "cpu"]
    return {kind: _peak(name, of(provider), kind, size) for kind in kinds}


def _peak(name: str, device: str, kind: gemm.Arithmetic, size: int) -> float:
    runtime = availability.onnxruntime()
    session = runtime.InferenceSession(gemm.product(kind, size), providers=[name])
    value = runtime.OrtValue.ortvalue_from_numpy(gemm.operands(kind, size)[0], device, 0)
    binding = session.io_binding()
    binding.bind_ortvalue_input("a", value)
    binding.bind_output("c", device)
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        session.run_with_iobinding(binding)
        seconds.append(time.perf_counter() - started)
    return 2.0 * size**3 / min(seconds)
