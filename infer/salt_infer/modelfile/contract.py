"""What a model file promises: JSON in its ONNX metadata under ``salt.contract``."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from salt_infer.errors import ContractError

Tta = Literal["none", "hflip", "doubtful"]  # test-time augmentation
TTA_NAMES: tuple[str, ...] = get_args(Tta)

METADATA_KEY = "salt.contract"
VERSION = 1
_MOST_NESTED = 32

# Names in the graph; export writes them and the session asks for them.
TILES, GATE = "tiles", "gate"
PROBABILITY, SALT, KEPT = "probability", "salt", "kept"


_KINDS: dict[str, Any] = {
    "architecture": str, "gated": bool, "precision": str, "opset": int, "threshold": int | float,
    "gate": int | float, "tta": str, "tile_px": int, "canvas_px": int, "padding": str,
    "mean": int | float, "std": int | float, "checkpoints": tuple, "versions": Mapping,
    "validation": Mapping, "provenance": Mapping, "verification": Mapping,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class ModelContract:
    """All that a consumer of the file may rely on, and where the file comes from.

    Attributes:
        architecture: the network, in a line for people.
        gated: the graph takes ``gate``, gives ``kept``, and decodes only the tiles it keeps.
        precision: arithmetic of the network, such as ``fp32``; I/O types never change.
        opset: ONNX operator set.
        threshold: default; a pixel is salt where its probability is above it.
        gate: default; a tile may have salt where the judge's probability is above it.
        tta: default test-time augmentation.
        tile_px: edge of the square tiles.
        canvas_px: edge after padding, inside the graph. Where the members of an ensemble differ in
            this, padding, mean or std, it is the first one's; ``provenance`` lists all.
        padding: how the canvas is filled, inside the graph.
        mean, std: normalisation of grey values in 0..1, inside the graph.
        checkpoints: sha256 of each checkpoint in the file; more than one is an ensemble.
        versions: of the packages that wrote it.
        validation: the score and what it was measured on.
        provenance: what it was made for, the source's commit, what it costs, the graph's sha256.
        verification: what comparing the file with the network measured.
        contract_version: of this format.
    """

    architecture: str
    gated: bool
    precision: str
    opset: int
    threshold: float
    gate: float
    tta: Tta
    tile_px: int
    canvas_px: int
    padding: str
    mean: float
    std: float
    checkpoints: tuple[str, ...]
    versions: Mapping[str, str]
    validation: Mapping[str, Any]
    provenance: Mapping[str, Any]
    verification: Mapping[str, Any]
    contract_version: int = VERSION

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            value = getattr(self, name)
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise ContractError(f"contract has {name} {value!r}, expected {kind}")
        for name in ("threshold", "gate"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ContractError(
                    f"contract has {name} {getattr(self, name)!r}, expected within 0..1"
                )
        for name in ("mean", "std"):
            # Written so that NaN is refused, and whole numbers that no float can be.
            if not abs(getattr(self, name)) <= sys.float_info.max:
                raise ContractError(f"contract has {name} {getattr(self, name)!r}, expected finite")
        for name in ("architecture", "precision", "padding", "checkpoints"):
            value = getattr(self, name)
            for text in value if isinstance(value, tuple) else (value,):
                # Printed as they are, and a file comes from anywhere.
                if not isinstance(text, str) or not text.isprintable():
                    raise ContractError(f"contract has {name} {value!r}, expected printable text")
        if self.tta not in TTA_NAMES:
            raise ContractError(f"contract has tta {self.tta!r}, expected one of {TTA_NAMES}")

    @property
    def judged(self) -> bool:
        """Whether a judge says if a tile has any salt. Where no network has one, ``salt`` is the
        largest of the tile's probabilities, which then are of any tile, and not of those with salt.
        """
        return any(judges(self.provenance))

    @property
    def kind(self) -> str:
        """What it computes in, and whether the gate is within: ``int8 gated``, ``fp32 dense``."""
        return f"{self.precision} {'gated' if self.gated else 'dense'}"

    def to_json(self) -> str:
        """Canonical JSON: the same contract always gives the same text.

        Raises:
            ContractError: a number in it is not finite, which JSON has no word for.
        """
        value = dataclasses.asdict(self)
        try:
            return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
        except ValueError as error:
            raise ContractError(f"the contract cannot be written as JSON ({error})") from error

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse a contract.

        Raises:
            ContractError: not JSON, a number that is not finite, half a character, another
                version, or a field missing or unknown.
        """
        try:
            value = json.loads(text, parse_float=_finite, parse_constant=_finite)
            json.dumps(value, ensure_ascii=False).encode()  # half a character cannot be passed on
        except (ValueError, RecursionError) as error:  # too many digits, or too deep
            raise ContractError(f"the contract is not JSON ({error})") from error
        if is_deep(value):
            raise ContractError(
                f"the contract is nested more than {_MOST_NESTED} deep, expected less"
            )
        if not isinstance(value, dict):
            raise ContractError(f"the contract is a {type(value).__name__}, expected an object")
        version = value.get("contract_version")
        if type(version) is not int or version != VERSION:
            raise ContractError(
                f"the model has contract version {version!r}, this program reads {VERSION}; "
                "update salt-toolkit, or export the checkpoint anew"
            )
        fields = {field.name for field in dataclasses.fields(cls)}
        if fields != value.keys():
            raise ContractError(
                f"the contract lacks {sorted(fields - value.keys())} and has unknown "
                f"{sorted(value.keys() - fields)}; export the checkpoint anew"
            )
        checkpoints = value["checkpoints"]
        if isinstance(checkpoints, list):
            value["checkpoints"] = tuple(checkpoints)
        return cls(**value)


def judges(provenance: Any) -> list[bool]:
    """Whether each network of a file has a judge, by its contract's provenance; those that it does
    not describe, as older files do not, are taken for one that has.
    """
    networks = provenance.get("networks") if isinstance(provenance, Mapping) else None
    listed = networks if isinstance(networks, list) else []
    known = [each for each in listed if isinstance(each, dict)] or [{}]
    return [bool(each.get("judge", True)) for each in known]


def is_deep(value: Any) -> bool:
    """Whether JSON is nested deeper than anything that is written here, so that Python would end in
    the middle of what goes through it.
    """
    level = [value]
    for _ in range(_MOST_NESTED):
        level = [
            each
            for outer in level
            if isinstance(outer, dict | list)
            for each in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _finite(text: str) -> float:
    """A number, ``NaN`` or ``Infinity``, which Python takes for JSON; 1e999 is infinite, too."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number
