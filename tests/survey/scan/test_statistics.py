"""What samples are like, of some of the traces."""

from __future__ import annotations

import numpy as np
import pytest

from salt_survey.scan import statistics
from salt_survey.scan.statistics import Gatherer


@pytest.mark.parametrize("one_in", [1, 2, 7, 8, 64, 1000])
@pytest.mark.parametrize("width", [1, 7, 8, 1000])
def test_as_many_are_taken_of_every_place_of_a_line(one_in: int, width: int) -> None:
    traces = np.arange(400 * max(one_in, width))
    taken = statistics._some(traces, one_in)
    assert taken.mean() == pytest.approx(1 / one_in, rel=0.3)
    halves = traces % width < width / 2
    assert taken[halves].mean() == pytest.approx(1 / one_in, rel=0.3)


def test_lines_that_begin_with_mute_do_not_hide_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "_SAMPLES", 4000)
    amplitudes = np.ones((100, 8, 40), np.float32)  # every 8th trace would do
    amplitudes[:, 1:, ::2] = -100
    gatherer = Gatherer(800, 40)
    for first in range(0, 800, 30):
        part = amplitudes.reshape(800, 40)[first : first + 30]
        gatherer.take(first + np.arange(len(part)), part, np.zeros(len(part), bool))
    assert gatherer.result().percentiles["1"] == -100
