"""The page of ``salt-report look``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from salt_infer.masks.coverage import TINY
from salt_infer.masks.table import CONFIDENCE, SALT
from salt_infer.system.text import shown
from salt_report.common import coverage, glossary, page, pictures
from salt_report.common.kinds import KINDS
from salt_report.common.page import Gallery, Picture
from salt_report.common.reading import Submission
from salt_report.common.sources import Source
from salt_report.predictions import charts, overview
from salt_report.predictions.overview import UNSURE, Choice, Overview

DOUBT = "doubt"  # the section of the least sure tiles

_NAMED = 3  # tiles in the terminal's line


@dataclasses.dataclass(frozen=True)
class Look:
    """Masks, and what is to be seen of them.

    Attributes:
        submission: N masks.
        places: of each id, its row in them.
        known: a row a tile, see :func:`salt_report.predictions.overview.table`.
        overview: counts.
        classes: of confidence; None where it is not known.
        choices: tiles to be shown.
        corrected: ids of those that were corrected before.
    """

    submission: Submission
    places: Mapping[str, int]
    known: pd.DataFrame
    overview: Overview
    classes: pd.DataFrame | None
    choices: Sequence[Choice]
    corrected: frozenset[str] = frozenset()

    @property
    def shown(self) -> list[str]:
        """Ids of the tiles that are shown, sorted."""
        return sorted({name for choice in self.choices for name in choice.known.index})


def look(
    ids: Sequence[str], submission: Submission, most: int, corrected: frozenset[str] = frozenset()
) -> Look:
    """Count everything, and choose up to ``most`` tiles of each kind to be shown; ``corrected``
    before were tiles of these ids, and may be others.
    """
    known = overview.table(ids, submission)
    seen = frozenset(known.index[~known.unread])
    return Look(
        submission=submission,
        places={name: place for place, name in enumerate(ids)},
        known=known,
        overview=overview.overview(known, corrected),
        classes=overview.by_confidence(known) if CONFIDENCE in known else None,
        choices=overview.choices(known, most, corrected),
        corrected=corrected & seen,
    )


def summary(found: Look) -> list[str]:
    """The answers in a few lines for the terminal."""
    it = found.overview
    lines = [
        f"{it.tiles} masks: {it.salt} with salt ({it.tiny} of 1 to {TINY} px, {it.full} full), "
        f"{it.tiles - it.salt} empty; {it.share:.1%} of all pixels are salt"
    ]
    if it.unread:
        lines.append(f"{it.unread} tiles could not be read: their masks say nothing")
    if found.corrected:
        lines.append(f"{len(found.corrected)} tiles were corrected before")
    if it.unsure is not None:
        of_these = " of those not corrected before" if found.corrected else ""
        lines.append(f"confidence below {UNSURE}: {it.unsure}{of_these}{_least_sure(found)}")
    return lines


def _least_sure(found: Look) -> str:
    for choice in found.choices:
        if choice.section == DOUBT:
            names = map(shown, choice.known.index[:_NAMED])
            return f", the least sure {', '.join(names)}"
    return ""


def render(
    found: Look, tiles: Mapping[str, npt.NDArray[np.uint8]], sources: Sequence[Source]
) -> bytes:
    """The page, UTF-8; ``tiles`` has those that are shown, uint8 [101, 101] each."""
    sections = [
        (DOUBT, "Where the model is in doubt"),
        ("masks", "Masks"),
        *([("kinds", "Unusual masks")] if _galleries(found, tiles, "kinds") else []),
    ]
    return page.render(
        "look.html",
        title=f"Masks of {shown(found.submission.path.name)}",
        sections=sections,
        sources=sources,
        overview=found.overview,
        classes=found.classes,
        unsure=UNSURE,
        corrected=len(found.corrected),
        tiny=TINY,
        kinds=KINDS,
        words=glossary.words("coverage, coverage class", "judge", "confidence"),
        charts={
            "coverage": coverage.draw_histogram(coverage.histogram(found.known)),
            "classes": coverage.draw_classes(coverage.classes(found.known)),
            "confidence": None if found.classes is None else charts.confidence(found.classes),
        },
        galleries={name: _galleries(found, tiles, name) for name in ("masks", "doubt", "kinds")},
    )


def _galleries(
    found: Look, tiles: Mapping[str, npt.NDArray[np.uint8]], section: str
) -> list[Gallery]:
    return [
        Gallery(
            f"{choice.title} ({len(choice.known)} of {choice.of})",
            f"{choice.text} Left the tile, right its mask in yellow.",
            [_picture(found, tiles[name], name, row) for name, row in choice.known.iterrows()],
        )
        for choice in found.choices
        if choice.section == section
    ]


def _picture(found: Look, tile: npt.NDArray[np.uint8], name: str, row: pd.Series) -> Picture:
    mask = found.submission.masks[found.places[name]]
    said = [f"{row.salt_px} px of salt, {page.percent(row.coverage)}" if row.salt_px else "no salt"]
    said += [f"judge {row[SALT]:.2f}"] if SALT in row else []
    said += [f"confidence {row[CONFIDENCE]:.2f}"] if CONFIDENCE in row else []
    note = "; ".join(said)
    source = pictures.picture([pictures.grey(tile), pictures.tinted(tile, mask)])
    return Picture(name, source, f"the tile, and its mask over it; {note}", note)
