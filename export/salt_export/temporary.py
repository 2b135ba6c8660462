"""The folder that files are tried in before one of them is published."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from salt_infer.errors import OutputError, SaltError
from salt_infer.system import resource_limits

_LITTLE = 1 << 20  # bytes; a library stops before the last of them


@contextlib.contextmanager
def room(folder: Path) -> Iterator[None]:
    """Tell errors that come of a full disk as that: libraries write files that are cut short, and
    then cannot read them.

    Args:
        folder: of the temporary files.

    Raises:
        OutputError: there is no room left in it.
    """
    try:
        yield
    except SaltError:
        raise
    except Exception as error:
        if shutil.disk_usage(folder).free < _LITTLE:
            told = f"no room is left: {resource_limits.no_room(str(folder.parent))}"
            raise OutputError(told) from error
        raise
