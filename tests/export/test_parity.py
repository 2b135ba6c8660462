from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from salt_export import parity
from salt_export.errors import ExportError, ParityError
from salt_export.graph import DenseGraph
from salt_export.tolerances import FP32, TILES
from salt_infer.backends import mask_graphs
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.batch import views
from salt_infer.batch.result import BatchResult
from salt_infer.masks import metric, rle
from salt_infer.modelfile.onnx_writer import GraphWriter
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.scoring.evaluate import Decision
from tests import changeable, drawing

DATA = drawing.draw(TILES, seed=0)
DECISION = Decision(0.5, 0.0)


@pytest.fixture(scope="module")
def network(tiny_checkpoint: Path) -> DenseGraph:
    return DenseGraph([checkpoints.build_model(checkpoints.load(tiny_checkpoint))]).eval()


def tampered(source: Path, target: Path, factor: float) -> Path:
    """The file with the last layer's weights changed."""
    model = changeable.load(source)
    named = {tensor.name: tensor for tensor in model.graph.initializer}
    weights = named["models.0.head.last.weight"]
    values = onnx.numpy_helper.to_array(weights)
    changed = values * factor
    weights.CopyFrom(onnx.numpy_helper.from_array(changed.astype(values.dtype), weights.name))
    onnx.save(model, target)
    return target


@pytest.mark.slow
def test_task_units_are_those_of_a_plain_count(
    network: DenseGraph, dense_model: Path, tmp_path: Path
) -> None:
    """A file that is off on purpose, counted with other code."""
    path = tampered(dense_model, tmp_path / "x.onnx", 1.5)
    found = parity.compare(network, path, DATA.tiles, DECISION, DATA.masks)
    stacked = views.make(DATA.tiles, "hflip")
    seen = ModelSession(path).run(stacked, -1.0)
    with torch.inference_mode():
        probability = network(torch.from_numpy(stacked))[0].numpy()
    apart = np.abs(seen.probability - probability)
    mine, theirs = ((p[:, 0] + p[:, 1, :, ::-1]) / 2 > 0.5 for p in (seen.probability, probability))
    assert found.pixels == 64 * 101 * 101
    assert found.pixels_flipped == np.count_nonzero(mine != theirs) > 0
    rows = [rle.encode(masks) for masks in (mine, theirs)]
    assert found.rows_changed == sum(a != b for a, b in zip(*rows, strict=True)) > 0
    assert found.probability_max == pytest.approx(apart.max(), rel=0.1)
    assert 0 < found.probability_mean < found.probability_max
    assert found.salt_max < 1e-5  # the judge is as it was
    merged = views.merge(probability, "hflip")
    within = np.abs(merged - 0.5) <= np.abs(views.merge(seen.probability, "hflip") - merged).max()
    assert found.knife_edge >= np.count_nonzero(within)
    scores = [metric.score(DATA.masks, masks).mean for masks in (mine, theirs)]
    assert [found.score, found.score_of_network] == scores


@pytest.mark.slow
def test_an_honest_file_passes_with_nothing_changed(network: DenseGraph, gated_model: Path) -> None:
    found = parity.compare(network, gated_model, DATA.tiles, DECISION)
    found.check(FP32)
    assert found.probability_max < 1e-5
    assert found.pixels_flipped <= found.knife_edge
    assert found.score is None
    told = {precision: found.lines(precision)[1] for precision in ("fp32", "int8")}
    assert told["fp32"] == f"{told['int8']}, {found.knife_edge} pixels on the knife's edge"


@pytest.mark.usefixtures("few_shapes")
@pytest.mark.slow
def test_tampered_weights_are_found(network: DenseGraph, dense_model: Path, tmp_path: Path) -> None:
    path = tampered(dense_model, tmp_path / "x.onnx", 1.05)
    found = parity.compare(network, path, DATA.tiles, DECISION)
    with pytest.raises(ParityError, match=r"differs from the network by 0\.\d+ in probability"):
        found.check(FP32)


class Falsified:
    """A session whose answers are changed on the way."""

    def __init__(self, path: Path) -> None:
        self.session = ModelSession(path)
        self.contract = self.session.contract

    def run(self, tiles: np.ndarray, gate: float) -> BatchResult:
        return self.change(self.session.run(tiles, gate))

    def change(self, result: BatchResult) -> BatchResult:
        raise NotImplementedError


class Nan(Falsified):
    def change(self, result: BatchResult) -> BatchResult:
        return dataclasses.replace(result, probability=result.probability * np.float32("nan"))


