from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from salt_export import contracts, targets
from salt_export.cost import Cost
from salt_export.errors import ExportError
from salt_infer.modelfile.contract import ModelContract
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints.checkpoint import Checkpoint

FILE = Path("x.onnx")


def drafted(*loaded: Checkpoint) -> ModelContract:
    """As a file has it."""
    wanted = targets.resolve("portable", None, None, calibrated=False)
    draft = contracts.draft(loaded, "portable", wanted, 18, Cost(1.0, 1.0, 1000))
    return ModelContract.from_json(draft.to_json())


@pytest.fixture(scope="module")
def pair(two_checkpoints: tuple[Path, Path]) -> tuple[Checkpoint, Checkpoint]:
    """An ensemble of unlike networks."""
    one, two = map(checkpoints.load, two_checkpoints)
    model = dataclasses.replace(two.config.model, canvas_px=112, mean=0.5)
    config = dataclasses.replace(two.config, model=model)
    decision = dataclasses.replace(two.decision, threshold=0.25, gate=0.75)
    return one, dataclasses.replace(two, config=config, decision=decision)


def test_a_contract_is_that_of_its_checkpoints(pair: tuple[Checkpoint, Checkpoint]) -> None:
    for loaded in (pair, pair[:1]):
        contracts.check(drafted(*loaded), loaded, FILE)


def test_unlike_members_are_listed(pair: tuple[Checkpoint, Checkpoint]) -> None:
    contract = drafted(*pair)
    assert contract.threshold == (pair[0].decision.threshold + 0.25) / 2
    assert (contract.canvas_px, contract.mean) == (128, 0.47)
    first, second = contract.provenance["members"]
    assert (first["canvas_px"], second["canvas_px"], second["mean"]) == (128, 112, 0.5)
    assert (second["threshold"], second["gate"]) == (0.25, 0.75)
    assert "members" not in drafted(pair[0]).provenance


def test_members_in_another_order_are_told_from_others(
    pair: tuple[Checkpoint, Checkpoint],
) -> None:
    contract = drafted(*pair)
    with pytest.raises(ExportError, match=r"from these checkpoints in another order, .*: name "):
        contracts.check(contract, pair[::-1], FILE)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"threshold": 0.9}, r"x\.onnx says threshold 0\.9, its checkpoints 0\.\d+; it was"),
        ({"gate": 0.01}, r"says gate 0\.01"),
        ({"mean": 0.1}, r"says mean 0\.1, its checkpoints 0\.47"),
        ({"canvas_px": 256}, "says canvas_px 256, its checkpoints 128"),
        ({"architecture": "better"}, "says architecture \"better\""),
        ({"validation": {"score": 0.99}}, r'says validation \{"score": 0\.99\}'),
        ({"checkpoints": ("ab" * 32,)}, "was made from checkpoints abababababab, these are"),
        ({"precision": "bf16"}, "says precision 'bf16', expected one of fp32, fp16-w"),
    ],
)  # fmt: skip
def test_what_was_changed_is_named(
    pair: tuple[Checkpoint, Checkpoint], change: dict[str, Any], says: str
) -> None:
    contract = dataclasses.replace(drafted(pair[0]), **change)
    with pytest.raises(ExportError, match=says):
        contracts.check(contract, pair[:1], FILE)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"opset": 23}, "says opset 23, expected 18"),
        ({"gmac": 0.001}, r"says gmac 0\.001, expected 1\.0"),
        ({"parameters": 1}, "says parameters 1, expected 1000"),
        ({"gmac": None}, r"says gmac null, expected 1\.0"),
        ({"members": []}, r"says members \[\], expected \[\{"),
    ],
)
def test_what_a_file_says_of_its_making_has_to_be_so(
    pair: tuple[Checkpoint, Checkpoint], change: dict[str, Any], says: str
) -> None:
    contract = drafted(*pair)
    contracts.check_made(contract, drafted(*pair), FILE)
    opset = change.get("opset", contract.opset)
    told = {name: value for name, value in change.items() if name != "opset"}
    changed = dataclasses.replace(contract, opset=opset, provenance={**contract.provenance, **told})
    with pytest.raises(ExportError, match=says):
        contracts.check_made(changed, drafted(*pair), FILE)


def test_of_a_table_that_was_changed_what_differs_is_named(
    pair: tuple[Checkpoint, Checkpoint],
) -> None:
    contract = drafted(pair[0])
    changed = dataclasses.replace(contract, validation={**contract.validation, "score": 0.99})
    told = (
        r'says validation \{"score": 0\.99\}, its checkpoints \{"score": 0\.\d+\}; it was changed'
    )
    with pytest.raises(ExportError, match=told):
        contracts.check(changed, pair[:1], FILE)


@pytest.mark.parametrize("judge", [True, False])
def test_networks_that_are_not_described_are_taken_for_some_with_judges(
    pair: tuple[Checkpoint, Checkpoint], judge: bool
) -> None:
    """As whatever runs the file takes them, so that for others other numbers would come of it."""
    config = pair[0].config
    model = dataclasses.replace(config.model, judge=judge)
    loaded = dataclasses.replace(pair[0], config=dataclasses.replace(config, model=model))
    contract = drafted(loaded)
    provenance = {key: value for key, value in contract.provenance.items() if key != "networks"}
    unsaid = dataclasses.replace(contract, provenance=provenance)
    if judge:
        contracts.check(unsaid, [loaded], FILE)
        return
    with pytest.raises(ExportError, match="says other things of its networks' shapes"):
        contracts.check(unsaid, [loaded], FILE)
