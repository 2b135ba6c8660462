"""``salt-export``: checkpoints to one verified ONNX file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args

import click
from click.core import ParameterSource

from salt_export.request import MAX_DROP, OPSET, Job
from salt_export.status import Status
from salt_export.targets import Precision, TargetName
from salt_export.tolerances import COMPARED_TILES, TILES
from salt_infer.cli import console, strict_options
from salt_infer.system import resource_limits

_PATH = console.PATH
_CHOICES = ("target", "gated", "precision", "opset")  # what a file that is there has settled


@click.command(
    "salt-export", cls=strict_options.Command,
    epilog="Exit codes: 0 done; 1 failed; 2 bad usage.",
)  # fmt: skip
@click.argument("checkpoints", type=_PATH, nargs=-1, metavar="CHECKPOINT...")
@click.argument("model", type=_PATH, metavar="MODEL.onnx")
@click.option(
    "--target", type=click.Choice(get_args(TargetName)), default="portable", show_default=True,
    help="What the file is for: portable is dense fp32, cpu gated (int8 with --calibrate), cuda "
    "and tensorrt dense fp16.",
)  # fmt: skip
@click.option(
    "--gated/--dense", default=None,
    help="Decode only the tiles that the judge lets pass, or all. The masks are the same; gated is "
    "faster on CPU, dense is what TensorRT takes.",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(get_args(Precision)),
    help="Arithmetic of the network; inputs and outputs stay as they are. fp16-weights: that "
    "of fp32, with weights stored in half the space.",
)  # fmt: skip
@click.option(
    "--opset", type=click.IntRange(18, 23), default=OPSET, show_default=True, metavar="N",
    help="ONNX operator set.",
)  # fmt: skip
@click.option(
    "--calibrate", type=_PATH, metavar="PATH",
    help="Tiles to measure int8's ranges on, of which 300 are chosen; "
    f"at least {TILES} unless there are --verify-images.",
)  # fmt: skip
@click.option(
    "--max-drop", type=console.SHARE, default=MAX_DROP, show_default=True,
    metavar="F",
    help="Score that int8 may lose on --verify-images with --labels; sensitive layers stay in fp32 "
    "until it holds. Without labels the fp32 masks stand in, and three times as much may differ.",
)  # fmt: skip
@click.option(
    "--verify-images", type=_PATH, metavar="PATH",
    help=f"Tiles to verify the file on, at least {TILES}: so many are taken, evenly spread, and "
    f"{COMPARED_TILES} with --labels or in int8; default: those of --calibrate, or synthetic ones.",
)  # fmt: skip
@click.option(
    "--labels", type=_PATH, metavar="PATH",
    help="True masks of --verify-images: the score is compared too.",
)  # fmt: skip
@click.option(
    "--check-tensorrt", is_flag=True,
    help="Have TensorRT for RTX build an engine of the file, which needs no GPU; refuse the file "
    "if it does. Install 'salt-toolkit[tensorrt-check]'.",
)  # fmt: skip
@console.report_option
@click.option(
    "--verify-only", is_flag=True,
    help="Export nothing: compare MODEL.onnx with the checkpoints that it was made from.",
)  # fmt: skip
@console.overwrite_option
@click.option(
    "--progress/--no-progress", default=None,
    help="Show what is being done; default: on a terminal in a line, in a log in a line a stage.",
)  # fmt: skip
@click.version_option(package_name="salt-toolkit")
def cli(
    checkpoints: tuple[Path, ...], verify_only: bool, progress: bool | None, **request: Any
) -> None:
    """Write checkpoints as the ONNX file MODEL, once it is proven to compute the same. Several
    checkpoints become one ensemble.
    """
    if not checkpoints:
        raise click.UsageError(
            f"{request['model']} is one path, expected two or more: the checkpoint, and the model "
            "file behind it, as in salt-export last.pth model.onnx."
        )
    asked = Job(checkpoints=checkpoints, **request)
    if verify_only:
        _refuse_choices(click.get_current_context())
        asked.check_verification()
    else:
        asked.check()
    resource_limits.check_temporary()
    with console.importing("export"):
        import onnxscript  # noqa: F401  (torch's exporter stands on it)

        from salt_export.job import export
        from salt_export.verify import verify

    with Status(progress) as status:
        asked = dataclasses.replace(asked, say=status.say, doing=status.doing)
        done = verify(asked) if verify_only else export(asked)
    for line in done.lines(asked.model):
        click.echo(line)


def _refuse_choices(context: click.Context) -> None:
    given = [
        option.opts[0]
        for option in context.command.params
        if option.name in _CHOICES
        and context.get_parameter_source(option.name) is not ParameterSource.DEFAULT
    ]
    if given:
        raise click.UsageError(
            f"--verify-only takes MODEL.onnx as it is: leave out {', '.join(given)}"
        )
