"""What all contenders are given: tiles, labels, one checkpoint, and files made from it."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from exports import train

from salt_export import samples
from salt_export.guard import CALIBRATION_TILES
from salt_export.job import CALIBRATION_POOL, export
from salt_export.request import MAX_DROP, Job
from salt_export.tolerances import TILES
from salt_infer import SaltModel
from salt_infer.data.factory import open_tiles
from salt_infer.data.labels import Labels
from salt_train import synthetic
from salt_train.settings.recipes import RECIPES

BENCHMARKS = Path(__file__).parents[1]
EXPORTS: dict[str, dict[str, Any]] = {
    "fp32 dense": {"gated": False},
    "fp16 dense": {"gated": False, "precision": "fp16", "target": "cuda"},
    "fp32 gated": {"gated": True},
    "int8 dense": {"gated": False, "precision": "int8", "target": "cpu"},
    "int8 gated": {"gated": True, "precision": "int8", "target": "cpu"},
}
DRAWN = "scratch"  # recipe of the network where none is given
CHECKPOINT, NNCF = "checkpoint", "nncf int8"


@dataclasses.dataclass(frozen=True)
class Material:
    """What was given.

    Attributes:
        checkpoint: with a judge.
        images: folder of PNGs, every one of them a tile.
        labels: masks of some of these, or of all.
        calibrate: tiles to measure ranges of int8 on.
        max_drop: of the score, that the project's int8 may cost.
    """

    checkpoint: Path
    images: Path
    labels: Path
    calibrate: Path
    max_drop: float = MAX_DROP

    def ids(self) -> tuple[str, ...]:
        """Of all tiles, sorted.

        Raises:
            click.UsageError: not every contender would find the same tiles.
        """
        seen = tuple(sorted(path.stem for path in self.images.glob("*.png")))
        with open_tiles(self.images) as source:
            if seen != tuple(tile.id for tile in source.tiles):
                raise click.UsageError(
                    f"{self.images} has {len(source.tiles)} tiles, {len(seen)} of them as *.png in "
                    "the folder itself; expected all there: not every contender searches folders"
                )
        return seen

    def labelled(self) -> tuple[str, ...]:
        """Of the tiles with a label, sorted."""
        with Labels(self.labels) as labels:
            known = set(labels.ids)
        found = tuple(name for name in self.ids() if name in known)
        if not found:
            raise click.UsageError(f"{self.labels} has no label of any tile in {self.images}")
        return found

    def some(self, count: int, folder: Path) -> Material:
        """The same with at most ``count`` tiles, evenly from among all, copied to a folder."""
        ids = self.ids()
        chosen = [ids[index] for index in samples.evenly(len(ids), count)]
        return dataclasses.replace(self, images=_copied(self.images, chosen, folder))


def drawn(count: int, folder: Path) -> Material:
    """Synthetic tiles and a network, trained for a moment: what it says is worth nothing, what it
    costs is what any weights cost.
    """
    synthetic.write(synthetic.draw(count, seed=1), folder)
    others = synthetic.draw(max(count, TILES), seed=2)
    synthetic.write(others, folder / "others")
    checkpoint = train(RECIPES[DRAWN].config, folder / "run")
    return Material(
        checkpoint, folder / "tiles", folder / "masks", folder / "others" / "tiles", max_drop=1.0
    )


class Files:
    """Files by name, each made when it is first asked for and kept in a folder."""

    def __init__(self, material: Material, folder: Path, say: Callable[[str], None]) -> None:
        """Args:
        material: what they are made from.
        folder: where to; files that are there are not made again.
        say: takes lines about the progress.
        """
        self.material, self.folder, self.say = material, folder, say

    def __getitem__(self, name: str) -> Path:
        if name == CHECKPOINT:
            return self.material.checkpoint
        suffix = "xml" if name == NNCF else "onnx"
        path = self.folder / f"{name.replace(' ', '-')}.{suffix}"
        if not path.exists():
            self.say(f"making {path.name}")
            (self._quantise if name == NNCF else self._export)(name, path)
        return path

    def _export(self, name: str, path: Path) -> None:
        options = EXPORTS[name]
        calibrate = self.material.calibrate if options.get("precision") == "int8" else None
        # Of too few labelled tiles no export takes a score: then it verifies on others.
        enough = len(self.material.labelled()) >= TILES
        job = Job(
            (self.material.checkpoint,), path, calibrate=calibrate, say=self.say,
            verify_images=self._labelled() if enough else None,
            labels=self.material.labels if enough else None,
            max_drop=self.material.max_drop, **options,
        )  # fmt: skip
        export(job)

    def _labelled(self) -> Path:
        """The folder of tiles, or where some have no label one of those that have."""
        ids = self.material.labelled()
        if ids == self.material.ids():
            return self.material.images
        return _copied(self.material.images, ids, self.folder / "labelled")

    def _quantise(self, name: str, path: Path) -> None:
        """On the tiles that the project's int8 is calibrated on."""
        dense = self["fp32 dense"]
        pool, _ = samples.read(self.material.calibrate, None, CALIBRATION_POOL)
        found = SaltModel.load(dense, provider="cpu").predict(pool)
        tiles = self.folder / "calibration.npy"
        np.save(tiles, samples.stratified(pool, found.masks, CALIBRATION_TILES))
        draft = path.with_name("draft.xml")
        arguments = [str(each) for each in (dense.resolve(), tiles.resolve(), draft.resolve())]
        command = [sys.executable, "-m", "contenders.openvino_int8", *arguments]
        done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True)
        if done.returncode:
            raise click.ClickException(f"NNCF failed:\n{done.stderr[-2000:]}")
        draft.with_suffix(".bin").rename(path.with_suffix(".bin"))
        draft.rename(path)


def _copied(images: Path, ids: list[str] | tuple[str, ...], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ids:
        shutil.copyfile(images / f"{name}.png", folder / f"{name}.png")
    return folder
