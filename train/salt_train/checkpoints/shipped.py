"""The network that ships with ``salt-infer``, as something to start a training from: which one it
is and what it has seen, from its file's contract.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salt_infer.modelfile.contract import ModelContract
from salt_infer.modelfile.learnt import Learnt
from salt_infer.modelfile.onnx_reader import read_model
from salt_infer.models import default_model
from salt_train.errors import CheckpointError, ConfigError
from salt_train.settings.model_config import ModelConfig
from salt_train.settings.recipes import RECIPES

# Among a checkpoint's scores: the weights that it started from may have learnt its held-out tiles.
MAY_HAVE_SEEN = "start_may_have_seen_fold"
DOUBTED = (
    "warning: what this run started from, or what labelled for it, may have seen tiles that it "
    "validates on; if so, scores are too high"
)


@dataclasses.dataclass(frozen=True)
class Member:
    """One network of the file, which may be an ensemble.

    Attributes:
        number: from 0.
        network: its shape.
        origin: what the contract says of its validation: its fold, split and score.
    """

    number: int
    network: ModelConfig
    origin: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Shipped:
    """The dense file, whose weights are floats: 8-bit ones could not be trained on.

    Attributes:
        path: of the file.
        sha256: of the file.
        members: its networks.
        learnt: the tiles that they have learnt from.
    """

    path: Path
    sha256: str
    members: tuple[Member, ...]
    learnt: Learnt


def read() -> Shipped:
    """What ships here.

    Raises:
        CheckpointError: the file does not say what its networks are.
    """
    path = default_model("cuda")
    file = read_model(path)
    origins = file.contract.validation.get("members") or [file.contract.validation]
    shapes = networks(file.contract, path)
    if len(shapes) != len(origins):
        raise CheckpointError(f"{path} has {len(shapes)} networks and {len(origins)} validations")
    pairs = enumerate(zip(shapes, origins, strict=True))
    members = tuple(Member(number, shape, origin) for number, (shape, origin) in pairs)
    return Shipped(path, file.sha256, members, file.learnt)


def fitting(file: Shipped, model: ModelConfig) -> list[Member]:
    """The networks that a run of this shape can start from.

    Raises:
        ConfigError: there is none.
    """
    found = [each for each in file.members if _alike(each.network, model)]
    if not found:
        raise ConfigError(
            f"{file.path} is of {file.members[0].network.architecture}, this run trains "
            f"{model.architecture}; with --init-weights default leave out every --set of a model's "
            "setting, which then are the shipped network's"
        )
    return found


def _alike(one: ModelConfig, other: ModelConfig) -> bool:
    """Whether they compute the same."""
    return one.deployed == other.deployed


def networks(contract: ModelContract, path: Path) -> list[ModelConfig]:
    """Shapes of a file's networks, from its contract.

    Raises:
        CheckpointError: it names none that this version knows.
    """
    said = contract.provenance.get("networks")
    try:
        if said is not None:
            return [ModelConfig(**each) for each in said]
        # Files from before that entry have their network in words: a recipe's.
        found = next(
            recipe.config.model
            for recipe in RECIPES.values()
            if recipe.config.model.architecture == contract.architecture
        )
        return [
            dataclasses.replace(
                found, canvas_px=contract.canvas_px, mean=contract.mean, std=contract.std
            )
        ]
    except (StopIteration, TypeError, ConfigError) as error:
        raise CheckpointError(
            f"{path} is of {contract.architecture}, which this version cannot train on "
            f"({error!r}); train from a checkpoint"
        ) from error


def doubted(scores: Mapping[str, Any]) -> str:
    """What goes with a score that may be one of seen tiles; empty where it is not."""
    if not scores.get(MAY_HAVE_SEEN):
        return ""
    return ", whose tiles the weights it started from or what labelled for it may have seen"


def doubt(origin: Mapping[str, Any]) -> str:
    """A warning of a file that does not name the tiles that it has learnt from."""
    fold = origin.get("fold")
    but = "" if fold is None else f" but for fold {fold}"
    return (
        f"warning: the shipped network has learnt from {origin.get('split_tiles')} tiles{but} "
        f"(split {str(origin.get('split_sha256'))[:12]}); its file does "
        "not say which, so if tiles validated on here are among them, scores are too high"
    )


def seen(tiles: int, among: int, who: str = "the shipped network") -> str:
    """A warning where so many of the held-out tiles are some that a network has learnt from."""
    return (
        f"warning: {who} has learnt from {tiles} of the {among} tiles that are held out: scores "
        "are too high"
    )
