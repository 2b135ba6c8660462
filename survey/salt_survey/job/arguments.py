"""What a program may give in place of what a job is made of."""

from __future__ import annotations

from salt_infer.errors import UsageError


def check(name: str, value: object, kind: type) -> None:
    """Raise UsageError for a value of another kind, under the name that its giver knows."""
    if not isinstance(value, kind):
        raise UsageError(f"{name} is {value!r}, expected {kind.__name__}")
