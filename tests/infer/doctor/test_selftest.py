from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from salt_infer.backends import mask_graphs
from salt_infer.backends.device_session import DeviceSession
from salt_infer.backends.providers import ProviderRequest, SessionPlan
from salt_infer.doctor import selftest
from salt_infer.doctor.selftest import Golden, Outcome
from salt_infer.errors import ModelError, ProviderError
from salt_infer.masks import rle
from salt_infer.modelfile.signature import sha256_of
from salt_infer.models import default_model
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.settings import Settings

SHIPPED = sorted(default_model().parent.glob("*.onnx"))


def moved(golden: Golden, pixels: int) -> Golden:
    """The same with so many pixels of the first mask turned over."""
    mask = rle.decode(golden.rows[0])
    mask.ravel()[:pixels] ^= 1
    return dataclasses.replace(golden, rows=(rle.encode(mask[None])[0], *golden.rows[1:]))


def test_the_tiles_are_the_same_everywhere() -> None:
    tiles = selftest.tiles()
    assert (tiles.shape, tiles.dtype) == ((3, 101, 101), np.uint8)
    digest = hashlib.sha256(tiles.tobytes()).hexdigest()
    assert digest == "c8281b8ccdffff90f45be29058276ba0ffd19d53d4c1d13ded22b47a3a8ee35f"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_model_has_golden_masks_and_gives_them(path: Path) -> None:
    known = selftest.golden().get(sha256_of(path))
    assert known, f"{path.name} is new: run python -m salt_infer.cli.selftest --write"
    model = SaltModel.load(path, gate=0.0, provider=ProviderRequest("cpu"))
    pixels, failure = selftest.compare(selftest.answer(model), known)
    assert not failure
    assert pixels < 100
    assert any(known.rows), "golden masks without salt would prove nothing"


def test_a_little_may_differ_and_no_more() -> None:
    golden = Golden("x", ("1 10", "", ""), (0.9, 0.1, 0.1))
    assert selftest.compare(golden, golden) == (0, "")
    assert selftest.compare(moved(golden, 102), golden) == (102, "")
    assert "103 pixels of one tile differ" in selftest.compare(moved(golden, 103), golden)[1]
    other = dataclasses.replace(golden, salt=(0.9, 0.1, 0.2))
    assert "the judge is off by 0.100" in selftest.compare(other, golden)[1]
    nan = dataclasses.replace(golden, salt=(0.9, 0.1, float("nan")))
    assert "the judge is off by nan" in selftest.compare(nan, golden)[1]


def test_a_process_of_its_own_prints_the_outcome() -> None:
    command = [sys.executable, "-m", "salt_infer.cli.selftest", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    value = json.loads(done.stdout)
    assert value["model"] == "default-cpu.onnx"
    assert value["failure"] == ""
    assert value["pixels"][1] == 3 * 101 * 101


def test_a_file_that_did_not_come_with_this_version_fails(
    dense_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = SaltModel.load(dense_model, gate=0.0)
    monkeypatch.setattr(selftest, "load", lambda request: model)
    outcome = selftest.run_on("cpu")
    assert "there is no golden mask for it" in outcome.failure
    assert outcome.usable
    assert not outcome.works


def test_a_model_that_cannot_be_loaded_is_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: ProviderRequest) -> SaltModel:
        raise ModelError("it is broken")

    monkeypatch.setattr(selftest, "load", broken)
    assert selftest.run_on("cpu") == Outcome("cpu", failure="it is broken")


def test_what_auto_would_go_past_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a GPU has no memory left: the provider seems usable and does not load."""

    def refuses(request: ProviderRequest) -> SaltModel:
        raise ProviderError("cuda cannot load it")

    monkeypatch.setattr(selftest, "load", refuses)
    assert selftest.run_on("cpu") == Outcome("cpu", failure="cuda cannot load it", refused=True)


def test_golden_masks_are_written_anew(
    tmp_path: Path, dense_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selftest, "default_model", lambda provider: dense_model)
    out = tmp_path / "golden.json"
    assert selftest.write(out) == [dense_model.name]
    ((digest, golden),) = selftest.golden(out).items()
    assert digest == sha256_of(dense_model)
    model = SaltModel.load(dense_model, gate=0.0, provider=ProviderRequest("cpu"))
    assert selftest.compare(selftest.answer(model), golden) == (0, "")


def test_masks_that_a_device_draws_are_held_against_the_hosts(
    dense_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def model(threshold: float = 0.5) -> SaltModel:
        session = DeviceSession(dense_model, 1, SessionPlan(shape=(3, 2)))
        return SaltModel(session, Settings(threshold, 0.0, "hflip"))

    assert selftest._drawn_otherwise(model()) == ""
    first = model()
    probability = first.decide(first.run(selftest.tiles())).probability
    assert probability is not None
    middle = float(np.median(probability))  # so that there is something to draw
    assert selftest._drawn_otherwise(model(middle)) == ""
    monkeypatch.setattr(mask_graphs, "_mirrored", lambda graph, value: value)
    assert "pixels that the device draws differ" in selftest._drawn_otherwise(model(middle))
