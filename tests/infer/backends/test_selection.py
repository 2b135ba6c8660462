from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salt_infer.backends import availability, nvidia, selection
from salt_infer.backends.availability import Problem
from salt_infer.backends.engine_cache import EngineKey
from salt_infer.backends.nvidia import Driver, Gpu
from salt_infer.backends.providers import Provider, ProviderRequest, plan
from salt_infer.backends.selection import (
    Batches,
    Concurrency,
    ProviderChoice,
    engine_key,
    open_session,
)
from salt_infer.errors import ModelError, ProviderError
from salt_infer.modelfile.contract import ModelContract
from salt_infer.models import default_model
from tests import drawing

LACKING = Problem("it is not there", "pip install it")


def shape(contract: ModelContract) -> Batches:
    return Batches(4, 2)


@pytest.fixture
def cpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all providers only cpu is usable, whatever this machine has."""

    def problems(provider: Provider, device_id: int = 0) -> Iterator[Problem]:
        if provider != "cpu":
            yield LACKING

    monkeypatch.setattr(availability, "problems", problems)


@pytest.mark.usefixtures("cpu_alone")
def test_auto_takes_the_best_that_is_usable_and_says_which_and_why(dense_model: Path) -> None:
    told: list[str] = []
    session, choice = open_session(dense_model, ProviderRequest(), shape, tell=told.append)
    assert session.provider == "CPUExecutionProvider"
    assert (choice.asked, choice.used) == ("auto", "cpu")
    assert dict(choice.passed_over) == {
        name: f"{name} cannot run here: it is not there (pip install it)"
        for name in ("tensorrt", "cuda")
    }
    assert choice.remark() == "auto: tensorrt and cuda cannot run here"
    assert choice.fell_back == ()
    assert told == []


def test_auto_wakes_no_driver_that_the_runtime_could_not_use(
    dense_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    def woken() -> Driver:
        raise AssertionError("the driver was asked")

    monkeypatch.setattr(nvidia, "driver", woken)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    _, choice = open_session(dense_model, ProviderRequest(), shape)
    assert choice.used == "cpu"


@pytest.mark.usefixtures("cpu_alone")
@pytest.mark.parametrize("provider", ["cuda", "tensorrt", "openvino"])
def test_what_was_named_and_cannot_run_is_an_error(dense_model: Path, provider: Provider) -> None:
    with pytest.raises(ProviderError, match=rf"{provider} cannot run .*--allow-fallback, may do"):
        open_session(dense_model, ProviderRequest(provider), shape)


@pytest.mark.usefixtures("cpu_alone")
def test_a_fallback_is_told_at_once(dense_model: Path) -> None:
    told: list[str] = []
    request = ProviderRequest("tensorrt", allow_fallback=True)
    session, choice = open_session(dense_model, request, shape, tell=told.append)
    assert session.provider == "CPUExecutionProvider"
    assert told == list(choice.fell_back)
    assert told[0].startswith("running on cpu, not on tensorrt: tensorrt cannot run here: it is")
    assert choice.remark() == "not tensorrt"


@pytest.mark.usefixtures("cpu_alone")
def test_a_broken_file_is_not_a_reason_to_fall_back(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"rubbish")
    request = ProviderRequest("cuda", allow_fallback=True)
    with pytest.raises(ModelError, match="cannot be loaded by ONNX Runtime"):
        open_session(tmp_path / "x.onnx", request, shape)


def test_a_provider_that_does_not_load_is_seen_after_loading(
    dense_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where CUDA's libraries fail: ONNX Runtime warns, and a session on the CPU comes out."""
    monkeypatch.setattr(availability, "problems", lambda provider, device_id=0: iter(()))
    with (
        pytest.warns(UserWarning, match="is not in available provider names"),
        pytest.raises(ProviderError, match="cuda was asked for, and the session runs on"),
    ):
        open_session(dense_model, ProviderRequest("cuda"), shape)
    with pytest.warns(UserWarning, match="is not in available provider names"):
        session, choice = open_session(
            dense_model, ProviderRequest("cuda", allow_fallback=True), shape
        )
    assert session.provider == "CPUExecutionProvider"
    assert "runs on" in choice.fell_back[0]


