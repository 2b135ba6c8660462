"""What a program may give in place of a job's options."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import salt_survey
from salt_infer import SaltError

JOB = salt_survey.Job(Path("x.sgy"), salt_survey.Targets(Path("x.zarr")))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sections": "inlines"}, "sections is 'inlines', expected one of inline, crossline, both"),
        ({"lines": (100, 102)}, r"lines is \(100, 102\), expected Range"),
        ({"times": "500:900"}, "times is '500:900', expected Range"),
        ({"memory": "1GiB"}, "memory is '1GiB', expected bytes, a number"),
        ({"survey": "x.sgy"}, "survey is 'x.sgy', expected Path"),
        ({"out": Path("x.zarr")}, r"out is PosixPath\('x\.zarr'\), expected Targets"),
        ({"model": "m.onnx"}, r"model is 'm\.onnx', expected Path"),
        ({"wishes": salt_survey.Wishes(zoom="1/1")}, "zoom is '1/1', expected Zoom"),  # type: ignore[arg-type]
        ({"wishes": salt_survey.Wishes(stretch="1%")}, "stretch is '1%', expected Stretch"),  # type: ignore[arg-type]
    ],
)
def test_what_is_of_another_kind_is_told_at_once(change: dict[str, Any], says: str) -> None:
    with pytest.raises(SaltError, match=f"^{says}$"):
        dataclasses.replace(JOB, **change)


@pytest.mark.parametrize("name", ["store", "segy", "horizons", "report"])
def test_where_to_write_is_told_by_paths(name: str) -> None:
    with pytest.raises(SaltError, match=rf"^{name} is 'x', expected Path$"):
        salt_survey.Targets(**{"store": Path("x.zarr"), name: "x"})  # type: ignore[arg-type]


def test_a_zoom_is_told_by_text() -> None:
    with pytest.raises(SaltError, match="the zoom is 2, expected vertical/horizontal"):
        salt_survey.Zoom.parse(2)  # type: ignore[arg-type]


def test_what_is_offered_does() -> None:
    wishes = salt_survey.Wishes(salt_survey.Zoom.parse("1/1"), "normal")
    stretch = salt_survey.Stretch.parse("1%")
    lines = salt_survey.Range(100, None)
    job = dataclasses.replace(
        JOB, lines=lines, wishes=dataclasses.replace(wishes, stretch=stretch), sections="both"
    )
    assert str(job.lines) == "100:"
