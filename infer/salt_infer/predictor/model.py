"""A model ready to answer: tiles in, masks out. ``from salt_infer import SaltModel``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from salt_infer.backends import mask_graphs
from salt_infer.backends.base import Session
from salt_infer.backends.device_session import DeviceSession
from salt_infer.backends.providers import BATCH, Asked, ProviderRequest, batch_for
from salt_infer.backends.selection import Batches, Concurrency, ProviderChoice, open_session
from salt_infer.batch import doubtful, views
from salt_infer.batch.result import BatchResult, Cancel, Drawn
from salt_infer.errors import ModelError
from salt_infer.modelfile.contract import ModelContract, Tta
from salt_infer.predictor.arguments import check_path, check_tiles, checked_count, warn_of_greys
from salt_infer.predictor.prediction import Decided, Prediction
from salt_infer.predictor.settings import Settings
from salt_infer.system.callbacks import Tell

_MOST_THREADS = 1024  # a machine's last memory goes into many more


class SaltModel:
    """A model file and how its answers are read; safe to use from several threads.

    Pickled, copied or sent to another process it is its path and settings, and the file is loaded
    anew where it arrives: it has to be there, and the same.

    Attributes:
        session: the loaded file.
        settings: its defaults, or what was given instead.
        choice: what runs it and why; None where the caller chose.
        batch_size: tiles to run together; a GPU runs no other number.
    """

    def __init__(
        self, session: Session, settings: Settings, choice: ProviderChoice | None = None,
        batch_size: int = BATCH,
    ) -> None:  # fmt: skip
        self.session, self.settings, self.choice = session, settings, choice
        self.batch_size = batch_size
        self._load_anew: Callable[..., Self] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        if self._load_anew is None:
            raise TypeError("a SaltModel can be pickled if SaltModel.load made it")
        return _load_again, (self._load_anew, self.settings, self.session.sha256)

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        *,
        threshold: float | None = None,
        gate: float | None = None,
        tta: Tta | None = None,
        min_area: int = 0,
        threads: int | None = None,
        lanes: int = 1,
        in_turn: bool = False,
        provider: ProviderRequest | Asked = "auto",
        batch_size: int | None = None,
        tell: Tell = lambda line: None,
    ) -> Self:
        """Load a model; what is not given is as the file says.

        Args:
            path: file from ``salt-export``; the one that ships for the provider if not given.
            threshold: 0..1, see :class:`salt_infer.predictor.settings.Settings`.
            gate: likewise.
            tta: ``none``, ``hflip``, or ``doubtful``: the flip for doubtful tiles alone.
            min_area: masks with fewer pixels than this become empty.
            threads: of the runtime, 1 to 1024; as many as suit the machine if not given.
            lanes: batches that share them on a CPU, for callers with several threads: each batch
                takes longer, all together take less.
            in_turn: on a GPU have two batches under way at once, for callers with threads for it.
            provider: what is to run it, by name or with options; ``auto``: the best that is usable.
            batch_size: tiles that will be run together, which a GPU is prepared for; as many as
                suit what runs it if not given.
            tell: is given a line where an engine is built, or another provider taken than asked.

        Raises:
            ModelError: the file cannot be used.
            ProviderError: the provider cannot run it here.
            InputError: a setting is out of its range.
        """

        def decided(contract: ModelContract) -> Settings:
            return Settings.of(contract, threshold, gate, tta, min_area)

        def coming(contract: ModelContract) -> Batches:
            tta = decided(contract).tta
            return Batches(batch_size, views.together(tta), tta == "doubtful")

        check_path(path)
        threads = None if threads is None else checked_count("threads", threads, _MOST_THREADS)
        batch_size = None if batch_size is None else checked_count("batch_size", batch_size)
        lanes = checked_count("lanes", lanes)
        request = provider if isinstance(provider, ProviderRequest) else ProviderRequest(provider)
        file = None if path is None else Path(path)
        concurrency = Concurrency(threads, lanes, in_turn)
        session, choice = open_session(file, request, coming, concurrency, tell)
        model = cls(session, decided(session.contract), choice, batch_for(choice.used, batch_size))
        # A file by its full name; one that ships is where the package is.
        model._load_anew = functools.partial(
            cls.load, file.absolute() if file else None, threads=threads, lanes=lanes,
            in_turn=in_turn, provider=request, batch_size=batch_size,
        )  # fmt: skip
        return model

    def predict(self, tiles: npt.NDArray[np.uint8], batch_size: int | None = None) -> Prediction:
        """Find the salt in tiles.

        Args:
            tiles: uint8 [N, 101, 101], grey values; rows are time or depth, downwards.
            batch_size: tiles run together; the model's own if not given. The memory grows with it.

        Raises:
            InputError: other tiles than that, or a batch size below 1.
            ModelError: the runtime failed, or the model gave NaN.

        Warns:
            UserWarning: most can hardly be meant, see :mod:`salt_infer.data.oddities`.
        """
        check_tiles(tiles)
        warn_of_greys(tiles)
        size = checked_count("batch_size", self.batch_size if batch_size is None else batch_size)
        masks = np.zeros(tiles.shape, dtype=np.bool_)
        probability = np.zeros(tiles.shape, dtype=np.float32)
        salt = np.empty(len(tiles), dtype=np.float32)
        for start in range(0, len(tiles), size):
            batch = slice(start, start + size)
            found = self.decide(self.run(tiles[batch]))
            assert found.probability is not None
            salt[batch] = found.salt
            masks[start + found.kept] = found.masks
            probability[start + found.kept] = found.probability
        return Prediction(masks, probability, salt, self.settings.judged)

    def run(
        self,
        tiles: npt.NDArray[np.uint8],
        cancel: Cancel | None = None,
        keep_all: bool = False,
        probabilities: bool = True,
    ) -> BatchResult | Drawn:
        """Run the views of one batch, uint8 [N, 101, 101]; keep what the gate lets pass, or all.

        Args:
            tiles: the batch.
            cancel: lets another thread end it early.
            keep_all: keep what the gate stops, too.
            probabilities: they are wanted; without them a GPU gives masks alone, the same ones.

        Raises:
            ModelError: the runtime failed.
        """
        if not probabilities and isinstance(self.session, DeviceSession):
            return self._draw(self.session, tiles, cancel, keep_all)
        if self.settings.tta == "doubtful":
            return self._run_doubtful(tiles, cancel, keep_all)
        gate = doubtful.ALL if keep_all else self.settings.gate
        return self.session.run(views.make(tiles, self.settings.tta), gate, cancel)

    def _run_doubtful(
        self, tiles: npt.NDArray[np.uint8], cancel: Cancel | None, keep_all: bool
    ) -> BatchResult:
        """Once, and doubtful tiles twice."""
        session, again = self.session, self.session.run
        if isinstance(session, DeviceSession) and session.plan.second:
            again = session.run_again
        return doubtful.run(
            lambda view, gate: session.run(view, gate, cancel), tiles, self.settings, keep_all,
            lambda view, gate: again(view, gate, cancel),
        )  # fmt: skip

    def _draw(
        self, session: DeviceSession, tiles: npt.NDArray[np.uint8], cancel: Cancel | None,
        keep_all: bool,
    ) -> Drawn:  # fmt: skip
        settings = self.settings
        if settings.tta == "doubtful":
            return session.draw_doubtful(tiles, settings, keep_all, cancel)
        gate = doubtful.ALL if keep_all else settings.gate
        return session.draw(views.make(tiles, settings.tta), settings.threshold, gate, cancel)

    def decide(self, result: BatchResult | Drawn) -> Decided:
        """Undo the views, average, compare with the threshold, drop masks that are too small.

        Raises:
            ModelError: it has NaN, which is above no threshold and would look like no salt.
        """
        spoilt = np.isnan(result.salt)
        if isinstance(result, Drawn):
            probability, masks = None, mask_graphs.unpack(result.bits)
        else:
            probability = views.merge(result.probability, self.settings.tta)
            masks = self.settings.pixels(probability)
        if spoilt.any():
            raise ModelError(
                f"{self.session.path} gave no numbers (NaN) for {np.count_nonzero(spoilt)} of "
                f"{len(spoilt)} tiles of a batch, on {self.session.provider}: its arithmetic "
                "overflows there or its weights are damaged; try another --provider, or a file in "
                "float32"
            )
        if self.settings.min_area > 1:
            masks[np.count_nonzero(masks, axis=(1, 2)) < self.settings.min_area] = False
        return Decided(result.kept, probability, masks, result.salt, self.settings.judged)


def _load_again(load: Callable[..., SaltModel], settings: Settings, sha256: str) -> SaltModel:
    """A model that was pickled.

    Raises:
        ModelError: the file is not there, or is another by now.
    """
    model = load(
        threshold=settings.threshold, gate=settings.gate, tta=settings.tta,
        min_area=settings.min_area,
    )  # fmt: skip
    if model.session.sha256 != sha256:
        raise ModelError(
            f"{model.session.path} is not the model that was sent: its sha256 is "
            f"{model.session.sha256[:12]}, expected {sha256[:12]}"
        )
    return model
