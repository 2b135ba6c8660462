"""Requests of a network that OpenVINO has compiled, for batches of any shape or of one.

Compiled for the shape that keeps coming, a dense network runs a fifth faster than for any shape,
with the same bits for answers, which is looked at each time (OpenVINO 2026.4: 450 tiles/s instead
of 375, of the shipped one on two cores with AMX). Compiling takes as long as some four batches, so
a shape has to come as often as wins that back before it is compiled for: 8000 PNGs take an eighth
less time, a thousand as much as before. A gated network, part of which has a shape of its own each
time, runs a tenth slower so and is left as it is.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from salt_infer.modelfile.contract import TILES

if TYPE_CHECKING:
    import openvino

AFTER = 16  # batches of a shape; about so many more win back what compiling for it costs
MOST = 2  # shapes: of first and of second passes; each has memory of its own

Shape = tuple[int, ...]
Feeds = Mapping[str, npt.NDArray[Any]]


class Requests:
    """A compiled network's requests; there are as many as threads that ask at once."""

    def __init__(self, compiled: openvino.CompiledModel) -> None:
        """None is made yet."""
        self.compiled = compiled
        self._idle: queue.LifoQueue[openvino.InferRequest] = queue.LifoQueue()

    @contextlib.contextmanager
    def one(self) -> Iterator[openvino.InferRequest]:
        """A request of this thread's own."""
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self.compiled.create_infer_request()
        yield request
        self._idle.put(request)  # one that failed is not used again


class RequestsByShape:
    """Which requests a batch is best given to; safe to ask from several threads."""

    def __init__(
        self,
        any_shape: openvino.CompiledModel,
        compiled_for: Callable[[Shape], openvino.CompiledModel] | None,
    ) -> None:
        """Nothing but ``any_shape`` is compiled yet.

        Args:
            any_shape: the network for batches of any shape.
            compiled_for: makes it for batches of one, RuntimeError or MemoryError where it
                cannot; None where that would not be worth it.
        """
        self.any_shape = Requests(any_shape)
        self._compiled_for = compiled_for
        self._seen: Counter[Shape] = Counter()
        self._fixed: dict[Shape, Requests] = {}
        self._lock = threading.Lock()

    def of(self, feeds: Feeds) -> Requests:
        """Those for this batch. The one that comes for the 16th time in its shape waits for the
        network to be compiled for it, while other threads go on with the one for all shapes.
        """
        if self._compiled_for is None:
            return self.any_shape
        shape = feeds[TILES].shape
        with self._lock:
            self._seen[shape] += 1
            due = self._seen[shape] == AFTER and len(self._fixed) < MOST
            if due:
                self._fixed[shape] = self.any_shape
        if due:
            self._fixed[shape] = self._proven(feeds, self._compiled_for)
        return self._fixed.get(shape, self.any_shape)

    def _proven(
        self, feeds: Feeds, compiled_for: Callable[[Shape], openvino.CompiledModel]
    ) -> Requests:
        """Requests for this batch's shape, if they answer it with the same bits."""
        try:
            fixed = Requests(compiled_for(feeds[TILES].shape))
            same = _answers(fixed, feeds) == _answers(self.any_shape, feeds)
        except (RuntimeError, MemoryError):  # what can be done without is not worth a run
            return self.any_shape
        return fixed if same else self.any_shape


def _answers(requests: Requests, feeds: Feeds) -> list[bytes]:
    with requests.one() as request:
        return [np.asarray(value).tobytes() for value in request.infer(dict(feeds)).values()]
