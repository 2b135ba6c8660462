from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from salt_infer import SaltModel
from salt_infer.cli.infer import cli
from salt_infer.models import NAMES, default_model, resolve, shipped
from salt_train import synthetic

TILES = synthetic.draw(4, seed=1).tiles


def test_a_name_is_a_file_that_ships() -> None:
    accurate = resolve(Path("accurate"))
    assert accurate is not None
    assert accurate.parent == default_model().parent
    assert accurate.is_file()
    assert set(shipped()) == {accurate, default_model("cpu"), default_model("cuda")}
    assert set(NAMES) == {"default", "accurate"}


def test_the_default_is_the_providers_own() -> None:
    assert resolve(None) is None
    assert resolve(Path("default")) is None


def test_what_is_no_name_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (Path("accurat"), Path("x/accurate"), Path("accurate.onnx")):
        assert resolve(path) is path
    monkeypatch.chdir(tmp_path)
    (tmp_path / "accurate").touch()
    mine = Path("accurate")
    assert resolve(mine) is mine


def test_a_model_of_a_name_is_pickled_by_it() -> None:
    """So that it is found where the package lies elsewhere."""
    model = SaltModel.load("accurate", threads=1, provider="cpu")
    assert (model.session.contract.precision, model.session.contract.gated) == (
        "fp16-weights", True,
    )  # fmt: skip
    sent = pickle.dumps(model)
    assert str(default_model().parent).encode() not in sent
    again = pickle.loads(sent)
    np.testing.assert_array_equal(again.predict(TILES).masks, model.predict(TILES).masks)


def test_the_command_takes_it() -> None:
    said = CliRunner().invoke(cli, ["--model", "accurate", "--describe"], catch_exceptions=False)
    assert "accurate.onnx: " in said.output
    assert "EfficientNet-Lite2" in said.output
