"""Every error the toolkit raises on purpose.

::

    SaltError
    ├── UsageError          the request cannot be carried out as asked
    │   ├── InputError        no such folder or zip, no tiles in it, two tiles with one id
    │   ├── OutputExistsError the output is there already and --overwrite was not given
    │   ├── OutputInUseError  another run writes the same output
    │   └── JournalError      the journal beside the output is another run's, or in use
    ├── OutputError         a file cannot be written: the disk is full, the folder read-only
    ├── PackageError        a package that the request needs is not installed
    ├── ExecutorError       the cluster that is to run the tiles cannot be reached, or is gone
    ├── TileError           one tile cannot be read (a run goes on past it)
    ├── BadTilesError       tiles could not be read and the run was told to stop there
    ├── RleError            a run-length string is malformed
    ├── LabelError          labels are missing, malformed, or do not fit the tiles
    └── ModelError          the model file cannot be used
        ├── NoModelError      there is no such file; a UsageError, too
        ├── ContractError     its contract is missing, newer, or says something else than its graph
        └── ProviderError     what was asked to run it cannot, or did not

Each message gives what was seen, what was expected, and how to fix it. Command lines turn a
``SaltError`` into one line on stderr and an exit code; nothing else is caught there.
"""

from __future__ import annotations

BAD_TILES = 3  # exit code wherever a tile could not be read


class SaltError(Exception):
    """Base of every error raised on purpose by this toolkit."""

    exit_code: int = 1


class UsageError(SaltError):
    """The request cannot be carried out as asked; exit code 2."""

    exit_code = 2


class InputError(UsageError):
    """What was asked to be read is not there, or its tiles cannot be listed."""


class OutputExistsError(UsageError):
    """The output exists and overwriting was not asked for."""


class OutputInUseError(UsageError):
    """Another run writes the same output."""


class JournalError(UsageError):
    """The journal beside the output belongs to another run, is in use, or is damaged."""


class OutputError(SaltError):
    """A file cannot be written: the disk is full, or its folder cannot be written to."""


class PackageError(SaltError):
    """A package that the request needs is not installed."""


class ExecutorError(SaltError):
    """The cluster that is to run the tiles cannot be reached, has no room, or is gone."""


class TileError(SaltError):
    """One tile cannot be read; the message is a single line."""


class BadTilesError(SaltError):
    """Tiles could not be read, and the run was told to stop at the first."""

    exit_code = BAD_TILES


class RleError(SaltError):
    """A run-length string is malformed."""


class LabelError(SaltError):
    """Labels are missing, malformed, or do not fit the tiles."""


class ModelError(SaltError):
    """A model file cannot be used."""


class NoModelError(ModelError, UsageError):
    """There is no model file of that name."""


class ContractError(ModelError):
    """A model's contract is missing, too new, or contradicts its graph."""


class ProviderError(ModelError):
    """An execution provider cannot run here, or something else ran in its place."""


def one_line(error: BaseException) -> str:
    """What another library says of an error, in one line that is safe to print."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.isprintable() else ascii(text)
