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
                compiled for when they come.
            compiled_for: compiles it for a shape; RuntimeError or MemoryError where it cannot.
        """
        tiles, views = whole
        self._images, self._compiled_for = tiles * views, compiled_for
        self._lock = threading.Lock()
        self._by_views: dict[int, RequestsBySize] = {}
        self.compiled = self._of_views(views).whole.compiled

    def of(self, part: Tiles) -> Requests:
        """What this part, uint8 [n, V, H, W], fits into."""
        return self._of_views(part.shape[1]).of(part)

    def _of_views(self, views: int) -> RequestsBySize:
        with self._lock:
            if views not in self._by_views:
                most = tiles_of(self._images, views)
                self._by_views[views] = RequestsBySize(
                    most, lambda size: self._compiled_for((size, views))
                )
            return self._by_views[views]


class RequestsBySize:
    """The same for one number of views.

    Attributes:
        whole: those for whole parts.
    """

    def __init__(self, most: int, compiled_for: Callable[[int], openvino.CompiledModel]) -> None:
        """Compile it for whole parts.

        Args:
            most: tiles of one.
            compiled_for: compiles it for so many tiles, as of :class:`RequestsByShape`.
        """
        self._most, self._compiled_for = most, compiled_for
        self.whole = Requests(compiled_for(most), most)
        self._by_size = {most: self.whole}
        self._in_vain: Counter[int] = Counter()
        self._lock = threading.Lock()

    def of(self, part: Tiles) -> Requests:
        """The smallest that a part, uint8 [n, V, H, W], n at most ``most``, fits into. One that
        comes when a smaller one has paid waits for that, while other threads go on.
        """
        fitting = min(1 << max(0, len(part) - 1).bit_length(), self._most)
        with self._lock:
            nearest = self._by_size[min(size for size in self._by_size if size >= fitting)]
            assert nearest.size is not None
            before = self._in_vain[fitting]
            self._in_vain[fitting] += nearest.size - fitting
            due = before < PAYS_AFTER <= self._in_vain[fitting]
        if due and (smaller := self._proven(fitting, part, nearest)):
            with self._lock:
                self._by_size[fitting] = smaller
            return smaller
        return nearest

    def _proven(self, size: int, part: Tiles, known: Requests) -> Requests | None:
        """Requests for parts of this size, if they answer this one with the same bits."""
        try:
            smaller = Requests(self._compiled_for(size), size)
            same = _answers(smaller, part) == _answers(known, part)
        except (RuntimeError, MemoryError):  # what can be done without is not worth a run
            return None
        return smaller if same else None


def _answers(requests: Requests, part: Tiles) -> list[bytes]:
    assert requests.size is not None
    feeds = {TILES: padded(part, requests.size)}
    with requests.one() as request:
        answers = request.infer(feeds).values()
        return [np.asarray(each)[: len(part)].tobytes() for each in answers]
