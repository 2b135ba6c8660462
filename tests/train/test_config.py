from __future__ import annotations

import json

import pytest

from salt_train.config import ModelConfig, Stage, TrainConfig, default_stages
from salt_train.errors import ConfigError

CONFIG = TrainConfig(model=ModelConfig(depth=34, width=64), stages=default_stages(7, 2e-3), fold=3)


def test_json_round_trip() -> None:
    assert TrainConfig.from_json(json.loads(json.dumps(CONFIG.to_json()))) == CONFIG


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"another version.*use that one|use that one"):
        TrainConfig.from_json(CONFIG.to_json() | {"colour": "red"})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fold": 10}, "fold is 10 of 10"),
        ({"folds": 1, "fold": 0}, "folds >= 2"),
        ({"seed": -1}, "seed is -1"),
        ({"stages": ()}, "no epochs"),
        ({"batch_size": 1}, "batch size is 1, expected at least 2"),
    ],
)
def test_impossible_runs(changes: dict[str, int], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        TrainConfig(**({"model": ModelConfig(), "stages": default_stages(1, 1e-3)} | changes))  # type: ignore[arg-type]


def test_impossible_stages() -> None:
    with pytest.raises(ConfigError, match="-1 epochs"):
        Stage("bce", -1)
    with pytest.raises(ConfigError, match="learning rate is 3"):
        Stage("bce", 1, learning_rate=3)
