"""Ids of one place looked up in another, and words for those that are not there."""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from salt_infer.system.text import shown

_NAMED = 2  # of each side
_TELLING = 3  # characters: a shorter id may be part of any other by chance


class Known:
    """Ids that others are looked up in. A letter may be one character or several, as macOS writes
    names: where nothing is written the same, what reads the same is found.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = dict.fromkeys(names)

    def find(self, name: str) -> str | None:
        """The id as it is written here; None where it is not, or two read the same."""
        return name if name in self._names else self._forms.get(composed(name))

    def found(self, names: Iterable[str]) -> frozenset[str]:
        """Those of other ids that are here, as they are written here."""
        return frozenset(own for name in names if (own := self.find(name)) is not None)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of other ids that are not here."""
        return [name for name in names if self.find(name) is None]

    def instead(self, missing: Sequence[str]) -> str:
        """What is here in place of ids that are not: one that differs in case or is part of the
        other, else some of each side.
        """
        if not self._names:
            return "it has none"
        for name in missing[:_NAMED]:
            if like := next((each for each in self._names if _alike(name, each)), None):
                return f"there is {like!r} for {name!r}"
        some = ", ".join(map(repr, list(self._names)[:_NAMED]))
        return f"it has {some}{', ...' if len(self._names) > _NAMED else ''}"

    @functools.cached_property
    def _forms(self) -> dict[str, str]:
        spelled = [(composed(name), name) for name in self._names if not name.isascii()]
        counts = Counter(form for form, _ in spelled)
        return {form: name for form, name in spelled if counts[form] == 1}


def some(names: Sequence[str], at_most: int = 5) -> str:
    """The first ids, safe to print."""
    return ", ".join(map(shown, names[:at_most])) + (", ..." if len(names) > at_most else "")


def composed(name: str) -> str:
    """A name with each letter as one character, as far as there are such (Unicode's NFC)."""
    return unicodedata.normalize("NFC", name)


def _alike(one: str, other: str) -> bool:
    one, other = composed(one).casefold().strip(), composed(other).casefold().strip()
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) >= _TELLING and shorter in longer)
