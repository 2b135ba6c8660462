"""What a run did: counts, speed, where the time went, and with which settings."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from salt_infer.execution.stage_clock import Timing, shares
from salt_infer.job.journal import Journal
from salt_infer.job.model_report import ModelReport
from salt_infer.job.provenance import Provenance
from salt_survey.execution.slabs import Division, SlabDone
from salt_survey.volume.counts import Counts


@dataclasses.dataclass(frozen=True)
class SurveyReport:
    """Outcome of one run.

    Attributes:
        out: the published volume.
        sections: that were run, of both directions where both were.
        resumed: those of them that an earlier run had done.
        counts: of the volume.
        timing: where the time went.
        engine: who ran it.
        model: the file, and what ran it.
        provenance: by what, of what and when.
        settings: zoom, polarity, threshold and the others, and where they come from.
        origin: where zoom and polarity come from, in few words; JSON has it with the settings.
        warnings: what was decided against the survey's headers, a line each.
        notes: what else there is to know of the survey, a line each.
    """

    out: str
    sections: int
    resumed: int
    counts: Counts
    timing: Timing
    engine: dict[str, Any]
    model: ModelReport
    provenance: Provenance
    settings: dict[str, Any]
    origin: str
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sections_per_s(self) -> float:
        """Of this run, without what an earlier one had done."""
        seconds = self.timing.wall_s
        return (self.sections - self.resumed) / seconds if seconds else 0.0

    def to_json(self) -> str:
        """All of it, indented, with a line end."""
        value = dataclasses.asdict(self)
        del value["origin"]
        value |= value.pop("timing") | {
            "sections_per_s": self.sections_per_s,
            "verdict": self.timing.verdict,
        }
        return json.dumps(value, indent=2) + "\n"

    def lines(self) -> list[str]:
        """The same in a few lines for people."""
        timing, counts, used = self.timing, self.counts, self.settings
        before = f", {self.resumed} of them before" if self.resumed else ""
        busy = shares(timing.wall_s, timing.busy_s, timing.threads)
        stages = ", ".join(f"{k} {v:.2f} s ({busy[k]:.0%})" for k, v in timing.busy_s.items())
        return [
            f"{self.sections} sections, {counts.tiles} tiles -> {self.out}{before}",
            f"salt: {counts.in_words(used['threshold'])}",
            f"{timing.wall_s:.2f} s, {self.sections_per_s:.2f} sections/s, after "
            f"{timing.startup_s:.2f} s of start-up",
            f"busy: {stages}; {timing.verdict}",
            f"settings: zoom {used['zoom']}, polarity {used['polarity']}, stretch "
            f"{used['stretch']}, stride {used['stride']}, sections {used['sections']}; "
            f"{self.origin}",  # said in full when the run began
            f"model: {self.model.name}, {self.model.provider}, tta {used['tta']}, gate "
            f"{used['gate']:g}",
        ]


def counted(journal: Journal[SlabDone], division: Division) -> Counts:
    """In all slabs; where both directions were run, samples are counted once."""
    done = [(division.slabs[each.number], each) for each in journal]
    first = division.slabs[0].kind
    last = "mean" if any(slab.kind == "mean" for slab in division.slabs) else first
    return Counts(
        tiles=sum(each.tiles for _, each in done),
        recorded=sum(each.recorded for slab, each in done if slab.kind == first),
        salt=sum(each.salt for slab, each in done if slab.kind == last),
    )
