"""``salt-doctor``: does it work here, and on what?"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

from salt_infer.cli import console, strict_options
from salt_infer.cli.provider_options import device_option, engine_cache_option
from salt_infer.system.files import check_output, write_whole

_PATH = console.PATH


@click.command(
    "salt-doctor", cls=strict_options.Command,
    epilog="Exit codes: 0 salt-infer works; 1 it does not; 2 bad usage.",
)  # fmt: skip
@click.option("--json", "report", type=_PATH, metavar="FILE.json", help="Write the same as JSON.")
@console.overwrite_option
@device_option
@engine_cache_option
@click.option("--prune-cache", is_flag=True, help="Remove all of TensorRT's engines, and stop.")
@click.version_option(package_name="salt-toolkit")
@click.pass_context
def cli(
    context: click.Context, /, report: Path | None, overwrite: bool, device_id: int,
    engine_cache: Path | None, prune_cache: bool,
) -> None:  # fmt: skip
    """Say what salt-infer can run on here, what the rest lacks, whether the masks are right, and
    which of the other commands have their packages.
    """
    with console.importing():
        from salt_infer.backends.engine_cache import EngineCache
        from salt_infer.cli.diagnosis import diagnose

    cache = EngineCache(engine_cache)
    if prune_cache:
        gone, left = cache.prune()
        freed = sum(entry.size for entry in gone) / 1e6
        click.echo(f"removed {len(gone)} engines, {freed:.1f} MB, from {cache.root}")
        for entry in left:
            click.echo(f"left {entry.folder.name[:12]}: a process is building or loading it")
        return
    if report:
        check_output(report, ".json", (), overwrite)
    found = diagnose(cache, device_id)
    for line in found.lines():
        click.echo(line)
    if report:
        write_whole(report, found.to_json().encode(), overwrite)
    if not found.works:
        context.exit(1)


def main() -> NoReturn:
    """Entry point of the ``salt-doctor`` command."""
    console.run(cli)
