"""What was found in a labelled data set: counts, what is wrong, and what is to be known of it."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from salt_infer.data import oddities
from salt_infer.masks.coverage import ASKED, ONE_SIDED, TINY
from salt_infer.system.text import shown

SHOWN = 10  # ids of a finding, and kinds of file, that the text names

# Kinds of findings, in the order of the report.
FAULTS = {
    "bad-labels": "labels that cannot be listed",
    "bad-tile": "tiles that cannot be used",
    "bad-mask": "masks that cannot be used",
    "other-value": "masks whose salt is another value than that of others, not 1 or the largest: "
    "another class, or 128 for unknown? All but 0 is salt here; what is unknown goes into unknown/",
    "bad-unknown": "files in unknown/ that cannot be used",
    "bad-row": "run-length strings that cannot be decoded",
    "row-differs": "run-length strings that say something else than the mask",
    "no-label": "tiles without a label",
    "no-tile": "labels without a tile",
    "unknown-no-tile": "files in unknown/ without a tile",
    "conflict": "tiles of the same pixels but with different masks",
    # Nothing in such a tile can tell where the salt is: the mask is most likely another tile's. It
    # also contradicts every other blank tile. In the TGS data each blank tile has an empty mask.
    "blank-salt": "tiles of one grey value, yet with salt in the mask",
    **{kind: f"{ONE_SIDED[kind]}; {ASKED[kind]}" for kind in ("no-salt", "only-salt")},
    "turned": "masks that fit what the shipped model finds better turned or inverted",
}
NOTES = {
    "assumed": "tiles without a label, taken for empty",
    "unknown": "tiles with pixels that are unknown, where the mask does not count",
    "strange": "masks of a set that does not fit its tiles by the eye of the shipped model; look "
    "at some beside their tiles",
    "doubtful": "labels that say otherwise than the shipped model is sure of; look at these",
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

    def said(self) -> dict[str, str]:
        """Its details, by id."""
        return dict(zip(self.ids, self.details, strict=True))

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
        orientation: how masks and what the shipped model finds lie to each other, in a line.
        tiles_lie: that both fit it better another way round, in a line; empty as a rule.
        moved: that labels lie some pixels off, in a line; empty as a rule.
        doubts: in how many tiles it is sure of something else, in a line.
    """

    path: Path
    tiles: int
    masks: int
    sources: dict[str, int]
    facts: dict[str, dict[str, int]]
    findings: tuple[Finding, ...]
    orientation: str = ""
    tiles_lie: str = ""
    moved: str = ""
    doubts: str = ""

    @property
    def ok(self) -> bool:
        """Nothing is wrong; there may be notes."""
        return not any(finding.wrong for finding in self.findings)

    def to_json(self) -> str:
        """All of it, indented, with a line end; of each finding every tile, and what is said."""
        more = {"path": str(self.path), "ok": self.ok}
        findings = [
            {"kind": each.kind, "what": each.what, "wrong": each.wrong, "tiles": each.said()}
            for each in self.findings
        ]
        value = dataclasses.asdict(self) | more | {"findings": findings}
        return json.dumps(value, indent=2) + "\n"

    def to_text(self, file: Path | None = None) -> str:
        """Counts, findings and a verdict for the terminal, without a last line end.

        Args:
            file: where all of it has been written.
        """
        found = [line for finding in self.findings for line in ("", *finding.lines())]
        wrong = sum(finding.wrong for finding in self.findings)
        kinds = f"(kinds of faults: {wrong}, of notes: {len(self.findings) - wrong})"
        verdict = f"{f'sound{self._doubted()}' if self.ok else 'NOT sound'} {kinds}"
        seen = filter(
            None,
            (self.orientation, self.tiles_lie, self.moved, self.doubts, self._where_all_are(file)),
        )
        return "\n".join([*self._counts(), *found, "", *seen, verdict])

    def _doubted(self) -> str:
        seen = {finding.kind: len(finding.ids) for finding in self.findings}
        if "strange" in seen:
            return ", but the labels may not be these tiles'"
        if self.moved:
            return ", but the labels seem to lie off their tiles"
        count = seen.get("doubtful", 0)
        what = f"{count} labels are" if count > 1 else "1 label is"
        return f", but {what} doubted" if count else ""

    def _where_all_are(self, file: Path | None) -> str:
        if file:
            return f"all tiles by name: {file}"
        cut = any(len(finding.ids) > SHOWN for finding in self.findings)
        return "--report FILE.json names all tiles of each kind" if cut else ""

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
        if not any(tenths.values()):  # no mask could be read
            return
        yield f"{tenths['0']} masks are empty"
        yield "tenths of salt" + "".join(f"{name:>6}" for name in tenths)
        yield "masks         " + "".join(f"{count:6}" for count in tenths.values())


def _listed(counts: Mapping[str, int]) -> str:
    """The commonest, each with its count."""
    commonest = [f"{name} ({count})" for name, count in list(counts.items())[:SHOWN]]
    return ", ".join(commonest + ["..."] * (len(counts) > SHOWN))
