from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from salt_infer.errors import ContractError
from salt_infer.modelfile.contract import ModelContract

CONTRACT = ModelContract(
    architecture="a network",
    gated=True,
    precision="fp32",
    opset=18,
    threshold=0.5,
    gate=0.56,
    tta="hflip",
    tile_px=101,
    canvas_px=128,
    padding="replicate",
    mean=0.47,
    std=0.16,
    checkpoints=("ab" * 32,),
    versions={"torch": "2.13.0"},
    validation={"score": 0.8},
    provenance={},
    verification={},
)


def changed(**fields: object) -> str:
    return json.dumps(json.loads(CONTRACT.to_json()) | fields)


def test_round_trip_is_canonical() -> None:
    text = CONTRACT.to_json()
    assert ModelContract.from_json(text) == CONTRACT
    assert ModelContract.from_json(text).to_json() == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "is a list, expected an object"),
        (changed(contract_version=2), "version 2, this program reads 1; update"),
        (changed(colour="red"), r"unknown \['colour'\]"),
        (changed(gated="no"), "gated 'no'"),
        (changed(opset=True), "opset True"),
        (changed(checkpoints=None), "checkpoints None"),
        (changed(validation=[]), r"validation \[\]"),
        (changed(threshold=float("nan")), "not JSON .NaN is not a finite number"),
        (changed(provenance={"a": [float("-inf")]}), "not JSON .-Infinity is not a finite"),
        (changed(validation={"score": 0}).replace('"score": 0', '"score": 1e999'), "not JSON .1e9"),
        (changed(threshold=1.5), r"threshold 1\.5, expected within 0\.\.1"),
        (changed(gate="high"), "gate 'high'"),
        (changed(std=float("inf")), "not JSON .Infinity is not a finite"),
        (changed(checkpoints=[1]), r"checkpoints \(1,\), expected printable text"),
        (changed(architecture="\x1b[2J"), "expected printable text"),
        ("[" * 200_000, "not JSON"),
        ('{"gate": ' + "9" * 5000 + "}", "not JSON"),
        (changed(tta="rot90"), "tta 'rot90'"),
        (changed(mean=10**400), "has mean 10*, expected finite"),
        (changed(provenance={"a": ["\ud800"]}), "not JSON .*surrogates not allowed"),
        (changed(contract_version=True), "version True, this program reads 1"),
    ],
)
def test_broken_contracts(text: str, says: str) -> None:
    with pytest.raises(ContractError, match=says):
        ModelContract.from_json(text)


def test_a_missing_field_is_named() -> None:
    value = json.loads(CONTRACT.to_json())
    del value["padding"]
    with pytest.raises(ContractError, match=r"lacks \['padding'\]"):
        ModelContract.from_json(json.dumps(value))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"threshold": float("nan")}, "threshold nan, expected within 0..1"),
        ({"std": float("inf")}, "std inf, expected finite"),
    ],
)
def test_what_is_not_finite_is_not_made(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ContractError, match=says):
        dataclasses.replace(CONTRACT, **fields)


def test_what_is_not_finite_is_not_written() -> None:
    contract = dataclasses.replace(CONTRACT, validation={"score": float("nan")})
    with pytest.raises(ContractError, match="cannot be written as JSON"):
        contract.to_json()


@pytest.mark.parametrize("field", ["provenance", "verification", "validation"])
def test_what_is_nested_too_deep_is_refused(field: str) -> None:
    """It would end whatever goes through it."""
    deep: object = 1
    for _ in range(600):
        deep = [deep]
    value = json.loads(CONTRACT.to_json())
    value[field] = {"x": deep}
    with pytest.raises(ContractError, match="nested more than 32 deep"):
        ModelContract.from_json(json.dumps(value))


@pytest.mark.parametrize(
    ("networks", "judged"),
    [
        (None, True), ("none", True), ([], True), ([3], True), ([{}], True),
        ([{"judge": False}], False), ([{"judge": False}, {"judge": True}], True),
    ],
)  # fmt: skip
def test_whether_there_is_a_judge(networks: object, judged: bool) -> None:
    provenance = {} if networks is None else {"networks": networks}
    assert ModelContract.from_json(changed(provenance=provenance)).judged == judged
