"""``salt-serve``: a model behind a web page."""

from __future__ import annotations

import functools
from pathlib import Path

import click

from salt_infer.backends.providers import ProviderRequest
from salt_infer.cli import console, strict_options
from salt_infer.cli.provider_options import (
    gate_option,
    model_option,
    provider_options,
    threshold_option,
    tta_option,
)
from salt_infer.modelfile.contract import Tta


@click.command(
    "salt-serve", cls=strict_options.Command,
    epilog="Exit codes: 0 stopped; 1 failed; 2 bad usage.",
)  # fmt: skip
@model_option
@provider_options
@tta_option
@threshold_option
@gate_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, metavar="N",
    help="Port; 0 is any that is free.",
)  # fmt: skip
@click.option(
    "--batch-size", "-b", type=click.IntRange(1, 4096), metavar="N",
    help="Tiles that are run together at most; default: 32, on a GPU 128.",
)  # fmt: skip
@click.option(
    "--batch-wait", type=console.Number(0, 1000), default=2, show_default=True, metavar="MS",
    help="How long a tile waits for others.",
)  # fmt: skip
@click.option(
    "--queue", type=click.IntRange(1, 100_000), default=512, show_default=True, metavar="N",
    help="Tiles that may wait; beyond them clients are asked to come back.",
)  # fmt: skip
@click.option(
    "--max-files", type=click.IntRange(1, 4096), default=64, show_default=True, metavar="N",
    help="Files in a request.",
)  # fmt: skip
@click.option(
    "--max-request", type=click.IntRange(1, 1024), default=16, show_default=True, metavar="MIB",
    help="Size of a request; uploads of eight such are in memory at once.",
)  # fmt: skip
@click.option(
    "--threads", "-j", type=click.IntRange(1, 256), metavar="N",
    help="Threads of the model; default: one for each core, within a container's share of them.",
)  # fmt: skip
@click.option(
    "--grace", type=click.IntRange(0, 3600), default=30, show_default=True, metavar="S",
    help="Time to finish what is under way when told to stop.",
)  # fmt: skip
@click.option(
    "--root-path", default="", metavar="PATH",
    help="What a proxy puts before the addresses, such as /salt, whether it takes it off or not; "
    "default: what its X-Forwarded-Prefix says.",
)  # fmt: skip
@click.option(
    "--access-log/--no-access-log", default=True, show_default=True,
    help="Write a line for each request.",
)  # fmt: skip
@click.version_option(package_name="salt-toolkit")
def cli(
    model: Path | None,
    provider: ProviderRequest,
    tta: Tta | None,
    threshold: float | None,
    gate: float | None,
    host: str,
    port: int,
    batch_size: int | None,
    batch_wait: float,
    queue: int,
    max_files: int,
    max_request: int,
    threads: int | None,
    grace: int,
    root_path: str,
    access_log: bool,
) -> None:
    """Find salt in tiles that are dropped on a web page or sent by programs."""
    # The runtime takes a while to import: --help and usage errors do not wait for it.
    with console.importing("serve"):
        from salt_infer import SaltModel
        from salt_serve import prefix, server
        from salt_serve.api import create_app
        from salt_serve.batcher import BatchOptions
        from salt_serve.limits import MIB, Limits
        from salt_serve.predictor import Predictor
        from salt_serve.service import Service

    before = prefix.parse(root_path)
    size = max_request * MIB
    limits = Limits(files=max_files, request_bytes=size, held_bytes=8 * size)
    loaded = SaltModel.load(
        model, threshold=threshold, gate=gate, tta=tta, threads=threads, provider=provider,
        batch_size=batch_size, tell=functools.partial(console.note, "salt-serve"),
    )  # fmt: skip
    options = BatchOptions(batch_size or loaded.batch_size, batch_wait / 1000, queue)
    predictor = Predictor(loaded)
    service = Service(predictor, limits, options)
    predictor.warm_up()
    with server.listen(host, port) as listening:
        click.echo(f"salt-serve: {server.address(listening)} (Ctrl-C stops)")
        session, settings = loaded.session, loaded.settings
        click.echo(
            f"model: {session.path.name} on {session.provider}; tta {settings.tta}, threshold "
            f"{settings.threshold:g}, gate {settings.gate:.3g}; batches of up to {options.size}"
        )
        server.run(server.make(create_app(service, before), limits, grace, access_log), listening)
