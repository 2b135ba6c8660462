"""``salt-export``: a checkpoint to one verified ONNX file."""

from __future__ import annotations

import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import onnx

from salt_export import graph, parity
from salt_infer.contract import ModelContract
from salt_infer.files import check_output, write_whole
from salt_infer.tiles import open_tiles
from salt_train import checkpoint as checkpoints
from salt_train import dataset, synthetic
from salt_train.checkpoint import Checkpoint


@click.command("salt-export")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--gated/--dense", default=False, show_default=True,
    help="Decode only the tiles that the judge lets pass, or all. The masks are the same; gated is "
    "faster on CPU, dense is what TensorRT takes.",
)  # fmt: skip
@click.option(
    "--verify-images", type=click.Path(path_type=Path), metavar="PATH",
    help="Tiles to verify the file on; default: synthetic ones.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace MODEL if it exists.")
@click.version_option(package_name="salt-toolkit")
def cli(
    checkpoint: Path, model: Path, gated: bool, verify_images: Path | None, overwrite: bool
) -> None:
    """Write CHECKPOINT as the ONNX file MODEL, once it is proven to compute the same."""
    check_output(model, ".onnx", [checkpoint], overwrite)
    result = export(checkpoint, model, gated, _verify_tiles(verify_images), overwrite)
    click.echo(
        f"{model}: {model.stat().st_size / 1e6:.1f} MB, {'gated' if gated else 'dense'}, "
        f"opset {graph.OPSET}"
    )
    click.echo(
        f"verified against torch: probability within {result.probability:.2g}, salt within "
        f"{result.salt:.2g} (tolerance {result.tolerance:g}), {result.pixels_flipped} of "
        f"{result.pixels} pixels flipped"
    )


def export(
    source: Path, target: Path, gated: bool, tiles: npt.NDArray[np.uint8], overwrite: bool
) -> parity.Parity:
    """Export a checkpoint, verify the file, publish it by rename.

    Args:
        source: checkpoint.
        target: file to write.
        gated: with the early exit.
        tiles: uint8 [M, 101, 101] to verify on.
        overwrite: replace ``target`` if it exists.

    Raises:
        CheckpointError, ExportError, ParityError: nothing is left at ``target``.
        OutputExistsError: ``target`` exists and ``overwrite`` is false.
    """
    checkpoint = checkpoints.load(source)
    network = checkpoints.build_model(checkpoint)
    proto = graph.build(network, gated)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / target.name
        draft.write_bytes(graph.with_contract(proto, _contract(checkpoint, proto, gated, {})))
        result = parity.check(network, draft, tiles, checkpoint.decision.threshold)
    contract = _contract(checkpoint, proto, gated, result.to_json())
    write_whole(target, graph.with_contract(proto, contract), overwrite)
    return result


def _contract(
    checkpoint: Checkpoint, proto: onnx.ModelProto, gated: bool, verification: dict[str, Any]
) -> ModelContract:
    config = checkpoint.config.model
    return ModelContract(
        architecture=config.architecture,
        gated=gated,
        precision="fp32",
        opset=graph.opset(proto),
        threshold=checkpoint.decision.threshold,
        gate=checkpoint.decision.gate,
        tta="hflip",
        tile_px=config.tile_px,
        canvas_px=config.canvas_px,
        padding="replicate",
        mean=config.mean,
        std=config.std,
        checkpoints=(checkpoint.sha256,),
        versions={name: metadata.version(name) for name in ("salt-toolkit", "torch", "onnx")},
        validation={"epoch": checkpoint.epoch, **checkpoint.scores},
        verification=verification,
    )


def _verify_tiles(path: Path | None) -> npt.NDArray[np.uint8]:
    if path is None:
        return synthetic.draw(parity.TILES, seed=0).tiles
    with open_tiles(path) as source:
        return dataset.read_tiles(source, source.tiles[: parity.TILES])
