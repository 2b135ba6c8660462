"""The options of a command that runs a model: which, how, on what, and if that is not there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click

from salt_infer.backends.option_rules import parse_option
from salt_infer.backends.providers import CHOICES, Asked, ProviderRequest
from salt_infer.cli import console
from salt_infer.modelfile.contract import TTA_NAMES

model_option = click.option(
    "--model", "-m", type=console.PATH, metavar="FILE",
    help="Model; default: the one that ships for the provider.",
)  # fmt: skip
tta_option = click.option(
    "--tta", type=click.Choice(TTA_NAMES),
    help="Test-time augmentation: no flip, the flip, or the flip for doubtful tiles alone; "
    "default: the model's.",
)  # fmt: skip
threshold_option = click.option(
    "--threshold", type=console.SHARE, metavar="F",
    help="A pixel is salt above this, 0 to 1; default: the model's.",
)  # fmt: skip
gate_option = click.option(
    "--gate", type=console.SHARE, metavar="F",
    help="A tile may have salt where the judge says more than this, 0 to 1; default: the model's.",
)  # fmt: skip
device_option = click.option(
    "--device-id", type=click.IntRange(0, 63), default=0, metavar="N",
    help="Number of the GPU; default: 0.",
)  # fmt: skip
engine_cache_option = click.option(
    "--engine-cache", type=console.PATH, metavar="DIR",
    help="TensorRT's engines; default: in the user's cache directory.",
)  # fmt: skip

_OPTIONS = (
    click.option(
        "--provider", type=click.Choice(CHOICES), default="auto", show_default=True,
        help="What runs the model. auto: the best that is usable of tensorrt, cuda, cpu, openvino.",
    ),
    device_option,
    click.option(
        "--provider-option", "provider_options", multiple=True, metavar="K=V",
        help="An option of the provider, by its own name; may be given several times.",
    ),
    click.option(
        "--allow-fallback", is_flag=True,
        help="Run on the next best provider, and say so, where the one asked for cannot.",
    ),
    click.option(
        "--deterministic", is_flag=True,
        help="The same bytes in every run on one GPU, at the price of speed; CPUs always do.",
    ),
    engine_cache_option,
)  # fmt: skip


def provider_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above, and hand them to it as ``provider``, a ProviderRequest."""

    @functools.wraps(command)
    def packed(
        *arguments: Any, provider: str, device_id: int, provider_options: tuple[str, ...],
        allow_fallback: bool, deterministic: bool, engine_cache: Path | None, **others: Any,
    ) -> None:  # fmt: skip
        request = ProviderRequest(
            cast(Asked, provider),
            device_id,
            tuple(map(parse_option, provider_options)),
            allow_fallback,
            engine_cache,
            deterministic,
        )
        command(*arguments, provider=request, **others)

    for option in reversed(_OPTIONS):
        packed = option(packed)
    return packed
