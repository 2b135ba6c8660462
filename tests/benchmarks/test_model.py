from __future__ import annotations

from pathlib import Path
from typing import Any

import model
import numpy as np
import pytest
import record
import tilesets
from common import gemm, rounds, setups
from common.setups import Setup, Spinning

from salt_infer.models import default_model

SHIPPED = default_model("cpu")


def samples(*seconds: float) -> dict[str, list[float]]:
    return {"wall_s": list(seconds), "cpu_s": [2 * each for each in seconds]}


def setup(
    name: str, arithmetic: str, layout: str = "1 session of 2 threads", **batches: Any
) -> Any:
    return {
        "file": "a.onnx", "kind": f"{arithmetic} dense", "provider": name, "arithmetic": arithmetic,
        "layout": layout, "usual": "2 s" not in layout, "views": 2, "gmac": 1.0, "batches": batches,
    }  # fmt: skip


RESULT: dict[str, Any] = {
    "tiles": 64,
    "batches": [1, 32],
    "setups": {
        "a": setup("cpu", "int8", **{"1": samples(2, 2, 2), "32": samples(0.9, 1, 5)}),
        "b": setup("openvino", "bf16", **{"1": samples(1), "32": samples(0.5)}),
        "c": setup("cpu", "int8", "2 sessions of 1 thread", **{"32": samples(0.8)}),
    },
    "gemm": {
        "slow, int8": {"arithmetic": "int8", "operations": 256e9, **samples(2)},
        "best, int8": {"arithmetic": "int8", "operations": 256e9, **samples(0.5, 0.5, 9)},
    },
}


def test_the_table_has_rates_and_shares_of_the_best_product() -> None:
    lines = model.table(RESULT)
    # 64 tiles in a second's median, 2 views of 1 GMAC: 256e9 operations of 512e9.
    row = "| a.onnx (int8 dense) | cpu, 1 session of 2 threads | int8 | 32.0 | 64.0 | 50% |"
    assert lines[2] == row
    assert lines[3].endswith("| bf16 | 64.0 | 128.0 | unknown |")  # no such product was measured
    assert "| int8 | 512 | best, int8 |" in lines
    assert "| cpu | 2 sessions of 1 thread | 80.0 | 25.0 |" in lines
    assert not any("2 sessions" in line for line in lines[:5])


def test_an_unknown_cost_gives_no_share() -> None:
    unknown = RESULT["setups"]["a"] | {"gmac": None}
    assert model.table(RESULT | {"setups": {"a": unknown}})[2].endswith("| unknown |")


def test_layouts_divide_the_threads() -> None:
    plain = [Setup(SHIPPED, "cpu", "int8", 4), Setup(SHIPPED, "openvino", "int8", 4)]
    assert [each.layout for each in setups.layouts(plain)] == [
        "1 session of 4 threads, spinning",
        "4 sessions of 1 thread",
        "4 sessions of 1 thread, spinning",
        "4 streams of 1 thread",
    ]
    assert setups.layouts([Setup(SHIPPED, "openvino", "int8", 1)]) == []


def test_spinning_is_all_that_differs() -> None:
    plain, spinning = Setup(SHIPPED, "cpu", "int8", 1), Spinning()
    assert spinning.entries["session.intra_op.allow_spinning"] == "1"
    tiles = tilesets.pixels(tilesets.EXAMPLES, 2)[:, None]
    quiet, busy = (
        Setup(SHIPPED, "cpu", "int8", 1, spinning=value).open()[0].run(tiles, 0.0)
        for value in (False, True)
    )
    assert np.array_equal(quiet.probability, busy.probability)
    assert plain.name.startswith("default-cpu.onnx, cpu int8")


@pytest.mark.parametrize("count", [1, 2])
def test_sessions_share_the_batches(count: int) -> None:
    class Session:
        def __init__(self) -> None:
            self.ran: list[int] = []

        def run(self, tiles: np.ndarray, gate: float) -> None:
            self.ran.append(int(tiles[0, 0, 0, 0]))

    sessions = [Session() for _ in range(count)]
    tiles = np.repeat(np.arange(10, dtype=np.uint8), 1)[:, None, None, None]
    model.work(sessions, tiles, 4)  # type: ignore[arg-type]
    assert [each.ran for each in sessions] == ([[0, 4, 8]] if count == 1 else [[0, 8], [4]])


@pytest.mark.parametrize("arithmetic", ["fp32", "int8"])
def test_products_are_what_numpy_computes(arithmetic: gemm.Arithmetic) -> None:
    first, second = gemm.operands(arithmetic, 16)
    wide = np.int32 if arithmetic == "int8" else np.float32
    expected = first.astype(wide) @ second.astype(wide)
    found = [each for each in gemm.all_of(1, 16) if each.arithmetic == arithmetic]
    assert len(found) > 1
    for product in found:
        value = product.compute()
        if product.library.startswith("ONNX Runtime"):
            np.testing.assert_allclose(value[0], expected, rtol=1e-4, atol=1e-4)  # type: ignore[index]
    assert found[0].operations == 2 * 16**3 * gemm.TIMES


@pytest.mark.slow
def test_the_script_measures_and_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr(setups, "layouts", lambda plain: [])
    tiles = tilesets.pixels(tilesets.EXAMPLES, 2)
    result = model.measure([SHIPPED], tiles, [1, 2], 1, 32)
    assert {found["provider"] for found in result["setups"].values()} == {"cpu", "openvino"}
    assert all(found["gmac"] > 0.2 for found in result["setups"].values())
    assert len(model.table(result)[2].split("|")) == 8
    assert model.draw(result) == tmp_path / "model.png"
    assert rounds.from_json(result["setups"][next(iter(result["setups"]))]["batches"])
