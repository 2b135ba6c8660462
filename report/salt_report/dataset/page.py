"""The page of ``salt-report data``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from salt_infer.data import oddities
from salt_infer.masks.coverage import ASKED, ONE_SIDED, one_sided
from salt_infer.system.text import shown
from salt_report.common import coverage, glossary, page, pictures
from salt_report.common.coverage import CLASS
from salt_report.common.kinds import KINDS
from salt_report.common.page import Gallery, Picture
from salt_report.common.reading import LabelledTiles
from salt_report.common.sources import Source
from salt_report.dataset import charts, exploration
from salt_report.dataset.exploration import Balance, Depths, Overview, Twins

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


@dataclasses.dataclass(frozen=True)
class Exploration:
    """A data set and the answers; see the functions of the same names in
    :mod:`salt_report.dataset.exploration`.

    Attributes:
        depths: None where no tile's depth is known.
        balance: None without a split.
    """

    data: LabelledTiles
    known: pd.DataFrame
    overview: Overview
    twins: list[Twins]
    depths: Depths | None
    balance: Balance | None

    @property
    def warnings(self) -> list[str]:
        """What all masks have in common that they should not, and which tiles can hardly be meant;
        empty as a rule.
        """
        kind = one_sided(self.data.masks)
        common = [f"{ONE_SIDED[kind]}; {ASKED[kind]}"] if kind else []
        if self.data.some_unknown:
            common.append("unknown/ is not looked at here: all pixels are as the masks have them")
        return [*common, *oddities.lines(self.data.odd, len(self.data.ids))]


def explore(
    data: LabelledTiles, depth: npt.NDArray[np.float64] | None, fold: npt.NDArray[np.int64] | None
) -> Exploration:
    """Count everything; arguments as for :func:`salt_report.dataset.exploration.table`."""
    known = exploration.table(data, depth, fold)
    return Exploration(
        data=data,
        known=known,
        overview=exploration.overview(known),
        twins=exploration.twins(data),
        depths=exploration.depths(known) if depth is not None else None,
        balance=exploration.balance(known) if fold is not None else None,
    )


def summary(found: Exploration) -> list[str]:
    """The answers in a few lines for the terminal."""
    all_, known = found.overview, found.known
    counts = coverage.classes(known)
    rows = exploration.kinds(known).itertuples()
    lines = [
        *(f"warning: {line}" for line in found.warnings),
        f"{all_.tiles} tiles: {all_.salt} with salt, {all_.empty} empty; mean coverage "
        f"{all_.coverage:.1%}, largest mask {all_.largest_px} px",
        "by coverage class: " + ", ".join(f"{number} {count}" for number, count in counts.items()),
        "kinds: " + ", ".join(f"{row.Index} {row.tiles}" for row in rows),
        f"duplicates: {_twin_tiles(found.twins)} tiles in {len(found.twins)} groups, "
        f"{sum(not it.agree for it in found.twins)} of these with differing masks (tiles of one "
        "grey value, such as black ones, not counted)",
        *(
            f"{name}: median {known[name].median():.1f}, {known[name].min():.1f} to "
            f"{known[name].max():.1f} grey levels"
            for name in charts.MEASURES
        ),
    ]
    if found.depths:
        lines.append(
            f"depth of {found.depths.tiles} tiles; rank correlation with presence "
            f"{page.score(found.depths.presence, 2)}, with coverage of those with salt "
            f"{page.score(found.depths.coverage, 2)}"
        )
    if found.balance:
        lines.append(
            f"{len(found.balance.folds)} folds of {found.balance.folds.tiles.min()} to "
            f"{found.balance.folds.tiles.max()} tiles, within {found.balance.spread} of each other "
            "in every class"
        )
    return lines


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
        duplicates=_twin_tiles(found.twins),
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


def _twin_tiles(twins: Sequence[Twins]) -> int:
    return sum(len(group.ids) for group in twins)


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
        **{name: charts.measure(known, name) for name in charts.MEASURES},
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
