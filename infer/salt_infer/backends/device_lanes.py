"""One stream of a device: a model's sessions with buffers at fixed addresses, and the small graphs
that draw masks after them. For one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from salt_infer.backends import availability, mask_graphs
from salt_infer.backends.option_rules import GRAPH
from salt_infer.backends.providers import CPU, GPUS, NAMES, SessionPlan
from salt_infer.batch import doubtful
from salt_infer.batch.parts import padded
from salt_infer.errors import ProviderError
from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.modelfile.contract import GATE, PROBABILITY, SALT, TILES
from salt_infer.system.daemon_threads import Daemons

if TYPE_CHECKING:
    import onnxruntime

Bits = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Done = TypeVar("Done")


class Place(NamedTuple):
    """Where data is, as ONNX Runtime calls it, and the number of the device there."""

    kind: str
    number: int

    @classmethod
    def of(cls, plan: SessionPlan) -> Place:
        """Where a plan's provider has its data."""
        if plan.provider in GPUS:
            return cls("cuda", int(plan.options["device_id"]))
        return cls("cpu", 0)


class Bound:
    """The network with a batch at fixed addresses of the device."""

    def __init__(
        self, session: onnxruntime.InferenceSession, shape: tuple[int, int], place: Place
    ) -> None:
        value = availability.onnxruntime().OrtValue
        self._session, self._binding = session, session.io_binding()
        size = (*shape, *session.get_inputs()[0].shape[2:])
        self._empty = np.zeros(size, np.uint8)
        # Made from an array it would share that one's memory, where the device is the host.
        self._tiles = value.ortvalue_from_shape_and_type(size, np.uint8, *place)
        sizes = {PROBABILITY: size, SALT: shape[:1]}
        self._given = {
            name: value.ortvalue_from_shape_and_type(each, np.float32, *place)
            for name, each in sizes.items()
        }
        self._binding.bind_ortvalue_input(TILES, self._tiles)
        for name, each in self._given.items():
            self._binding.bind_ortvalue_output(name, each)

    def __call__(self, tiles: npt.NDArray[np.uint8], options: Any) -> dict[str, Any]:
        """Run uint8 [N, V, 101, 101]; the answers stay on the device until the next run."""
        self._tiles.update_inplace(np.ascontiguousarray(tiles))
        self._session.run_with_iobinding(self._binding, options)
        return dict(self._given)

    def fetch(self, tiles: npt.NDArray[np.uint8], options: Any) -> tuple[Floats, Floats]:
        """The same with the answers brought to the host: probability and salt."""
        self(tiles, options)
        probability, salt = self._binding.copy_outputs_to_cpu()
        return probability, salt

    def rehearse(self, graph: bool, options: Any) -> None:
        """Run once; of a graph prove that it reads what it is given, each time anew.

        Raises:
            ProviderError: it repeats an answer.
        """
        first = self.fetch(self._empty, options)
        if not graph:
            return
        ramp = np.arange(self._empty.size, dtype=np.uint32).astype(np.uint8)
        other = self.fetch(ramp.reshape(self._empty.shape), options)
        again = self.fetch(self._empty, options)
        if np.array_equal(first[0], other[0]) or not np.array_equal(first[0], again[0]):
            raise ProviderError(f"a CUDA graph gives wrong answers; leave {GRAPH} out")


class Tail:
    """A graph of :mod:`salt_infer.backends.mask_graphs` on the device; its outputs come to the
    host.
    """

    def __init__(self, model: bytes, plan: SessionPlan) -> None:
        runtime = availability.onnxruntime()
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        providers: list[tuple[str, dict[str, str]]] = [(CPU, {})]
        if plan.provider in GPUS:  # TensorRT would build an engine of it
            providers = [(NAMES["cuda"], {"device_id": plan.options["device_id"]})]
        self._session = runtime.InferenceSession(model, options, providers, enable_fallback=0)
        self._binding = self._session.io_binding()
        self._names = [output.name for output in self._session.get_outputs()]
        for name in self._names:
            self._binding.bind_output(name, "cpu")
        self._inputs = [each.name for each in self._session.get_inputs()]

    def __call__(self, values: Mapping[str, Any], options: Any) -> dict[str, npt.NDArray[Any]]:
        """Run it on values of the device, or arrays of the host; others than its own are left."""
        for name in self._inputs:
            value = values[name]
            if isinstance(value, np.ndarray | np.generic):
                self._binding.bind_cpu_input(name, np.asarray(value))
            else:
                self._binding.bind_ortvalue_input(name, value)
        self._session.run_with_iobinding(self._binding, options)
        return dict(zip(self._names, self._binding.copy_outputs_to_cpu(), strict=True))


