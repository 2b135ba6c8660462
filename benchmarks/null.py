"""``salt-infer`` with a model that does nothing: ``python benchmarks/null.py --images ...``.

All of the program runs; only a batch's probabilities are there at once, those of the example masks.
What is left is what the host does for a GPU of any speed.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt

from salt_infer import SaltModel
from salt_infer.backends.node_placement import Placement
from salt_infer.backends.onnxruntime_session import peek
from salt_infer.backends.providers import batch_for
from salt_infer.batch.result import BatchResult, Cancel
from salt_infer.data import png
from salt_infer.modelfile.contract import ModelContract
from salt_infer.models import default_model
from salt_infer.predictor.settings import Settings

MASKS = Path(__file__).parents[1] / "examples" / "masks"
INSIDE, OUTSIDE = 0.9, 0.1  # probabilities of salt where a mask has it and where not


class NullSession:
    """The contract of the shipped model, and fixed answers; see
    :class:`salt_infer.backends.base.Session`.
    """

    def __init__(self) -> None:
        self.path = default_model("cpu")
        self.contract = _contract(self.path)
        self.sha256 = "0" * 64  # no file's
        self.placement = Placement({"null": {}})
        self.at_once = 1
        self.notes: tuple[str, ...] = ()
        self.provider, self.runtime, self.device = "null", "null", "null"
        self.inputs: list[str] = []
        self.outputs: list[str] = []

    def run(
        self, tiles: npt.NDArray[np.uint8], gate: float, cancel: Cancel | None = None
    ) -> BatchResult:
        """The same answer for every batch of that size; the gate keeps tiles whose mask has salt,
        about as many as of real tiles.
        """
        return answer(*tiles.shape[:2])


@functools.cache
def answer(count: int, views: int) -> BatchResult:
    """What is said of a batch: the examples' masks, in turn."""
    masks = _masks()[np.arange(count) % len(_masks())]
    has_salt = np.asarray(masks.any(axis=(1, 2)))
    kept = np.flatnonzero(has_salt)
    probability: npt.NDArray[np.float64] = np.where(masks[kept], INSIDE, OUTSIDE)
    # The second view is the mirrored tile, and answered as such.
    both = [probability, probability[:, :, ::-1]]
    stacked = np.stack(both[:views], axis=1).astype(np.float32)
    stacked.setflags(write=False)
    return BatchResult(stacked, has_salt.astype(np.float32), kept)


@functools.cache
def _contract(path: Path) -> ModelContract:
    return peek(path)


@functools.cache
def _masks() -> npt.NDArray[np.bool_]:
    paths = sorted(MASKS.glob("*.png"))
    return np.stack([png.decode_mask(path.read_bytes()) for path in paths]) > 0


def load(*_: Any, batch_size: int | None = None, **__: Any) -> SaltModel:
    """In place of ``SaltModel.load``; whatever is asked for, the model does nothing."""
    session = NullSession()
    contract = session.contract
    settings = Settings(contract.threshold, contract.gate, contract.tta)
    return SaltModel(session, settings, batch_size=batch_for("cpu", batch_size))


@contextlib.contextmanager
def loaded() -> Iterator[None]:
    """Within the block, every model that this process loads is the one that does nothing."""
    with mock.patch.object(SaltModel, "load", load):
        yield


def main() -> None:
    from salt_infer.cli.infer import main as command

    with loaded():
        command()


if __name__ == "__main__":
    main()
