"""Is a labelled data set sound? Everything that can be said before a network sees it.

:func:`salt_train.data.dataset.load` stops at the first tile it cannot use. The survey here goes
through all of them, and looks for what training would swallow without a word: masks that contradict
each other, tiles without any signal, labels that no tile belongs to.
"""

from __future__ import annotations

import contextlib
import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.data import dataset, labels, png, png_file
from salt_infer.data.ids import Known
from salt_infer.data.layout import DatasetLayout
from salt_infer.data.source import TileSource
from salt_infer.errors import InputError, LabelError, RleError, SaltError, TileError
from salt_infer.masks import coverage, rle
from salt_infer.masks.coverage import TINY
from salt_infer.system.text import shown
from salt_train.data import label_doubts, label_offset, label_orientation, pairing, tile_orientation
from salt_train.data.findings import FAULTS, NOTES, Finding, Report
from salt_train.data.second_opinion import Opinion

Image = npt.NDArray[np.uint8]  # [101, 101]
_PLAIN = (1, 255, 65535)  # values that stand for salt, whatever others do


def check(path: Path, missing_as_empty: bool = False) -> Report:
    """Read a whole labelled data set and tell all that is wrong or odd about it.

    Where there are both ``masks/`` and a ``train.csv``, the masks are the labels, as they are in
    training, and the rows are compared with them. Takes 20 kB of memory for each tile, and as
    much again for those that the shipped model is shown.

    Args:
        path: what :func:`salt_train.data.dataset.load` takes.
        missing_as_empty: likewise.

    Raises:
        InputError: no labelled data there, or its tiles cannot be listed (two with one id, say).
    """
    survey = _Survey()
    survey.read(dataset.find(path))
    survey.match()
    survey.compare_ids()
    if missing_as_empty and not survey.noted["no-tile"]:
        survey.assume()
    survey.examine()
    survey.hold_against_the_shipped_model()
    return survey.report(path)


