"""Whether a network may have learnt of the tiles that a run holds out.

Where its file names all tiles that it has learnt from, that is known. Of files from before they
did, all that is known is the split by which they were trained, and the fold that they held out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from salt_infer.modelfile.learnt import Learnt
from salt_infer.system.text import named
from salt_train.checkpoints import shipped
from salt_train.checkpoints.shipped import MAY_HAVE_SEEN, Member, Shipped
from salt_train.data.held_out import HeldOut
from salt_train.errors import DataError


def check(
    learnt: Learnt, origins: Sequence[Mapping[str, Any]], held_out: HeldOut, what: str, instead: str
) -> bool:
    """Refuse networks that have learnt of the held-out tiles.

    Args:
        learnt: their tiles.
        origins: what each held out itself, as checkpoints' scores or a contract say.
        held_out: by the run.
        what: the thing made by the networks, to begin a message with.
        instead: what to do with others, to end it with.

    Returns:
        Whether one of them may have learnt of the tiles all the same, so far as can be told.

    Raises:
        DataError: one that held out other tiles has, or its file does not say.
    """
    flagged = any(bool(origin.get(MAY_HAVE_SEEN)) for origin in origins)
    if held_out.fold is None:
        return flagged
    asked = (held_out.split.sha256, held_out.fold)
    same = [(origin.get("split_sha256"), origin.get("fold")) == asked for origin in origins]
    for origin, is_same in zip(origins, same, strict=True):
        if is_same or not learnt.complete:
            _check_origin(origin, held_out, what, instead)
    if all(same) and flagged:  # which was told before
        return True
    seen = learnt.among(held_out.fresh.tiles)
    if learnt.complete and seen.any():
        names = [name for name, is_seen in zip(held_out.fresh.ids, seen, strict=True) if is_seen]
        # Of the same fold, too: the names that it knows a split by may have other pixels now.
        others = ": it held out these names, with other pixels" if all(same) else ""
        as_one = "" if all(same) else f", as one of the same split and fold{_own(origins)}"
        raise DataError(
            f"{what} a model that has learnt from {len(names)} of the {len(held_out.data)} tiles "
            f"that this run holds out in fold {held_out.fold} ({named(names)}){others}; {instead} "
            f"a model that has not{as_one}, or train on every tile here too, by --fold none"
        )
    return flagged and not learnt.complete


def _check_origin(origin: Mapping[str, Any], held_out: HeldOut, what: str, instead: str) -> None:
    """Refuse a model that has learnt of a fold's tiles, by training or by being chosen.

    Args:
        origin: a checkpoint's scores, or what a contract says of its validation.
        held_out: by the run.
        what: the thing made by the model, to begin the message with.
        instead: what to use, to end the message with.

    Raises:
        DataError: the model held out other tiles, or was selected by its score on these.
    """
    sha256, fold = held_out.split.sha256, held_out.fold
    seen = (origin.get("split_sha256"), origin.get("fold"))
    if seen != (sha256, fold):
        if seen[0] is not None and seen[1] is None:
            raise DataError(
                f"{what} a model that was trained on every tile (--fold none), this run holds "
                f"out fold {fold}, which it may have seen; {instead} a model that held this "
                "fold out, or train on every tile here too, by --fold none"
            )
        held = f"fold {seen[1]!r}" if seen[1] is not None else "no fold"
        raise DataError(
            f"{what} a model that held out {held} of split {str(seen[0])[:12]!r}, "
            f"this run holds out fold {fold} of split {sha256[:12]!r}: tiles that it "
            f"validates on may have been trained on; {instead} a model of the same fold"
        )
    if origin.get("selected_on_its_own_fold"):
        raise DataError(
            f"{what} a model whose epoch was chosen by its score on the tiles that this run "
            f"validates on; {instead} that run's last.pth"
        )


def _own(origins: Sequence[Mapping[str, Any]]) -> str:
    """What they held out themselves, where that is one fold."""
    known = {(origin.get("fold"), origin.get("folds")) for origin in origins}
    if len(known) != 1:
        return ""
    fold, folds = known.pop()
    return f" (it held out fold {fold} of {folds})" if isinstance(fold, int) else ""


def doubt_of_shipped(file: Shipped, member: Member, held_out: HeldOut) -> str:
    """The same of a network that ships, from which any data may go on: by its fold where the split
    is its own; else a warning of the tiles that it has learnt, or that its file does not say.

    Raises:
        DataError: the split is its own, and it held out another fold.
    """
    if held_out.fold is None:
        return ""
    its_own = member.origin.get("split_sha256") == held_out.split.sha256
    if its_own:
        _check_origin(member.origin, held_out, "the shipped network is", "start from")
    if not file.learnt.complete:
        return "" if its_own else shipped.doubt(member.origin)
    seen = int(file.learnt.among(held_out.fresh.tiles).sum())
    return shipped.seen(seen, len(held_out.data)) if seen else ""
