"""``python -m salt_infer.cli.selftest cpu``: what ``salt-doctor`` runs in a process of its own."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, cast

import click

from salt_infer.backends.providers import AUTO, Provider
from salt_infer.cli import console, strict_options
from salt_infer.doctor import selftest


@click.command("salt-selftest", cls=strict_options.Command)
@click.argument("provider", type=click.Choice(AUTO), required=False)
@click.option("--device-id", type=int, default=0)
@click.option("--engine-cache", type=click.Path(path_type=Path))
@click.option("--write", "rewrite", is_flag=True, help="Write golden.json anew.")
def cli(provider: str | None, device_id: int, engine_cache: Path | None, rewrite: bool) -> None:
    """Test PROVIDER with the shipped model and print the outcome as JSON."""
    if rewrite:
        click.echo(f"{selftest.GOLDEN}: {', '.join(selftest.write())}")
        return
    outcome = selftest.run_on(cast(Provider, provider or "cpu"), device_id, engine_cache)
    value: dict[str, Any] = dataclasses.asdict(outcome)
    click.echo(json.dumps(value))


if __name__ == "__main__":
    console.run(cli)
