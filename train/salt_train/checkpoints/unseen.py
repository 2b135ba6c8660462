"""Whether a network may have learnt of the tiles that a run holds out.

Where its file names all tiles that it has learnt from, that is known. Of files from before they
did, all that is known is the split by which they were trained, and the fold that they held out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from salt_infer.modelfile.learnt import Learnt
from salt_infer.system.text import named
from salt_train.checkpoints import shipped
from salt_train.checkpoints.shipped import MAY_HAVE_SEEN, Member, Shipped
from salt_train.data.dataset import Dataset
from salt_train.data.folds import Split
from salt_train.errors import DataError


def check(
    learnt: Learnt, origins: Sequence[Mapping[str, Any]], split: Split, fold: int | None,
    held_out: Dataset, what: str, instead: str,
) -> bool:  # fmt: skip
    """Refuse networks that have learnt of the held-out tiles.

    Args:
        learnt: their tiles.
        origins: what each held out itself, as checkpoints' scores or a contract say.
        split: of the run.
        fold: that the run holds out; with None, no tile is kept from anything.
        held_out: tiles of that fold, see :meth:`Split.fresh`.
        what: the thing made by the networks, to begin a message with.
        instead: what to do with others, to end it with.

    Returns:
        Whether one of them may have learnt of the tiles all the same, so far as can be told.

    Raises:
        DataError: one that held out other tiles has, or its file does not say.
    """
    flagged = any(bool(origin.get(MAY_HAVE_SEEN)) for origin in origins)
    if fold is None:
        return flagged
    asked = (split.sha256, fold)
    same = [(origin.get("split_sha256"), origin.get("fold")) == asked for origin in origins]
    for origin, is_same in zip(origins, same, strict=True):
        if is_same or not learnt.complete:
            split.check_unseen(dict(origin), fold, what, instead)
    if all(same) and flagged:  # which was told before
        return True
    seen = learnt.among(held_out.tiles)
    if learnt.complete and seen.any():
        names = [name for name, is_seen in zip(held_out.ids, seen, strict=True) if is_seen]
        tiles = np.count_nonzero(split.held_out(fold))
        # Of the same fold, too: the names that it knows a split by may have other pixels now.
        others = ": it held out these names, with other pixels" if all(same) else ""
        as_one = "" if all(same) else f", as one of the same split and fold{_own(origins)}"
        raise DataError(
            f"{what} a model that has learnt from {len(names)} of the {tiles} tiles that this run "
            f"holds out in fold {fold} ({named(names)}){others}; {instead} a model that has not"
            f"{as_one}, or train on every tile here too, by --fold none"
        )
    return flagged and not learnt.complete


def _own(origins: Sequence[Mapping[str, Any]]) -> str:
    """What they held out themselves, where that is one fold."""
    known = {(origin.get("fold"), origin.get("folds")) for origin in origins}
    if len(known) != 1:
        return ""
    fold, folds = known.pop()
    return f" (it held out fold {fold} of {folds})" if isinstance(fold, int) else ""


def doubt_of_shipped(
    file: Shipped, member: Member, split: Split, fold: int | None, held_out: Dataset
) -> str:
    """The same of a network that ships, from which any data may go on: by its fold where the split
    is its own; else a warning of the tiles that it has learnt, or that its file does not say.

    Raises:
        DataError: the split is its own, and it held out another fold.
    """
    if fold is None:
        return ""
    if member.origin.get("split_sha256") == split.sha256:
        split.check_unseen(dict(member.origin), fold, "the shipped network is", "start from")
        return ""
    if not file.learnt.complete:
        return shipped.doubt(member.origin)
    seen = int(file.learnt.among(held_out.tiles).sum())
    return shipped.seen(seen, len(held_out)) if seen else ""