@pytest.mark.usefixtures("cpu_alone")
def test_each_provider_has_its_own_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert selection.default_for(ProviderRequest()) == default_model("cpu")
    assert selection.default_for(ProviderRequest("cuda")) == default_model("cuda")
    fallen = ProviderRequest("cuda", allow_fallback=True)
    assert selection.default_for(fallen) == default_model("cpu")


def test_nodes_elsewhere_are_told_even_of_auto() -> None:
    assert ProviderChoice("auto", "cuda", notes=("some",)).fell_back == ("some",)
    assert ProviderChoice("cuda", "cuda", notes=("some",)).fell_back == ("some",)
    assert ProviderChoice("cuda", "cuda").fell_back == ()


def test_an_engines_key_has_what_it_depends_on_and_no_path() -> None:
    def key(request: ProviderRequest, cache: str = "/a", precision: str = "fp16") -> EngineKey:
        planned = plan("tensorrt", request, (4, 2), precision, Path(cache))
        return engine_key("model", planned, ("1.31.1", "10.14.1"), Gpu("L4", "8.9"))

    plain = key(ProviderRequest("tensorrt"))
    assert dict(plain.options) == {
        "trt_engine_cache_enable": "True",
        "trt_timing_cache_enable": "True",
        "trt_fp16_enable": "True",
    }
    assert (plain.onnxruntime, plain.tensorrt, plain.shape) == ("1.31.1", "10.14.1", (4, 2))
    assert key(ProviderRequest("tensorrt", 1), "/b") == plain
    level = (("trt_builder_optimization_level", "5"),)
    assert key(ProviderRequest("tensorrt", options=level)) != plain
    assert key(ProviderRequest("tensorrt"), precision="fp32") != plain
    assert dataclasses.replace(plain, gpu="L40").digest != plain.digest


@pytest.mark.parametrize("name", ["trt_int8_calibration_table_name", "trt_extra_plugin_lib_paths"])
def test_an_engines_key_has_the_contents_of_files_that_options_name(
    tmp_path: Path, name: str
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    request = ProviderRequest("tensorrt", options=((name, f"{first};{second}"),))

    def digest() -> str:
        planned = plan("tensorrt", request, (4, 2), "fp16", Path("/a"))
        return engine_key("model", planned, ("1.31.1", "10.14.1"), Gpu("L4", "8.9")).digest

    seen = {digest()}
    for path, contents in ((first, "x"), (second, "x"), (second, "y")):
        path.write_text(contents)
        seen.add(digest())
    assert len(seen) == 4
    second.write_text("x")
    assert digest() in seen


@pytest.mark.usefixtures("cpu_alone")
def test_the_number_of_a_gpu_that_is_not_used_is_told_of(dense_model: Path) -> None:
    told: list[str] = []
    open_session(dense_model, ProviderRequest(device_id=3), shape, tell=told.append)
    assert told == [
        "--device-id 3 has no effect: no usable GPU, running on cpu; salt-doctor tells why"
    ]


@pytest.mark.parametrize(
    ("threads", "lanes", "provider", "expected"),
    [(2, 2, "cpu", 4), (8, 1, "cpu", 64), (1, 1, "openvino", 8), (8, 1, "openvino", 32)],
)
@pytest.mark.slow
def test_a_processor_runs_batches_in_parts_that_stay_in_its_cache(
    dense_model: Path, threads: int, lanes: int, provider: Provider, expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if provider == "openvino":
        pytest.importorskip("openvino", reason="pip install '.[openvino]'")
    session, _ = open_session(
        dense_model, ProviderRequest(provider), shape, Concurrency(threads, lanes)
    )
    name = "_run" if provider == "cpu" else "_run_part"
    run, seen = getattr(session, name), list[int]()

    def noted(*asked: Any) -> Any:
        seen.extend(len(each) for each in asked if isinstance(each, np.ndarray) and each.ndim)
        return run(*asked)

    monkeypatch.setattr(session, name, noted)
    count = 2 * expected + 1
    tiles = drawing.draw(count, seed=1).tiles[:, None].repeat(2, axis=1)
    assert len(session.run(tiles, 0.0).salt) == count
    assert seen == [expected, expected, 1]
