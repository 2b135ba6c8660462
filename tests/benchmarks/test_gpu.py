from __future__ import annotations

from pathlib import Path
from typing import Any

import gpu
import numpy as np
import pytest
import record
import tilesets
from click.testing import CliRunner
from common import device

from salt_infer.backends import availability, nvidia
from salt_infer.backends.device_session import DeviceSession
from salt_infer.backends.providers import ProviderRequest, SessionPlan
from salt_infer.errors import ModelError
from salt_infer.models import default_model


def run_of(kind: str, batch: int) -> dict[str, Any]:
    return {
        "file": "a.onnx", "sha256": "0", "provider": "cuda", "kind": kind, "nodes": {},
        "options": {"use_tf32": "1"} if batch == 20 else {}, "same_when_loaded_again": batch == 10,
        "batch": batch, "views": 2, "gmac": 1.0, "load_s": 120.0, "again_s": 1.5, "first_s": 0.25,
        "transfers_s": [0.02, 0.5, 0.01], "device_s": [0.01, 0.01, 0.4],
    }  # fmt: skip


def test_the_table_has_both_rates_and_the_share_of_the_peak() -> None:
    runs = [run_of("fp16 dense", 10), run_of("int8 dense", 20)]
    result = {"runs": runs, "failed": ["b.onnx on cuda: no"], "peaks": {"cuda": {"fp16": 8e12}}}
    lines = gpu.table(result)
    # 1000 tiles/s on the device, 4e9 operations each, of 8e12.
    assert lines[2] == (
        "| a.onnx (fp16 dense) | cuda | as it is | 10 | 120.00 | 1.50 | 0.25 | – | – | 500 "
        "| 1,000 | 50% | 0 | yes |"
    )
    assert "| use_tf32=1 | 20 |" in lines[3]
    assert lines[3].endswith("| – | – | 1,000 | 2,000 | unknown | 0 | no |")
    assert lines[-1] == "\nNot measured: b.onnx on cuda: no"


