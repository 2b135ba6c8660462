"""The edge of every command line here: errors become one line on stderr and an exit code."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from salt_infer.cli import standard_streams
from salt_infer.cli.interruption import INTERRUPTED
from salt_infer.errors import PackageError, SaltError, one_line
from salt_infer.system import location, resource_limits

# No command here has use for more: numpy's OpenBLAS starts a thread a core when it is imported,
# and where the system allows fewer it ends the process by a Ctrl-C of its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

TERMINATED = 143  # 128 + SIGTERM


class Number(click.FloatRange):
    """A number in a range; click's own lets NaN pass, which no comparison is true of, and infinity
    where there is no bound.
    """

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Any:
        number = super().convert(value, param, context)
        if not math.isfinite(number):
            within = self._describe_range()
            expected = f"in the range {within}" if within else "finite"
            self.fail(f"{value} is not {expected}.", param, context)
        return number

    def _describe_range(self) -> str:
        """For help and errors, where click would say x<=None of what has no bound."""
        bounded = self.min is not None or self.max is not None
        return super()._describe_range() if bounded else ""


SHARE = Number(0.0, 1.0)


class _Path(click.Path):
    """A path as it was meant, see :func:`salt_infer.system.location.typed`; and not the empty one,
    which a shell makes of a variable that is not set, and Python takes for the current folder.
    """

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Any:
        if value == "":
            self.fail("the path is empty; is a variable of the shell not set?", param, context)
        value = super().convert(value, param, context)
        return location.typed(str(value)) if isinstance(value, Path) else value


PATH = _Path(path_type=Path)

progress_option = click.option(
    "--progress/--no-progress",
    default=None,
    help="Show a progress bar; default: where stderr is a terminal, elsewhere a line a minute.",
)
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace output files that exist."
)
restart_option = click.option(
    "--restart", is_flag=True, help="Discard what an interrupted run of this output has done."
)
report_option = click.option(
    "--report", type=PATH, metavar="FILE.json", help="Write what was done as JSON."
)


class _Terminated(SystemExit):
    """SIGTERM came."""


def run(command: click.Command) -> NoReturn:
    """Run a click command and exit: 0 done, 1 failed, 2 bad usage, 3 bad tiles, 130 Ctrl-C, 143
    SIGTERM.

    What standard output does not take costs no work; it is told in the end, and a failure.
    """
    signal.signal(signal.SIGTERM, _terminate)
    out = standard_streams.patient()
    name = command.name or "salt"
    code = _code(command, name)
    if lost := out and out.lost():
        note(name, f"standard output cannot be written ({lost})")
        code = code or 1
    sys.exit(code)


def _code(command: click.Command, name: str) -> int:
    """Run a command to its end; its exit code."""
    try:
        return command.main(prog_name=name, standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        note(name, "interrupted")
        return INTERRUPTED
    except _Terminated:
        note(name, "interrupted")
        return TERMINATED
    except SaltError as error:
        note(name, str(error))
        return error.exit_code
    except (OSError, RuntimeError, MemoryError) as error:
        if (why := resource_limits.explained(error)) is None:
            raise
        note(name, why)
        return 1


def note(program: str, line: str) -> None:
    """Say something beside what a command answers: on stderr, by whom first."""
    click.echo(f"{program}: {line}", err=True)


@contextlib.contextmanager
def importing(extra: str = "") -> Iterator[None]:
    """Import large packages once a command is about to work: help and usage errors do without.

    Ctrl-C and SIGTERM end the process outright meanwhile: nothing is to be tidied yet, and imports
    turn an interruption into errors of other kinds.

    Args:
        extra: what of the toolkit the packages come with; none of what it always needs.

    Raises:
        PackageError: one is missing, or broken.
    """
    # Without a home it keeps its list of fonts among temporary files, which concerns nobody.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in handlers:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    except ImportError as error:
        if (error.name or "").startswith("salt_"):
            raise
        raise PackageError(_absent(error, extra)) from error
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _absent(error: ImportError, extra: str) -> str:
    remedy = f"pip install 'salt-toolkit[{extra}]'" if extra else "pip install salt-toolkit"
    if isinstance(error, ModuleNotFoundError):
        missing = (error.name or "a package").partition(".")[0]
        lacks = f"{missing} is not installed"
        needs = f"this needs the extra {extra} ({lacks})" if extra else lacks
        return f"{needs}; {remedy}"
    again = f"mend that, or install it anew: {remedy} --force-reinstall"
    return (
        f"{error.name or _raised_in(error)} is installed and cannot be imported "
        f"({one_line(error)}); {resource_limits.unloaded(error) or again}"
    )


def _raised_in(error: ImportError) -> str:
    """The package whose own code says that it cannot be imported, where the error has no name."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return str(frames[-1].f_globals["__name__"]).partition(".")[0]


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM unwinds like Ctrl-C does, so that temporary files go away."""
    raise _Terminated(TERMINATED)


def require(context: click.Context, *names: str) -> None:
    """Ask for options that only some uses of a command need.

    Raises:
        click.MissingParameter: one was not given.
    """
    for option in context.command.params:
        if option.name in names and context.params[option.name] is None:
            raise click.MissingParameter(ctx=context, param=option)
