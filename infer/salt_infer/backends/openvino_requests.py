"""Requests of a network that OpenVINO has compiled: for batches of any size, or of fixed ones.

Compiled for one size of batch, a dense network runs a fifth faster than for any (OpenVINO 2026.4,
the shipped one on two cores with AMX: 536 tiles/s instead of 435), is ready as soon and takes half
of the memory. A batch is run in parts of that size. The last part is filled up; for smaller ones,
which a server's batches are, it is compiled anew once that would have paid. A gated network, part
of which has a shape of its own each time, is a tenth slower so and is left as it is.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from salt_infer.batch.parts import padded, tiles_of
from salt_infer.modelfile.contract import TILES

if TYPE_CHECKING:
    import openvino

Tiles = npt.NDArray[np.uint8]
Shape = tuple[int, int]  # tiles, and views of each
Compiled = Callable[[Shape], "openvino.CompiledModel"]

PAYS_AFTER = 128  # black tiles that were run in vain; compiling takes about as long


class Requests:
    """A compiled network's requests; there are as many as threads that ask at once.

    Attributes:
        compiled: the network.
        size: tiles that it takes, no more and no fewer; None for any number.
    """

    def __init__(self, compiled: openvino.CompiledModel, size: int | None = None) -> None:
        """None is made yet."""
        self.compiled, self.size = compiled, size
        self._idle: queue.LifoQueue[openvino.InferRequest] = queue.LifoQueue()

    def of(self, part: Tiles) -> Requests:
        """These, whatever part of a batch is to be run."""
        return self

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
    """A dense network for parts of a batch; safe to ask from several threads.

    Attributes:
        compiled: the network for whole parts.
    """

    def __init__(self, whole: Shape, compiled_for: Compiled) -> None:
        """Compile it for whole parts.

        Args:
            whole: shape of one. Parts in other numbers of views have as many images, and are
                compiled for when they come, while all wait.
            compiled_for: compiles it for a shape; RuntimeError or MemoryError where it cannot.
        """
        tiles, views = whole
        self._images, self._compiled_for = tiles * views, compiled_for
        self._by_shape: dict[Shape, Requests] = {}
        self._in_vain: Counter[Shape] = Counter()
        self._lock = threading.Lock()
        self.compiled = self._nearest(tiles, views).compiled

    def of(self, part: Tiles) -> Requests:
        """The smallest that a part, uint8 [n, V, H, W], fits into. One that comes when a smaller
        one has paid waits for that, while other threads go on.
        """
        count, views = part.shape[:2]
        fitting = min(1 << max(0, count - 1).bit_length(), tiles_of(self._images, views))
        shape = fitting, views
        with self._lock:
            nearest = self._nearest(fitting, views)
            assert nearest.size is not None
            before = self._in_vain[shape]
            self._in_vain[shape] += nearest.size - fitting
            due = before < PAYS_AFTER <= self._in_vain[shape]
        if due and (smaller := self._proven(shape, part, nearest)):
            with self._lock:
                self._by_shape[shape] = smaller
            return smaller
        return nearest

    def _nearest(self, fitting: int, views: int) -> Requests:
        """The smallest there are for at least so many tiles, those for whole parts if need be."""
        whole = tiles_of(self._images, views), views
        if whole not in self._by_shape:
            self._by_shape[whole] = Requests(self._compiled_for(whole), whole[0])
        sizes = (size for size, number in self._by_shape if number == views and size >= fitting)
        return self._by_shape[min(sizes), views]

    def _proven(self, shape: Shape, part: Tiles, known: Requests) -> Requests | None:
        """Requests for parts of a shape, if they answer this one with the same bits."""
        try:
            smaller = Requests(self._compiled_for(shape), shape[0])
            same = _answers(smaller, part, shape[0]) == _answers(known, part, shape[0])
        except (RuntimeError, MemoryError):  # what can be done without is not worth a run
            return None
        return smaller if same else None


def _answers(requests: Requests, part: Tiles, count: int) -> list[bytes]:
    """Of so many tiles, which the part is filled up to."""
    assert requests.size is not None
    feeds = {TILES: padded(part, requests.size)}
    with requests.one() as request:
        answers = request.infer(feeds).values()
        return [np.asarray(each)[:count].tobytes() for each in answers]
