from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from salt_infer.data import png
from salt_train import synthetic
from salt_train.data import dataset
from tests.conftest import ROOT


def test_a_seed_fixes_every_tile_whatever_the_count() -> None:
    few, many = synthetic.draw(3, seed=7), synthetic.draw(6, seed=7)
    np.testing.assert_array_equal(few.tiles, many.tiles[:3])
    np.testing.assert_array_equal(few.masks, many.masks[:3])
    assert not np.array_equal(few.tiles, synthetic.draw(3, seed=8).tiles)


@pytest.mark.slow
def test_tiles_are_as_varied_as_the_real_ones() -> None:
    data = synthetic.draw(300, seed=0)
    assert data.tiles.dtype == data.masks.dtype == np.uint8
    assert set(np.unique(data.masks)) == {0, 1}
    assert 0.5 < data.masks.any(axis=(1, 2)).mean() < 0.72  # TGS: 0.61
    black = ~data.tiles.any(axis=(1, 2))
    assert 1 <= black.sum() <= 15
    assert not data.masks[black].any()
    assert 110 < data.tiles[~black].mean() < 135  # TGS: 120
    assert 25 < data.tiles[~black].std() < 55  # TGS: 41
    salt = data.masks.astype(bool)
    inside, outside = data.tiles[salt].std(), data.tiles[~salt].std()
    assert inside < outside


def test_written_files_come_back(tmp_path: Path) -> None:
    data = synthetic.draw(4, seed=0)
    synthetic.write(data, tmp_path)
    (tmp_path / "tiles").rename(tmp_path / "images")
    loaded = dataset.load(tmp_path)
    assert loaded.ids == data.ids
    np.testing.assert_array_equal(loaded.tiles, data.tiles)
    np.testing.assert_array_equal(loaded.masks, data.masks)


def test_the_command_draws_what_commands_take(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "salt_train.synthetic", tmp_path / "x", "--tiles", "3"]
    done = subprocess.run([*command, "--seed", "5"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"3 tiles and masks -> {tmp_path / 'x'}\n", "")
    loaded = dataset.load(tmp_path / "x")
    np.testing.assert_array_equal(loaded.tiles, synthetic.draw(3, seed=5).tiles)
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "exists; name another folder" in again.stderr


def test_the_examples_are_what_the_generator_draws() -> None:
    """Allows a grey level of difference: another machine's transforms may round otherwise."""
    data = synthetic.draw(24, seed=0)
    for name, tile, mask in zip(data.ids, data.tiles, data.masks, strict=True):
        shipped = png.decode((ROOT / "examples/tiles" / f"{name}.png").read_bytes())
        assert np.abs(shipped.astype(int) - tile).max() <= 1
        shipped_mask = png.decode_mask((ROOT / "examples/masks" / f"{name}.png").read_bytes())
        assert np.count_nonzero(shipped_mask != mask) <= 2
