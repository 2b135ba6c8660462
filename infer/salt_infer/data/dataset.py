"""Finds and opens the tiles and labels of a labelled data set, in folders or in a zip."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from salt_infer.data import tree, zip_archive
from salt_infer.data.factory import open_tiles
from salt_infer.data.labels import NOT_EVERYWHERE, Labels
from salt_infer.data.layout import DatasetLayout, Part
from salt_infer.data.list_file import LIST_SUFFIXES
from salt_infer.data.remote import open_remote
from salt_infer.data.source import SUFFIX, TileSource
from salt_infer.data.tree import DOWNLOAD, TABLE, Level, Listing
from salt_infer.data.zip_archive import TileZip
from salt_infer.errors import InputError
from salt_infer.masks import table
from salt_infer.system import file_kind
from salt_infer.system.location import Location, Url, real
from salt_infer.system.text import shown

_POLYGONS = {".json", ".geojson"}  # formats of labels that are not read: COCO, GeoJSON
_HALVES = {"images", "tiles", "masks", "labels"}  # names of archives of which two are a data set


class _Spot(NamedTuple):
    """Where a data set is: a folder or zip, what is where in it, and where its tiles' folder is."""

    root: Path
    listing: Listing
    inside: str

    @property
    def level(self) -> Level:
        return self.listing(self.inside)


def find(path: Path) -> DatasetLayout:
    """Find tiles and labels; nothing is listed or read yet.

    Args:
        path: a directory or zip that holds ``images/`` (or ``tiles/``) and ``masks/``, or
            ``images/`` and a ``train.csv``, which may lie beside, too; or that has one of these as
            ``train/``; or a directory with a ``train.zip``, as the competition's download is. A
            folder around it all, with no other beside it, is looked through.

    Raises:
        InputError: nothing of that kind is there.
    """
    usable = _is_there(path) and not file_kind.is_survey(path)
    if usable and path.is_file() and path.suffix.lower() == ".csv":
        raise InputError(
            f"{shown(str(path))} is a table, expected the folder or zip of the tiles that it is "
            f"of, such as {shown(str(path.parent))}"
        )
    spot = _spot(path) if usable else None
    if spot is None:
        raise InputError(_nothing_in(path))
    found = _layout(spot)
    if found.masks is None and found.table is None:
        where, images = shown(str(found.images.parent)), found.images.name
        raise InputError(
            f"{where} has neither masks/ nor {TABLE} beside it, which would say where salt is in "
            f"{images}/; it holds {spot.level}"
        )
    return found


def open_images(location: Location) -> TileSource:
    """:func:`salt_infer.data.factory.open_tiles`, but of a labelled data set the tiles alone.

    That is a directory or zip with ``images/`` (or ``tiles/``) and ``masks/``, or ``unknown/``, and
    no other folder beside them, as the competition's ``train.zip`` is: with the masks, each id
    would be there twice. A folder around it is looked through.

    Raises:
        InputError: there are tiles beside them, too, besides what that function raises.
    """
    return _open(location, functools.partial(_tiles_alone, shown(str(location))))


def open_labels(path: Path) -> Labels:
    """:class:`salt_infer.data.labels.Labels`, but of ``masks/`` alone where there is such a folder,
    and of what else :func:`find` takes the table. Tiles are never taken for masks.

    Raises:
        InputError: as the class; or there are tiles alone, or labels do not count everywhere.
    """
    _check_count_everywhere(real(path))
    if path.suffix.lower() in _POLYGONS and path.is_file():
        raise InputError(
            f"{shown(str(path))} is of another kind than labels are: a table of id,rle_mask, or a "
            "folder or zip of PNG masks; draw masks of polygons first, such as by Pillow"
        )
    if table.kind(path) or _is_plain(path):
        return Labels(path)
    return _labels_of_folder(path) if path.is_dir() else _labels_of_zip(path)


def _labels_of_folder(path: Path) -> Labels:
    folder = _label_folder(tree.of_folder(path))
    if _holds_masks(folder):
        return Labels(path, open_tiles(path / folder))
    return Labels(path) if _spot(path) is None else _labels_of(find(path))


def _labels_of_zip(path: Path) -> Labels:
    source = TileZip(path, _label_folder)
    if not source.folder or _holds_masks(source.folder):
        return Labels(path, source)
    source.close()
    return _labels_of(find(path))


def _labels_of(layout: DatasetLayout) -> Labels:
    if layout.unknown is not None:
        raise InputError(NOT_EVERYWHERE)
    return layout.labels()


def _check_count_everywhere(labels: Path) -> None:
    """Refuse masks, or a table, of a data set in which some pixels are unknown."""
    beside, of_tiles = labels.parent, labels.name == "masks" or table.kind(labels)
    unknown, *images = (_is_there(beside / name) for name in ("unknown", "images", "tiles"))
    if of_tiles and unknown and any(images):
        raise InputError(NOT_EVERYWHERE)


def _label_folder(listing: Listing) -> str:
    """Path of a data set's masks; of its tiles where it has none; "" where there is no data set."""
    inside = _inside(listing)
    level = listing(inside)
    if "unknown" in level.folders and level.images:
        raise InputError(NOT_EVERYWHERE)
    name = "masks" if "masks" in level.folders else level.images
    return f"{inside}{name}/" if name else ""


def _holds_masks(folder: str) -> bool:
    return PurePosixPath(folder).name == "masks"


