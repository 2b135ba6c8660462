from __future__ import annotations

import copy
import multiprocessing
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import salt_infer
from salt_infer import SaltModel
from salt_infer.backends.device_session import DeviceSession
from salt_infer.backends.providers import Asked, ProviderRequest, SessionPlan
from salt_infer.data.factory import open_tiles
from salt_infer.errors import InputError, ModelError, UsageError
from salt_infer.execution.pipeline import RunOptions, finished_groups
from salt_infer.execution.stage_clock import StageClock
from salt_infer.masks import rle
from salt_infer.modelfile.contract import Tta
from salt_infer.models import default_model
from salt_infer.predictor import confidence
from salt_infer.predictor.settings import Settings
from tests import changeable, drawing

SHIPPED = default_model()
TILES = drawing.draw(40, seed=1).tiles  # those of tile_folder


def test_masks_are_those_that_a_run_writes(tile_folder: Path, gated_model: Path) -> None:
    model = SaltModel.load(gated_model, gate=0.4)
    with open_tiles(tile_folder / "tiles") as source:
        batches = list(finished_groups(source, model, RunOptions(batch_size=7), StageClock()))
    written = [text for batch in batches for text in batch.rle]
    assert rle.encode(model.predict(TILES, batch_size=7).masks) == written
    assert any(written)


@pytest.mark.parametrize("kind", ["gated_model", "dense_model"])
def test_tiles_that_the_gate_stops_have_no_probability(
    request: pytest.FixtureRequest, kind: str
) -> None:
    path = request.getfixturevalue(kind)
    free = SaltModel.load(path, gate=0.0, threshold=0.3).predict(TILES)
    assert free.probability.dtype == np.float32
    assert free.salt.dtype == np.float32
    assert free.masks.dtype == np.bool_
    np.testing.assert_array_equal(free.masks, free.probability > np.float32(0.3))
    assert free.probability.any(axis=(1, 2)).all()
    middle = float(np.sort(free.salt)[19:21].mean())
    gated = SaltModel.load(path, gate=middle).predict(TILES)
    np.testing.assert_array_equal(gated.probability.any(axis=(1, 2)), free.salt > middle)
    np.testing.assert_allclose(gated.salt, free.salt, atol=1e-6)


def test_masks_that_are_too_small_become_empty(gated_model: Path) -> None:
    every = SaltModel.load(gated_model, gate=0.0, threshold=0.5).predict(TILES)
    area = every.masks.sum(axis=(1, 2))
    limit = int(np.sort(area)[20])
    few = SaltModel.load(gated_model, gate=0.0, threshold=0.5, min_area=limit).predict(TILES)
    np.testing.assert_array_equal(few.masks.any(axis=(1, 2)), (area >= limit) & (area > 0))
    np.testing.assert_array_equal(few.masks[area >= limit], every.masks[area >= limit])
    np.testing.assert_array_equal(few.probability, every.probability)


def test_batches_do_not_matter_and_there_may_be_none(gated_model: Path) -> None:
    model = SaltModel.load(str(gated_model), threads=1)
    whole = model.predict(TILES, batch_size=64)
    parts = model.predict(TILES, batch_size=7)
    np.testing.assert_allclose(parts.probability, whole.probability, atol=1e-5)
    nothing = model.predict(TILES[:0])
    assert nothing.masks.shape == nothing.probability.shape == (0, 101, 101)
    assert nothing.salt.shape == (0,)


