"""Is a labelled data set sound? Everything that can be said before a network sees it.

:func:`salt_train.data.dataset.load` stops at the first tile it cannot use. The survey here goes
through all of them, and looks for what training would swallow without a word: masks that contradict
each other, tiles without any signal, labels that no tile belongs to.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import textwrap
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.data import dataset, labels, oddities, png
from salt_infer.data.dataset import DatasetLayout
from salt_infer.data.ids import Known
from salt_infer.data.source import TileSource
from salt_infer.errors import InputError, LabelError, RleError, TileError
from salt_infer.masks import coverage, rle
from salt_infer.masks.coverage import ASKED, ONE_SIDED, TINY
from salt_infer.system.text import shown
from salt_train.data import pairing

SHOWN = 10  # ids of a finding, and kinds of file, that the text names

Image = npt.NDArray[np.uint8]  # [101, 101]

# Kinds of findings, in the order of the report.
FAULTS = {
    "bad-labels": "labels that cannot be listed",
    "bad-tile": "tiles that cannot be used",
    "bad-mask": "masks that cannot be used",
    "bad-row": "run-length strings that cannot be decoded",
    "row-differs": "run-length strings that say something else than the mask",
    "no-label": "tiles without a label",
    "no-tile": "labels without a tile",
    "conflict": "tiles of the same pixels but with different masks",
    # Nothing in such a tile can tell where the salt is: the mask is most likely another tile's. It
    # also contradicts every other blank tile. In the TGS data each blank tile has an empty mask.
    "blank-salt": "tiles of one grey value, yet with salt in the mask",
    **{kind: f"{ONE_SIDED[kind]}; {ASKED[kind]}" for kind in ("no-salt", "only-salt")},
}
NOTES = {
    "assumed": "tiles without a label, taken for empty",
    "case": "ids that differ in upper and lower case alone: on a system that does not tell these "
    "apart, one file would take the other's place",
    "duplicate": "tiles of the same pixels and mask; a split may part them",
    "blank": "tiles of one grey value",
    "vertical": "masks of whole columns, neither empty nor full",
    "tiny": f"masks of 1 to {TINY} pixels",
    "full": "masks of nothing but salt",
    **{kind: f"{ONE_SIDED[kind]}; {ASKED[kind]}" for kind in ("whole", "no-empty")},
    **{kind: f"tiles that are {what}" for kind, what in oddities.WHAT.items()},
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something noticed of one or more tiles.

    Attributes:
        kind: a key of FAULTS or NOTES.
        what: the same in words, without a count.
        ids: the tiles; the file or folder where the kind is ``bad-labels``.
        details: what there is to say of each of ``ids``, in their order; may be empty strings.
        wrong: the data set should not be trained on before this is mended.
    """

    kind: str
    what: str
    ids: tuple[str, ...]
    details: tuple[str, ...]
    wrong: bool

    def lines(self) -> list[str]:
        """The finding for people, with at most SHOWN of its ids."""
        head = f"{'WRONG' if self.wrong else 'note'}: {self.what} ({len(self.ids)})"
        names = [shown(name) for name in self.ids[:SHOWN]]
        more = [f"and {len(self.ids) - SHOWN} more"] if len(self.ids) > SHOWN else []
        if any(self.details):
            body = [f"{name}: {said}" for name, said in zip(names, self.details, strict=False)]
            body += more
        else:
            body = textwrap.wrap(", ".join(names + more), 92, break_on_hyphens=False)
        return [head, *("    " + line for line in body)]


@dataclasses.dataclass(frozen=True)
class Report:
    """What is in a data set, and what was noticed of it.

    Attributes:
        path: where the data set was looked for.
        tiles: tiles found, readable or not.
        masks: labels found: files in ``masks/``, or rows of ``train.csv`` where there are none.
        sources: what was read, with the number of tiles or labels in it: first the tiles, then the
            labels that training takes, then others.
        facts: counts. ``tile_modes``, ``mask_modes`` (bit depth and colour type) and
            ``tile_sizes``, ``mask_sizes`` (width x height in px), as the PNG headers claim, of bad
            files too; ``mask_values``: the grey values that mask files are made of; ``coverage``:
            readable masks by coverage class, ``"0"`` (the empty masks alone) to ``"10"``.
        findings: all of one kind together; what is wrong first.
    """

    path: Path
    tiles: int
    masks: int
    sources: dict[str, int]
    facts: dict[str, dict[str, int]]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Nothing is wrong; there may be notes."""
        return not any(finding.wrong for finding in self.findings)

    def to_json(self) -> str:
        """All of it, indented, with a line end."""
        more = {"path": str(self.path), "ok": self.ok}
        return json.dumps(dataclasses.asdict(self) | more, indent=2) + "\n"

    def to_text(self) -> str:
        """Counts, findings and a verdict for the terminal, without a last line end."""
        found = [line for finding in self.findings for line in ("", *finding.lines())]
        wrong = sum(finding.wrong for finding in self.findings)
        kinds = f"(kinds of faults: {wrong}, of notes: {len(self.findings) - wrong})"
        verdict = f"{'sound' if self.ok else 'NOT sound'} {kinds}"
        return "\n".join([*self._counts(), *found, "", verdict])

    def _counts(self) -> Iterator[str]:
        for index, (source, count) in enumerate(self.sources.items()):
            yield f"{count} {'labels' if index else 'tiles'} in {shown(source)}"
        for what in ("tile", "mask"):
            if self.facts[f"{what}_modes"]:
                modes, sizes = self.facts[f"{what}_modes"], self.facts[f"{what}_sizes"]
                yield f"{what}s are {_listed(modes)}; {_listed(sizes)}"
        if self.facts["mask_values"]:
            yield f"masks are made of {_listed(self.facts['mask_values'])}"
        tenths = self.facts["coverage"]
        yield f"{tenths['0']} masks are empty"
        yield "tenths of salt" + "".join(f"{name:>6}" for name in tenths)
        yield "masks         " + "".join(f"{count:6}" for count in tenths.values())


def check(path: Path, missing_as_empty: bool = False) -> Report:
    """Read a whole labelled data set and tell all that is wrong or odd about it.

    Where there are both ``masks/`` and a ``train.csv``, the masks are the labels, as they are in
    training, and the rows are compared with them. Takes 20 kB of memory for each tile.

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
    survey.look()
    return survey.report(path)


