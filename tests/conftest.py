"""Small real models and tiles that many tests share."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from salt_train.config import TrainConfig

ROOT = Path(__file__).parents[1]

# A shell starts its background jobs with Ctrl-C ignored, and processes hand that down: tests that
# press Ctrl-C would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tgs() -> Path:
    """Folder with the real data; tests that use it are skipped where it is not set."""
    folder = os.environ.get("SALT_TGS")
    if not folder:
        pytest.skip("SALT_TGS is not set: it names the folder with the competition's train.zip")
    return Path(folder)


@pytest.fixture(scope="session")
def tile_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with tiles/ and masks/ of 40 synthetic tiles."""
    from salt_train import synthetic

    folder = tmp_path_factory.mktemp("synthetic")
    synthetic.write(synthetic.draw(40, seed=1), folder)
    return folder


@pytest.fixture(scope="session")
def labelled(tile_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as training data: a folder with images/ and masks/."""
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "images").symlink_to(tile_folder / "tiles")
    (folder / "masks").symlink_to(tile_folder / "masks")
    return folder


def tiny_config(epochs: int) -> TrainConfig:
    """The smallest network worth training, for 40 tiles."""
    from salt_train.config import TrainConfig
    from salt_train.model_config import ModelConfig
    from salt_train.recipes import two_stages

    return TrainConfig(
        model=ModelConfig(width=16, decoder_channels=8, hypercolumn_channels=8, judge_channels=8),
        stages=two_stages(epochs, 3e-3),
        folds=4,
        batch_size=8,
        warmup_steps=1,
    )


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real checkpoint of a small network, trained for a few steps on synthetic tiles."""
    from salt_train import synthetic
    from salt_train.loop import LAST, RunOptions, Trainer

    out = tmp_path_factory.mktemp("tiny")
    Trainer(tiny_config(2), RunOptions(out, progress=False), synthetic.draw(40, seed=2)).run()
    return out / LAST


@pytest.fixture(scope="session")
def two_checkpoints(
    tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The tiny one and another that held out another fold."""
    import dataclasses

    from salt_train import synthetic
    from salt_train.loop import LAST, RunOptions, Trainer

    out = tmp_path_factory.mktemp("tiny-fold-1")
    config = dataclasses.replace(tiny_config(2), fold=1, seed=1)
    Trainer(config, RunOptions(out, progress=False), synthetic.draw(40, seed=2)).run()
    return tiny_checkpoint, out / LAST


def _export(checkpoint: Path, out: Path, gated: bool) -> Path:
    from salt_export.job import export
    from salt_export.request import Job

    export(Job((checkpoint,), out, gated=gated))
    return out


@pytest.fixture(scope="session")
def dense_model(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _export(tiny_checkpoint, tmp_path_factory.mktemp("models") / "dense.onnx", gated=False)


@pytest.fixture(scope="session")
def gated_model(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _export(tiny_checkpoint, tmp_path_factory.mktemp("models") / "gated.onnx", gated=True)


@pytest.fixture
def zips() -> Iterator[None]:
    """A process that has parts of a zip keeps the zip open."""
    from salt_infer import archive

    opened = archive.TileZip
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:

        def kept(*arguments: object, **named: object) -> archive.TileZip:
            return stack.enter_context(opened(*arguments, **named))  # type: ignore[arg-type]

        archive._again.cache_clear()
        patch.setattr(archive, "TileZip", kept)
        yield
        archive._again.cache_clear()
