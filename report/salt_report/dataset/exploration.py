"""A labelled data set in numbers: the case study's exploration, and more.

Everything is counted from one table with a row a tile (:func:`table`).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from salt_infer.data import oddities
from salt_infer.masks.coverage import ASKED, CLASSES, ONE_SIDED, one_sided
from salt_report.common import coverage, page
from salt_report.common.estimates import spearman, wilson
from salt_report.common.kinds import KINDS, Flags, Images, flags
from salt_report.common.reading import LabelledTiles
from salt_report.dataset import pixels

DEPTH_GROUPS = 10


def table(
    data: LabelledTiles,
    depth: npt.NDArray[np.float64] | None = None,
    fold: npt.NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """What is known of each tile.

    Args:
        data: N tiles.
        depth: float64 [N] in metres, NaN where it is not known.
        fold: int64 [N].

    Returns:
        Indexed by id: ``salt_px``, ``coverage`` (0..1), ``coverage_class`` (0..10), a bool for each
        of the KINDS, ``brightness``, ``contrast`` and ``noise`` (grey levels), and ``depth_m`` and
        ``fold`` where they were given.
    """
    columns: dict[str, npt.NDArray[Any]] = {
        **coverage.columns(data.masks),
        **flags(data.masks, data.tiles),
    }
    columns |= {"depth_m": depth} if depth is not None else {}
    columns |= {"fold": fold} if fold is not None else {}
    known = pd.concat([pd.DataFrame(columns), pixels.table(data.tiles)], axis=1)
    known.index = pd.Index(list(data.ids), name="id", dtype=object)
    return known


@dataclasses.dataclass(frozen=True)
class Overview:
    """Counts of tiles.

    Attributes:
        tiles, salt, empty: all, those with salt and those without.
        full: masks of nothing but salt.
        coverage: mean share of salt over all tiles, 0..1.
        largest_px: salt of the mask that has most.
        rounded_to_zero: tiles with salt that rounding coverage to the nearest tenth would put among
            the empty ones.
    """

    tiles: int
    salt: int
    empty: int
    full: int
    coverage: float
    largest_px: int
    rounded_to_zero: int


def overview(known: pd.DataFrame) -> Overview:
    """Sum up a :func:`table`."""
    salt = known.salt_px > 0
    return Overview(
        tiles=len(known),
        salt=int(salt.sum()),
        empty=int((~salt).sum()),
        full=int((known.coverage == 1).sum()),
        coverage=float(known.coverage.mean()),
        largest_px=int(known.salt_px.max()),
        rounded_to_zero=int((salt & (np.rint(known.coverage * 10) == 0)).sum()),
    )


def kinds(known: pd.DataFrame) -> pd.DataFrame:
    """Tiles of each kind.

    Returns:
        A row a name of KINDS: ``meaning``, ``tiles``, and how many of these are ``empty``.
    """
    rows = {
        name: (meaning, int(known[name].sum()), int((known[name] & (known.salt_px == 0)).sum()))
        for name, meaning in KINDS.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["meaning", "tiles", "empty"])


@dataclasses.dataclass(frozen=True)
class Depths:
    """Depth against salt.

    Attributes:
        tiles: with a known depth.
        presence, coverage: rank correlation of depth with there being salt, and with the coverage
            of tiles that have some; -1..1, or None where one does not vary.
        groups: a row a group of about as many tiles each, tiles of one depth in one, the least deep
            first: ``low`` and
            ``high`` depth in metres, ``tiles``, share with ``salt`` with its 95 % interval
            ``salt_low`` and ``salt_high``, and mean ``coverage`` of the tiles with salt (NaN where
            none has any).
    """

    tiles: int
    presence: float | None
    coverage: float | None
    groups: pd.DataFrame


def depths(known: pd.DataFrame) -> Depths:
    """Relate the column ``depth_m`` of a :func:`table` to the masks; one tile at least has it."""
    deep = known.dropna(subset=["depth_m"])
    salt = deep[deep.salt_px > 0]
    return Depths(
        tiles=len(deep),
        presence=spearman(deep.depth_m, deep.salt_px > 0),
        coverage=spearman(salt.depth_m, salt.coverage),
        groups=_depth_groups(deep),
    )


def _depth_groups(deep: pd.DataFrame) -> pd.DataFrame:
    count = min(DEPTH_GROUPS, len(deep))
    number = (deep.depth_m.rank(method="min").to_numpy() - 1) * count // len(deep)
    grouped = deep.assign(salt=deep.salt_px > 0).groupby(number)
    found = grouped.agg(
        low=("depth_m", "min"),
        high=("depth_m", "max"),
        tiles=("salt", "size"),
        hits=("salt", "sum"),
    )
    low, high = wilson(found.hits, found.tiles)
    inside = deep[deep.salt_px > 0].coverage.groupby(number[deep.salt_px > 0]).mean()
    return found.assign(
        salt=found.hits / found.tiles, salt_low=low, salt_high=high, coverage=inside
    ).reset_index(drop=True)


@dataclasses.dataclass(frozen=True)
class Twins:
    """Tiles with the same pixels, and whether their masks are the same too."""

    ids: tuple[str, ...]
    agree: bool


def twins(data: LabelledTiles) -> list[Twins]:
    """Groups of tiles that are the same, those of one grey value left out."""
    return [
        Twins(
            tuple(data.ids[index] for index in group),
            all(np.array_equal(data.masks[group[0]], data.masks[index]) for index in group),
        )
        for group in pixels.twins(data.tiles)
    ]


@dataclasses.dataclass(frozen=True)
class Balance:
    """How evenly tiles are dealt to folds.

    Attributes:
        counts: tiles; a row a fold, a column a coverage class 0..10.
        folds: a row a fold: ``tiles``, share with ``salt``, mean ``coverage``, mean ``brightness``
            and, where it is known, mean ``depth_m``.
        spread: the largest difference between two folds in tiles of one class.
    """

    counts: pd.DataFrame
    folds: pd.DataFrame
    spread: int


def balance(known: pd.DataFrame) -> Balance:
    """Examine the column ``fold`` of a :func:`table`."""
    counts = pd.crosstab(known.fold, known.coverage_class)
    counts = counts.reindex(columns=range(CLASSES), fill_value=0)
    means = ["coverage", "brightness", *(["depth_m"] if "depth_m" in known else [])]
    grouped = known.assign(salt=known.salt_px > 0).groupby("fold")
    folds = pd.concat([grouped.size().rename("tiles"), grouped[["salt", *means]].mean()], axis=1)
    return Balance(counts, folds, int((counts.max() - counts.min()).max()))


def where_salt_is(masks: Images, chosen: Flags) -> npt.NDArray[np.float64]:
    """Share of the chosen tiles (bool [N], at least one) with salt at each pixel: [H, W], 0..1."""
    return np.asarray((masks[chosen] != 0).mean(axis=0))


@dataclasses.dataclass(frozen=True)
class Exploration:
    """A data set and the answers; see the functions of the same names.

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

    @property
    def twin_tiles(self) -> int:
        """How many tiles have twins."""
        return sum(len(group.ids) for group in self.twins)


