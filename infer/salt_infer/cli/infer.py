"""``salt-infer``: tiles in, submission out."""

from __future__ import annotations

from typing import Any, NoReturn

import click

from salt_infer.cli import console, strict_options
from salt_infer.cli.executor_options import executor_options
from salt_infer.cli.progress_bar import Bar
from salt_infer.cli.provider_options import (
    gate_option,
    model_option,
    provider_options,
    threshold_option,
    tta_option,
)
from salt_infer.errors import BAD_TILES
from salt_infer.execution.request import DECODE_IN
from salt_infer.system.location import parse

_PATH = console.PATH


@click.command(
    "salt-infer", cls=strict_options.Command,
    epilog="Exit codes: 0 done; 1 failed; 2 bad usage; 3 bad tiles.",
)  # fmt: skip
@click.option(
    "--images", type=parse, metavar="PATH|URL",
    help="101x101 PNG tiles: a directory (searched recursively), a .zip, or the URL of one, such "
    "as s3://bucket/tiles; or a .txt or .csv that names them.",
)  # fmt: skip
@click.option(
    "--out", type=_PATH, metavar="FILE",
    help="Submission to write: id,rle_mask, sorted by id; .csv, .csv.gz or .parquet.",
)  # fmt: skip
@model_option
@provider_options
@executor_options
@click.option(
    "--batch-size", "-b", type=click.IntRange(1, 4096), metavar="N",
    help="Tiles a batch; default: 32, on a GPU 128.",
)  # fmt: skip
@click.option(
    "--workers", "-j", "decode_workers", type=click.IntRange(1, 256), metavar="N",
    help="Threads, or Ray's tasks, that decode; default: one for each CPU, at most "
    "four; with Ray, as many as there are CPUs.",
)  # fmt: skip
@click.option(
    "--decode-in", type=click.Choice(DECODE_IN), default="auto", show_default=True,
    help="Whether these threads decode, or a process each for them: auto goes over to processes "
    "where four threads or more may be too slow for the model.",
)  # fmt: skip
@tta_option
@threshold_option
@gate_option
@click.option(
    "--min-area", type=click.IntRange(0, 101 * 101), default=0, show_default=True, metavar="PX",
    help="A mask with fewer pixels becomes empty.",
)  # fmt: skip
@click.option(
    "--on-error", type=click.Choice(["stop", "skip", "empty"]), default="skip", show_default=True,
    help="A bad tile ends the run, is left out, or gets an empty mask.",
)  # fmt: skip
@console.overwrite_option
@console.restart_option
@click.option(
    "--retry-bad", is_flag=True,
    help="Going on from an interrupted run, try the tiles again that it could not read.",
)  # fmt: skip
@console.progress_option
@console.report_option
@click.option(
    "--details", is_flag=True,
    help="Add the columns salt, confidence and crc32: the judge's probability, the score that the "
    "model itself expects for the tile, and what tells the tile from others of its name.",
)  # fmt: skip
@click.option(
    "--masks", type=_PATH, metavar="DIR", help="Write each mask as DIR/id.png, 0 and 255."
)
@click.option(
    "--probabilities", type=_PATH, metavar="PATH",
    help="Write each pixel's probability of salt, 255 for 1: all into one .npz, with what the "
    "threshold is compared with, or DIR/id.npy.",
)  # fmt: skip
@click.option(
    "--labels", type=_PATH, metavar="PATH",
    help="True masks to score against: table of id,rle_mask, or directory or .zip of PNGs.",
)  # fmt: skip
@click.option(
    "--partial", is_flag=True,
    help="Score the tiles that have a label, though others have none.",
)  # fmt: skip
@click.option(
    "--describe", is_flag=True, help="Show what the model is and what proved it, and stop."
)
@click.option(
    "--build-only",
    is_flag=True,
    help="Load the model, which builds TensorRT's engine for such batches, and stop.",
)
@click.version_option(package_name="salt-toolkit")
@click.pass_context
def cli(
    context: click.Context, /, progress: bool | None, describe: bool, build_only: bool,
    **request: Any,
) -> None:  # fmt: skip
    """Find salt in seismic tiles and write the masks as run-length strings."""
    if not (describe or build_only):
        console.require(context, "images", "out")
    # The runtime takes a while to import: --help and usage errors do not wait for it.
    with console.importing():
        from salt_infer.backends.selection import default_for
        from salt_infer.job.job import Job, build, run
        from salt_infer.modelfile import checksum
        from salt_infer.modelfile.describe import describe as described
        from salt_infer.modelfile.onnx_reader import read_model

    if describe:
        path = request["model"] or default_for(request["provider"])
        click.echo(described(read_model(path)))
        if doubt := checksum.doubt(path):
            console.note("salt-infer", doubt)
        return
    with Bar("salt-infer", progress) as bar:
        if build_only:
            click.echo(build(Job(**request), bar))
            return
        report = run(Job(**request), bar)
    for line in report.lines():
        click.echo(line)
    for line in filter(None, [*report.warnings, report.fallback()]):
        console.note("salt-infer", line)
    if report.bad:
        console.note("salt-infer", f"{len(report.bad)} bad tile(s), see above")
        context.exit(BAD_TILES)


def main() -> NoReturn:
    """Entry point of the ``salt-infer`` command."""
    console.run(cli)
