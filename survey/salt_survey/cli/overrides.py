"""Options that say what a survey is, whatever its headers say; several commands have them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from salt_infer.cli import console
from salt_survey.scan.overrides import Overrides
from salt_survey.segy.formats import FORMATS

_BYTE, _LINE_BYTE = click.IntRange(1, 237), click.IntRange(1, 239)
_NAMES = {
    "inline_byte": "inline numbers",
    "crossline_byte": "crossline numbers",
    "x_byte": "X coordinates",
    "y_byte": "Y coordinates",
}
_ALONE = ("endian", "sample_endian", "interval_ms", "delay_ms", "lines_from", "allow_truncated")
_OPTIONS: list[Callable[[Any], Any]] = [
    *(
        click.option(
            f"--{name.replace('_', '-')}", name, metavar="N",
            type=_LINE_BYTE if "line" in name else _BYTE,
            help=f"Byte of the {what} in the trace header, counted from 1.",
        )
        for name, what in _NAMES.items()
    ),
    click.option(
        "--line-width", type=click.Choice(["4", "2"]), metavar="4|2",
        help="Bytes of a line number; default: 4; where none are named, 2 if only those make a "
        "grid.",
    ),
    click.option(
        "--format", "format_", type=click.Choice([str(code) for code in FORMATS]), metavar="CODE",
        help="Code of the sample format, where the header's is wrong.",
    ),
    click.option(
        "--endian", type=click.Choice(["big", "little"]), help="Byte order, where it is not found."
    ),
    click.option(
        "--sample-endian", type=click.Choice(["big", "little"]),
        help="Byte order of the samples, where it is not that of the headers.",
    ),
    click.option(
        "--interval-ms", type=console.Number(0, min_open=True), metavar="F",
        help="Sample interval.",
    ),
    click.option(
        "--delay-ms", type=console.Number(), metavar="F", help="Time of the first sample."
    ),
    click.option(
        "--lines-from", type=click.Choice(["headers", "coordinates", "traces"]),
        help="What numbers the lines: headers; coordinates on a grid; or it is one 2-D line, its "
        "traces in their order.",
    ),
    click.option(
        "--allow-truncated", is_flag=True, help="Use the whole traces of a file that is cut."
    ),
]  # fmt: skip


def override_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; it gets one argument for all of them, ``overrides``."""

    @functools.wraps(command)
    def called(**values: Any) -> Any:
        names = [*_NAMES, *_ALONE]
        mine = {name: values.pop(name) for name in names}
        code, width = values.pop("format_"), values.pop("line_width")
        for one, other in (("inline_byte", "crossline_byte"), ("x_byte", "y_byte")):
            if (mine[one] is None) != (mine[other] is None):
                raise click.UsageError(
                    f"--{one.replace('_', '-')} and --{other.replace('_', '-')} go together"
                )
        numbers = {"format": code, "line_width": width}
        mine |= {name: None if value is None else int(value) for name, value in numbers.items()}
        overrides = Overrides(**mine)
        return command(overrides=overrides, **values)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called
