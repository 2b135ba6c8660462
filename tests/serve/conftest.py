"""The shipped model behind real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from salt_infer import SaltModel
from salt_infer.data import png
from salt_infer.data.factory import open_tiles
from salt_serve.batcher import BatchOptions
from salt_serve.predictor import Predictor
from tests.conftest import ROOT
from tests.serve.running import Running, running


@pytest.fixture(scope="session")
def model() -> SaltModel:
    """The shipped model; one thread, as others run beside these tests."""
    return SaltModel.load(threads=1)


@pytest.fixture(scope="session")
def predictor(model: SaltModel) -> Predictor:
    return Predictor(model)


@pytest.fixture(scope="session")
def server(predictor: Predictor) -> Iterator[Running]:
    """A server with the default limits, for tests that leave it as it was."""
    with running(predictor, options=BatchOptions(wait_s=0.001)) as it:
        yield it


@pytest.fixture(scope="session")
def tiles() -> dict[str, bytes]:
    """The 24 example tiles: file name -> PNG."""
    folder = ROOT / "examples" / "tiles"
    with open_tiles(folder) as source:
        found = {Path(tile.path).name: source.read(tile) for tile in source.tiles}
    assert all(png.decode(data).shape == (101, 101) for data in found.values())
    return found
