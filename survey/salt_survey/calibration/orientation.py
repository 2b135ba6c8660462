"""Does an interpreter's label lie as what was found does? A low IoU alone does not say why it is.

Labels are pictures, and other programs draw lines with falling numbers, from the bottom up, or
white where salt is black. Each is a valid label of something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Self

from salt_infer.masks.orientation import BETTER, FITS
from salt_survey.calibration.scoring import Agreement
from salt_survey.sections.tiling import Grey

AS_DRAWN, INVERTED = "as it is", "with salt and background exchanged"
TURNS: Mapping[str, Callable[[Grey], Grey]] = MappingProxyType(
    {
        AS_DRAWN: lambda label: label,
        "mirrored": lambda label: label[:, ::-1],
        "upside down": lambda label: label[::-1],
        "upside down and mirrored": lambda label: label[::-1, ::-1],
    }
)
# IoU as it is up to which a label may be turned and inverted at once: what lies below a level is,
# upside down and inverted, again what lies below one, so that too much of it would fit so.
UNLIKE = 0.3
_MEANT = "the columns of a label go by rising line number, its rows by rising time, and 255 is salt"


class Turned(dict[str, Agreement]):
    """What was found on a line, and how it agrees with its label, turned in each of TURNS."""

    @classmethod
    def of(cls, probability: Grey, label: Grey) -> Self:
        """As :meth:`salt_survey.calibration.scoring.Agreement.of`."""
        return cls({way: Agreement.of(probability, turn(label)) for way, turn in TURNS.items()})

    def ious(self, threshold: float) -> dict[str, float]:
        """IoU, 0..1, for each of TURNS, and each of these inverted."""
        ious = {way: agreement.iou(threshold) for way, agreement in self.items()}
        for way, agreement in self.items():
            name = INVERTED if way == AS_DRAWN else f"{way}, {INVERTED}"
            ious[name] = agreement.inverted_iou(threshold)
        return ious


def doubt(line: str, ious: Mapping[str, float]) -> str:
    """That a line's label fits much better another way round, in words; empty as a rule.

    Args:
        line: its name.
        ious: of :meth:`Turned.ious`.
    """
    may = ious
    if ious[AS_DRAWN] > UNLIKE:
        may = {way: iou for way, iou in ious.items() if way in TURNS or way == INVERTED}
    best = max(may, key=lambda way: may[way])
    if ious[best] < max(FITS, ious[AS_DRAWN] + BETTER):
        return ""
    return (
        f"line {line}: its label fits what was found better {best}, with IoU {ious[best]:.2f} "
        f"instead of {ious[AS_DRAWN]:.2f}; {_MEANT}"
    )
