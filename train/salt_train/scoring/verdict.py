"""What a score says beside others: whether a network has learnt to find salt at all, and more than
the one that it started from knew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from salt_train.scoring.calibrate import SEEN

# Among a checkpoint's scores: one of what it started from, and the difference with low and high.
OF_START, GAIN = "score_of_start", "gain_over_start"
FEW = 30  # tiles
_REMEDY = "train longer, or look at the labels (--check-data)"


def beside_start(scores: Mapping[str, Any]) -> list[str]:
    """A line where a run started from a whole network: what that one scores on the same tiles, each
    as it decides best, and how far both lie apart, decided alike and tile by tile.

    Args:
        scores: of a checkpoint.
    """
    if (start := scores.get(OF_START)) is None:
        return []
    line = f"{start:.4f} for the network that it started from"
    if GAIN in scores:
        gain, low, high = scores[GAIN]
        line += f"; both decided alike: {gain:+z.4f} ({low:+z.3f} to {high:+z.3f}, paired)"
    return [line]


def beside_empty_masks(scores: Mapping[str, Any], held_out: bool = True) -> list[str]:
    """A line where a score is no better than that of empty masks, which cost nothing to find, or
    may be none; no line as a rule.

    Args:
        scores: of :func:`salt_train.scoring.calibrate.headline`, or of ``seen_scores``.
        held_out: these are some of the tiles, and more could be held out.
    """
    score = scores["score"] if "score" in scores else scores[SEEN]
    low, _ = scores.get("score_interval", (score, score))
    empty = scores["score_of_empty_masks"]
    if empty == 1:  # no tile has salt: nothing could be better
        return []
    if low <= empty and "score" in scores and scores.get("tiles", FEW) < FEW:
        more = ", or hold out more of them (fewer --folds, or a larger fold in --split)"
        return [
            f"too few tiles ({scores['tiles']}) to tell whether it is better than empty masks: "
            f"label more{more if held_out else ''}"
        ]
    if score <= empty:
        return [f"no better than empty masks: it has not learnt to find salt; {_REMEDY}"]
    if low <= empty:
        return [f"not surely better than empty masks, whose score is in that interval; {_REMEDY}"]
    return []
