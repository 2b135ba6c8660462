"""What can go wrong in training, on top of :mod:`salt_infer.errors`.

::

    SaltError
    └── TrainError
        ├── ConfigError      settings that contradict each other or are out of range: UsageErrors
        ├── DataError        the training data is missing or does not fit together
        ├── CheckpointError  a checkpoint cannot be read, or belongs to another run
        │   └── NoCheckpointError  there is no such file; a UsageError, too
        └── NotFiniteError   a step's loss or gradient is not finite
"""

from __future__ import annotations

from salt_infer.errors import SaltError, UsageError


class TrainError(SaltError):
    """Training cannot go on."""


class ConfigError(TrainError, UsageError):
    """Settings that contradict each other or are out of range."""


class DataError(TrainError):
    """The training data is missing or does not fit together."""


class CheckpointError(TrainError):
    """A checkpoint cannot be read, or belongs to another run."""


class NoCheckpointError(CheckpointError, UsageError):
    """There is no checkpoint, or file of weights, of that name."""


class NotFiniteError(TrainError):
    """A step's loss or gradient is not finite.

    Attributes:
        step: of the epoch, from 0.
    """

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step
