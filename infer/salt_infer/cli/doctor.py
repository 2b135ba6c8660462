"""``salt-doctor``: does it work here, and on what?"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from salt_infer.cli import console, strict_options
from salt_infer.cli.progress_bar import Bar
from salt_infer.cli.provider_options import device_option, engine_cache_option, model_option
from salt_infer.system.location import Location, parse
from salt_infer.system.output_checks import check_output
from salt_infer.system.whole_files import write_whole

if TYPE_CHECKING:
    from salt_infer.backends.engine_cache import EngineCache

_PATH = console.PATH
ROUNDS = 3


@click.command(
    "salt-doctor", cls=strict_options.Command,
    epilog="Exit codes: 0 salt-infer works; 1 it does not, or not with these tiles; 2 bad usage.",
)  # fmt: skip
@click.option("--json", "report", type=_PATH, metavar="FILE.json", help="Write the same as JSON.")
@console.overwrite_option
@device_option
@engine_cache_option
@click.option(
    "--images", type=parse, metavar="PATH|URL",
    help="Tiles, as salt-infer takes them, to try every way on that works: each provider with each "
    "test-time augmentation. Says how fast each is, and how its masks differ.",
)  # fmt: skip
@click.option(
    "--labels", type=_PATH, metavar="PATH", help="Their true masks, as salt-infer takes them."
)
@model_option
@click.option(
    "--rounds", type=click.IntRange(1, 100), default=ROUNDS, show_default=True, metavar="N",
    help="Runs of each way, in turn.",
)  # fmt: skip
@console.progress_option
@click.option("--prune-cache", is_flag=True, help="Remove all of TensorRT's engines, and stop.")
@click.version_option(package_name="salt-toolkit")
@click.pass_context
def cli(
    context: click.Context, /, report: Path | None, overwrite: bool, device_id: int,
    engine_cache: Path | None, prune_cache: bool, images: Location | None, labels: Path | None,
    model: Path | None, rounds: int, progress: bool | None,
) -> None:  # fmt: skip
    """Say what salt-infer can run on here, what the rest lacks, whether the masks are right, and
    which of the other commands have their packages; with --images, how fast each way is.
    """
    if images is None and (labels or model or rounds != ROUNDS):
        console.require(context, "images")
    if images is not None and prune_cache:
        raise click.UsageError("--prune-cache removes engines and stops: leave --images out.")
    with console.importing():
        from salt_infer.backends.engine_cache import EngineCache
        from salt_infer.data.dataset import open_images
        from salt_infer.doctor.diagnosis import diagnose
        from salt_infer.doctor.trials import TrialRequest, lines, tried, ways

    cache = EngineCache(engine_cache)
    if prune_cache:
        _prune(cache)
        return
    if report:
        check_output(report, ".json", (), overwrite)
    if images is not None:
        with open_images(images):  # what is not there is told before the self-tests
            pass
    found = diagnose(cache, device_id)
    for line in found.lines():
        click.echo(line)
    if images is not None and found.providers:
        request = TrialRequest(images, labels, model, rounds, device_id, engine_cache)
        with Bar("salt-doctor", progress, "runs") as bar:
            trials = tried(ways(found.providers, request), request, bar)
        for line in lines(trials, rounds):
            click.echo(line)
        found = dataclasses.replace(found, trials=trials)
    if report:
        write_whole(report, found.to_json().encode(), overwrite)
    if not found.works:
        context.exit(1)


def _prune(cache: EngineCache) -> None:
    gone, left = cache.prune()
    freed = sum(entry.size for entry in gone) / 1e6
    click.echo(f"removed {len(gone)} engines, {freed:.1f} MB, from {cache.root}")
    for entry in left:
        click.echo(f"left {entry.folder.name[:12]}: a process is building or loading it")


def main() -> NoReturn:
    """Entry point of the ``salt-doctor`` command."""
    console.run(cli)
