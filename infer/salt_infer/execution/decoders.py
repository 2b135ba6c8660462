"""Who decodes: threads of this process, or a process for each of them.

Python runs one thread at a time, so that threads alone decode some thousand tiles a second, on any
number of cores. That feeds any CPU, and not a large GPU. Processes take a fifth of a second of a
core each to start: they are for runs that are fast, and long enough to gain from it.
"""

from __future__ import annotations

import queue
import threading
import time

from salt_infer.batch.result import Cancel
from salt_infer.data.source import TileSource
from salt_infer.errors import ModelError
from salt_infer.execution.decode_process import DecodeProcess
from salt_infer.execution.decoding import Decoded, Group, decode_group
from salt_infer.execution.encoded_tiles import hold
from salt_infer.execution.request import DecodeIn

FAST = 2000.0  # tiles a second that threads can be the bound of
FEWEST = 4  # threads that keep each other waiting
PAYS_S = 1.0  # seconds of work that have to be left
LOOK_S = 0.25  # seconds over which the speed is measured


class Decoders:
    """Decodes groups for several threads at a time. Closed, no process is left.

    Attributes:
        processes: those that were got ready.
    """

    def __init__(
        self, source: TileSource, batch_size: int, workers: int, where: DecodeIn, cancel: Cancel
    ) -> None:
        """Begin.

        Args:
            source: has the tiles.
            batch_size: tiles that a group has at most.
            workers: threads that will decode at a time.
            where: ``auto`` begins in threads and goes over to processes if that pays.
            cancel: ends it early.
        """
        self._source, self._batch_size, self._workers = source, batch_size, workers
        self._cancel, self._pace = cancel, Pace(len(source.tiles), time.perf_counter())
        self.processes = 0
        self._idle: queue.SimpleQueue[DecodeProcess] = queue.SimpleQueue()
        self._started: list[DecodeProcess] = []
        self._lock, self._closed = threading.Lock(), False
        self._starter: threading.Thread | None = None
        self._may_start = where == "auto" and workers >= FEWEST
        if where == "processes":
            self._start()

    def decode(self, group: Group) -> Decoded:
        """Decode a group, see :func:`salt_infer.execution.decoding.decode_group`: the same wherever
        it is.

        Raises:
            ModelError: it was cancelled.
        """
        self._start_if_it_pays(len(group.tiles))
        try:
            process = self._idle.get_nowait()
        except queue.Empty:
            return decode_group(self._source, group, self._cancel)
        return self._elsewhere(process, group) or decode_group(self._source, group, self._cancel)

    def _elsewhere(self, process: DecodeProcess, group: Group) -> Decoded | None:
        """None where it has to be done here: the files are too large, or the process has ended."""
        try:
            part = self._source.nearby(group.tiles)
            part = part or hold(self._source, group.tiles, self._cancel)
            decoded = process.decode(group.number, part) if part else None
        except (EOFError, OSError):
            self._lost(process)
            return None
        self._idle.put(process)
        return decoded

    def _lost(self, process: DecodeProcess) -> None:
        process.close()
        if self._cancel.cancelled:
            raise ModelError("the run was given up")

    def _start_if_it_pays(self, tiles: int) -> None:
        """Go over to processes, once and if it pays."""
        with self._lock:
            if self._may_start and not self._closed and self._pace.pays(tiles, time.perf_counter()):
                self._may_start = False
                self._starter = threading.Thread(target=self._start, name="salt-infer-starter")
                self._starter.start()

    def _start(self) -> None:
        """Start all, then wait for each. Where one cannot be started the threads decode."""
        begun = [process for process in map(self._begun, range(self._workers)) if process]
        for process in begun:
            if process.ready():
                self.processes += 1
                self._idle.put(process)

    def _begun(self, _: int) -> DecodeProcess | None:
        with self._lock:
            if self._closed:
                return None
            try:
                process = DecodeProcess(self._batch_size)
            except OSError:
                return None
            self._started.append(process)
            return process

    def kill(self) -> None:
        """End all processes, whatever they do: the run is given up."""
        with self._lock:
            self._closed = True
            for process in self._started:
                process.kill()

    def close(self) -> None:
        """End all processes; no thread decodes any more."""
        self.kill()
        if self._starter:
            self._starter.join()
        for process in self._started:
            process.close()


class Pace:
    """How fast groups are decoded, and whether enough is left to go over to processes."""

    def __init__(self, tiles: int, now: float) -> None:
        """So many tiles are to be decoded at most, from now (seconds) on."""
        self._left, self._since, self._tiles = tiles, now, 0

    def pays(self, tiles: int, now: float) -> bool:
        """Told that so many more are begun, says whether processes pay."""
        self._left -= tiles
        self._tiles += tiles
        seconds = now - self._since
        if seconds < LOOK_S:
            return False
        rate, self._since, self._tiles = self._tiles / seconds, now, 0
        return rate >= FAST and self._left >= PAYS_S * rate
