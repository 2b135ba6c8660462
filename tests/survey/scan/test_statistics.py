"""What samples are like, of some of the traces."""

from __future__ import annotations

import numpy as np
import pytest

from salt_survey.scan import statistics
from salt_survey.scan.findings import Said, tell_spikes
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


def test_a_trace_of_mutes_and_nothing_recorded_is_silent() -> None:
    """As a run finds no sample of it recorded."""
    samples = np.zeros((6, 20), np.float32)
    samples[0, 5:9] = np.nan
    samples[1, 5:9] = statistics.PADDING
    samples[2, 5:9] = 1e30
    samples[3, 5] = 7
    samples[4] = 7
    samples[5, :10], samples[5, 10:] = np.nan, 7
    good = statistics.valid(samples)
    silent = statistics.kinds(samples, np.zeros(6, bool), good).silent
    assert silent.tolist() == [True, True, True, False, True, False]
    assert statistics.kinds(samples, np.ones(6, bool), good).silent.all()
    gatherer = Gatherer(6, 20)
    gatherer.take(np.arange(6), samples, np.zeros(6, bool))
    assert gatherer.result().recorded == 2


def test_a_spectrum_has_its_peak_where_the_signal_is() -> None:
    wave = np.sin(2 * np.pi * 0.25 * np.arange(400, dtype=np.float32))
    found = statistics.spectrum(np.tile(wave, (3, 1)))
    assert len(found) == statistics.SPECTRUM
    assert max(found) == 1
    assert abs(int(np.argmax(found)) - (statistics.SPECTRUM - 1) / 2) <= 1
    assert statistics.spectrum(wave[None, :7]) == ()


@pytest.mark.parametrize(("most", "warned"), [(19.0, False), (-19.0, False), (25.0, True),
                                              (-25.0, True)])  # fmt: skip
def test_spikes_are_warned_of(monkeypatch: pytest.MonkeyPatch, most: float, warned: bool) -> None:
    """Wherever they are, and whatever there is besides that is no amplitude."""
    monkeypatch.setattr(statistics, "_SAMPLES", 4000)
    samples = np.random.default_rng(0).uniform(-1, 1, (500, 400)).astype(np.float32)
    samples[37, 7] = most
    samples[:100, 300:] = statistics.PADDING
    samples[20, 5], samples[21, 5] = np.nan, 1e30
    gatherer, said = Gatherer(500, 400), Said()
    gatherer.take(np.arange(500), samples, np.zeros(500, bool))
    stats = gatherer.result()
    assert stats.largest == abs(most)
    assert max(map(abs, stats.percentiles.values())) <= abs(most)
    tell_spikes(stats, said)
    assert bool(said.warnings) == warned


def test_what_has_nothing_recorded_has_no_spikes() -> None:
    said = Said()
    tell_spikes(Gatherer(3, 4).result(), said)
    assert not said.warnings
