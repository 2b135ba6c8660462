from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

import decode
import numpy as np
import pytest
import record
import tilesets
from click.testing import CliRunner
from common import decoders
from PIL import Image

from salt_infer.data import png
from tests import pngs


def samples(seconds: float) -> dict[str, list[float]]:
    return {"wall_s": [seconds] * 3, "cpu_s": [seconds] * 3}


def decoder(seconds: float, half: float, **facts: Any) -> dict[str, Any]:
    facts = {"different": 0, "refuses_half": True, "interrupted": [3, 50]} | facts
    return facts | {decode.ONE: samples(seconds), decode.TWO: samples(half)}


def test_the_table_has_the_cheapest_first_and_who_is_missing() -> None:
    found = {"slow": decoder(0.2, 0.1), "fast": decoder(0.1, 0.1, refuses_half=False, different=2)}
    lines = decode.table({"tiles": 1000, "decoders": found, "absent": ["pyspng"]})
    assert lines[2] == "| fast | 2 of 1000 | 100 | 10,000 | 1.00x | 3 of 50 | no |"
    assert lines[3] == "| slow | 0 of 1000 | 200 | 5,000 | 2.00x | 3 of 50 | yes |"
    assert lines[-1] == "Not installed: pyspng."


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    load = importlib.import_module

    def only_pillow(name: str) -> Any:
        if name != "PIL.Image":
            raise ModuleNotFoundError(name)
        return load(name)

    monkeypatch.setattr(importlib, "import_module", only_pillow)
    ways, absent = decoders.installed()
    assert list(ways) == ["salt-infer", "Pillow", "Pillow, checked"]
    assert absent == sorted({each.package for each in decoders.LIBRARIES.values()} - {"pillow"})


@pytest.mark.parametrize("name", list(decoders.installed()[0]))
def test_all_give_the_same_pixels(name: str) -> None:
    files = [*tilesets.files(tilesets.EXAMPLES, 4), pngs.good_tile()]
    colours = [
        bytes((x * y + 85 * c) % 256 for x in range(101) for c in range(3)) for y in range(101)
    ]
    grey = [bytes(value for value in row[::3] for _ in range(3)) for row in colours]
    files.append(pngs.png(8, 2, grey))
    assert decode.different(decoders.installed()[0][name], files, list(map(png.decode, files))) == 0


@pytest.mark.parametrize("name", [name for name in decoders.installed()[0] if "checked" in name])
def test_checked_ones_refuse_what_the_program_refuses(name: str) -> None:
    decoding = decoders.installed()[0][name]
    for kind, (data, _) in pngs.bad_tiles().items():
        with pytest.raises(Exception):  # noqa: B017  each library has its own
            decoding(data)
            pytest.fail(kind)


def test_pillow_takes_half_an_image_and_the_program_does_not() -> None:
    ways, _ = decoders.installed()
    assert not decoders.refuses_half(ways["Pillow"])
    assert all(decoders.refuses_half(ways[name]) for name in ("salt-infer", "Pillow, checked"))


def test_grey_is_what_pillow_makes_of_colours() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(colours).convert("L"))
    assert np.array_equal(decoders.grey(colours), expected)
    assert np.array_equal(decoders.grey(expected[:, :, None]), expected)


def test_other_threads_run_only_where_the_lock_is_given_up() -> None:
    def busy(data: bytes) -> np.ndarray:
        return np.array([sum(range(20_000))])

    def sleeping(data: bytes) -> np.ndarray:
        time.sleep(0.02)
        return np.zeros(1)

    assert decode.interrupted(busy, [b""] * 5) == 0
    assert decode.interrupted(sleeping, [b""] * 5) > 0


def test_the_script_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr(decode, "LOOKS", 1)
    done = CliRunner().invoke(
        decode.main, ["--tiles", "4", "--rounds", "1"], catch_exceptions=False
    )
    assert "| salt-infer | 0 of 4 |" in done.output
    assert (tmp_path / "decode.json").exists()
