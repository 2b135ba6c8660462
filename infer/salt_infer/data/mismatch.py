"""Tiles without a label, told so that one sees why: names of both sides, and what differs."""

from __future__ import annotations

import bisect
import difflib
import re
from collections.abc import Collection, Sequence

from salt_infer.data.ids import composed, some
from salt_infer.system.text import shown

_LOOKED_AT = 2000  # labels that a likeness is looked for in, which takes a tenth of a second


def missing_labels(
    where: str,
    missing: Sequence[str],
    asked: Collection[str],
    have: Collection[str],
    sparse: str = "",
) -> str:
    """A message.

    Args:
        where: the labels are, in words.
        missing: ids without a label, at least one.
        asked: all ids that should have one.
        have: ids that do have one.
        sparse: what the caller can do where only tiles with salt were given a label.
    """
    return (
        f"{where} has no label for {len(missing)} of {len(asked)} tiles: "
        f"{some(missing)}; {reason(missing, asked, have, sparse)}"
    )


def reason(
    missing: Sequence[str], asked: Collection[str], have: Collection[str], sparse: str = ""
) -> str:
    """Why the first of them has none, and what to do; arguments as for :func:`missing_labels`."""
    others = _others(asked, have)
    if likeness := _twins(missing[0], have) or _likeness(missing[0], others):
        return likeness
    if not have:
        return "there are none"
    if len(missing) == len(asked):
        return f"its {len(have)} labels are of others: {some(sorted(have))}"
    told = (
        "a tile without salt needs a label too: a black PNG, or a row with nothing after the comma"
    )
    return told if others else told + sparse  # labels of no tile may be meant for those without


def _others(asked: Collection[str], have: Collection[str]) -> list[str]:
    wanted = set(asked)
    return sorted(name for name in have if name not in wanted)


def _twins(name: str, have: Collection[str]) -> str:
    """Of labels that read like a tile's name, one would be found; two are told of."""
    key = composed(name)
    twins = sorted(other for other in have if not other.isascii() and composed(other) == key)
    if len(twins) < 2:
        return ""
    return (
        f"{' and '.join(map(_escaped, twins))} read the same (Unicode's composed and decomposed "
        f"letters), and either may be meant for {_escaped(name)}; keep one of them"
    )


def _likeness(name: str, others: Sequence[str]) -> str:
    """Which label may be meant for a tile, in words; empty where none is like it."""
    for key, why in (
        (_folded, "which differs in upper and lower case; write both alike"),
        (str.strip, "which has spaces around it; write both alike"),
        (_without_zeros, "which differs in leading zeros; a program took the ids for numbers"),
    ):  # fmt: skip
        if found := next((other for other in others if key(other) == key(name)), None):
            return f"there is {_escaped(found)} for {_escaped(name)}, {why}"
    around = (other for other in others if _is_around(name, other) or _is_around(other, name))
    if found := next(around, None) or _alike(name, others):
        return (
            f"labels are called like their tiles, and there is {shown(found)}: is it meant for "
            f"{shown(name)}?"
        )
    return ""


def _is_around(part: str, name: str) -> bool:
    """Whether a name is another with a word before or after it: ``a_mask`` of ``a``."""
    before, found, after = name.partition(part)
    return bool(found) and not before[-1:].isalnum() and not after[:1].isalnum()


def _alike(name: str, others: Sequence[str]) -> str | None:
    """The nearest of sorted names with the same numbers in it: ``a7_mask`` for ``a7_image``."""
    here = bisect.bisect(others, name)
    around = others[max(0, here - _LOOKED_AT // 2) : here + _LOOKED_AT // 2]
    near = difflib.get_close_matches(name, around, 5, cutoff=0.75)
    return next((other for other in near if _numbers(other) == _numbers(name)), None)


def _numbers(name: str) -> list[str]:
    return re.findall("[0-9]+", name)


def _folded(name: str) -> str:
    return composed(name).casefold()


def _without_zeros(name: str) -> str:
    return name.lstrip("0") if name.isascii() and name.isdecimal() else name


def _escaped(name: str) -> str:
    """In quotes and with an escape for each letter beyond ASCII, where two names would look the
    same.
    """
    return name if name.isascii() and name == name.strip() else ascii(name)