class SwappedViews(Falsified):
    def change(self, result: BatchResult) -> BatchResult:
        return dataclasses.replace(result, probability=result.probability[:, ::-1])


class SaltWrongLater(Falsified):
    """Right in the first shapes."""

    def change(self, result: BatchResult) -> BatchResult:
        later = result.salt + np.float32(0.01 if len(result.salt) == 4 else 0)
        return dataclasses.replace(result, salt=later)


class KeepsAll(Falsified):
    def change(self, result: BatchResult) -> BatchResult:
        return dataclasses.replace(result, kept=np.arange(len(result.salt)))


@pytest.mark.usefixtures("few_shapes")
@pytest.mark.parametrize(
    ("falsified", "says"),
    [(Nan, "not finite"), (SwappedViews, "differs"), (KeepsAll, "the file keeps tiles")],
)
def test_it_finds(
    network: DenseGraph, gated_model: Path, monkeypatch: pytest.MonkeyPatch,
    falsified: type[Falsified], says: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(parity, "ModelSession", falsified)
    with pytest.raises(ParityError, match=says):
        parity.compare(network, gated_model, DATA.tiles, DECISION).check(FP32)


def test_too_few_tiles_prove_nothing(network: DenseGraph, dense_model: Path) -> None:
    with pytest.raises(ExportError, match="1 tiles to verify on, expected at least 64"):
        parity.compare(network, dense_model, DATA.tiles[:1], DECISION)


def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "BATCH_SIZES", (1, 2))
    monkeypatch.setattr(parity, "TILES", 4)


@pytest.mark.slow
def test_the_edge_is_as_wide_as_the_largest_difference_of_all_batches(
    network: DenseGraph, dense_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest is in the last batch, the pixels near the threshold are in the first."""
    few(monkeypatch)
    path = tampered(dense_model, tmp_path / "x.onnx", 1.5)
    apart = np.array([_largest(network, path, DATA.tiles[i : i + 1]) for i in range(8)])
    tiles = np.ascontiguousarray(DATA.tiles[np.argsort(apart)])
    found = parity.compare(network, path, tiles, DECISION)
    with torch.inference_mode():
        probability = network(torch.from_numpy(views.make(tiles, "hflip")))[0].numpy()
    margin = np.abs(views.merge(probability, "hflip") - DECISION.threshold)
    assert found.knife_edge == np.count_nonzero(margin <= found.probability_max)


def _largest(network: DenseGraph, path: Path, tiles: np.ndarray) -> float:
    stacked = views.make(tiles, "hflip")
    with torch.inference_mode():
        probability = network(torch.from_numpy(stacked))[0].numpy()
    return float(np.abs(ModelSession(path).run(stacked, -1.0).probability - probability).max())


def test_salt_is_compared_on_every_tile(
    network: DenseGraph, dense_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch)
    monkeypatch.setattr(parity, "ModelSession", SaltWrongLater)
    found = parity.compare(network, dense_model, DATA.tiles[:8], DECISION)
    assert found.salt_max == pytest.approx(0.01, abs=1e-4)


def test_the_score_may_drop_so_far() -> None:
    found = parity.Parity(0, 0, 0, (), 1, 1, 0, 0, 0, score=0.79, score_of_network=0.8)
    found.check_score(0.011)
    with pytest.raises(
        ParityError, match=r"loses 0\.0100 of the network's score 0\.8000, .* 0\.009"
    ):
        found.check_score(0.009)
    dataclasses.replace(found, score=None, score_of_network=None).check_score(0.0)


@pytest.mark.usefixtures("few_shapes")
@pytest.mark.parametrize(("part", "tta"), [("_mirrored", "hflip"), ("_above", "none")])
def test_masks_drawn_otherwise_than_by_the_host_are_found(
    network: DenseGraph, dense_model: Path, monkeypatch: pytest.MonkeyPatch, part: str, tta: str
) -> None:
    def below(graph: GraphWriter, mean: str) -> str:
        return graph.add("Less", mean, graph.input(mask_graphs.THRESHOLD, "float32", ()))

    wrong = {"_mirrored": lambda graph, value: value, "_above": below}
    monkeypatch.setattr(mask_graphs, part, wrong[part])
    with pytest.raises(ParityError, match=rf"with --tta {tta} \d+ of 102010 pixels drawn as on a"):
        parity.compare(network, dense_model, DATA.tiles, DECISION)
