"""Times of samples that a survey's headers have and its reader was told otherwise: SEG-Y that is
written keeps the headers, and so is not where the Zarr is.
"""

from __future__ import annotations

import numpy as np

from salt_survey.reading.survey import Survey
from salt_survey.scan import coordinates, times
from salt_survey.scan.findings import Said
from salt_survey.segy import headers
from salt_survey.segy.binary import FileHeader
from salt_survey.segy.layout import Layout
from salt_survey.segy.raw import RawFile


def told(survey: Survey) -> str | None:
    """What to warn of before SEG-Y is written, in a line; None if all have the same times.

    Raises:
        SurveyError: the file is gone, or was changed meanwhile.
    """
    layout, scan = survey.layout, survey.scan
    if layout is None:
        return None
    with RawFile(survey.path) as file:
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
    first = headers.read(file, layout, 0, 1)
    in_traces = int(headers.column(first, headers.INTERVAL, layout)[0])
    header = FileHeader.read(file, survey.scan.endian, survey.scan.reading)
    return times.interval_ms(header.interval_us, in_traces, Said())


def _delays(file: RawFile, survey: Survey, layout: Layout) -> tuple[float, float]:
    """Least and greatest of the traces that have a place."""
    least, most = np.inf, -np.inf
    for first, count in headers.chunks(layout):
        placed = survey.places(slice(first, first + count))[0] >= 0
        rows = headers.read(file, layout, first, count)[placed]
        delays, scalars = (
            headers.column(rows, byte, layout) for byte in (headers.DELAY, headers.TIME_SCALAR)
        )
        found = coordinates.scaled(delays, scalars)
        least, most = min(least, found.min(initial=np.inf)), max(most, found.max(initial=-np.inf))
    return float(least), float(most)