def test_what_is_not_given_is_as_the_file_says(gated_model: Path) -> None:
    model = SaltModel.load(gated_model)
    contract = model.session.contract
    assert model.settings.threshold == contract.threshold
    assert model.settings.gate == contract.gate
    assert model.settings.tta == contract.tta
    assert SaltModel.load(gated_model, gate=0.0).settings.gate == 0.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"threshold": 1.5}, "threshold is 1.5, expected a number within 0..1"),
        ({"threshold": "0.5"}, "threshold is '0.5', expected a number within 0..1"),
        ({"batch_size": 0}, "batch_size is 0, expected a whole number of at least 1"),
        ({"threads": -1}, "threads is -1, expected a whole number from 1 to 1024"),
        ({"threads": 10**5}, "threads is 100000, expected a whole number from 1 to 1024"),
        ({"lanes": "2"}, "lanes is '2', expected a whole number of at least 1"),
        ({"threshold": 0.5 + 0j}, "expected a number within 0..1"),
        ({"gate": float("nan")}, "gate is nan"),
        ({"min_area": -1}, "min_area is -1, expected 0 or more pixels"),
        ({"min_area": 2.5}, "min_area is 2.5, expected 0 or more pixels"),
        ({"tta": "vflip"}, "tta is 'vflip', expected one of none, hflip"),
    ],
)
def test_settings_out_of_range_are_refused(
    gated_model: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        SaltModel.load(gated_model, **given)


def test_a_path_that_is_empty_is_not_the_model_that_ships() -> None:
    """As a variable that is not set gives it."""
    with pytest.raises(InputError, match="the path is 3, expected a model file, or None for"):
        SaltModel.load(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"the path is 'a\\x00b', and no file has such a name"):
        SaltModel.load("a\0b")
    with pytest.raises(ModelError, match="rename it"):
        SaltModel.load("\ud800.onnx")
    with pytest.raises(InputError, match="the path is empty, expected a model file, or None for"):
        SaltModel.load("")


def test_a_mask_over_tiles_is_not_passed_over(gated_model: Path) -> None:
    model = SaltModel.load(gated_model, threshold=np.array(0.5))  # type: ignore[arg-type]
    hidden = np.ma.masked_array(TILES, mask=TILES > 250)
    with pytest.raises(InputError, match=r"a masked array, .* tiles\.filled\(0\)"):
        model.predict(hidden)
    model.predict(hidden.filled(0))


def test_completion_shows_what_is_offered() -> None:
    import salt_infer

    assert dir(salt_infer) == sorted(salt_infer.__all__)
    assert all(hasattr(salt_infer, name) for name in dir(salt_infer))


def test_what_callers_name_is_offered_and_imported_when_it_is_asked_for() -> None:
    code = (
        "import sys, salt_infer\n"
        "assert 'numpy' not in sys.modules\n"
        "from salt_infer import InputError, ModelError, ProviderRequest, SaltError, Tiles\n"
        "assert issubclass(InputError, SaltError) and issubclass(ModelError, SaltError)\n"
        "assert ProviderRequest('cpu').provider == 'cpu' and Tiles._fields == ('ids', 'pixels')\n"
        "from salt_infer import *\n"
        "assert SaltModel and read_tiles\n"
        "try: salt_infer.nothing\n"
        "except AttributeError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("module 'salt_infer' has no attribute 'nothing'\n", "")


@pytest.mark.parametrize(
    "tiles",
    [
        TILES[0],
        TILES.astype(np.float32),
        TILES[:, :100],
        np.repeat(TILES[:2, :, :, None], 3, axis=3),
    ],
)
def test_other_tiles_are_refused(gated_model: Path, tiles: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"expected uint8 \[N, 101, 101\]"):
        SaltModel.load(gated_model).predict(tiles)


def spoilt(path: Path, output: str, folder: Path) -> Path:
    """The model with one of its outputs NaN throughout."""
    model = changeable.load(path)
    for node in model.graph.node:
        node.output[:] = ["before" if name == output else name for name in node.output]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(np.nan), "nan"))
    model.graph.node.append(onnx.helper.make_node("Add", ["before", "nan"], [output]))
    onnx.save(model, folder / "spoilt.onnx")
    return folder / "spoilt.onnx"


@pytest.mark.parametrize("output", ["probability", "salt"])
@pytest.mark.parametrize("tta", ["hflip", "doubtful"])
@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_what_is_no_number_is_not_taken_for_no_salt(
    dense_model: Path, tmp_path: Path, output: str, tta: Tta, provider: Asked
) -> None:
    path = spoilt(dense_model, output, tmp_path)
    model = SaltModel.load(path, tta=tta, gate=0.0, provider=provider)
    with pytest.raises(ModelError, match=r"spoilt\.onnx gave no numbers \(NaN\) for 4 of 4 tiles"):
        model.predict(TILES[:4])