class _SecondPass(NamedTuple):
    """The network in batches of second passes, and the graphs that draw after either pass."""

    network: Bound
    after_first: Tail
    after_second: Tail


def _second_pass(
    session: onnxruntime.InferenceSession, plan: SessionPlan, place: Place
) -> _SecondPass:
    assert plan.shape is not None
    count = plan.shape[0]
    return _SecondPass(
        Bound(session, (plan.second, 1), place),
        Tail(mask_graphs.first_pass(count), plan),
        Tail(mask_graphs.second_pass(count, plan.second), plan),
    )


class Lane:
    """Sessions and buffers of one stream.

    Attributes:
        thread: that alone may run it; None if any thread may.
        second: what second passes take; None where there are none.
    """

    def __init__(
        self,
        whole: onnxruntime.InferenceSession,
        second: onnxruntime.InferenceSession | None,
        plan: SessionPlan,
        thread: Daemons | None = None,
    ) -> None:
        assert plan.shape is not None
        self.thread = thread
        place = Place.of(plan)
        count, views = plan.shape
        self.count, self._views, self.again = count, views, plan.second
        self.whole = Bound(whole, plan.shape, place)
        self.masks = Tail(mask_graphs.masks(count, views), plan)
        self.second = _second_pass(second, plan, place) if second else None

    def do(self, work: Callable[[], Done]) -> Done:
        """Have something done with it where that may be done."""
        return self.thread.result(self.thread.submit(work)) if self.thread else work()

    def rehearse(self, graph: bool) -> None:
        """Run all of it, in its own thread."""
        self.do(lambda: self._rehearse(graph))

    def _rehearse(self, graph: bool) -> None:
        options = availability.onnxruntime().RunOptions()
        cut = {mask_graphs.THRESHOLD: np.float32(0.5), GATE: np.float32(0.5)}
        self.whole.rehearse(graph, options)
        black = np.zeros((self.count, self._views, *TILE_SHAPE), np.uint8)
        self.masks(self.whole(black, options) | cut, options)
        if self.second:
            self.second.network.rehearse(graph, options)
            passes = LanePasses(self, np.float32(0.5), options)
            passes.first(black)
            passes.second(black[:1], np.zeros(1, np.int64))


class LanePasses:
    """:class:`salt_infer.batch.doubtful.Passes` through a lane."""

    def __init__(self, lane: Lane, threshold: np.float32, options: Any) -> None:
        assert lane.second is not None
        self._lane, self._second, self._options = lane, lane.second, options
        self._cut = {mask_graphs.THRESHOLD: threshold}
        self._first: dict[str, Any] = {}

    def first(self, tiles: npt.NDArray[np.uint8]) -> doubtful.First:
        lane, count = self._lane, len(tiles)
        values = lane.whole(padded(tiles, lane.count), self._options)
        self._first = {mask_graphs.FIRST: values[PROBABILITY]}
        seen = self._second.after_first(values | self._cut, self._options)
        return doubtful.First(
            *(
                seen[name][:count]
                for name in (mask_graphs.MASKS, mask_graphs.NEARBY, mask_graphs.JUDGED)
            )
        )

    def second(
        self, mirrored: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]
    ) -> tuple[Bits, Floats]:
        bits, salt = [], []
        for start in range(0, len(mirrored), self._lane.again):
            part = slice(start, start + self._lane.again)
            seen = self._some(mirrored[part], places[part])
            bits.append(seen[mask_graphs.MASKS])
            salt.append(seen[mask_graphs.JUDGED])
        count = len(mirrored)
        return np.concatenate(bits)[:count], np.concatenate(salt)[:count]

    def _some(self, tiles: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]) -> dict[str, Any]:
        """As many as fit into a batch of second passes, the last of all with padding after it."""
        again = self._lane.again
        where = np.zeros(again, np.int64)
        where[: len(places)] = places
        values = self._second.network(padded(tiles, again), self._options)
        given = values | self._first | self._cut | {mask_graphs.PLACES: where}
        return self._second.after_second(given, self._options)
