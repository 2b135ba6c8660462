"""What can go wrong in training, on top of :mod:`salt_infer.errors`.

::

    SaltError
    └── TrainError
        ├── ConfigError      settings that contradict each other or are out of range
        ├── DataError        the training data is missing or does not fit together
        └── CheckpointError  a checkpoint cannot be read, or belongs to another run
"""

from __future__ import annotations

from salt_infer.errors import SaltError


class TrainError(SaltError):
    """Training cannot go on."""


class ConfigError(TrainError):
    """Settings that contradict each other or are out of range."""

    exit_code = 2


class DataError(TrainError):
    """The training data is missing or does not fit together."""


class CheckpointError(TrainError):
    """A checkpoint cannot be read, or belongs to another run."""
