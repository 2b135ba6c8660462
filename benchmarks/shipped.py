"""The shipped network as a checkpoint, which ``peers.py`` can be given.

    python benchmarks/shipped.py shipped.pth

The file that ships has its weights in 16 bits, and batch normalisations folded into convolutions;
what is written computes the same, and is no start for a training (``salt-train --init-weights
default`` is).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from salt_infer.modelfile.onnx_reader import read_model
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import initialisers, shipped, unfold
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.scoring.evaluate import Decision
from salt_train.settings.recipes import RECIPES


@click.command()
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
def main(out: Path) -> None:
    """Write the shipped network to OUT.pth."""
    checkpoints.save(checkpoint(), out)


def checkpoint() -> Checkpoint:
    """The first network of the file that ships, with its scores, threshold and gate."""
    file = shipped.read()
    member, contract = file.members[0], read_model(file.path).contract
    config = dataclasses.replace(RECIPES["lite2"].config, model=member.network)
    weights = unfold.unfolded(member.network, initialisers.read(file.path), "models.0.")
    scores = {**member.origin, "start_sha256": file.sha256}
    decision = Decision(contract.threshold, contract.gate)
    return Checkpoint(config, config.epochs, scores, weights, decision=decision, learnt=file.learnt)


if __name__ == "__main__":
    main()
