"""What is said of outputs, whatever the report."""

from __future__ import annotations


def warned(unlocked: str) -> list[str]:
    """Lines for what :func:`salt_infer.system.output_locks.writing` gives: none as a rule."""
    return [f"warning: {unlocked}"] if unlocked else []
