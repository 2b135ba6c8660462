"""What a score says by itself: whether a network has learnt to find salt at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from salt_train.scoring.calibrate import SEEN

_REMEDY = "train longer, or look at the labels (--check-data)"


def beside_empty_masks(scores: Mapping[str, Any]) -> list[str]:
    """A line where a score is no better than that of empty masks, which cost nothing to find, or
    may be none; no line as a rule.

    Args:
        scores: of :func:`salt_train.scoring.calibrate.headline`, or of ``seen_scores``.
    """
    score = scores["score"] if "score" in scores else scores[SEEN]
    low, _ = scores.get("score_interval", (score, score))
    empty = scores["score_of_empty_masks"]
    if empty == 1:  # no tile has salt: nothing could be better
        return []
    if score <= empty:
        return [f"no better than empty masks: it has not learnt to find salt; {_REMEDY}"]
    if low <= empty:
        return [f"not surely better than empty masks, whose score is in that interval; {_REMEDY}"]
    return []