def explore(
    data: LabelledTiles, depth: npt.NDArray[np.float64] | None, fold: npt.NDArray[np.int64] | None
) -> Exploration:
    """Count everything; arguments as for :func:`table`."""
    known = table(data, depth, fold)
    return Exploration(
        data=data,
        known=known,
        overview=overview(known),
        twins=twins(data),
        depths=depths(known) if depth is not None else None,
        balance=balance(known) if fold is not None else None,
    )


def summary(found: Exploration) -> list[str]:
    """The answers in a few lines for the terminal."""
    all_, known = found.overview, found.known
    counts = coverage.classes(known)
    rows = kinds(known).itertuples()
    lines = [
        *(f"warning: {line}" for line in found.warnings),
        f"{all_.tiles} tiles: {all_.salt} with salt, {all_.empty} empty; mean coverage "
        f"{all_.coverage:.1%}, largest mask {all_.largest_px} px",
        "by coverage class: " + ", ".join(f"{number} {count}" for number, count in counts.items()),
        "kinds: " + ", ".join(f"{row.Index} {row.tiles}" for row in rows),
        f"duplicates: {found.twin_tiles} tiles in {len(found.twins)} groups, "
        f"{sum(not it.agree for it in found.twins)} of these with differing masks (tiles of one "
        "grey value, such as black ones, not counted)",
        *(
            f"{name}: median {known[name].median():.1f}, {known[name].min():.1f} to "
            f"{known[name].max():.1f} grey levels"
            for name in pixels.MEASURES
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
