"""Whether a network may have learnt of the tiles that a run holds out.

Where its file names all tiles that it has learnt from, that is known. Of files from before they
did, all that is known is the split by which they were trained, and the fold that they held out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from salt_infer.modelfile.learnt import Learnt
from salt_infer.system.text import named
from salt_train.checkpoints.shipped import MAY_HAVE_SEEN, Member, Shipped
from salt_train.data.dataset import Dataset
from salt_train.data.folds import Split
from salt_train.errors import DataError

_SHIPPED = "the shipped network is"


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
        held_out: tiles of that fold.
        what: the thing made by the networks, to begin a message with.
        instead: what to do with others, to end it with.

    Returns:
        Whether one of them may have learnt of the tiles all the same, so far as can be told.

    Raises:
        DataError: one has, or the file does not say and it held out others.
    """
    if fold is not None:
        for origin in origins:
            same = (origin.get("split_sha256"), origin.get("fold")) == (split.sha256, fold)
            if same or not learnt.complete:
                split.check_unseen(dict(origin), fold, what, instead)
        if learnt.complete:
            _check_tiles(learnt, fold, held_out, what, instead)
            return False
    return any(bool(origin.get(MAY_HAVE_SEEN)) for origin in origins)


def check_shipped(
    file: Shipped, member: Member, split: Split, fold: int | None, held_out: Dataset
) -> bool:
    """:func:`check` of a network that ships; by its fold where the split is its own, as the file's
    tiles are those of all its networks. Of one whose file does not name its tiles, with another
    split, nothing can be told.
    """
    if fold is None:
        return False
    if member.origin.get("split_sha256") == split.sha256:
        split.check_unseen(dict(member.origin), fold, _SHIPPED, "start from")
        return False
    if file.learnt.complete:
        _check_tiles(file.learnt, fold, held_out, _SHIPPED, "start from")
    return not file.learnt.complete


def _check_tiles(learnt: Learnt, fold: int, held_out: Dataset, what: str, instead: str) -> None:
    seen = learnt.among(held_out.tiles)
    if seen.any():
        names = [name for name, is_seen in zip(held_out.ids, seen, strict=True) if is_seen]
        raise DataError(
            f"{what} a model that has learnt from {len(names)} of the {len(held_out)} tiles that "
            f"this run holds out in fold {fold} ({named(names)}); {instead} a model that has not, "
            "as one of the same split and fold, or train on every tile here too, by --fold none"
        )
