"""A dense model file on a GPU: fixed batches in the device's memory, masks drawn there.

Each of the plan's streams is a *lane*: sessions and buffers of its own, for one thread at a time.
Two lanes take turns, so that one batch is copied while the other is computed. Buffers keep their
addresses, which a captured CUDA graph needs. Tested on the CPU provider, whose "device" is the
host's memory.
"""

from __future__ import annotations

import contextlib
import queue
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from salt_infer.backends import availability, mask_graphs, nvidia
from salt_infer.backends.device_lanes import Done, Lane, LanePasses
from salt_infer.backends.onnxruntime_session import ModelSession, load_planned, placed
from salt_infer.backends.option_rules import GRAPH
from salt_infer.backends.providers import SessionPlan
from salt_infer.batch import doubtful
from salt_infer.batch.parts import in_filled_parts, padded
from salt_infer.batch.result import BatchResult, Cancel, Drawn, from_outputs
from salt_infer.errors import ModelError, ProviderError, one_line
from salt_infer.masks.decision import Decision
from salt_infer.modelfile.contract import GATE
from salt_infer.system.daemon_threads import Daemons

if TYPE_CHECKING:
    import onnxruntime

Options: TypeAlias = Any  # onnxruntime.RunOptions, which is imported late
_NO_ROOM = ("allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "bfc_arena")


class DeviceSession(ModelSession):
    """See :class:`salt_infer.backends.base.Session`; :meth:`draw` and :meth:`draw_doubtful` give
    masks without their probabilities.
    """

    def __init__(self, path: Path, threads: int | None, plan: SessionPlan) -> None:
        """Load and check a dense model, and run a batch of nothing: kernels are chosen and memory
        is taken before the first tile, and what cannot run is known now.

        Args:
            path: the ``.onnx`` file.
            threads: of the runtime on the host.
            plan: with a shape.

        Raises:
            ModelError, ContractError: as of
                :class:`salt_infer.backends.onnxruntime_session.ModelSession`.
            ProviderError: it runs elsewhere than planned, or fails there.
        """
        super().__init__(path, threads, plan)
        assert plan.shape is not None
        assert not self.contract.gated
        self.at_once = plan.streams
        self._lanes: queue.LifoQueue[Lane] = queue.LifoQueue()
        for number in range(plan.streams):
            whole = load_planned(path, 1, plan) if number else self._session
            self._lanes.put(self._prepared(whole))

    def _prepared(self, whole: onnxruntime.InferenceSession) -> Lane:
        graph = self.plan.options.get(GRAPH) == "1"
        if graph and len(self.placement.nodes) > 1:
            raise ProviderError(
                f"{self.path} cannot be captured as a CUDA graph: not all of its nodes are on the "
                f"device ({self.placement.line()}); leave {GRAPH} out"
            )
        second = None
        if self.plan.second:
            smaller = self.plan.of_second_passes
            second = load_planned(self.path, 1, smaller)
            placed(second, smaller)
        thread = self._thread_of_its_own() if graph else None
        try:
            lane = Lane(whole, second, self.plan, thread)
            with self._alarms_left_out():
                lane.rehearse(graph)
        except Exception as error:  # the runtime's own exceptions share no narrower base
            raise ProviderError(self._failure(error)) from error
        return lane

    def _thread_of_its_own(self) -> Daemons:
        """ONNX Runtime has a captured graph for each thread that runs a session, and captures it
        there: no thread but the one that proves it may run it. It ends with this session.
        """
        thread = Daemons(1, "lane")
        weakref.finalize(self, thread.close)
        return thread

    def _alarms_left_out(self) -> contextlib.AbstractContextManager[None]:
        if self.plan.provider != "cuda":
            return contextlib.nullcontext()
        return nvidia.alarms_left_out(availability.onnxruntime())

    def run(
        self, tiles: npt.NDArray[np.uint8], gate: float, cancel: Cancel | None = None
    ) -> BatchResult:
        """Run one batch, see :meth:`salt_infer.backends.base.Session.run`: in parts of the fixed
        size, the last one padded.
        """
        limit, count = np.float32(gate), self._count(tiles.shape[1])

        def run(lane: Lane, options: Options) -> BatchResult:
            return in_filled_parts(
                lambda part: from_outputs(part, *lane.whole.fetch(part, options), None, limit),
                tiles, count,
            )  # fmt: skip

        return self._on_lane(run, tiles, cancel)

    def run_again(
        self, tiles: npt.NDArray[np.uint8], gate: float, cancel: Cancel | None = None
    ) -> BatchResult:
        """The same for second passes, uint8 [M, 1, 101, 101], in their own size of batch."""
        limit = np.float32(gate)

        def run(lane: Lane, options: Options) -> BatchResult:
            assert lane.second is not None
            network = lane.second.network
            return in_filled_parts(
                lambda part: from_outputs(part, *network.fetch(part, options), None, limit),
                tiles, self.plan.second,
            )  # fmt: skip

        return self._on_lane(run, tiles, cancel)

    def draw(
        self,
        tiles: npt.NDArray[np.uint8],
        threshold: float,
        gate: float,
        cancel: Cancel | None = None,
    ) -> Drawn:
        """Masks of one batch.

        Args:
            tiles: uint8 [N, V, 101, 101]; a second view is the mirrored tile.
            threshold: a pixel is salt where its mean over the views is above this, 0..1.
            gate: 0..1; tiles whose ``salt`` is not above it are not kept.
            cancel: lets another thread end the batch early.

        Raises:
            ModelError: the runtime failed, or the batch was cancelled.
        """
        count, limit = self._count(tiles.shape[1]), np.float32(gate)
        cut = {mask_graphs.THRESHOLD: np.float32(threshold), GATE: limit}

        def draw(lane: Lane, options: Options) -> Drawn:
            bits, salt = [], []
            for start in range(0, len(tiles), count) or (0,):
                part = tiles[start : start + count]
                seen = lane.masks(lane.whole(padded(part, count), options) | cut, options)
                bits.append(seen[mask_graphs.MASKS][: len(part)])
                salt.append(seen[mask_graphs.JUDGED][: len(part)])
            judged = np.concatenate(salt)
            kept = np.flatnonzero(judged > limit)
            return Drawn(np.concatenate(bits)[kept], judged, kept)

        return self._on_lane(draw, tiles, cancel)

    def draw_doubtful(
        self,
        tiles: npt.NDArray[np.uint8],
        decision: Decision,
        keep_all: bool = False,
        cancel: Cancel | None = None,
    ) -> Drawn:
        """Masks of uint8 [N, 101, 101] with a second pass over doubtful ones, see
        :mod:`salt_infer.batch.doubtful`; for a plan with second passes.
        """
        count = self._count(1)

        def draw(lane: Lane, options: Options) -> Drawn:
            passes, parts = LanePasses(lane, np.float32(decision.threshold), options), []
            for start in range(0, len(tiles), count) or (0,):
                part = tiles[start : start + count]
                parts.append((start, doubtful.draw(passes, part, decision.gate, keep_all)))
            return Drawn(
                np.concatenate([drawn.bits for _, drawn in parts]),
                np.concatenate([drawn.salt for _, drawn in parts]),
                np.concatenate([start + drawn.kept for start, drawn in parts]),
            )

        return self._on_lane(draw, tiles, cancel)

    def _count(self, views: int) -> int:
        """The fixed number of tiles; raises ModelError where it was fixed for other views."""
        assert self.plan.shape is not None
        count, expected = self.plan.shape
        if views != expected:
            raise ModelError(f"{self.path} is loaded for {expected} views, got {views}")
        return count

    def _on_lane(
        self, work: Callable[[Lane, Options], Done], tiles: npt.NDArray[np.uint8],
        cancel: Cancel | None,
    ) -> Done:  # fmt: skip
        """Have a batch done by a lane that nobody else uses meanwhile, and by options by which
        another thread may end it.
        """
        self._loader.check()
        options = availability.onnxruntime().RunOptions()

        def stop() -> None:
            options.terminate = True

        lane = self._lanes.get()
        try:
            with (cancel or Cancel()).ends(stop):
                return lane.do(lambda: work(lane, options))
        except ModelError:
            raise
        except Exception as error:  # the runtime's own exceptions share no narrower base
            raise ModelError(f"{self.path} failed on a batch of {tiles.shape}: {error}") from error
        finally:
            self._lanes.put(lane)

    def _failure(self, error: Exception) -> str:
        assert self.plan.shape is not None
        text = str(error)
        advice = "; give a smaller --batch-size" if any(w in text for w in _NO_ROOM) else ""
        count, views = self.plan.shape
        return (
            f"{self.plan.provider} cannot run {self.path} in batches of {count} tiles in {views} "
            f"view(s) ({one_line(error)}){advice}"
        )