def open_within(path: Path, name: Part) -> TileSource:
    """List what is in that folder of a directory or zip, or in all of it if it has no such folder.

    Raises:
        InputError: no such path, nothing in it, or two tiles with one id.
    """
    return _open(path, functools.partial(_within, name))


def _open(location: Location, folder: Callable[[Listing], str]) -> TileSource:
    """List what is in a folder there, told from what is where."""
    if isinstance(location, Url):
        return open_remote(location, folder)
    if _is_plain(location):
        return open_tiles(location)
    if location.is_dir():
        return open_tiles(location / folder(tree.of_folder(location)))
    return TileZip(location, folder)


def _is_plain(path: Path) -> bool:
    """Whether nothing in it is to be looked through: a list, a survey, or what is not there."""
    is_list = path.suffix.lower() in LIST_SUFFIXES
    return is_list or not _is_there(path) or file_kind.is_survey(path)


def _is_there(path: Path) -> bool:
    """Whether it is a directory or file; what else it may be is for those who open it to say."""
    try:
        return path.is_dir() or path.is_file()
    except (OSError, ValueError):
        return False


def _within(name: Part, listing: Listing) -> str:
    """Path of a data set's tiles or masks, or "" where there are none."""
    inside = tree.wrapped(listing)
    level = listing(inside)
    folder = level.images if name == "images" else name
    return f"{inside}{folder}/" if folder in level.folders else ""


def _tiles_alone(where: str, listing: Listing) -> str:
    """Path of a data set's tiles, or "" where there are none or there are other folders that may
    hold tiles.
    """
    level = listing(tree.wrapped(listing))
    of_labels = level.folders - {level.images}
    if not level.images or not of_labels or of_labels - {"masks", "unknown"}:
        return ""
    if level.tiles:
        raise InputError(
            f"{where} holds {level.tiles} {SUFFIX} files beside {level.images}/ and "
            f"{min(of_labels)}/, which would be left out; move them, or name {level.images}/ "
            "(unpacked if it is in a zip)"
        )
    return _within("images", listing)


def _inside(listing: Listing) -> str:
    """Path of the folder that a data set's folders are in, if there are any."""
    inside = tree.wrapped(listing)
    level = listing(inside)
    if level.images or "train" not in level.folders:
        return inside
    labelled = [name for name in level.folders if "masks" in listing(f"{inside}{name}/").folders]
    others = set(labelled) - {"train"}  # which of them is meant is not for us to say
    return f"{inside}train/" if listing(f"{inside}train/").images and not others else inside


def _spot(path: Path) -> _Spot | None:
    listing = tree.of_folder(path) if path.is_dir() else zip_archive.listing_of(path)
    inside = _inside(listing)
    if not listing(inside).images:
        packed = path / inside / DOWNLOAD
        return _spot(packed) if packed.is_file() else None
    if path.is_dir():
        return _Spot(path / inside, tree.of_folder(path / inside), "")
    return _Spot(path, listing, inside)


def _layout(spot: _Spot) -> DatasetLayout:
    folder = spot.root / spot.inside
    masks = folder / "masks" if "masks" in spot.level.folders else None
    unknown = folder / "unknown" if "unknown" in spot.level.folders else None
    return DatasetLayout(spot.root, folder / spot.level.images, masks, _table(spot), unknown)


def _table(spot: _Spot) -> Path | None:
    """The nearest: beside the tiles' folder, above that, or beside the zip."""
    inside = PurePosixPath(spot.inside)
    for folder in dict.fromkeys((inside, inside.parent)):
        prefix = "" if folder == PurePosixPath() else f"{folder}/"
        if TABLE in spot.listing(prefix).files:
            return spot.root / prefix / TABLE
    root = spot.root
    above = root.parent if root.name not in ("", "..") else root / ".."  # of ".", it would be "."
    return above / TABLE if (above / TABLE).exists() else None


def _nothing_in(path: Path) -> str:
    """What is there instead of a data set, and what to do."""
    packed = "" if path.is_file() else f" or {DOWNLOAD}"  # a zip inside a zip is not read
    said = (
        f"no training data in {shown(str(path))}: expected images/ and masks/ (or {TABLE}), or "
        f"train/{packed} with these inside"
    )
    if not _is_there(path):
        return f"{said}; it cannot be found, or is neither a directory nor a zip"
    if file_kind.is_survey(path):
        return f"{said}; it is a survey, in which salt-survey run finds salt"
    listing = tree.of_folder(path) if path.is_dir() else zip_archive.listing_of(path)
    inside = tree.wrapped(listing)
    within = f" in {shown(inside)}" if inside else ""
    return f"{said}; it holds {listing(inside)}{within}{_advice(path, listing, inside)}"


def _advice(path: Path, listing: Listing, inside: str) -> str:
    level, packed = listing(inside), not path.is_dir()
    sets = [name for name in sorted(level.folders) if listing(f"{inside}{name}/").images]
    if level.archives and packed:
        return zip_archive.NESTED
    if sets and packed:
        return f": pack only one of them, {' or '.join(map(shown, sets))}"
    parts = [name for name in level.archives if Path(name).stem.lower() in _HALVES]
    if len(parts) > 1:
        return f": unpack {' and '.join(map(shown, parts))} there, into images/ and masks/"
    if found := sets or level.archives:
        return f": name {' or '.join(shown(str(path / inside / name)) for name in found)}"
    here = path.resolve()
    if not packed and here.name in ("images", "tiles", "masks") and _spot(here.parent):
        return f": name the folder above it, {shown(str(here.parent))}"
    return ""
