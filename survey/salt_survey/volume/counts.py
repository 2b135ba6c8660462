"""How much of a volume is salt."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Counts:
    """Of a volume.

    Attributes:
        tiles: that the model was asked about.
        recorded: samples with data.
        salt: of them, those whose probability is above the threshold.
    """

    tiles: int
    recorded: int
    salt: int

    def in_words(self, threshold: float) -> str:
        """How much of it is salt, and of what; the same wherever it is said."""
        return (
            f"{share_in_words(self.salt, self.recorded)} of {self.recorded} recorded samples, at "
            f"threshold {threshold:g}"
        )


def share_in_words(salt: int, recorded: int) -> str:
    """Samples with salt as a share of those recorded."""
    return f"{salt / recorded if recorded else 0.0:.2%}"
