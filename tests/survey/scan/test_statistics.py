"""What samples are like, of some of the traces."""

from __future__ import annotations

import numpy as np
import pytest

from salt_survey.scan import recorded, statistics
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


@pytest.mark.parametrize("step", [1, 7])
def test_what_is_told_of_the_samples_is_of_those_that_a_run_sees(step: int) -> None:
    rng = np.random.default_rng(1)
    samples = rng.uniform(-50, 50, (60, 40)).astype(np.float32)
    samples[:20, :18] = 1e6
    samples[20:40, 30] = recorded.PADDING
    samples[40:45, -16:] = -1e6
    samples[45, :20], samples[45, 20:] = 7, 9
    samples[46, 5], samples[46, 6], samples[46, 7] = np.nan, 1e30, np.inf
    samples[47], samples[48], samples[49] = 0, 3, 1e30
    gatherer, flagged = Gatherer(60, 40), np.isin(np.arange(60), [47, 50])
    for first in range(0, 60, step):
        part = slice(first, min(first + step, 60))
        gatherer.take(np.arange(60)[part], samples[part], flagged[part])
    stats = gatherer.result()
    there = recorded.recorded(samples, flagged).there
    assert np.array_equal(stats.silent, ~there.any(axis=1))
    assert stats.recorded == 55
    assert stats.silent.nonzero()[0].tolist() == [45, 47, 48, 49, 50]
    assert stats.percentiles["100"] == samples[there].max()
    assert stats.largest == np.abs(samples[there]).max() < 50
    assert (stats.dead, stats.loud, stats.flat, stats.filled) == (2, 1, 1, 26)
    assert (stats.bad_samples, stats.nulls, stats.fill) == (2, 20 + 1 + 40, 1e6)


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
    samples[:100, 300:] = recorded.PADDING
    samples[20, 5], samples[21, 5] = np.nan, 1e30
    gatherer, said = Gatherer(500, 400), Said()
    gatherer.take(np.arange(500), samples, np.zeros(500, bool))
    stats = gatherer.result()
    assert stats.largest == abs(most)
    assert max(map(abs, stats.percentiles.values())) <= abs(most)
    tell_spikes(stats, said)
    assert bool(said.warnings) == warned


def told_of(samples: np.ndarray) -> list[str]:
    gatherer, said = Gatherer(len(samples), samples.shape[1]), Said()
    gatherer.take(np.arange(len(samples)), samples, np.zeros(len(samples), bool))
    tell_spikes(gatherer.result(), said)
    return said.warnings


@pytest.mark.parametrize("share", [0.002, 0.023, 0.4])
@pytest.mark.parametrize("values", [(-9999.0,), (1e10,), (-9999.0, 1e10)])
def test_an_extreme_that_is_frequent_may_be_a_null_value(
    values: tuple[float, ...], share: float
) -> None:
    rng = np.random.default_rng(0)
    samples = rng.uniform(-1, 1, (500, 400)).astype(np.float32)
    for value in values:
        samples[rng.random(samples.shape) < share] = value
    told = told_of(samples)
    assert len(told) == len(values)
    for warning, value in zip(told, values, strict=True):
        assert f"% of the amplitudes are exactly {value:g}, where 98 % of the others" in warning
        assert "are within 0.98" in warning


def test_a_spike_beyond_a_null_value_is_told_of_too() -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (500, 400)).astype(np.float32)
    samples[::2, 200:205], samples[7, 7] = -9999, 1e8
    null, spike = told_of(samples)
    assert null.startswith("0.62 % of the amplitudes are exactly -9999,")
    assert spike.startswith("there are amplitudes up to 1e+08, where 98 % are within 0.98")


@pytest.mark.parametrize("most", [2.0, 6.0, 19.0])
def test_clipped_amplitudes_are_not_warned_of(most: float) -> None:
    samples = np.random.default_rng(0).normal(size=(500, 400)).astype(np.float32)
    samples *= most / np.abs(samples).max() * 3
    assert told_of(samples.clip(-most, most)) == []


def test_two_values_alone_are_not_warned_of() -> None:
    assert told_of(np.where(np.random.default_rng(0).random((50, 40)) < 0.5, 1, 1e6)) == []


def test_what_has_nothing_recorded_has_no_spikes() -> None:
    said = Said()
    tell_spikes(Gatherer(3, 4).result(), said)
    assert not said.warnings


@pytest.mark.parametrize("turned", [False, True])
def test_a_fill_is_counted_behind_zeros_too(turned: bool) -> None:
    samples = np.random.default_rng(0).normal(size=(6, 80)).astype(np.float32)
    samples[:2, :5] = 0
    samples[:2, 5:25] = 128
    samples[2, :9] = 0  # a mute alone
    samples[3, :30], samples[3, 30:] = 7, 9  # nothing else
    gatherer = Gatherer(6, 80)
    gatherer.take(np.arange(6), samples[:, ::-1] if turned else samples, np.zeros(6, bool))
    stats = gatherer.result()
    assert (stats.filled, stats.recorded) == (3, 5)
    assert stats.blank == 128
