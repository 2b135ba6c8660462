"""The edge of every command line here: errors become one line on stderr and an exit code."""

from __future__ import annotations

import contextlib
import io
import math
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from salt_infer.errors import PackageError, SaltError

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
TERMINATED = 143  # 128 + SIGTERM


class _Share(click.FloatRange):
    """0 to 1; click's own range lets NaN pass, which no comparison is true of."""

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Any:
        number = super().convert(value, param, context)
        if math.isnan(number):
            self.fail("nan is not in the range 0<=x<=1.", param, context)
        return number


SHARE = _Share(0.0, 1.0)


class _Path(click.Path):
    """Not the empty path, which a shell makes of a variable that is not set, and Python takes for
    the current folder.
    """

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Any:
        if value == "":
            self.fail("the path is empty; is a variable of the shell not set?", param, context)
        return super().convert(value, param, context)


PATH = _Path(path_type=Path)

progress_option = click.option(
    "--progress/--no-progress",
    default=None,
    help="Show a progress bar; default: where stderr is a terminal.",
)


def run(command: click.Command) -> NoReturn:
    """Run a click command and exit: 0 done, 1 failed, 2 bad usage, 3 bad tiles, 130 Ctrl-C."""
    signal.signal(signal.SIGTERM, _terminate)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # A file's name may hold what the terminal's encoding does not; stderr is so already.
        sys.stdout.reconfigure(errors="backslashreplace")
    name = command.name or "salt"
    try:
        code = command.main(prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"{name}: interrupted", err=True)
        code = INTERRUPTED
    except SaltError as error:
        click.echo(f"{name}: {error}", err=True)
        code = error.exit_code
    except OSError as error:  # standard output is full or closed
        # Of all that may be missing, this alone has no name.
        gone = isinstance(error, FileNotFoundError) and error.filename is None
        said = "the current folder is gone; change to another" if gone else error
        click.echo(f"{name}: {said}", err=True)
        code = 1
    sys.exit(code)


@contextlib.contextmanager
def importing(extra: str = "") -> Iterator[None]:
    """Import large packages once a command is about to work: help and usage errors do without.

    Ctrl-C and SIGTERM end the process outright meanwhile: nothing is to be tidied yet, and imports
    turn an interruption into errors of other kinds.

    Args:
        extra: what of the toolkit the packages come with, where they may be missing.

    Raises:
        PackageError: one is missing.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in handlers:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    except ModuleNotFoundError as error:
        if not extra:
            raise
        raise PackageError(
            f"{error.name} is not installed; pip install 'salt-toolkit[{extra}]'"
        ) from error
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM unwinds like Ctrl-C does, so that temporary files go away."""
    sys.exit(TERMINATED)


def require(context: click.Context, *names: str) -> None:
    """Ask for options that only some uses of a command need.

    Raises:
        click.MissingParameter: one was not given.
    """
    for option in context.command.params:
        if option.name in names and context.params[option.name] is None:
            raise click.MissingParameter(ctx=context, param=option)
