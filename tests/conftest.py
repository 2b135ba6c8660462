"""Small real models and tiles that many tests share."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from salt_train.settings.config import TrainConfig

ROOT = Path(__file__).parents[1]

# On a busy machine tests are slow, and that is all. What passed once passes again: what nobody has
# thought of is drawn by --hypothesis-profile search.
_PATIENT = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("same", _PATIENT, derandomize=True)
hypothesis.settings.register_profile("search", _PATIENT, derandomize=False, max_examples=3000)
hypothesis.settings.load_profile("same")

# A shell starts its background jobs with Ctrl-C ignored, and processes hand that down: tests that
# press Ctrl-C would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What thousands of tests and torch have made stays: without it the collector, which else goes
    through all of it again and again, takes a tenth of the time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def tgs() -> Path:
    """Folder with the real data; tests that use it are skipped where it is not set."""
    folder = os.environ.get("SALT_TGS")
    if not folder:
        pytest.skip("SALT_TGS is not set: it names the folder with the competition's train.zip")
    return Path(folder)


class Once:
    """Makes what takes seconds once a run of the tests, however many processes it has."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        own = factory.getbasetemp()
        self._root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def __call__(self, name: str, fill: Callable[[Path], object]) -> Path:
        """The folder that ``fill`` was given, by the first process that asked for the name."""
        folder = self._root / f"once-{name}"
        with open(folder.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                draft = Path(tempfile.mkdtemp(dir=self._root))
                fill(draft)
                draft.rename(folder)
        return folder


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    return Once(tmp_path_factory)


@pytest.fixture(scope="session")
def tile_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with tiles/ and masks/ of 40 synthetic tiles."""
    from salt_train import synthetic
    from tests import drawing

    folder = tmp_path_factory.mktemp("synthetic")
    synthetic.write(drawing.draw(40, seed=1), folder)
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
    from salt_train.settings.config import TrainConfig
    from salt_train.settings.model_config import ModelConfig
    from salt_train.settings.recipes import two_stages

    return TrainConfig(
        model=ModelConfig(width=16, decoder_channels=8, hypercolumn_channels=8, judge_channels=8),
        stages=two_stages(epochs, 3e-3),
        folds=4,
        batch_size=8,
        warmup_steps=1,
    )


def _train(out: Path, config: TrainConfig) -> None:
    from salt_train.training.run_options import RunOptions
    from salt_train.training.trainer import Trainer
    from tests import drawing

    Trainer(config, RunOptions(out, progress=False), drawing.draw(40, seed=2)).run()


@pytest.fixture(scope="session")
def tiny_checkpoint(once: Once) -> Path:
    """A real checkpoint of a small network, trained for a few steps on synthetic tiles."""
    from salt_train.training.keeper import LAST

    return once("tiny", lambda out: _train(out, tiny_config(2))) / LAST


@pytest.fixture(scope="session")
def judgeless_model(once: Once) -> Path:
    """The file of a network that has no judge."""
    import dataclasses

    from salt_train.training.keeper import LAST

    config = tiny_config(2)
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, judge=False))
    checkpoint = once("tiny-judgeless", lambda out: _train(out, config)) / LAST
    return _export(once, checkpoint, "judgeless.onnx", gated=False)


@pytest.fixture(scope="session")
def two_checkpoints(tiny_checkpoint: Path, once: Once) -> tuple[Path, Path]:
    """The tiny one and another that held out another fold."""
    import dataclasses

    from salt_train.training.keeper import LAST

    config = dataclasses.replace(tiny_config(2), fold=1, seed=1)
    return tiny_checkpoint, once("tiny-fold-1", lambda out: _train(out, config)) / LAST


@pytest.fixture
def traced(once: Once) -> Iterator[None]:
    from tests import traces

    with traces.kept(once):
        yield


@pytest.fixture
def few_shapes() -> Iterator[None]:
    from tests import traces

    with traces.few_shapes():
        yield


def _export(once: Once, checkpoint: Path, name: str, gated: bool) -> Path:
    from salt_export.job import export
    from salt_export.request import Job
    from tests import traces

    def fill(out: Path) -> None:
        with traces.kept(once):
            export(Job((checkpoint,), out / name, gated=gated))

    return once(name.partition(".")[0], fill) / name


@pytest.fixture(scope="session")
def dense_model(tiny_checkpoint: Path, once: Once) -> Path:
    return _export(once, tiny_checkpoint, "dense.onnx", gated=False)


@pytest.fixture(scope="session")
def gated_model(tiny_checkpoint: Path, once: Once) -> Path:
    return _export(once, tiny_checkpoint, "gated.onnx", gated=True)


@pytest.fixture
def zips() -> Iterator[None]:
    """A process that has parts of a zip keeps the zip open."""
    from salt_infer.data import zip_archive

    opened = zip_archive.TileZip
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:

        def kept(*arguments: object, **named: object) -> zip_archive.TileZip:
            return stack.enter_context(opened(*arguments, **named))  # type: ignore[arg-type]

        zip_archive._again.cache_clear()
        patch.setattr(zip_archive, "TileZip", kept)
        yield
        zip_archive._again.cache_clear()
