"""The page of ``salt-report look``."""

from __future__ import annotations

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
from salt_report.common.sources import Source
from salt_report.predictions import charts
from salt_report.predictions.overview import DOUBT, UNSURE, Look


def render(
    found: Look, tiles: Mapping[str, npt.NDArray[np.uint8]], sources: Sequence[Source]
) -> bytes:
    """The page, UTF-8; ``tiles`` has those that are shown, uint8 [101, 101] each."""
    galleries = {name: _galleries(found, tiles, name) for name in ("masks", DOUBT, "kinds")}
    sections = [
        (DOUBT, "Where the model is in doubt"),
        ("masks", "Masks"),
        *([("kinds", "Unusual masks")] if galleries["kinds"] else []),
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
        galleries=galleries,
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
