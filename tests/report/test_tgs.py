"""Counts of the competition's own data: skipped, with the reason, where it is not at hand."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salt_report.common import coverage, reading, tables
from salt_report.common.kinds import flags
from salt_report.common.reading import LabelledTiles
from salt_report.dataset import exploration, page
from salt_report.submission import outcomes
from tests.report.conftest import spoilt


@pytest.fixture(scope="module")
def data(tgs: Path) -> LabelledTiles:
    return reading.labelled_tiles(tgs)


@pytest.fixture(scope="module")
def runs(tgs: Path, data: LabelledTiles) -> list[list[tuple[int, int]]]:
    """Starts and lengths of each tile's runs of salt, from train.csv and not from the masks."""
    with open(tgs / "train.csv", newline="") as file:
        rows = dict(list(csv.reader(file))[1:])
    found = []
    for name in data.ids:
        numbers = [int(word) for word in rows[name].split()]
        found.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
    return found


def test_masks_are_counted_as_their_run_lengths_say(
    data: LabelledTiles, runs: list[list[tuple[int, int]]]
) -> None:
    known = exploration.table(data)
    salt = [sum(length for _, length in each) for each in runs]
    assert known.salt_px.tolist() == salt
    # A run lies in one column, or goes on in the next: whole columns begin and end at their ends.
    vertical = [
        0 < total < 10201 and all((start - 1) % 101 == length % 101 == 0 for start, length in each)
        for each, total in zip(runs, salt, strict=True)
    ]
    assert known.vertical.tolist() == vertical
    found = exploration.overview(known)
    assert (found.empty, found.full, found.largest_px) == (salt.count(0), 0, 10200)
    counts = coverage.classes(known)
    for number in range(11):
        assert counts[number] == sum(
            10201 * (number - 1) < 10 * total <= 10201 * number for total in salt
        )
    if len(data.ids) == 4000:
        assert (sum(vertical), found.empty) == (113, 1562)


@pytest.mark.slow
def test_black_tiles_are_those_that_pillow_finds(tgs: Path, data: LabelledTiles) -> None:
    archive = tgs / "train.zip"
    if not archive.is_file():
        pytest.skip(f"{archive} is not there")
    black = []
    with zipfile.ZipFile(archive) as opened:
        for name in data.ids:
            with Image.open(io.BytesIO(opened.read(f"images/{name}.png"))) as image:
                if image.getextrema() == ((0, 0),) * 3:
                    black.append(name)
    found = flags(data.masks, data.tiles)["black"]
    assert [name for name, is_black in zip(data.ids, found, strict=True) if is_black] == black
    assert not data.masks[found].any()


def test_empty_masks_score_the_share_of_empty_tiles(data: LabelledTiles) -> None:
    outcome = outcomes.table(data.ids, data.masks, np.zeros_like(data.masks))
    empty = [not mask.any() for mask in data.masks]
    assert outcomes.presence(outcome, 10201).clear == sum(empty)
    assert outcome.score.mean() == pytest.approx(np.mean(empty))
    lost = outcomes.losses(outcome).points
    assert lost[outcomes.MISSED] == pytest.approx(1 - np.mean(empty))
    wrong = outcomes.table(data.ids, data.masks, spoilt(data.masks, seed=3))
    assert outcomes.losses(wrong).points.sum() == pytest.approx(1 - wrong.score.mean())


@pytest.mark.slow
def test_the_page_of_the_real_data(tgs: Path, data: LabelledTiles) -> None:
    path = tables.find_depths(tgs)
    assert path is not None
    found = exploration.explore(data, tables.depths(path, data.ids), None)
    assert found.depths is not None
    assert found.depths.tiles == len(data.ids)
    html = page.render(found, "real", [])
    assert len(html) < 3_000_000
    assert f"{found.overview.empty}".encode() in html
