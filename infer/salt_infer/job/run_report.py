"""What a run did: counts, speed, where the time went, which tiles were bad."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from salt_infer.data.oddities import Odd
from salt_infer.data.source import BadTile
from salt_infer.execution.stage_clock import Timing, shares
from salt_infer.job.model_report import ModelReport
from salt_infer.job.provenance import Provenance
from salt_infer.system.text import shown


@dataclasses.dataclass(frozen=True)
class RunReport:
    """Outcome of one run.

    Attributes:
        out: the published file, or None where there is none.
        tiles: tiles found.
        read: tiles that could be read, and went through the model.
        resumed: those of them that an earlier run had done.
        rows: rows written.
        with_salt: rows with a mask.
        bad: tiles that could not be read.
        timing: where the time went.
        engine: who ran it.
        model: the file, and what ran it.
        provenance: by what, of what and when.
        options: threshold, gate and the other settings of the run.
        out_sha256: of the published file; empty where there is none.
        score: mean precision against the labels given, or None.
        empty_score: what all-empty masks would score on them, or None.
        scored: rows that had a label, or None; a tile without a row is not among them.
        scored_learnt: of these, those that the model has learnt from, or None where that is not
            known.
        odd: tiles that can be read and hardly be meant, by the kinds of the warnings.
        warnings: what may make the masks other than they look, a sentence each.
    """

    out: str | None
    tiles: int
    read: int
    resumed: int
    rows: int
    with_salt: int
    bad: tuple[BadTile, ...]
    timing: Timing
    engine: dict[str, Any]
    model: ModelReport
    provenance: Provenance
    options: dict[str, Any]
    out_sha256: str = ""
    score: float | None = None
    empty_score: float | None = None
    scored: int | None = None
    scored_learnt: int | None = None
    odd: Odd = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def tiles_per_s(self) -> float:
        """Of this run, without what an earlier one had done."""
        seconds = self.timing.wall_s
        return (self.read - self.resumed) / seconds if seconds else 0.0

    def to_json(self) -> str:
        """All of it, indented, with a line end."""
        value = dataclasses.asdict(self)
        value |= value.pop("timing") | {
            "tiles_per_s": self.tiles_per_s,
            "verdict": self.timing.verdict,
            "odd": {kind: [*map(shown, ids)] for kind, ids in self.odd.items()},
            "bad": [
                {"id": shown(bad.tile.id), "path": shown(bad.tile.path), "reason": bad.reason}
                for bad in self.bad
            ],
        }
        return json.dumps(value, indent=2) + "\n"

    def lines(self) -> list[str]:
        """The same in a few lines for people."""
        timing = self.timing
        share = shares(timing.wall_s, timing.busy_s, timing.threads)
        busy = ", ".join(f"{k} {v:.2f} s ({share[k]:.0%})" for k, v in timing.busy_s.items())
        before = f", {self.resumed} of them before" if self.resumed else ""
        lines = [
            f"{self.read} of {self.tiles} tiles -> {self.out} "
            f"({self.rows} rows, {self.with_salt} with salt){before}",
            f"{timing.wall_s:.2f} s, {self.tiles_per_s:.1f} tiles/s, after "
            f"{timing.startup_s:.2f} s of start-up",
            f"busy: {busy}; {timing.verdict}",
            self._settings(),
            *self._actors(),
        ]
        if self.score is not None:
            of = f" of {self.scored} of {self.tiles} tiles" if self.scored != self.tiles else ""
            lines.append(f"score {self.score:.4f}{of} (all-empty masks: {self.empty_score:.4f})")
        return lines

    def _settings(self) -> str:
        model, options = self.model, self.options
        return (
            f"model: {model.name}, {model.contract.kind}, {model.ran_on()}; tta {options['tta']}, "
            f"threshold {options['threshold']:.3g}, gate {options['gate']:.3g}"
        )

    def _actors(self) -> list[str]:
        """Of Ray: on what it ran, and what had to be run again."""
        if "actors" not in self.engine:
            return []
        actors, again = self.engine["actors"], self.engine["retries"]
        nodes = len({actor["node"] for actor in actors})
        return [
            f"{self.engine['name']}: {len(actors)} actor(s) on {nodes} node(s), {again} batch(es) "
            "run again"
        ]

    def fallback(self) -> str:
        """How what ran differs from what was asked for, in a line; empty where it does not."""
        model = self.model
        if not model.fallback:
            return ""
        return (
            f"ran on {model.ran_on()}, and {model.asked} was asked for; the report has the reasons"
        )
