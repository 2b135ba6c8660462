"""Rules on recorded profiles. Those of GPUs are constructed: none was observed on a device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from salt_infer.backends.node_placement import Placement, check
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.errors import ProviderError

PROFILES = sorted((Path(__file__).parent / "placements").glob("*.json"))
FINE = {"cuda-fixed", "cuda-dynamic", "cuda-fixed-with-shape-nodes", "tensorrt-fixed"}
TOLD = {
    "cuda-dynamic-with-a-resize-on-cpu", "cuda-fixed-with-pad-and-resizes-on-cpu",
    "tensorrt-with-nodes-on-cuda",
}  # fmt: skip
NOT_THERE = {"cuda-that-did-not-load", "cuda-first-and-idle"}
REFUSED = {"cuda-with-a-convolution-on-cpu", "cuda-with-much-on-cpu"}


def profile(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text())
    return value


def checked(value: dict[str, Any], allowed: bool) -> tuple[str, ...]:
    placement = Placement(value["ops"])
    return check(placement, value["first"], value["provider"], allowed)


def test_every_recorded_profile_says_that_it_is_constructed() -> None:
    assert {path.stem for path in PROFILES} == FINE | TOLD | NOT_THERE | REFUSED
    for path in PROFILES:
        assert "not observed on a device" in profile(path)["about"]


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_nodes_that_should_not_be_elsewhere(path: Path) -> None:
    value = profile(path)
    names = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
    placement = Placement(value["ops"])
    seen = placement.elsewhere(names[value["provider"]])
    assert seen == value["elsewhere"]


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("allowed", [False, True])
def test_what_becomes_of_it(path: Path, allowed: bool) -> None:
    value = profile(path)
    if path.stem in FINE:
        assert checked(value, allowed) == ()
    elif path.stem in NOT_THERE:
        # Another provider in its place is never let pass here: the next one is loaded instead,
        # with the file that suits it.
        with pytest.raises(ProviderError, match="cuda was asked for, and the session runs on 15"):
            checked(value, allowed)
    elif allowed or path.stem in TOLD:
        (note,) = checked(value, allowed)
        assert f"{value['provider']} does not run all of the model" in note
        for counts in value["elsewhere"].values():
            assert all(f"{count} {op}" in note for op, count in counts.items())
    else:
        with pytest.raises(
            ProviderError, match=r"does not run all .*salt-export --target .*--allow-"
        ):
            checked(value, allowed)


def test_counts() -> None:
    placement = Placement.of([("a", "Conv"), ("b", "Add"), ("a", "Conv"), ("a", "Relu")])
    assert placement.ops == {"a": {"Conv": 2, "Relu": 1}, "b": {"Add": 1}}
    assert placement.nodes == {"a": 3, "b": 1}
    assert placement.line() == "3 a, 1 b"


def test_many_kinds_of_node_are_not_all_named() -> None:
    ops = {"CUDAExecutionProvider": {"Conv": 1}, "other": {f"Op{i}": i for i in range(1, 20)}}
    (note,) = check(Placement(ops), "CUDAExecutionProvider", "cuda", True)
    assert note.endswith("other: 19 Op19, 18 Op18, 17 Op17, 16 Op16, 15 Op15, 14 Op14, ...")


def test_a_real_session_tells_where_its_nodes_are(gated_model: Path) -> None:
    placement = ModelSession(gated_model).placement
    assert list(placement.nodes) == ["CPUExecutionProvider"]
    assert placement.ops["CPUExecutionProvider"]["Conv"] > 10
