"""The page of ``salt-report data``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from salt_infer.system.text import shown
from salt_report.common import coverage, glossary, page, pictures
from salt_report.common.coverage import CLASS
from salt_report.common.kinds import KINDS
from salt_report.common.page import Gallery, Picture
from salt_report.common.sources import Source
from salt_report.dataset import charts, exploration
from salt_report.dataset.exploration import Exploration
from salt_report.dataset.pixels import MEASURES

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

OF_A_KIND = 8  # pictures of a gallery
OF_BLACK = 2  # of the one that are all alike
EXTREMES = 4  # tiles at each end of a measure
TWINS = 20  # groups of duplicates in the table

_ENDS = {
    "brightness": ("darkest", "brightest"),
    "contrast": ("flattest", "most contrasty"),
    "noise": ("smoothest", "noisiest"),
}


def render(found: Exploration, name: str, sources: Sequence[Source]) -> bytes:
    """The page, UTF-8, of a data set of that name."""
    sections = [
        ("coverage", "Coverage"),
        *([("place", "Where the salt is")] if found.overview.salt or found.depths else []),
        ("kinds", "Unusual tiles"),
        ("pixels", "Brightness and noise"),
        *([("split", "Split")] if found.balance else []),
    ]
    return page.render(
        "data.html",
        title=f"Data set {shown(name)}",
        sections=sections,
        sources=sources,
        overview=found.overview,
        warnings=found.warnings,
        pixels=found.data.masks[0].size,
        kinds=exploration.kinds(found.known),
        duplicates=found.twin_tiles,
        twins=found.twins,
        twins_shown=TWINS,
        depths=found.depths,
        balance=found.balance,
        charts=_charts(found),
        galleries=_galleries(found),
        words=glossary.words(
            "coverage, coverage class", "brightness, contrast", "noise", "logarithmic",
            *(["rank correlation", "95 % interval"] if found.depths else []),
            *(["fold", "stratified"] if found.balance else ["fold"]),
        ),
    )  # fmt: skip


def _charts(found: Exploration) -> dict[str, Markup | None]:
    known, depths = found.known, found.depths
    salt = (known.salt_px > 0).to_numpy()
    where = exploration.where_salt_is(found.data.masks, salt) if salt.any() else None
    return {
        "coverage": coverage.draw_histogram(coverage.histogram(known)),
        "classes": coverage.draw_classes(coverage.classes(known)),
        "where": None if where is None else charts.where_salt_is(where),
        "depth_salt": charts.depth_salt(depths) if depths else None,
        "depth_coverage": charts.depth_coverage(known) if depths else None,
        **{name: charts.measure(known, name) for name in MEASURES},
    }


def _galleries(found: Exploration) -> dict[str, Gallery | list[Gallery]]:
    known = found.known
    first = known.reset_index().groupby(CLASS)["id"].first()
    return {
        "classes": _gallery(
            found, "A tile of each class", "Left the tile, right its mask in yellow.", first, CLASS
        ),
        "kinds": [*_kind_galleries(found)],
        "extremes": [*_extremes(found)],
    }


def _kind_galleries(found: Exploration) -> Iterator[Gallery]:
    for name, meaning in KINDS.items():
        ids = found.known.index[found.known[name]]
        if len(ids):
            chosen = _spread(ids, OF_BLACK if name == "black" else OF_A_KIND)
            title = f"{name.capitalize()} ({len(chosen)} of {len(ids)})"
            yield _gallery(found, title, f"{meaning[0].upper()}{meaning[1:]}.", chosen)
    if found.twins:
        ids = [name for group in found.twins for name in group.ids[:2]]
        text = "Pairs of tiles with the same pixels."
        yield _gallery(found, "Duplicates", text, ids[:OF_A_KIND])


def _extremes(found: Exploration) -> Iterator[Gallery]:
    """Black tiles, which would be first of most, are passed over: they have their own gallery."""
    lit = found.known[~found.known.black]
    for measure, (low, high) in _ENDS.items():
        order = lit[measure].sort_values(kind="stable")
        ends = [*order.index[:EXTREMES], *order.index[EXTREMES:][-EXTREMES:]]
        if ends:
            title = f"By {measure}"
            text = f"The {low}, then the {high}, black tiles left out."
            yield _gallery(found, title, text, ends, measure)


def _spread(ids: pd.Index, most: int) -> list[str]:
    """At most so many of them, from all over."""
    count = min(len(ids), most)
    return [ids[index * len(ids) // count] for index in range(count)]


def _gallery(
    found: Exploration, title: str, text: str, ids: Sequence[str], measure: str = ""
) -> Gallery:
    places = {name: index for index, name in enumerate(found.data.ids)}
    return Gallery(title, text, [_picture(found, places[name], measure) for name in ids])


def _picture(found: Exploration, index: int, measure: str) -> Picture:
    tile, mask, row = found.data.tiles[index], found.data.masks[index], found.known.iloc[index]
    share = page.percent(row.coverage, 2)
    said = f"{row.salt_px} px of salt, {share}" if row.salt_px else "no salt"
    note = f"{said}; {measure.removeprefix('coverage_')} {row[measure]:.3g}" if measure else said
    source = pictures.picture([pictures.grey(tile), pictures.tinted(tile, mask)])
    return Picture(found.data.ids[index], source, f"the tile, and its mask over it; {said}", note)
