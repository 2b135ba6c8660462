"""In which arithmetic a run is computed."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from salt_train.compute.device import slow_precision
from tests.conftest import tiny_config


@pytest.mark.parametrize(
    ("precision", "device", "able", "slow"),
    [
        ("fp32", "cpu", {}, False),
        ("fp16", "cpu", {"avx512_fp16": True, "amx_bf16": True}, True),
        ("bf16", "cpu", {"avx512_bf16": False}, True),
        ("bf16", "cpu:0", {"amx_bf16": True}, False),
        ("fp16", "cuda", {}, False),
        ("bf16", "cuda:1", {}, False),
    ],
)
def test_a_precision_that_this_cpu_is_slow_in_is_told(
    monkeypatch: pytest.MonkeyPatch, precision: str, device: str, able: dict[str, bool], slow: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    config = dataclasses.replace(tiny_config(1), precision=precision)
    assert slow_precision(config, device) is slow
