"""Rates, ratios and targets of contenders that took turns: Markdown, and which targets hold."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

from common import ratios
from common.ratios import Ratio

from comparison.answers import Answer, Unscored
from comparison.roster import CONTENDERS, OURS, STUDY, Group

STUDY_NOTEBOOK = ("study-notebook", "gpu-study-notebook")
SIMPLEST = ("notebook", "onnxruntime", "gpu-notebook", "gpu-onnxruntime-fp32")
# Whom later runs hold each of these groups against.
HELD_AGAINST: Mapping[Group, Sequence[str]] = {
    OURS: (*SIMPLEST, *STUDY_NOTEBOOK),
    STUDY: STUDY_NOTEBOOK,
}
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
    answer: Answer | Unscored
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
        return self.answer.holds(WITHIN)


def ratio(one: Standing, other: Standing) -> Ratio:
    """How many times as fast one is as the other, round by round: in the rounds of both, which are
    the first ones, since who fails or has no time left runs no more.
    """
    rounds = min(len(one.samples), len(other.samples))
    return ratios.paired(one.rates[:rounds], other.rates[:rounds])


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


@dataclasses.dataclass(frozen=True)
class Headline:
    """How many times as fast salt-infer is with everybody's weights as the case study's own network
    in its notebook: another network, which has a score of its own.

    Attributes:
        baseline: name of the latter.
        ours: the fastest way of the former whose score holds.
        ratio: of tiles a second.
        trained: whether the case study's network is.
    """

    baseline: str
    ours: str
    ratio: Ratio
    trained: bool

    def line(self) -> str:
        note = "" if self.trained else ", which is not trained: speed alone is compared"
        return (
            f"{self.ratio} as fast as {STUDY}, the notebook's way: {self.ours} against "
            f"{self.baseline}{note}"
        )


def headline(standings: Sequence[Standing]) -> Headline | None:
    """None unless both took part."""
    ours, study = best(standings, OURS), study_baseline(standings)
    if not ours or not study:
        return None
    trained = isinstance(study.answer, Answer)
    return Headline(study.name, ours.name, ratio(ours, study), trained)


def study_baseline(standings: Sequence[Standing]) -> Standing | None:
    """The case study's own network in its notebook, None where it took no part."""
    return next((each for each in standings if each.name in STUDY_NOTEBOOK), None)


def to_check(standings: Sequence[Standing]) -> dict[str, Ratio]:
    """What later runs are held against: each of salt-infer's ways beside the others' simplest, and
    its way with the case study's network beside that one's notebook.
    """
    return {
        f"{ours.name} to {other.name}": ratio(ours, other)
        for ours in standings
        for other in standings
        if ours is not other and other.name in HELD_AGAINST.get(ours.group, ())
    }


def table(standings: Sequence[Standing]) -> list[str]:
    """Markdown: a contender a row; medians of the rounds, ratios with smallest and largest."""
    baselines = {group: best(standings, group) for group in TARGETS}
    if study := study_baseline(standings):
        baselines[STUDY] = study
    heads = [f"to {group}" for group in baselines]
    rows = [
        "| way | tiles/s | "
        + " | ".join(heads)
        + " | start-up s | peak MB | score | difference (95 %) | pixels as fp32 torch |",
        "|---" * (7 + len(heads)) + "|",
    ]
    for each in standings:
        ratios = [_ratio(each, baseline) for baseline in baselines.values()]
        rows.append(
            f"| {CONTENDERS[each.name].title} | {each.rate:.1f} | {' | '.join(ratios)} "
            f"| {each.startup_s:.1f} | {each.peak_rss_mb:.0f} | {' | '.join(each.answer.cells)} |"
        )
    return rows


def _ratio(one: Standing, baseline: Standing | None) -> str:
    if baseline is None:
        return "–"
    return "1" if one is baseline else str(ratio(one, baseline))
