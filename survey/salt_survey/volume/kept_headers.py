"""SEG-Y that is written keeps a survey's headers: what to warn of where they do not fit."""

from __future__ import annotations

import numpy as np

from salt_survey.reading.survey import Survey
from salt_survey.scan import times
from salt_survey.scan.findings import Said
from salt_survey.segy import headers, text
from salt_survey.segy.binary import TEXT, FileHeader
from salt_survey.segy.layout import Layout
from salt_survey.segy.raw import RawFile


def doubts(survey: Survey) -> list[str]:
    """What to warn of before SEG-Y is written, a line each.

    Raises:
        SurveyError: the file is gone, or was changed meanwhile.
    """
    layout = survey.layout
    if layout is None:
        return []
    with RawFile(survey.path) as file:
        return list(filter(None, [_of_times(file, survey, layout), _of_text(file)]))


def _of_text(file: RawFile) -> str | None:
    if text.has_room(file.read(0, TEXT).tobytes()):
        return None
    return (
        "the text header has no free line: SEG-Y that is written does not say that it holds "
        "probabilities of salt, or how they were found"
    )


def _of_times(file: RawFile, survey: Survey, layout: Layout) -> str | None:
    """Where its reader was told other times than the headers', it is not where the Zarr is."""
    scan = survey.scan
    interval = _interval(file, survey, layout)
    least, most = _delays(file, survey, layout)
    if interval == scan.interval_ms and least == most == scan.delay_ms:
        return None
    start = f"{least:g}" if least == most else f"{least:g} to {most:g}"
    return (
        f"samples are every {scan.interval_ms:g} ms from {scan.delay_ms:g} ms on in the run; SEG-Y "
        f"that is written keeps the headers, which say every {interval:g} ms from {start} ms"
    )


def _interval(file: RawFile, survey: Survey, layout: Layout) -> float:
    """As a scan finds it where nobody says anything."""
    header = FileHeader.read(file, survey.scan.endian, survey.scan.reading)
    in_traces = headers.columns(file, layout, [headers.INTERVAL])[headers.INTERVAL]
    return times.interval_ms(header.interval_us, times.first_interval(in_traces), Said())


def _delays(file: RawFile, survey: Survey, layout: Layout) -> tuple[float, float]:
    """Least and greatest of the traces that have a place."""
    least, most = np.inf, -np.inf
    for first, count in headers.chunks(layout):
        placed = survey.places(slice(first, first + count))[0] >= 0
        rows = headers.read(file, layout, first, count)[placed]
        delays, scalars = (
            headers.column(rows, byte, layout) for byte in (headers.DELAY, headers.TIME_SCALAR)
        )
        found = times.starts(delays, scalars)
        least, most = min(least, found.min(initial=np.inf)), max(most, found.max(initial=-np.inf))
    return float(least), float(most)
