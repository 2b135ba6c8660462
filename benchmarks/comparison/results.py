"""What a comparison leaves: its result file, and the lines that are shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import record
from common import ratios

from comparison import standings, study
from comparison.networks import Networks
from comparison.roster import CONTENDERS, STUDY
from comparison.standings import Standing


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a result says of its run.

    Attributes:
        name: of the file.
        tiles, labelled: how many, and how many of them have a label.
        networks: what they ran.
        batch_size, threads: of all contenders that have none of their own.
        models: sha256 of what each ran.
        skipped: why some took no part.
        device: where they ran.
    """

    name: str
    tiles: int
    labelled: int
    networks: Networks
    batch_size: int
    threads: int
    models: Mapping[str, str]
    skipped: Mapping[str, str]
    device: str

    def lines(self) -> list[str]:
        """For people."""
        studys = self.networks.studys
        return [
            f"{self.tiles} tiles, {self.labelled} of them labelled; "
            f"{self.networks.everybodys.line()}; {self.threads} threads, batches of "
            f"{self.batch_size}",
            *([f"{STUDY}: {studys.line()}"] if studys else []),
        ]

    def to_json(self) -> dict[str, Any]:
        """For a result file."""
        everybodys, studys = self.networks.everybodys, self.networks.studys
        settings = dataclasses.asdict(everybodys.decision) | {
            "batch_size": self.batch_size,
            "threads": self.threads,
        }
        return {
            "tiles": self.tiles,
            "labelled": self.labelled,
            "device": self.device,
            "settings": settings,
            "reference_score": everybodys.reference_score,
            **({"study": {"recipe": study.RECIPE, **studys.to_json()}} if studys else {}),
        }


def save(ranking: Sequence[Standing], failed: Mapping[str, str], of: Setting) -> list[str]:
    """Write the results so far; returns the lines to show."""
    # The targets are for two cores.
    verdicts = standings.verdicts(ranking) if of.device == "cpu" else []
    table, found = standings.table(ranking), standings.headline(ranking)
    result = {
        **of.to_json(),
        "table": table,
        "ratios": ratios.to_json(standings.to_check(ranking)),
        "targets": [dataclasses.asdict(each) | {"holds": each.holds} for each in verdicts],
        **({"headline": dataclasses.asdict(found)} if found else {}),
        "skipped": {**of.skipped, **failed},
        "contenders": {each.name: _contender(each, of) for each in ranking},
    }
    record.save(of.name, result)
    told = [each.line() for each in verdicts] + ([found.line()] if found else [])
    return [*of.lines(), *table, *told]


def _contender(each: Standing, of: Setting) -> dict[str, Any]:
    return {
        "title": CONTENDERS[each.name].title,
        "model_sha256": of.models[each.name],
        "samples": [dataclasses.asdict(sample) for sample in each.samples],
        "tiles_per_s": each.rates,
        "steady": each.steady,
        **each.answer.to_json(),
    }
