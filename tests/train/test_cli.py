from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from salt_train import checkpoint as checkpoints
from salt_train.cli import cli
from salt_train.errors import CheckpointError, ConfigError, DataError


@pytest.fixture
def data(tile_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "images").symlink_to(tile_folder / "tiles")
    (folder / "masks").symlink_to(tile_folder / "masks")
    return folder


def train(data: Path, out: Path, *more: str) -> str:
    arguments = [
        "--data", str(data), "--out", str(out), "--folds", "4", "--batch-size", "8",
        "--width", "16", "--decoder-channels", "8", "--no-progress", *more,
    ]  # fmt: skip
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)
    return result.output


def test_train_then_refuse_then_resume(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    said = train(data, out, "--epochs", "2")
    assert "30 tiles to train on, 10 to validate on" in said
    assert "epoch 2, score" in said
    with pytest.raises(ConfigError, match="--resume"):
        train(data, out, "--epochs", "2")
    assert "resuming after epoch 2" in train(data, out, "--epochs", "2", "--resume")
    with pytest.raises(CheckpointError, match=r"stages\.1\.epochs was 1 and is now 2"):
        train(data, out, "--epochs", "3", "--resume")
    assert checkpoints.load(out / "last.pth").epoch == 2


def test_no_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no training data"):
        train(tmp_path, tmp_path / "run")