class _Survey:
    """What was read and noticed so far."""

    def __init__(self) -> None:
        self.listed: dict[str, Collection[str]] = {}  # ids by place, in the order of sources
        self.tiles: dict[str, Image] = {}  # those that can be read
        self.masks: dict[str, Image] = {}
        counted = ("tile_modes", "tile_sizes", "mask_modes", "mask_sizes", "mask_values")
        self.facts: dict[str, Counter[str]] = {kind: Counter() for kind in counted}
        self.noted: defaultdict[str, dict[str, str]] = defaultdict(dict)  # kind: {id: detail}

    def read(self, layout: DatasetLayout) -> None:
        """Tiles and labels; only tiles that cannot be listed stop this."""
        with layout.open("images") as source:
            self.listed[str(layout.images)] = [tile.id for tile in source.tiles]
            self.tiles = dict(self._images("tile", source, self._tile))
        if layout.masks is not None:
            with self._labels(layout.masks), layout.open("masks") as source:
                self.listed[str(layout.masks)] = [tile.id for tile in source.tiles]
                self.masks = dict(self._images("mask", source, self._mask))
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
                data = source.read(tile)
                self._count(what, data)
                yield tile.id, decode(tile.id, data)
            except TileError as error:
                self.noted[f"bad-{what}"][tile.id] = str(error)

    def _tile(self, name: str, data: bytes) -> Image:
        seen = png.look(data)
        for kind in seen.odd:
            self.noted[kind][name] = ""
        return seen.pixels

    def _mask(self, _: str, data: bytes) -> Image:
        self._count_values(data)
        return png.decode_mask(data)

    def _count(self, what: str, data: bytes) -> None:
        """Mode and size by the header, which stands at the same place in every PNG."""
        if not data.startswith(png.SIGNATURE) or len(data) < 16 + png.HEADER.size:
            return
        width, height, depth, colour, *_ = png.HEADER.unpack_from(data, 16)
        name = png.COLOUR_TYPES.get(colour, f"colour type {colour}")
        self.facts[f"{what}_modes"][f"{depth}-bit {name}"] += 1
        self.facts[f"{what}_sizes"][f"{width}x{height}"] += 1

    def _count_values(self, data: bytes) -> None:
        found = png.values(data)
        name = " and ".join(map(str, found)) if len(found) <= 2 else f"{len(found)} values"
        self.facts["mask_values"][name] += 1

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

    def look(self) -> None:
        """What the pixels say of tiles and masks, alone and together."""
        most = len(self.masks) > len(self.noted["bad-mask"]) + len(self.noted["bad-row"])
        if most and (kind := coverage.one_sided(np.stack([*self.masks.values()]))):
            self.noted[kind] = dict.fromkeys(self.masks, "")
        for name, mask in self.masks.items():
            for kind in _mask_kinds(mask):
                self.noted[kind][name] = ""
        twins: defaultdict[bytes, list[str]] = defaultdict(list)
        for name, tile in self.tiles.items():
            if tile.min() == tile.max():
                self._blank(name)  # all of them are twins: told of as such, not pair by pair
            elif name in self.masks:
                twins[hashlib.sha256(tile.tobytes()).digest()].append(name)
        for names in twins.values():
            self._compare(names)

    def _blank(self, name: str) -> None:
        self.noted["blank"][name] = ""
        if name in self.masks and (salt := np.count_nonzero(self.masks[name])):
            self.noted["blank-salt"][name] = f"{salt} pixels of salt"

    def _compare(self, twins: list[str]) -> None:
        agree = all(np.array_equal(self.masks[twins[0]], self.masks[name]) for name in twins[1:])
        for name in twins if len(twins) > 1 else ():
            other = shown(twins[name == twins[0]])  # the first, or of the first the second
            self.noted["duplicate" if agree else "conflict"][name] = f"same as {other}"

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
        return Report(path, tiles, masks, sources, facts, tuple(findings))


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


def _listed(counts: Mapping[str, int]) -> str:
    """The commonest, each with its count."""
    commonest = [f"{name} ({count})" for name, count in list(counts.items())[:SHOWN]]
    return ", ".join(commonest + ["..."] * (len(counts) > SHOWN))
