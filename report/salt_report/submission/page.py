"""The page of ``salt-report evaluate``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from salt_infer.system.text import shown
from salt_report.common import glossary, page, pictures
from salt_report.common.kinds import KINDS
from salt_report.common.page import Gallery, Picture
from salt_report.common.sources import Source
from salt_report.submission import charts as draw
from salt_report.submission import outcomes
from salt_report.submission.borders import CROP
from salt_report.submission.evaluation import Case, Evaluation
from salt_report.submission.outcomes import BOUNDARY, FALSE, LOSSES, MISSED

CHANGES = 20  # rows of the table of tiles that changed

_WORST = {
    MISSED: "Salt missed altogether: the largest first.",
    FALSE: "Salt where there is none: the largest first.",
    BOUNDARY: "Salt found, its outline wrong: the lowest scores first, of equals those with more "
    "wrong pixels.",
}


def render(case: Case, found: Evaluation, sources: Sequence[Source], worst: int) -> bytes:
    """The page, UTF-8, with up to ``worst`` pictures a gallery."""
    other = shown(case.other.path.name) if case.other else ""
    sections = [
        ("score", "Score"),
        ("lost", "Where the points went"),
        ("parts", "By kind of tile"),
        ("border", "At the tiles' border"),
        *([("judge", "The judge")] if found.judge else []),
        *([("sweep", "Threshold and gate")] if found.sweep else []),
        *([("against", f"Against {other}")] if found.pairs else []),
        *([("worst", "The worst tiles")] if worst else []),
    ]
    return page.render(
        "evaluation.html",
        title=f"Submission {shown(case.submission.path.name)}",
        sections=sections,
        sources=sources,
        found=found,
        head=found.headline,
        presence=found.presence,
        advice="" if found.warnings else outcomes.advice(found.outcome),
        judge=found.judge,
        sweep=found.sweep,
        pairs=found.pairs,
        other=other,
        most_moved=_most_moved(found),
        shown_changes=CHANGES,
        meanings=LOSSES,
        kinds=KINDS,
        black_known=case.tiles is not None,
        crop=CROP,
        charts=_charts(found),
        worst=worst,
        galleries={
            "worst": [*_worst(case, found, worst)],
            "changed": [*_changed(case, found, worst)],
        },
        words=_words(found),
    )


def _words(found: Evaluation) -> list[tuple[str, str]]:
    of_judge = ["calibration error", "Brier score", "ROC"] if found.judge else []
    return glossary.words(
        "coverage, coverage class", "IoU", "Dice", "IoU threshold", "precision", "presence",
        "judge", "gate", "threshold", "95 % interval", "paired interval", *of_judge,
    )  # fmt: skip


def _most_moved(found: Evaluation) -> int:
    """The largest count beside the diagonal, which is where tiles that did not move are."""
    if found.pairs is None:
        return 0
    moves = found.pairs.moves
    beside = moves.to_numpy() * ~np.eye(len(moves), dtype=bool)
    return int(beside.max())


def _charts(found: Evaluation) -> dict[str, Markup | None]:
    charts: dict[str, Markup | None] = {
        "thresholds": draw.thresholds(found.thresholds, found.headline),
        "groups": draw.groups(found.groups),
        "losses": draw.losses(found.losses),
        "by_class": draw.by_class(found.by_class),
        "border": draw.border(found.border, found.border_inside),
    }
    if (judge := found.judge) is not None:
        charts["roc"] = draw.roc(judge.roc) if judge.roc else None
        charts["calibration"] = draw.calibration(judge)
    if (sweep := found.sweep) is not None:
        charts["by_threshold"] = draw.by_threshold(sweep)
        charts["by_gate"] = draw.by_gate(sweep)
        charts["grid"] = draw.grid(sweep) if min(sweep.grid.shape) > 1 else None
    if found.pairs is not None and found.other_groups is not None:
        changed = found.pairs.changed
        charts["two_groups"] = draw.two_groups(found.groups, found.other_groups)
        charts["differences"] = draw.differences(changed) if len(changed) else None
    return charts


def _worst(case: Case, found: Evaluation, count: int) -> Iterator[Gallery]:
    order = found.outcome.assign(place=range(len(found.outcome)))
    order = order.sort_values(["score", "wrong_px"], ascending=[True, False], kind="stable")
    for cause, text in _WORST.items():
        rows = order[order.loss == cause]
        if len(rows) and count:
            of = f" ({min(count, len(rows))} of {len(rows)})"
            left = "Left the tile, right the overlay. " if case.tiles is not None else ""
            chosen = [_picture(case, row) for row in rows.head(count).itertuples()]
            yield Gallery(cause.capitalize() + of, left + text, chosen)


def _changed(case: Case, found: Evaluation, count: int) -> Iterator[Gallery]:
    """What the tiles look like that gained and that lost most."""
    if found.pairs is None or not count:
        return
    places = {name: place for place, name in enumerate(case.ids)}
    for title, rows in (
        ("Better here", found.pairs.changed[found.pairs.changed.difference > 0]),
        ("Worse here", found.pairs.changed[found.pairs.changed.difference < 0]),
    ):
        if len(rows):
            text = "Overlays: this submission, then the other."
            if case.tiles is not None:
                text = "The tile, then the overlays: this submission, then the other."
            chosen = [_two(case, places[row.Index], row) for row in rows.head(count).itertuples()]
            yield Gallery(f"{title} ({len(chosen)} of {len(rows)})", text, chosen, wide=True)


def _picture(case: Case, row: pd.Series) -> Picture:
    note = f"score {row.score:.1f}, {row.truth_px} px of salt, {row.predicted_px} px predicted"
    tile = [pictures.grey(case.tiles[row.place])] if case.tiles is not None else []
    found = pictures.overlay(case.truth[row.place], case.submission.masks[row.place])
    return Picture(row.Index, pictures.picture([*tile, found]), f"overlay; {note}", note)


def _two(case: Case, place: int, row: pd.Series) -> Picture:
    assert case.other is not None
    salt, ours, theirs = (
        np.count_nonzero(masks[place])
        for masks in (case.truth, case.submission.masks, case.other.masks)
    )
    note = (
        f"score {row.score:.1f}, the other {row.other:.1f}; {salt} px of salt, {ours} px "
        f"predicted, the other {theirs}"
    )
    tile = [pictures.grey(case.tiles[place])] if case.tiles is not None else []
    overlays = [
        pictures.overlay(case.truth[place], masks[place])
        for masks in (case.submission.masks, case.other.masks)
    ]
    return Picture(row.Index, pictures.picture([*tile, *overlays]), f"overlays; {note}", note)
