from __future__ import annotations

import dataclasses

import pytest

from salt_survey.scan.record import Scan
from salt_survey.sections.display import Display, Zoom
from salt_survey.sections.sampling import Sampling

F3 = Scan(
    kind="segy", size=0, samples=463, interval_ms=4, delay_ms=0, traces=0,
    inlines=(100, 750, 1), crosslines=(300, 1250, 1), bin_m=(25.0, 25.0),
)  # fmt: skip
LINE = dataclasses.replace(
    F3, inlines=None, crosslines=None, cdp=(1, 900, 1), order="line", bin_m=(0.0, 12.5)
)


def default(scan: Scan) -> str:
    return str(Sampling.of(scan).display(Display()).zoom)


@pytest.mark.parametrize(
    ("changed", "zoom", "words"),
    [
        ({}, "1.25/0.5", ""),
        ({"interval_ms": 2, "bin_m": (12.5, 12.5)}, "0.625/0.25",
         "samples every 2 ms and traces 12.5 m apart"),
        ({"interval_ms": 3}, "0.9375/0.5", "samples every 3 ms"),
        ({"bin_m": (18.75, 18.75)}, "1.25/0.375", "traces 18.75 m apart"),
        ({"bin_m": (50.0, 25.0)}, "1.25/0.5/1", "inlines 50 m apart"),
        ({"bin_m": (25.0, 6.25)}, "1.25/0.125/0.5",
         "traces 6.25 m apart and inlines 25 m apart"),
        ({"bin_m": (0.0004, 0.0003)}, "1.25/0.5",
         "traces 0.0003 m apart (implausible: as for 25 m)"),  # degrees
        ({"bin_m": (12.5, 0.0), "crosslines": (300, 300, 1)}, "1.25/0.25",
         "traces 12.5 m apart"),  # a crossline alone
        ({"bin_m": (25.0, 12.5), "crosslines": (300, 1250, 2)}, "1.25/0.5", ""),
        ({"bin_m": (12.5, 25.0), "inlines": (100, 750, 2)}, "1.25/0.5", ""),
        ({"bin_m": None, "interval_ms": 2}, "0.625/0.5", "samples every 2 ms"),
        ({"bin_m": (24.0, 26.0)}, "1.25/0.5", ""),  # about as large
        ({"interval_ms": 0}, "1.25/0.5", ""),  # not known
        ({"interval_ms": 0.25, "bin_m": (3.125, 3.125)}, "1.25/0.5",
         "samples every 0.25 ms (implausible: as for 4 ms) and traces 3.125 m apart (implausible: "
         "as for 25 m)"),
        ({"interval_ms": 16}, "1.25/0.5", "samples every 16 ms (implausible: as for 4 ms)"),
        ({"bin_m": (82.5, 82.5)}, "1.25/0.5",
         "traces 82.5 m apart (implausible: as for 25 m)"),  # feet
        ({"bin_m": (165.0, 27.5)}, "1.25/0.5/3", "inlines 165 m apart"),
        ({"bin_m": (50.0, 6.25)}, "1.25/0.125/1", "traces 6.25 m apart and inlines 50 m apart"),
        ({"bin_m": (6.25, 50.0)}, "1.25/1/0.125", "traces 50 m apart and inlines 6.25 m apart"),
        ({"bin_m": (25.0, 100.0)}, "1.25/0.5/0.5",
         "traces 100 m apart (implausible: as for 25 m) and inlines 25 m apart"),
        ({"bin_m": (50.0, 100.0)}, "1.25/0.5/1",
         "traces 100 m apart (implausible: as for 25 m) and inlines 50 m apart"),
        ({"bin_m": (100.0, 200.0)}, "1.25/0.5/0.25",
         "traces 200 m apart (implausible: as for 25 m) and inlines 100 m apart"),  # feet, maybe
        ({"bin_m": (50.0, 2.0)}, "1.25/0.5/1",
         "traces 2 m apart (implausible: as for 25 m) and inlines 50 m apart"),
        ({"bin_m": (2.0, 50.0)}, "1.25/1", "traces 50 m apart"),
    ],
)  # fmt: skip
def test_a_default_is_pixels_of_as_many_milliseconds_and_metres(
    changed: dict[str, object], zoom: str, words: str
) -> None:
    scan = dataclasses.replace(F3, **changed)  # type: ignore[arg-type]
    assert default(scan) == zoom
    assert Sampling.of(scan).words == words


def test_a_line_has_traces_along_it_alone() -> None:
    assert default(LINE) == "1.25/0.25"


def test_crosslines_are_as_a_display_says_where_it_does() -> None:
    sampling = Sampling(across=2.0)
    assert sampling.with_crosslines(Display(Zoom(1, 0.4))).zoom == Zoom(1, 0.4, 0.8)
    assert sampling.with_crosslines(Display(Zoom(1, 0.4, 0.4))).zoom == Zoom(1, 0.4, 0.4)


def test_a_zoom_that_is_given_is_that_of_traces_whose_distance_is_hardly_meant() -> None:
    """It suits these, whatever they are, so that crosslines follow from it."""
    coarse = Sampling.of(dataclasses.replace(F3, bin_m=(25.0, 100.0)))
    assert coarse.with_crosslines(Display(Zoom(1.25, 2))).zoom == Zoom(1.25, 2, 0.5)


def test_what_is_made_is_a_zoom_still() -> None:
    """The least and the most that are tried, of what is sampled the most finely or coarsely."""
    fine, coarse = Sampling(0.16, 0.16, 0.16), Sampling(6.5, 6.5, 6.5)
    assert fine.display(Display(Zoom(0.64, 0.25))).zoom == Zoom(0.1024, 0.05, 0.05)
    assert coarse.display(Display(Zoom(2.5, 1.0))).zoom == Zoom(16.25, 6.5, 20)
