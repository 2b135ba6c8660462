"""Which labels belong to which tiles: ids of several places looked up in each other, as training
does it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypeVar

from salt_infer.data import mismatch
from salt_infer.data.ids import Known

# To end a message with, where tiles have no label and there is none that could be meant for them.
SPARSE = "; --missing-as-empty takes each tile without a label for empty"

_Value = TypeVar("_Value")


def unlabelled(tiles: Collection[str], labels: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Tiles that a place of labels lacks, each with words on where; of each place the first says
    why, and what to do.

    Args:
        tiles: their ids.
        labels: ids by place.
    """
    lacking = defaultdict[str, list[str]](list)
    for place, ids in labels.items():
        missing = sorted(Known(ids).missing(tiles))
        for name in missing:
            lacking[name].append(Path(place).name)
        if missing:
            lacking[missing[0]][-1] += f": {mismatch.reason(missing, tiles, ids, SPARSE)}"
    return {name: f"not in {' or '.join(lacking[name])}" for name in sorted(lacking)}


def strangers(tiles: Collection[str], labels: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Labels of no tile, each with words on where it is; arguments as for :func:`unlabelled`."""
    strange, known = defaultdict[str, list[str]](list), Known(tiles)
    for place, ids in labels.items():
        for name in known.missing(ids):
            strange[name].append(Path(place).name)
    return {name: f"in {' and '.join(strange[name])} only" for name in sorted(strange)}


def respelled(tiles: Collection[str], by_label: Mapping[str, _Value]) -> dict[str, _Value]:
    """What is known of labels by the ids of their tiles, which may be written in other characters;
    that of labels without a tile comes last.
    """
    known = Known(by_label)
    found = {name: written for name in tiles if (written := known.find(name)) is not None}
    others = sorted(by_label.keys() - set(found.values()))
    return {name: by_label[written] for name, written in found.items()} | {
        name: by_label[name] for name in others
    }
