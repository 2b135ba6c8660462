"""Where a run's time goes: each stage's work and waiting, batch times, and what bounds the run."""

from __future__ import annotations

import array
import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator, Mapping

import numpy as np

# In the order of the work; the words are those of the verdict.
STAGES = {
    "decode": "reading and decoding",
    "run": "the model",
    "encode": "encoding",
    "journal": "the journal",
}
BOUND = 0.8  # from this busy share on, a stage is what bounds a run


@dataclasses.dataclass(frozen=True)
class Timing:
    """How long a run took, and on what.

    Attributes:
        startup_s: seconds to list the tiles, load the model and read the journal.
        wall_s: seconds from the first read to the last row in the journal.
        publish_s: seconds from there to the last file published.
        threads: of each stage.
        processes: that decoded for those threads; 0 where they did it themselves.
        busy_s: seconds of work by stage, summed over its threads.
        waited_s: seconds that batches lay ready before a stage took them, summed over batches.
        batch_s: median, 95th and 99th percentile of the seconds that the model took for a batch,
            without the cold ones where there are more; empty where none was run. As in ``busy_s``,
            what a batch waits inside the runtime counts: with OpenVINO one more is begun than
            streams compute, so that on two of them each takes up to half as long again.
        cold_tiles_per_s: of the cold batches, as many as run at once, from the first read to their
            rows; None without one.
        warm_tiles_per_s: of all after them; None where those are fewer than run at once, since a
            rate would count their time and not that of the batches beside them.
    """

    startup_s: float
    wall_s: float
    publish_s: float
    threads: Mapping[str, int]
    processes: int
    busy_s: Mapping[str, float]
    waited_s: Mapping[str, float]
    batch_s: Mapping[str, float]
    cold_tiles_per_s: float | None
    warm_tiles_per_s: float | None

    @property
    def verdict(self) -> str:
        """See :func:`verdict`."""
        return verdict(self.wall_s, self.busy_s, self.threads)


def shares(
    wall_s: float, busy_s: Mapping[str, float], threads: Mapping[str, int]
) -> dict[str, float]:
    """How much of a run each stage was busy: seconds of work over those that its threads had."""
    if wall_s <= 0:
        return dict.fromkeys(busy_s, 0.0)
    return {stage: busy / (wall_s * threads[stage]) for stage, busy in busy_s.items()}


def verdict(wall_s: float, busy_s: Mapping[str, float], threads: Mapping[str, int]) -> str:
    """What bounds a run, in words: the stage that was busy nearly always, if there is one.

    Args:
        wall_s: seconds that the run took, without start-up.
        busy_s: seconds of work by stage, summed over its threads.
        threads: of each stage.
    """
    share = shares(wall_s, busy_s, threads)
    busiest = max(share, key=lambda stage: share[stage])
    if not share[busiest]:
        return "nothing was run"
    percent = f"{min(share[busiest], 1.0) * 100:.0f} %"
    if share[busiest] >= BOUND:
        return f"bound by {STAGES[busiest]} ({percent})"
    return f"bound by no stage ({STAGES[busiest]}, the busiest: {percent})"


class StageClock:
    """Told of work as it is done, from several threads.

    Attributes:
        threads, processes, busy_s, waited_s: as in :class:`Timing`.
    """

    def __init__(self) -> None:
        self.threads, self.processes = dict.fromkeys(STAGES, 1), 0
        self.busy_s = dict.fromkeys(STAGES, 0.0)
        self.waited_s = dict.fromkeys(STAGES, 0.0)
        self._batches_s = array.array("d")  # 8 bytes a batch: there may be a million
        self._lock = threading.Lock()
        self._started = self._cold_s = self._wall_s = 0.0
        self._cold_tiles = self._tiles = self._batches = 0

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time a piece of work that did not wait."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.worked(stage, 0.0, time.perf_counter() - started)

    def worked(self, stage: str, waited_s: float, busy_s: float) -> None:
        """A stage has worked on a batch that lay ready for so long."""
        with self._lock:
            self.waited_s[stage] += waited_s
            self.busy_s[stage] += busy_s

    def ran(self, seconds: float) -> None:
        """The model has run a batch."""
        with self._lock:
            self._batches_s.append(seconds)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The run itself."""
        self._started = time.perf_counter()
        try:
            yield
        finally:
            self._wall_s = time.perf_counter() - self._started

    def finished(self, tiles: int) -> None:
        """A batch of so many tiles that could be read is in the journal."""
        if not tiles:
            return
        if self._batches < self._lanes:
            self._cold_s = time.perf_counter() - self._started
            self._cold_tiles += tiles
        self._tiles += tiles
        self._batches += 1

    def timing(self, startup_s: float, publish_s: float = 0.0) -> Timing:
        """What has been told so far."""
        later, warm_s = self._tiles - self._cold_tiles, self._wall_s - self._cold_s
        return Timing(
            startup_s=startup_s,
            wall_s=self._wall_s,
            publish_s=publish_s,
            threads=dict(self.threads),
            processes=self.processes,
            busy_s=dict(self.busy_s),
            waited_s=dict(self.waited_s),
            batch_s=_percentiles(self._batches_s, self._lanes),
            cold_tiles_per_s=self._cold_tiles / self._cold_s if self._cold_tiles else None,
            warm_tiles_per_s=later / warm_s if self._batches >= 2 * self._lanes else None,
        )

    @property
    def _lanes(self) -> int:
        """Batches that run at once: each lane's first is cold."""
        return self.threads["run"]


def _percentiles(seconds: array.array[float], cold: int) -> dict[str, float]:
    if not seconds:
        return {}
    warm = np.asarray(seconds)[cold if len(seconds) > cold else 0 :]
    values = np.percentile(warm, [50, 95, 99]).tolist()
    return dict(zip(("p50", "p95", "p99"), values, strict=True))
