from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup
from matplotlib.figure import Figure

from salt_infer.data.probabilities import Probabilities
from salt_report.common import coverage, drawing
from salt_report.common.reading import LabelledTiles, Submission
from salt_report.dataset import charts as data_charts
from salt_report.dataset import exploration
from salt_report.predictions import charts as look_charts
from salt_report.predictions import overview
from salt_report.submission import charts as evaluation_charts
from salt_report.submission import evaluation
from salt_report.submission.evaluation import Case, Evaluation
from tests.report.conftest import spoilt

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def known(drawn: LabelledTiles) -> pd.DataFrame:
    return exploration.table(drawn, np.arange(60.0) * 9 + 50)


@pytest.fixture(scope="module")
def found(drawn: LabelledTiles, predicted: np.ndarray) -> Evaluation:
    random = np.random.default_rng(4)
    mine = Submission(Path("a.csv"), predicted, random.uniform(size=60))
    other = Submission(Path("b.csv"), spoilt(drawn.masks, 2), None)
    given = Probabilities((predicted * 200).astype(np.uint8), random.uniform(size=60))
    return evaluation.evaluate(Case(drawn.ids, drawn.masks, mine, None, other, given))


def of_data(known: pd.DataFrame) -> dict[str, Callable[[], Markup]]:
    depths = exploration.depths(known)
    return {
        "coverage": lambda: coverage.draw_histogram(coverage.histogram(known)),
        "classes": lambda: coverage.draw_classes(coverage.classes(known)),
        "depth_coverage": lambda: data_charts.depth_coverage(known),
        "depth_salt": lambda: data_charts.depth_salt(depths),
        "brightness": lambda: data_charts.measure(known, "brightness"),
        "noise": lambda: data_charts.measure(known, "noise"),
        "where": lambda: data_charts.where_salt_is(np.tri(101)),
    }


def of_a_look(drawn: LabelledTiles, predicted: np.ndarray) -> dict[str, Callable[[], Markup]]:
    sure = np.random.default_rng(6).uniform(size=60)
    known = overview.table(drawn.ids, Submission(Path("a.csv"), predicted, sure, sure))
    return {"confidence": lambda: look_charts.confidence(overview.by_confidence(known))}


def of_evaluation(found: Evaluation) -> dict[str, Callable[[], Markup]]:
    draw = evaluation_charts
    assert found.judge is not None
    assert found.judge.roc is not None
    assert found.sweep is not None
    assert found.pairs is not None
    assert found.other_groups is not None
    judge, curve, sweep, pairs, groups = (
        found.judge, found.judge.roc, found.sweep, found.pairs, found.other_groups,
    )  # fmt: skip
    return {
        "thresholds": lambda: draw.thresholds(found.thresholds, found.headline),
        "groups": lambda: draw.groups(found.groups),
        "losses": lambda: draw.losses(found.losses),
        "by_class": lambda: draw.by_class(found.by_class),
        "border": lambda: draw.border(found.border, found.border_inside),
        "border alone": lambda: draw.border(found.border, None),
        "roc": lambda: draw.roc(curve),
        "calibration": lambda: draw.calibration(judge),
        "by_threshold": lambda: draw.by_threshold(sweep),
        "by_gate": lambda: draw.by_gate(sweep),
        "grid": lambda: draw.grid(sweep),
        "two_groups": lambda: draw.two_groups(found.groups, groups),
        "differences": lambda: draw.differences(pairs.changed),
    }


@pytest.fixture(scope="module")
def charts(
    known: pd.DataFrame, found: Evaluation, drawn: LabelledTiles, predicted: np.ndarray
) -> dict[str, Callable[[], Markup]]:
    return of_data(known) | of_evaluation(found) | of_a_look(drawn, predicted)


@pytest.fixture(scope="module")
def pictures(charts: dict[str, Callable[[], Markup]]) -> dict[str, Markup]:
    return {name: draw() for name, draw in charts.items()}


def test_charts_are_elements_with_axes_that_say_what_they_are(pictures: dict[str, Markup]) -> None:
    for name, svg in pictures.items():
        root = ET.fromstring(svg)  # well-formed, one element
        assert root.tag == f"{SVG}svg", name
        assert root.get("role") == "img"
        assert len(root.get("aria-label", "")) > 30
        assert (root.get("width"), root.get("height")) == (None, None)
        words = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
        labels = [word for word in words if re.search("[a-z]{4}", word)]
        assert len(labels) >= 2, (name, words)
        assert not [word for word in words if "mathdefault" in word], name


def test_the_same_bytes_every_time_whatever_the_readers_settings(
    charts: dict[str, Callable[[], Markup]], pictures: dict[str, Markup]
) -> None:
    for name in ("losses", "depth_coverage", "grid"):
        before = pictures[name]
        with matplotlib.rc_context({"font.size": 20, "svg.fonttype": "path", "axes.grid": False}):
            assert charts[name]() == before
    assert not re.search(r"20\d\d-\d\d-\d\d", pictures["losses"])


def test_colours_are_the_pages_and_ids_are_the_charts(pictures: dict[str, Markup]) -> None:
    ids: list[str] = []
    for svg in pictures.values():
        assert "#fe01" not in svg
        assert f"var(--{drawing.INK})" in svg
        mine = re.findall(r'\bid="([^"]+)"', svg)
        used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)
        assert {first or second for first, second in used} <= set(mine)
        assert len(mine) == len(set(mine))
        ids += mine
    # The border is drawn twice here.
    assert not {name for name in ids if ids.count(name) > 1 and not name.startswith("border-")}


def test_nothing_is_taken_for_markup_or_mathematics() -> None:
    def draw(figure: Figure) -> None:
        figure.subplots().set_title("<script> & $x$ $\\oops")

    svg = drawing.chart("x", '"><script>', draw)
    assert "<script>" not in svg
    assert "$x$ $\\oops" in svg
    ET.fromstring(svg)


@pytest.mark.parametrize("top", [1, 17.53, 230, 99_999])
def test_all_text_is_within_the_picture(top: float) -> None:
    seen: list[Figure] = []

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, top], label="a line")
        axes.set(xlabel="across", ylabel="upwards", ylim=(0, top))
        drawing.legend_above(figure)
        seen.append(figure)

    drawing.chart("x", "x", draw)
    # The labels of the axes lie beyond those of the ticks.
    axes = seen[0].axes[0]
    assert axes.yaxis.label.get_window_extent().x0 > -0.5
    assert axes.xaxis.label.get_window_extent().y0 > -0.5


def test_legends_hide_no_data(found: Evaluation) -> None:
    """They are above the axes: nothing of them is within."""
    seen: list[Figure] = []

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], label="a line")
        drawing.legend_above(figure)
        seen.append(figure)

    drawing.chart("x", "x", draw)
    legend, axes = seen[0].legends[0].get_window_extent(), seen[0].axes[0].get_window_extent()
    assert legend.y0 >= axes.y1


def test_zeros_do_not_spoil_the_bars_of_a_logarithmic_axis() -> None:
    values = pd.Series([0.0, 0.5, 1.0, 60.0])
    edges = np.array(data_charts.bar_edges(values, logarithmic=True))
    np.testing.assert_allclose(edges[1:] / edges[:-1], edges[1] / edges[0])
    assert (edges[0], edges[-1]) == (pytest.approx(0.5), pytest.approx(60))
    assert data_charts.bar_edges(pd.Series([0.0, 0.0]), logarithmic=True)[0] == 0
