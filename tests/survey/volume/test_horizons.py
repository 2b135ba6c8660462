from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from salt_survey.reading.survey import Survey
from salt_survey.scan.overrides import Overrides
from salt_survey.volume import horizons
from salt_survey.volume.store import Store
from tests.survey import odd_surveys


def written(
    folder: Path, survey: npt.NDArray[np.float32], salt: npt.NDArray[np.uint8], samples: slice
) -> tuple[tuple[int, int], list[str], list[str]]:
    """Traces whose top and base were not seen, and both files' lines, of one inline."""
    np.save(folder / "s.npy", survey)
    return of(folder / "s.npy", Overrides(interval_ms=4), salt, samples)


def of(
    path: Path, said: Overrides, salt: npt.NDArray[np.uint8], samples: slice
) -> tuple[tuple[int, int], list[str], list[str]]:
    """Likewise, of a survey in a file."""
    folder = path.parent
    with Survey.open(path, overrides=said) as opened:
        store = Store.create(folder / "p.zarr", opened, {"probability": (len(salt), 64)})
        store.write("probability", "inline", slice(0, len(salt)), slice(0, salt.shape[2]), salt)
        window = samples.start, samples.stop
        found = horizons.write(folder, Store.open(folder / "p.zarr"), opened, window, 0.5)
    top, base = ((folder / each.file).read_text().splitlines() for each in found)
    assert [each.traces for each in found] == [len(top), len(base)]
    return (found[0].unseen, found[1].unseen), top, base


def test_salt_that_goes_on_to_the_end_of_the_record_has_no_base(tmp_path: Path) -> None:
    survey = np.random.default_rng(0).normal(size=(2, 4, 10)).astype(np.float32)
    survey[0, 2, 7:] = 0  # muted below
    survey[0, 3, :3] = 0  # and above
    salt = np.zeros(survey.shape, np.uint8)
    salt[0, 0, 4:6] = 255  # both seen
    salt[0, 1, 4:] = 255  # to the end
    salt[0, 2, 4:7] = 255  # to the mute
    salt[0, 3, 3:8] = 255  # from the mute on
    unseen, top, base = written(tmp_path, survey, salt, slice(0, 10))
    assert unseen == (1, 2)
    assert [line.split()[1] for line in top] == ["1", "2", "3"]
    assert [line.split()[1] for line in base] == ["1", "4"]


def test_salt_beside_a_gap_in_the_record_is_not_seen_to_end(tmp_path: Path) -> None:
    survey = np.random.default_rng(0).normal(size=(2, 2, 12)).astype(np.float32)
    survey[0, 0, 3:5] = survey[0, 1, 7:9] = 1e30  # null values, with samples on both sides
    salt = np.zeros(survey.shape, np.uint8)
    salt[0, :, 5:7] = 255
    unseen, top, base = written(tmp_path, survey, salt, slice(0, 12))
    assert unseen == (1, 1)
    assert [line.split()[1] for line in top] == ["2"]
    assert [line.split()[1] for line in base] == ["1"]


def test_salt_that_goes_on_to_the_end_of_what_was_run_has_none_either(tmp_path: Path) -> None:
    survey = np.random.default_rng(0).normal(size=(2, 2, 10)).astype(np.float32)
    salt = np.zeros(survey.shape, np.uint8)
    salt[0, 0, 2:5] = 255
    salt[1, 1, 4:8] = 255
    unseen, top, base = written(tmp_path, survey, salt, slice(2, 8))
    assert (unseen, len(top), len(base)) == ((1, 1), 1, 1)
    assert (top[0].split()[:2], base[0].split()[:2]) == (["2", "2"], ["1", "1"])


@pytest.mark.parametrize("first", [-10_000, 0])
def test_degrees_keep_their_decimals(tmp_path: Path, first: int) -> None:
    """Whatever the scalar of the first trace is, which may be at no place."""
    file = odd_surveys.sound()
    scalars = np.full(odd_surveys.TRACES, -10_000)
    scalars[0] = first
    for byte, values in ((71, scalars), (89, 3), (181, 48_000 + 3 * odd_surveys.COLUMNS),
                         (185, 547_000 + 3 * odd_surveys.ROWS)):  # fmt: skip
        file.set(byte, values)
    (tmp_path / "s.sgy").write_bytes(file.bytes())
    shape = odd_surveys.INLINES, odd_surveys.CROSSLINES, odd_surveys.SAMPLES
    salt = np.zeros(shape, np.uint8)
    salt[2, 3, 10:15] = 255
    _, (line,), _ = of(tmp_path / "s.sgy", Overrides(), salt, slice(0, shape[2]))
    assert line.split()[2:4] == ["4.8009", "54.7006"]
