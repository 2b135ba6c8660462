"""What is odd about the tiles of a run: said before it starts, in lines of their own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from salt_infer.masks import coverage
from salt_infer.system.text import shown
from salt_train.data.dataset import Dataset, Images

SHOWN = 3  # ids that a warning names


def of_parts(train: Dataset, held_out: Dataset) -> list[str]:
    """Warnings about tiles to train on and tiles that are held out."""
    both = np.concatenate([train.masks, held_out.masks])
    one_sided = _one_sided("", both) or [
        *_one_sided(" of the tiles to train on", train.masks),
        *_one_sided(" of the tiles to validate on", held_out.masks),
    ]
    return [*_twins(train, held_out), *one_sided]


def of_lines(lines: Mapping[str, str], data: Dataset) -> list[str]:
    """Warnings about tiles, some of which are to be held out, that were cut out of lines.

    Args:
        lines: by tile, see :func:`salt_infer.data.cut_tiles.lines_of`.
        data: all tiles; where a table has dealt them, each line in one fold, there is none.
    """
    cut = [lines[name] for name in data.ids if name in lines]
    if not cut or _each_in_one_fold(lines, data):
        return []
    names = sorted(set(cut))
    of_what = f"line {shown(names[0])}" if len(names) == 1 else f"{len(names)} lines"
    return [
        f"warning: {len(cut)} of these tiles are cut out of {of_what} and overlap, so that those "
        "held out were partly learnt: their score says nothing. Train on all, --fold none, and "
        "score a line that was left out (salt-survey score), or hold out whole lines (--split)"
    ]


def _each_in_one_fold(lines: Mapping[str, str], data: Dataset) -> bool:
    """Whether somebody has dealt whole lines."""
    if data.dealt is None:
        return False
    dealt = zip(data.ids, data.dealt.tolist(), strict=True)
    places = {(lines[name], fold) for name, fold in dealt if name in lines}
    return len(places) == len({line for line, _ in places})


def of_pseudo(train: Dataset, count: int) -> list[str]:
    """Warnings about the last so many tiles to train on, which a model has labelled."""
    return _one_sided(" of the pseudo-labels", train.masks[len(train) - count :]) if count else []


def of_all(train: Dataset, _: Dataset) -> list[str]:
    """Warnings where no tile is held out."""
    return _one_sided("", train.masks)


def _one_sided(of_what: str, masks: Images) -> list[str]:
    kind = coverage.one_sided(masks)
    if kind is None:
        return []
    return [f"warning: {coverage.ONE_SIDED[kind]}{of_what} ({len(masks)}); {coverage.ASKED[kind]}"]


def _twins(train: Dataset, held_out: Dataset) -> list[str]:
    """About held-out tiles that are trained on under other names."""
    twins = held_out.subset(held_out.pixels_in(train))
    if not len(twins):
        return []
    order = np.argsort(twins.blank, kind="stable")  # tiles with a picture tell more
    names = ", ".join(shown(twins.ids[index]) for index in order[:SHOWN])
    more = f" and {len(twins) - SHOWN} more" if len(twins) > SHOWN else ""
    return [
        f"warning: validation tiles with the pixels of a training tile: {len(twins)} of "
        f"{len(held_out)}, of one grey value: {np.count_nonzero(twins.blank)} ({names}{more}); the "
        "score takes them for unseen"
    ]