class _Survey:
    """What was read and noticed so far."""

    def __init__(self) -> None:
        self.listed: dict[str, Collection[str]] = {}  # ids by place, in the order of sources
        self.tiles: dict[str, Image] = {}  # those that can be read
        self.masks: dict[str, Image] = {}
        self.unknown: dict[str, Image] = {}
        self.values: dict[str, int] = {}  # that stand for salt, of masks with some
        counted = ("tile_modes", "tile_sizes", "mask_modes", "mask_sizes", "mask_values")
        self.facts: dict[str, Counter[str]] = {kind: Counter() for kind in counted}
        self.noted: defaultdict[str, dict[str, str]] = defaultdict(dict)  # kind: {id: detail}
        self.orientation = self.tiles_lie = self.moved = self.doubts = ""

    def read(self, layout: DatasetLayout) -> None:
        """Tiles and labels; only tiles that cannot be listed stop this."""
        with layout.open("images") as source:
            self.listed[str(layout.images)] = [tile.id for tile in source.tiles]
            self.tiles = dict(self._images("tile", source, self._tile))
        if layout.masks is not None:
            with self._labels(layout.masks), layout.open("masks") as source:
                self.listed[str(layout.masks)] = [tile.id for tile in source.tiles]
                self.masks = dict(self._images("mask", source, self._mask))
        if layout.unknown is not None:
            with self._labels(layout.unknown), layout.open("unknown") as source:
                self.unknown = dict(self._images("unknown", source, _decoded))
        if layout.table is not None:
            with self._labels(layout.table):
                self._rows(layout.table, layout.rows())

    @contextlib.contextmanager
    def _labels(self, path: Path) -> Iterator[None]:
        """Labels that cannot be listed are a finding: the tiles can be looked at all the same."""
        try:
            yield
        except (InputError, LabelError) as error:
            self.noted["bad-labels"][str(path)] = str(error)

    def _images(
        self, what: str, source: TileSource, decode: Callable[[str, bytes], Image]
    ) -> Iterator[tuple[str, Image]]:
        for tile in source.tiles:
            try:
                yield tile.id, decode(tile.id, source.read(tile))
            except TileError as error:
                self.noted[f"bad-{what}"][tile.id] = str(error)

    def _tile(self, name: str, data: bytes) -> Image:
        self._count("tile", data)
        seen = png.examine(data)
        for kind in seen.odd:
            self.noted[kind][name] = ""
        return seen.pixels

    def _mask(self, name: str, data: bytes) -> Image:
        self._count("mask", data)
        found = png.values(data)
        said = " and ".join(map(str, found)) if len(found) <= 2 else f"{len(found)} values"
        self.facts["mask_values"][said] += 1
        mask = png.decode_mask(data)
        if mask.any():
            self.values[name] = found[-1]
        return mask

    def _count(self, what: str, data: bytes) -> None:
        """Mode and size by the header, which stands at the same place in every PNG."""
        if not data.startswith(png_file.SIGNATURE) or len(data) < 16 + png_file.HEADER.size:
            return
        width, height, depth, colour, *_ = png_file.HEADER.unpack_from(data, 16)
        name = png_file.COLOUR_TYPES.get(colour, f"colour type {colour}")
        self.facts[f"{what}_modes"][f"{depth}-bit {name}"] += 1
        self.facts[f"{what}_sizes"][f"{width}x{height}"] += 1

    def _rows(self, file: Path, rows: Mapping[str, str]) -> None:
        """Run-length strings: the labels where nothing else is, else compared with the masks."""
        alone = len(self.listed) == 1
        self.listed[str(file)], known = rows.keys(), Known(self.masks)
        for name, text in sorted(rows.items()):
            try:
                decoded = labels.decoded(text)
            except RleError as error:
                self.noted["bad-row"][name] = str(error)
                continue
            if alone:
                self.masks[name] = decoded
            elif differing := np.count_nonzero(
                decoded != self.masks.get(known.find(name) or name, decoded)
            ):
                self.noted["row-differs"][name] = f"{differing} pixels differ"

    def match(self) -> None:
        """Every tile should be in every place with labels, and nothing else should be. From here
        on masks have the ids of their tiles, which may be written in other characters.
        """
        (_, tiles), *rest = self.listed.items()
        places = dict(rest)
        self.noted["no-label"] = pairing.unlabelled(tiles, places)
        self.noted["no-tile"] = pairing.strangers(tiles, places)
        self.masks = pairing.respelled(tiles, self.masks)
        self._leave_out(Known(tiles))

    def _leave_out(self, tiles: Known) -> None:
        """Pixels of masks that do not count."""
        written_here, self.unknown = self.unknown, {}
        for written, unknown in written_here.items():
            name = tiles.find(written)
            if name is None:
                self.noted["unknown-no-tile"][written] = "in unknown only"
            elif unknown.all():
                self.noted["bad-unknown"][name] = "nothing of the tile is known: leave it out"
            elif unknown.any():
                self.unknown[name] = unknown
                self.noted["unknown"][name] = f"{np.count_nonzero(unknown)} pixels"
                if name in self.masks:
                    self.masks[name] = self.masks[name] & ~unknown

    def compare_ids(self) -> None:
        """Tiles whose names are one name to other systems."""
        folded = defaultdict[str, list[str]](list)
        for name in next(iter(self.listed.values())):
            folded[unicodedata.normalize("NFC", name).casefold()].append(name)
        for names in folded.values():
            for name in names if len(names) > 1 else ():
                other = names[1] if name == names[0] else names[0]
                self.noted["case"][name] = f"beside {shown(other)}"

    def assume(self) -> None:
        """Take tiles without a label for empty; not where labels have no tile, see
        :func:`salt_train.data.dataset.load`.
        """
        self.noted["assumed"] = dict.fromkeys(self.noted.pop("no-label", {}), "")
        for name in self.noted["assumed"]:
            self.masks.setdefault(name, np.zeros(rle.TILE_SHAPE, np.uint8))

    def examine(self) -> None:
        """What the pixels say of tiles and masks, alone and together."""
        # Masks that were resized smoothly are unusable just where they have salt, so that few of
        # them are enough to make the rest tell nothing.
        unread = len(self.noted["bad-mask"]) + len(self.noted["bad-row"])
        most = len(self.masks) > 100 * unread
        if most and (kind := coverage.one_sided(np.stack([*self.masks.values()]))):
            self.noted[kind] = dict.fromkeys(self.masks, "")
        for name, mask in self.masks.items():
            for kind in _mask_kinds(mask):
                self.noted[kind][name] = ""
        self.noted["other-value"] = dict(_of_other_values(self.values))
        twins: defaultdict[bytes, list[str]] = defaultdict(list)
        for name, tile in self.tiles.items():
            if tile.min() == tile.max():
                self._blank(name)  # all of them are twins: told of as such, not pair by pair
            elif name in self.masks:
                twins[hashlib.sha256(tile.tobytes()).digest()].append(name)
        for names in twins.values():
            self._compare(names)

    def hold_against_the_shipped_model(self) -> None:
        """Masks that lie another way round, or are another tile's, look sound one by one."""
        some = self.noted["unknown"]
        known = {name: mask for name, mask in self.masks.items() if name not in some}
        if not self.tiles.keys() & known.keys():
            return
        try:
            opinion = Opinion.of(self.tiles, known)
            self.orientation, turned, strange = label_orientation.examine(opinion)
            if not turned:
                self.tiles_lie = tile_orientation.examine(opinion, self.tiles)
                # Where the model does not see the tiles as its own, offsets tell nothing.
                self.moved = "" if self.tiles_lie else label_offset.examine(opinion)
        except SaltError as error:
            self.orientation = f"labels were not held against the shipped model ({error})"
            return
        self.noted["turned"] = dict.fromkeys(turned, "")
        self.noted["strange"] = dict.fromkeys(strange, "")
        if not turned:  # or every mask would be doubted
            seen = label_doubts.examine(opinion)
            self.doubts, self.noted["doubtful"], self.noted["turned"] = seen

    def _blank(self, name: str) -> None:
        self.noted["blank"][name] = ""
        if name in self.masks and (salt := np.count_nonzero(self.masks[name])):
            self.noted["blank-salt"][name] = f"{salt} pixels of salt"

    def _compare(self, twins: list[str]) -> None:
        agree = all(self._agree(twins[0], name) for name in twins[1:])
        for name in twins if len(twins) > 1 else ():
            other = shown(twins[name == twins[0]])  # the first, or of the first the second
            self.noted["duplicate" if agree else "conflict"][name] = f"same as {other}"

    def _agree(self, one: str, other: str) -> bool:
        """Whether two masks are the same, where both are known."""
        differ = self.masks[one] != self.masks[other]
        for unknown in (self.unknown.get(one), self.unknown.get(other)):
            differ &= True if unknown is None else unknown == 0
        return not differ.any()

    def report(self, path: Path) -> Report:
        sources = {source: len(ids) for source, ids in self.listed.items()}
        findings = (
            Finding(kind, what, tuple(noted), tuple(noted.values()), kind in FAULTS)
            for kind, what in (FAULTS | NOTES).items()
            if (noted := self.noted[kind])
        )
        tiles, masks, *_ = (*sources.values(), 0)
        facts = {name: dict(counts.most_common()) for name, counts in self.facts.items()}
        facts["coverage"] = _coverage(self.masks)
        seen = self.orientation, self.tiles_lie, self.moved, self.doubts
        return Report(path, tiles, masks, sources, facts, tuple(findings), *seen)


def _of_other_values(values: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Masks, by name, that seem to be made of another class than others: each is one of two values,
    and which of several numbers is salt, nobody has said.
    """
    counts = Counter(values.values())
    usual = [value for value in _PLAIN if value in counts]
    usual = usual or [value for value, _ in counts.most_common(1)]
    for name, value in sorted(values.items()):
        if value not in usual:
            yield name, f"{value}, where others have {' or '.join(map(str, usual))}"


def _decoded(_: str, data: bytes) -> Image:
    return png.decode_mask(data)


def _mask_kinds(mask: Image) -> Iterator[str]:
    salt = np.count_nonzero(mask)
    if coverage.vertical(mask[None])[0]:
        yield "vertical"
    if 1 <= salt <= TINY:
        yield "tiny"
    if salt == mask.size:
        yield "full"


def _coverage(masks: Mapping[str, Image]) -> dict[str, int]:
    """Masks of each coverage class, those of none too."""
    found = Counter(int(coverage.coverage_class(mask[None])[0]) for mask in masks.values())
    return {str(number): found[number] for number in range(coverage.CLASSES)}
