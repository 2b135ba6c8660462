from __future__ import annotations

from pathlib import Path
from typing import Any

import host
import numpy as np
import pytest
import record
import tilesets

from salt_infer.data import png


def samples(*seconds: float) -> dict[str, list[float]]:
    return {"wall_s": list(seconds), "cpu_s": list(seconds)}


STAGES = {host.DECODE: samples(32e-4), host.RLE: samples(2e-4), host.LOOP: samples(24e-4)}
CORES = {"1": {host.READ: samples(1.0, 4.0), host.PATH: samples(1.25, 5.0)},
         "2": {host.READ: samples(0.5), host.PATH: samples(1.0)}}  # fmt: skip
LOCK = {"threads": [50.0, 40.0, 80.0], "processes": [10.0]}
RESULT: dict[str, Any] = {
    "tiles": 1000, "batch": 32, "stages": STAGES, "cores": CORES, "lock": LOCK,
}  # fmt: skip


def test_the_table_says_where_the_host_is_the_bound() -> None:
    lines = host.table(RESULT)
    assert "| decode | 100.0 | 10,000 |" in lines
    assert "| 1 | 400 | 320 | 0.80 | 2500 | 3125 | 0.80 |" in lines
    assert "| 2 | 2,000 | 1,000 | 0.50 | 500 | 1000 | 0.50 |" in lines
    assert "| threads | 50 | 40 | 20,000 |" in lines
    assert "| processes | 10 | 10 | 100,000 |" in lines
    assert "RLE: 12.0x the case study's loop, in CPU time on the same masks." in lines
    assert "With 2 cores, the host is the bound of a model of 1,000 tiles/s or more." in lines


def test_a_lock_that_could_not_be_watched_has_no_table() -> None:
    lines = host.table(RESULT | {"lock": {}})
    assert not any("lock" in line for line in lines)
    assert "" in lines
    assert lines[-1] in host.table(RESULT)


def test_ratios_are_those_with_a_target() -> None:
    found = {name: value.median for name, value in host.ratios_of(STAGES, CORES).items()}
    assert found == pytest.approx({
        "RLE to the case study's": 12.0,
        "host path to decoding, 1 core": 0.8,
        "host path to decoding, 2 cores": 0.5,
    })  # fmt: skip


def test_pillow_alone_gives_the_same_pixels() -> None:
    data = tilesets.files(tilesets.EXAMPLES, 1)[0]
    assert np.array_equal(host.pillow(data), png.decode(data))


@pytest.mark.slow
def test_it_measures_the_whole_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    result = host.measure(tilesets.EXAMPLES, 40, [1], 1)
    assert set(result["stages"]) >= {
        host.DECODE,
        host.PILLOW,
        host.RLE,
        host.LOOP,
        "journal",
        "CSV",
    }
    assert all(min(value["cpu_s"]) > 0 for value in result["stages"].values())
    assert len(result["cores"]["1"][host.PATH]["wall_s"]) == 1
    assert all(0 < value[0] < 1e6 for value in result["lock"].values())
    assert host.draw(result).exists()
    assert host.table(result)
