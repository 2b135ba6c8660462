"""What exporting costs in exactness: ``python benchmarks/exports.py``.

The network of every recipe in its full size, and an ensemble of three, trained for a few steps on
synthetic tiles, exported dense and gated; each row is what the export's own verification measured
against torch. About 20 minutes of two cores.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import click
import record

from salt_export.job import export
from salt_export.outcome import Done
from salt_export.request import Job
from salt_train import synthetic
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.settings.config import TrainConfig
from salt_train.settings.recipes import RECIPES, rescaled
from salt_train.training import averaging
from salt_train.training.keeper import LAST
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer

TILES, BATCH = 48, 16
MEMBERS, OF = 3, "scratch"  # the ensemble's


def train(config: TrainConfig, out: Path) -> Path:
    """An epoch a stage from random weights, and batch normalisation that has caught up with so few
    steps.
    """
    stages = len([stage for stage in config.stages if stage.epochs])
    short = dataclasses.replace(
        rescaled(config, stages), batch_size=BATCH, warmup_steps=1, encoder_weights=""
    )
    data = synthetic.draw(TILES, seed=config.seed)
    Trainer(short, RunOptions(out, progress=False), data).run()
    checkpoint = checkpoints.load(out / LAST)
    model = checkpoints.build_model(checkpoint)
    averaging.refresh_statistics(model, data.tiles, batch_size=BATCH)
    path = out / "settled.pth"
    checkpoints.save(dataclasses.replace(checkpoint, weights=model.state_dict(), run=None), path)
    return path


def exported(name: str, members: tuple[Path, ...], judge: bool, folder: Path) -> dict[str, Any]:
    """Both files of a network, and what their verification found."""
    kinds = {"dense": False, "gated": True} if judge else {"dense": False}
    found: dict[str, Any] = {"architecture": "", "files": {}}
    for kind, gated in kinds.items():
        path = folder / f"{kind}.onnx"
        done = export(Job(members, path, gated=gated, say=lambda line: None))
        found["architecture"] = done.contract.architecture
        found["files"][kind] = _measured(done)
        path.unlink()
        print(f"{name}, {kind}:", *done.lines(path)[1:], sep="\n  ", flush=True)
    return found


def _measured(done: Done) -> dict[str, Any]:
    return {
        "bytes": done.size,
        **dataclasses.asdict(done.cost),
        **done.parity.to_json(),
    }


def table(networks: dict[str, Any]) -> list[str]:
    """Markdown: a file a row."""
    rows = [
        "| recipe | file | MB | GMAC | as drawn | probability, largest | mean | pixels flipped "
        "| rows changed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in networks.items():
        for kind, file in found["files"].items():
            rows.append(
                f"| {name} | {kind} | {file['bytes'] / 1e6:.1f} | {file['gmac']:.2f} "
                f"| {file['gmac_as_drawn']:.2f} | {file['probability_max']:.1e} "
                f"| {file['probability_mean']:.1e} | {file['pixels_flipped']} of {file['pixels']} "
                f"| {file['rows_changed']} of {file['tiles']} |"
            )
    return rows


@click.command()
def main() -> None:
    """Export the network of every recipe and compare it with torch."""
    networks: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as root:
        for name, recipe in RECIPES.items():
            folder = Path(root) / name
            member = train(recipe.config, folder)
            networks[name] = exported(name, (member,), recipe.config.model.judge, folder)
        config = RECIPES[OF].config
        folders = [Path(root) / f"member-{seed}" for seed in range(MEMBERS)]
        members = tuple(
            train(dataclasses.replace(config, seed=seed), folder)
            for seed, folder in enumerate(folders)
        )
        networks[f"{MEMBERS} of {OF}"] = exported("ensemble", members, True, folders[0])
    lines = table(networks)
    record.save("exports", {"table": lines, "networks": networks})
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
