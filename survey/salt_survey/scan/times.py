"""Sample interval and time of the first sample, out of headers that may disagree."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from salt_survey.scan import coordinates
from salt_survey.scan.findings import Said
from salt_survey.scan.trace_pieces import pieces
from salt_survey.segy import headers
from salt_survey.segy.headers import Column

_LEAST, _MOST = 0.1, 100.0  # ms, of an interval that anyone records
_LATEST = 100_000  # ms, at which anyone's first sample is
_POWERS = 10 ** np.arange(5)
_SCALARS = np.concatenate([[0], _POWERS, -_POWERS])  # that times may have

Delay = float | tuple[float, float]


def interval_ms(in_file: float, in_traces: float, said: Said) -> float:
    """The interval, and what there is to say of it; 0 if there is none.

    Args:
        in_file: microseconds, as the file header has it.
        in_traces: likewise, as the first trace that says one has it; see :func:`first_interval`.
        said: gets a note, a warning or a question.
    """
    if in_file <= 0 < in_traces:
        said.notes.append("the sample interval is in the trace headers alone")
        tell_unlikely(in_traces / 1000, said)
        return plain(in_traces / 1000)
    if in_file <= 0:
        said.questions.append(
            f"no header has a sample interval above 0{_unsigned(in_file)}; give it with "
            "--interval-ms"
        )
        return 0
    if 0 < in_traces != in_file:
        said.warnings.append(
            f"the file header has an interval of {in_file / 1000:g} ms, the traces "
            f"{in_traces / 1000:g} ms; the file header's is taken (--interval-ms to decide)"
        )
    tell_unlikely(in_file / 1000, said)
    return plain(in_file / 1000)


def first_interval(in_traces: Column) -> int:
    """Of the first trace that has one, as blank ones have none; 0 if there is none."""
    return int(in_traces[np.argmax(in_traces > 0)]) if np.any(in_traces > 0) else 0


def tell_unlikely(interval_ms: float, said: Said, axis: str = "") -> None:
    """Warn of an interval that nobody records at; ``axis``: that it is from, where there is one."""
    if not interval_ms or _LEAST <= interval_ms <= _MOST:
        return
    unit = "seconds" if interval_ms < _LEAST else "microseconds"
    hint = f" (is {axis} in {unit}?)" if axis else ""
    said.warnings.append(
        f"a sample interval of {interval_ms:g} ms is hardly meant{hint}; it changes nothing "
        "but the times (--interval-ms to decide)"
    )


def _unsigned(in_file: float) -> str:
    """What a number below 0 would be that has no sign, as some programs write it."""
    if in_file >= 0:
        return ""
    return f" (the file header's {in_file:g} is {(in_file + (1 << 16)) / 1000:g} ms without a sign)"


def tell_intervals(in_traces: Column, said: Said) -> None:
    """Warn where traces have several intervals, as one is taken for all of them."""
    told = in_traces > 0
    least, most = (in_traces[told].min(), in_traces[told].max()) if told.any() else (0, 0)
    if least != most:
        said.warnings.append(
            f"the traces have sample intervals from {least / 1000:g} to {most / 1000:g} ms, "
            f"expected one; {_others(in_traces, told)}; resample them, if this is so"
        )


def _others(
    values: Column | npt.NDArray[np.float64], told: npt.NDArray[np.bool_] | None = None
) -> str:
    """How many traces have another value than most have, and the first of them; of those that count
    if that is said.
    """
    counted = values if told is None else values[told]
    numbers, counts = np.unique(counted, return_counts=True)
    other = values != numbers[counts.argmax()]
    other &= True if told is None else told
    first = int(np.flatnonzero(other)[0]) + 1
    return (
        f"{np.count_nonzero(other)} of {len(counted)} have another than most, first trace {first}"
    )


def delay_ms(columns: Mapping[int, Column], said: Said) -> Delay:
    """The time of the first sample; least and greatest, and a fault, where traces differ. Traces
    that are flagged as dead have no say in it, unless all are.

    Args:
        columns: of all traces, delay, its scalar and the kind; none where there are no traces.
        said: gets the fault, and a warning of what is hardly meant.
    """
    if headers.DELAY not in columns:
        return 0
    alive = columns[headers.TRACE_KIND] != headers.DEAD
    alive |= not alive.any()
    limits, odd = [], []
    for part in pieces(len(alive)):
        told = alive[part]
        delays = columns[headers.DELAY][part][told]
        scalars = columns[headers.TIME_SCALAR][part][told]
        odd += scalars[(delays != 0) & ~np.isin(scalars, _SCALARS)][:1].tolist()
        times = starts(delays, scalars)
        limits += [float(times.min()), float(times.max())] if told.any() else []
    least, most = plain(min(limits)), plain(max(limits))
    _tell_scalar(odd, said)
    if least == most:
        _tell_late(least, said)
        return least
    all_of_them = starts(columns[headers.DELAY], columns[headers.TIME_SCALAR])
    said.faults.append(
        f"traces start at different times, {least:g} to {most:g} ms, expected one; "
        f"{_others(all_of_them, alive)}; shift them, or give --delay-ms if the headers are "
        "wrong"
    )
    return least, most


def starts(delays: Column, scalars: Column) -> npt.NDArray[np.float64]:
    """Times of first samples, ms; a scalar that is no power of ten up to 10000 is taken for 1."""
    return coordinates.scaled(delays, np.where(np.isin(scalars, _SCALARS), scalars, 1))


def _tell_scalar(odd: list[int], said: Said) -> None:
    """Warn of scalars that are none, as something else is there in revision 0."""
    if odd:
        said.warnings.append(
            f"the scalar of times at byte {headers.TIME_SCALAR} is {odd[0]}, expected 1, 10, 100, "
            "1000 or 10000, or these below 0; it is taken for 1 (--delay-ms to decide)"
        )


def _tell_late(delay_ms: float, said: Said) -> None:
    if abs(delay_ms) > _LATEST:
        said.warnings.append(
            f"a first sample at {delay_ms:g} ms is hardly meant; it changes nothing but the times "
            "(--delay-ms to decide)"
        )


def tell_of_scan(
    scan: tuple[float, Delay],
    in_file: tuple[float, Delay],
    said: Said,
    where: str = "the headers",
) -> None:
    """Warn where a scan that was given has other times than its file, as of another file.

    Args:
        scan: interval and delay that are taken, ms.
        in_file: those of the file; an interval of 0 where it says none, a pair of delays where it
            says several.
        said: gets the warning.
        where: the file says so.
    """
    interval, delay = in_file
    if scan == (interval or scan[0], delay):
        return
    said.warn(
        "scan",
        f"the scan says samples {_words(*scan)} on, {where} {_words(*in_file)}; the scan's are "
        "taken, which is right where they were given or edited (--interval-ms and --delay-ms to "
        "decide)",
    )


def _words(interval: float, delay: Delay) -> str:
    """Such as ``every 4 ms from 500 ms``."""
    ends = delay if isinstance(delay, tuple) else (delay,)
    every = f"every {interval:g} ms" if interval else "of no known interval"
    return f"{every} from {' to '.join(f'{end:g}' for end in ends)} ms"


def plain(value: float) -> float:
    """Whole numbers as such: 4, not 4.0."""
    return int(value) if value == int(value) else value
