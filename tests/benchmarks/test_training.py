from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import pytest
import torch
import training

from salt_train.settings.config import TrainConfig
from tests import drawing
from tests.conftest import tiny_config

CPU = torch.device("cpu")


def case(config: TrainConfig, *ways: str) -> training.Case:
    return training.Case("scratch", config, CPU, ways)


def asked(**more: object) -> argparse.Namespace:
    given = {"device": "cpu", "compile": False, "recipe": None, "batch_size": None}
    return argparse.Namespace(**given | more)


@pytest.mark.slow
def test_a_way_that_cannot_be_run_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no kernels\nfor you")

    monkeypatch.setattr(torch, "compile", refuse)
    config = dataclasses.replace(tiny_config(2), batch_size=4)
    found = training.measure(
        case(config, "plain", "compiled", "trainer"), drawing.draw(20, seed=0), tmp_path, 2
    )
    assert found["failed"] == {"compiled": "no kernels for you"}
    assert list(found["tiles_per_s"]) == ["plain", "trainer"] == list(found["ready_s"])
    assert all(len(each) == 2 and min(each) > 0 for each in found["tiles_per_s"].values())
    table = training.result({"scratch": found})["table"]
    assert [row.split(" | ")[1] for row in table[2:]] == ["plain loop in fp32", "trainer in bf16"]


def test_without_the_plain_loop_there_are_no_ratios() -> None:
    found = training.result({"cpu": {"tiles_per_s": {"trainer": [1.0, 2.0, 3.0]}}})
    assert found["ratios"] == {}
    assert found["table"][2:] == ["| cpu | trainer in bf16 | 2.0 | |"]


def test_on_a_gpu_every_recipe_is_compiled_and_run_as_graphs_in_all_sizes() -> None:
    found = list(
        training.cases(asked(device="cuda", compile=True, recipe=["cpu"], batch_size=[64, 256]))
    )
    assert [each.name for each in found] == ["cpu, 64 tiles a step", "cpu, 256 tiles a step"]
    assert {tuple(each.ways) for each in found} == {("trainer", "plain", "compiled", "graphs")}
    assert [each.config.batch_size for each in found] == [64, 256]


def test_on_a_cpu_resnets_alone_are_compiled() -> None:
    found = {each.name: list(each.ways) for each in training.cases(asked(compile=True))}
    assert found["cpu"] == ["trainer", "plain"]
    assert found["scratch"] == ["trainer", "plain", "compiled"]
    assert {each.config.precision for each in training.cases(asked())} == {"bf16"}