@pytest.mark.parametrize("output", ["probability", "salt"])
@pytest.mark.parametrize("tta", ["hflip", "doubtful"])
def test_nor_is_it_where_masks_are_drawn_on_a_device(
    dense_model: Path, tmp_path: Path, output: str, tta: Tta
) -> None:
    path, seen_twice = spoilt(dense_model, output, tmp_path), tta == "hflip"
    shape, second = (2, 2 if seen_twice else 1), 0 if seen_twice else 1
    session = DeviceSession(path, 1, SessionPlan(shape=shape, second=second))
    model = SaltModel(session, Settings(0.5, 0.0, tta))
    with pytest.raises(ModelError, match=r"NaN\) for 3 of 3 tiles of a batch"):
        model.decide(model.run(TILES[:3], probabilities=False))


def test_a_run_of_such_a_model_writes_nothing(
    dense_model: Path, tile_folder: Path, tmp_path: Path
) -> None:
    path, out = spoilt(dense_model, "probability", tmp_path), tmp_path / "out.csv"
    arguments = ["--images", tile_folder / "tiles", "--out", out, "--model", path, "--gate", "0"]
    command = [sys.executable, "-m", "salt_infer", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "spoilt.onnx gave no numbers (NaN)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


@pytest.mark.parametrize("count", [2.5, "3", 0])
def test_a_batch_is_a_whole_number_of_tiles(gated_model: Path, count: Any) -> None:
    with pytest.raises(InputError, match=r"batch_size is .*, expected a whole number"):
        SaltModel.load(gated_model).predict(TILES, batch_size=count)


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'SaltModels'"):
        salt_infer.SaltModels  # noqa: B018


def test_a_provider_is_named_or_described(gated_model: Path) -> None:
    by_name = SaltModel.load(gated_model, provider="cpu")
    described = SaltModel.load(gated_model, provider=ProviderRequest("cpu"))
    assert by_name.session.provider == described.session.provider
    with pytest.raises(UsageError, match="provider is 'gpu', expected one of auto, "):
        SaltModel.load(gated_model, provider="gpu")  # type: ignore[arg-type]


def test_a_pickled_model_is_loaded_anew_with_its_settings() -> None:
    model = SaltModel.load(SHIPPED, threshold=0.3, gate=0.1, tta="hflip", min_area=7, threads=1)
    other = pickle.loads(pickle.dumps(model))
    assert other.settings == model.settings
    assert other.session.path == SHIPPED.absolute()
    np.testing.assert_array_equal(other.predict(TILES[:3]).masks, model.predict(TILES[:3]).masks)
    assert copy.deepcopy(other).settings == model.settings


@pytest.mark.parametrize(
    ("factor", "told"),
    [(1 / 255, "at most 1/16 of the range"), (0.25, "less than 2/5")],
)
def test_tiles_that_can_hardly_be_meant_are_warned_of(
    gated_model: Path, factor: float, told: str
) -> None:
    model, tiles = SaltModel.load(gated_model), drawing.draw(5, seed=2).tiles
    faint = (tiles * factor).astype(np.uint8)
    with pytest.warns(UserWarning, match=told) as said:
        model.predict(faint)
    assert said[0].filename == __file__
    model.predict(np.concatenate([tiles, faint]))  # as many may be what the survey has


def test_amplitudes_are_told_how_to_become_tiles(gated_model: Path) -> None:
    amplitudes = drawing.draw(3, seed=2).tiles / 255
    with pytest.raises(InputError, match=r"salt_infer\.stretched makes them of amplitudes"):
        SaltModel.load(gated_model).predict(amplitudes)


def test_a_model_that_changed_since_is_refused(tmp_path: Path) -> None:
    path = Path(shutil.copy(SHIPPED, tmp_path / "x.onnx"))
    pickled = pickle.dumps(SaltModel.load(path, threads=1))
    shutil.copy(default_model("cuda"), path)
    with pytest.raises(ModelError, match="is not the model that was sent"):
        pickle.loads(pickled)


def test_a_model_goes_to_a_process_that_is_spawned() -> None:
    model = SaltModel.load(SHIPPED, threads=1)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(model.predict, TILES[:3]).result()
    np.testing.assert_array_equal(found.masks, model.predict(TILES[:3]).masks)


@pytest.mark.parametrize("tiles", [list(np.zeros((2, 101, 101), np.uint8)), (), None])
def test_what_is_no_array_is_told(tiles: Any) -> None:
    with pytest.raises(InputError, match="expected one array, uint8") as told:
        SaltModel.load(SHIPPED, threads=1).predict(tiles)
    assert ("np.stack" in str(told.value)) == isinstance(tiles, list | tuple)


def test_one_tile_alone_is_told_how_to_become_an_array_of_one() -> None:
    with pytest.raises(InputError, match=r"expected uint8 .* grey values: tiles\[None\] for one"):
        SaltModel.load(SHIPPED, threads=1).predict(TILES[0])


def test_a_pixels_salt_is_the_tiles_times_its_own() -> None:
    found = SaltModel.load(SHIPPED, gate=0.0, threads=1).predict(TILES[:3])
    expected = found.salt[:, None, None] * found.probability
    np.testing.assert_array_equal(found.pixel_salt, expected)
    assert (found.pixel_salt.max(axis=(1, 2)) <= found.salt).all()


def test_without_a_judge_a_pixels_salt_is_its_own(judgeless_model: Path) -> None:
    """What stands for the judge is the largest of the pixels: it would be counted twice."""
    model = SaltModel.load(judgeless_model, gate=0.0, tta="none", threads=1)
    found = model.predict(TILES[:3])
    np.testing.assert_allclose(found.salt, found.probability.max(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_array_equal(found.pixel_salt, found.probability)
    assert pickle.loads(pickle.dumps(model)).settings == model.settings
    decided = model.decide(model.run(TILES[:3]))
    assert not decided.judged
    np.testing.assert_array_equal(decided.pixel_salt, found.probability)
    judged = SaltModel.load(SHIPPED, gate=0.9, threads=1)
    whole, part = judged.predict(TILES), judged.decide(judged.run(TILES))
    np.testing.assert_array_equal(part.pixel_salt, whole.pixel_salt[part.kept])


@pytest.mark.parametrize("gate", [None, 0.0])
def test_confidence_is_what_a_run_writes(gate: float | None, tmp_path: Path) -> None:
    model = SaltModel.load(SHIPPED, gate=gate, threads=1)
    found = model.predict(TILES)
    decided = model.decide(model.run(TILES))
    assert decided.probability is not None
    written = confidence.of_tiles(decided.salt, decided.kept, decided.probability, decided.masks)
    np.testing.assert_allclose(found.confidence, written, rtol=1e-6)
    empty = ~found.masks.any(axis=(1, 2))
    assert empty.any()
    assert not empty.all()
    np.testing.assert_array_equal(found.confidence[empty], 1 - found.salt[empty])
    assert repr(found) == f"Prediction of {len(TILES)} tiles, {np.sum(~empty)} with salt"


@pytest.mark.slow
def test_a_count_of_numpys_does_not_overflow(gated_model: Path) -> None:
    """200 and 200 are 144 in eight bits: a slice up to there is empty, and nothing would be run."""
    tiles = np.resize(TILES, (300, 101, 101))
    model = SaltModel.load(gated_model, provider="cpu", threads=np.int8(1), lanes=np.uint8(1))
    small = model.predict(tiles, batch_size=np.uint8(200))
    whole = model.predict(tiles, batch_size=200)
    np.testing.assert_array_equal(small.salt, whole.salt)
    np.testing.assert_array_equal(small.masks, whole.masks)
    own = SaltModel.load(gated_model, provider="cpu", batch_size=np.uint8(200)).predict(tiles)
    np.testing.assert_array_equal(own.masks, whole.masks)
