"""Rates, ratios and targets of contenders that took turns: Markdown, and which targets hold."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

from common import ratios
from common.ratios import Ratio

from comparison.answers import Answer
from comparison.roster import CONTENDERS, OURS, Group

SIMPLEST = ("notebook", "onnxruntime", "gpu-notebook", "gpu-onnxruntime-fp32")
WITHIN = 0.003  # of the reference's score: what is below is no winner
TARGETS: Mapping[Group, float] = {
    "notebook": 8.0, "PyTorch": 4.0, "ONNX Runtime": 5.0, "OpenVINO": 1.2,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Sample:
    """One run.

    Attributes:
        wall_s: seconds of the whole process.
        run_s: seconds from the first file read to the finished CSV.
        peak_rss_mb: memory of its largest process at most.
    """

    wall_s: float
    run_s: float
    peak_rss_mb: float


@dataclasses.dataclass(frozen=True)
class Standing:
    """One contender after all rounds.

    Attributes:
        name: its key in CONTENDERS.
        tiles: in a run.
        samples: a run a round, in the order of the rounds.
        answer: of the last round.
        steady: every round gave the same bytes.
    """

    name: str
    tiles: int
    samples: tuple[Sample, ...]
    answer: Answer
    steady: bool

    @property
    def group(self) -> Group:
        return CONTENDERS[self.name].group

    @property
    def rates(self) -> list[float]:
        """Tiles a second of each round, without start-up."""
        return [self.tiles / sample.run_s for sample in self.samples]

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def startup_s(self) -> float:
        """Seconds before and after the run itself."""
        return statistics.median(sample.wall_s - sample.run_s for sample in self.samples)

    @property
    def peak_rss_mb(self) -> float:
        return max(sample.peak_rss_mb for sample in self.samples)

    @property
    def holds_score(self) -> bool:
        """The score is not below the reference's by more than WITHIN."""
        return self.answer.difference >= -WITHIN


def ratio(one: Standing, other: Standing) -> Ratio:
    """How many times as fast one is as the other, round by round."""
    return ratios.paired(one.rates, other.rates)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One target: what is to be beaten by what factor, and by what it was."""

    group: Group
    target: float
    baseline: str
    ours: str
    ratio: Ratio

    @property
    def holds(self) -> bool:
        return self.ratio.median >= self.target

    def line(self) -> str:
        return (
            f"{'holds' if self.holds else 'MISSED'}: {self.target:g}x {self.group}: {self.ratio}, "
            f"{self.ours} against {self.baseline}"
        )


def best(standings: Sequence[Standing], group: Group) -> Standing | None:
    """The fastest of a group, None where there is none. Of salt-infer and OpenVINO only those whose
    score holds; the others are taken as they are.
    """
    strict = group in (OURS, "OpenVINO")
    able = [each for each in standings if each.group == group and (each.holds_score or not strict)]
    return max(able, key=lambda each: each.rate, default=None)


def verdicts(standings: Sequence[Standing]) -> list[Verdict]:
    """The targets that can be told from those who took part."""
    ours = best(standings, OURS)
    found = []
    for group, target in TARGETS.items():
        baseline = best(standings, group)
        if ours and baseline:
            times = ratio(ours, baseline)
            found.append(Verdict(group, target, baseline.name, ours.name, times))
    return found


def to_check(standings: Sequence[Standing]) -> dict[str, Ratio]:
    """What later runs are held against: each of salt-infer's ways beside the others' simplest."""
    return {
        f"{ours.name} to {other.name}": ratio(ours, other)
        for ours in standings
        for other in standings
        if ours.group == OURS and other.name in SIMPLEST
    }


def table(standings: Sequence[Standing]) -> list[str]:
    """Markdown: a contender a row; medians of the rounds, ratios with smallest and largest."""
    baselines = {group: best(standings, group) for group in TARGETS}
    heads = [f"to {group}" for group in TARGETS]
    rows = [
        "| way | tiles/s | "
        + " | ".join(heads)
        + " | start-up s | peak MB | score | difference (95 %) | pixels as fp32 torch |",
        "|---" * (7 + len(heads)) + "|",
    ]
    for each in standings:
        ratios = [_ratio(each, baseline) for baseline in baselines.values()]
        answer = each.answer
        low, high = answer.interval
        rows.append(
            f"| {CONTENDERS[each.name].title} | {each.rate:.1f} | {' | '.join(ratios)} "
            f"| {each.startup_s:.1f} | {each.peak_rss_mb:.0f} | {answer.score:.4f} "
            f"| {answer.difference:+.4f} ({low:+.4f} to {high:+.4f}) | {answer.agreement:.4%} |"
        )
    return rows


def _ratio(one: Standing, baseline: Standing | None) -> str:
    if baseline is None:
        return "–"
    return "1" if one is baseline else str(ratio(one, baseline))