def test_without_a_gpu_it_says_what_is_missing(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    lack = availability.Problem("no NVIDIA driver", "install it")
    monkeypatch.setattr(availability, "problems", lambda provider: iter([lack]))
    done = CliRunner().invoke(gpu.main, [])
    assert done.exit_code == 1
    assert "tensorrt cannot run here: no NVIDIA driver (install it)" in done.stderr
    assert "No usable GPU, nothing was measured" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_usable_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        nvidia.driver()
    except nvidia.DriverError:
        assert gpu.usable_of(["cpu", "tensorrt"]) == ["cpu"]
        assert "tensorrt cannot run here" in capsys.readouterr().err
    else:
        pytest.skip("there is a GPU")


@pytest.mark.slow
def test_the_logic_runs_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr(gpu, "TIMES", 1)
    arguments = ["--provider", "cpu", "--batch", "1", "--batch", "2", "--rounds", "1"]
    shipped = ["--model", str(default_model("cpu")), "--gemm-size", "64"]
    done = CliRunner().invoke(gpu.main, arguments + shipped, catch_exceptions=False)
    assert done.exit_code == 0
    rows = [line.split(" | ")[1:4] for line in done.output.splitlines()[2:]]
    assert rows == [["cpu", "as it is", "1"], ["cpu", "as it is", "2"]]
    assert {path.name for path in tmp_path.iterdir()} == {"gpu.json", "gpu.png"}


def test_what_cannot_be_measured_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(*_: object) -> None:
        raise ModelError("out of memory")

    monkeypatch.setattr(gpu, "prepare", refuse)
    tiles = tilesets.pixels(tilesets.EXAMPLES, 2)
    kept: list[Any] = []
    wanted = gpu.Wanted([Path("a.onnx")], ["cpu"], [2], [(("streams", "1"),)])
    result = gpu.measure(wanted, tiles, 1, 16, tmp_path, kept.append)
    assert result["failed"] == [
        "a.onnx on cpu, batches of 2: out of memory",
        "a.onnx on cpu streams=1, batches of 2: out of memory",
    ]
    assert result["runs"] == []
    assert len(kept) == 2


def test_each_batch_is_kept_as_it_is_measured(
    dense_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "TIMES", 1)
    tiles = tilesets.pixels(tilesets.EXAMPLES, 2)
    seen: list[list[int]] = []

    def keep(result: Any) -> None:
        seen.append([run["batch"] for run in result["runs"]])

    gpu.measure(gpu.Wanted([dense_model], ["cpu"], [1, 2]), tiles, 1, 16, tmp_path, keep)
    assert seen == [[2], [2], [1, 2], [1, 2], [1, 2]]


@pytest.mark.slow
def test_a_session_is_kept_before_the_next_is_opened(
    dense_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit of time may end it while others are got ready."""
    monkeypatch.setattr(gpu, "TIMES", 1)
    prepare, kept = gpu.prepare, []

    def prepared(*given: Any) -> gpu.Prepared:
        opened.append(len(kept[-1]["runs"]) if kept else 0)
        return prepare(*given)

    opened: list[int] = []
    monkeypatch.setattr(gpu, "prepare", prepared)
    tiles = tilesets.pixels(tilesets.EXAMPLES, 1)
    wanted = gpu.Wanted([dense_model], ["cpu"], [1], [(), ()])
    result = gpu.measure(wanted, tiles, 2, 16, tmp_path, kept.append)
    assert opened == [0, 1, 2]
    assert [len(run[gpu.TRANSFERS]) for run in kept[0]["runs"]] == [1]
    assert [len(run[gpu.TRANSFERS]) for run in result["runs"]] == [2, 2, 2]


@pytest.mark.slow
def test_masks_are_timed_where_a_device_draws_them(dense_model: Path) -> None:
    stacked = np.repeat(tilesets.pixels(tilesets.EXAMPLES, 2)[:, None], 2, axis=1)
    session = DeviceSession(dense_model, 1, SessionPlan(shape=(2, 2), streams=2))
    ways = gpu._ways(session, "cpu", stacked)
    assert set(ways) == set(gpu.SAMPLES)
    assert all(way() > 0 for way in ways.values())


def test_the_largest_batch_is_run_with_other_options(dense_model: Path) -> None:
    wanted = gpu.Wanted([dense_model], ["cuda"], [8, 32])
    assert wanted.options("cuda", dense_model, 8) == [()]
    every = wanted.options("cuda", dense_model, 32)
    assert every[0] == ()
    assert (("enable_cuda_graph", "1"),) in every and (("use_tf32", "1"),) in every
    assert wanted.options("tensorrt", dense_model, 32) == [()]
    assert [ProviderRequest("cuda", options=options) for options in every]


@pytest.mark.slow
def test_data_on_the_device_gives_the_same_answers(tmp_path: Path) -> None:
    gated_model = default_model("cpu")
    tiles = tilesets.pixels(tilesets.EXAMPLES, 3)
    prepared = gpu.prepare(gated_model, "cpu", tmp_path, tiles)
    assert set(prepared.ways) == {gpu.TRANSFERS, gpu.DEVICE}
    stacked = np.ascontiguousarray(tiles[:, None])
    twice = gpu.open_twice(gated_model, gpu.ProviderRequest("cpu"), stacked)
    assert twice.same
    opened = twice.session
    kept = device.OnDevice(opened, "cpu", stacked, 0.0)
    assert kept.seconds(1) > 0
    outputs = dict(zip([output.name for output in kept._session.get_outputs()],
                       kept._binding.copy_outputs_to_cpu(), strict=True))  # fmt: skip
    expected = opened.run(stacked, 0.0)
    np.testing.assert_allclose(outputs["probability"], expected.probability, atol=1e-5)


def test_peaks_of_the_cpu() -> None:
    found = device.peaks("cpu", 64)
    assert found.keys() == {"fp32"}
    assert found["fp32"] > 0
