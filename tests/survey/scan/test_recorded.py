"""What of samples counts as recorded."""

from __future__ import annotations

import numpy as np
import pytest

from salt_survey.scan.recorded import FILL, PADDING, recorded

SAMPLES = 60


def traces(count: int) -> np.ndarray:
    """Amplitudes float32 [count, SAMPLES], no two beside each other alike, none of them 0."""
    return np.random.default_rng(0).uniform(1, 9, (count, SAMPLES)).astype(np.float32)


def there(samples: np.ndarray, dead: int = -1) -> np.ndarray:
    return recorded(samples, np.arange(len(samples)) == dead).there


def test_amplitudes_were_recorded() -> None:
    assert there(traces(9)).all()
    assert there(traces(9)[:, :3]).all()


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("value", [128, -32768, 1e10, 0, PADDING, np.nan, 1e30])
@pytest.mark.parametrize("length", [FILL, FILL + 1, SAMPLES - 1])
def test_one_value_at_an_end_was_not_recorded(length: int, value: float, turned: bool) -> None:
    samples = traces(3)
    view = samples[:, ::-1] if turned else samples
    view[1, :length] = value
    found = there(samples)[:, ::-1] if turned else there(samples)
    assert not found[1, :length].any()
    assert found[1, length:].all()
    assert found[[0, 2]].all()


@pytest.mark.parametrize(("value", "lost"), [(128, 0), (0, FILL - 1), (PADDING, FILL - 1)])
def test_a_short_run_may_be_amplitudes(value: float, lost: int) -> None:
    samples = traces(1)
    samples[0, : FILL - 1] = value
    assert np.flatnonzero(there(samples)).tolist() == list(range(lost, SAMPLES))


def test_a_run_within_a_trace_may_be_amplitudes() -> None:
    samples = traces(2)
    samples[0, 1:40], samples[1, 1:40] = 8, 0
    assert there(samples).all()


def test_other_values_end_a_run() -> None:
    samples = traces(3)
    samples[0, :20] = [5] * 10 + [6] + [5] * 9
    samples[1, :20] = [5] + [0] * 18 + [5]  # a value, and zeros behind it
    samples[2, :20] = [5] * 10 + [np.nan] + [5] * 9
    expected = np.ones((3, SAMPLES), bool)
    expected[2, 10] = False
    assert np.array_equal(there(samples), expected)


def test_a_run_may_lie_behind_zeros_and_nulls() -> None:
    """As where a program lengthened traces that were filled before."""
    samples = traces(1)
    samples[0, :10], samples[0, 10:30] = [0, np.nan, PADDING, 0, 0] * 2, 128
    samples[0, -5:], samples[0, -25:-5] = 0, 64
    assert np.flatnonzero(there(samples)).tolist() == list(range(30, SAMPLES - 25))


@pytest.mark.parametrize("value", [PADDING, np.nan, np.inf, 1e30, -1e30])
def test_nulls_are_nulls_wherever_they_are(value: float) -> None:
    samples = traces(2)
    samples[1, 30] = value
    assert np.argwhere(~there(samples)).tolist() == [[1, 30]]


def test_traces_without_an_amplitude() -> None:
    samples = np.zeros((7, SAMPLES), np.float32)
    samples[0, 5:9] = np.nan
    samples[1, 5:9] = PADDING
    samples[2, 5:9] = 1e30
    samples[3, 5] = 7
    samples[4] = 7
    samples[5, : SAMPLES // 2], samples[5, SAMPLES // 2 :] = 3, 7
    samples[6, :10], samples[6, 10:20] = np.nan, 7
    assert there(samples).any(axis=1).tolist() == [False] * 3 + [True] + [False] * 2 + [True]
    found = recorded(samples, np.zeros(7, bool))
    assert (found.dead.any(), found.flat.nonzero()[0].tolist()) == (False, [4])


def test_dead_traces_have_nothing_recorded() -> None:
    assert there(traces(3), dead=1).all(axis=1).tolist() == [True, False, True]


def test_samples_are_left_as_they_are() -> None:
    samples = traces(3)
    samples[:, :20], samples[0, 5] = 3, np.nan
    kept = samples.copy()
    recorded(samples, np.zeros(3, bool))
    np.testing.assert_array_equal(samples, kept)


@pytest.mark.parametrize("length", [1, FILL - 1, 30])
def test_the_fill_value_is_no_amplitude_at_the_ends_of_any_trace(length: int) -> None:
    samples = traces(3)
    samples[0, :length] = samples[1, -length:] = samples[2, 20:30] = -32768
    expected = np.ones((3, SAMPLES), bool)
    expected[0, :length] = expected[1, -length:] = False
    assert np.array_equal(recorded(samples, np.zeros(3, bool), -32768).there, expected)
