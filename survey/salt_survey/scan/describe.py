"""A scan in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from salt_infer.job.watcher import Watcher
from salt_infer.system.text import shown
from salt_survey.scan import geometry
from salt_survey.scan.record import Scan
from salt_survey.segy.formats import named

VERDICTS = {
    "ok": "can be run",
    "warn": "can be run; see what was decided against its headers",
    "ask": "cannot be run before a question is answered",
    "refuse": "cannot be run",
}


def problem(path: Path, scan: Scan) -> str:
    """Why it cannot be run, all reasons in a line."""
    return f"{shown(str(path))}: {'; '.join(scan.faults or scan.questions)}"


def tell_warnings(path: Path, scan: Scan, watcher: Watcher) -> None:
    """Each warning in a line, for who did not look at the scan."""
    for warning in scan.warnings:
        watcher.note(f"{shown(path.name)}: {warning}")


def lines(path: Path, scan: Scan) -> Iterator[str]:
    """A line for each thing that there is to know."""
    yield f"{shown(str(path))}: {VERDICTS[scan.verdict]}"
    for name, value in _facts(scan):
        yield f"  {name:<12} {value}"
    for kind, said in (
        ("note", scan.notes),
        ("warning", scan.warnings),
        ("question", scan.questions),
        ("fault", scan.faults),
    ):
        for each in said:
            yield f"  {kind + ':':<12} {each}"


def _facts(scan: Scan) -> Iterator[tuple[str, str]]:
    yield "file", _file(scan)
    yield "samples", _samples(scan)
    yield "traces", _traces(scan)
    yield "lines", _lines(scan)
    if scan.corners:
        (i, c, x, y), *_, (last_i, last_c, last_x, last_y) = scan.corners
        digits = max(len(repr(each).partition(".")[2]) for at in scan.corners for each in at[2:])
        digits = digits if digits > 2 else 1  # a decimetre is near enough; of degrees nothing is
        yield "lies from", f"inline {i} crossline {c} at {x:.{digits}f} {y:.{digits}f}"
        yield (
            "to", f"inline {last_i} crossline {last_c} at {last_x:.{digits}f} {last_y:.{digits}f}"
        )  # fmt: skip
    if scan.bin_m and any(scan.bin_m):
        scalar = f"coordinate scalar {scan.coordinate_scalar}"
        yield "bins", f"{_bins(scan)}, {scalar}"
    if scan.percentiles:
        shares = ("0", "1", "50", "99", "100")
        amplitudes = ", ".join(f"{scan.percentiles[share]:.4g}" for share in shares)
        yield "amplitudes", f"{amplitudes} at 0, 1, 50, 99, 100 %"


def _bins(scan: Scan) -> str:
    """Distances for a line number more, and of neighbours where these are several apart. Across a
    lone line there is none.
    """
    assert scan.bin_m
    steps = [lines[2] if lines else 1 for lines in (scan.inlines, scan.cdp or scan.crosslines)]
    sizes = [(size, step) for size, step in zip(scan.bin_m, steps, strict=True) if size]
    alone = " along the one line" if len(sizes) == 1 else ""
    told = " x ".join(f"{size:g}" for size, _ in sizes)
    if all(step == 1 for _, step in sizes):
        return f"{told}{alone}"
    apart = " x ".join(f"{size * step:g}" for size, step in sizes)
    return f"{told} a line number, {apart} apart{alone}"


def _file(scan: Scan) -> str:
    if scan.kind != "segy":
        return f"{scan.kind} array"
    order = f", samples {scan.sample_endian} endian" if scan.sample_endian else ""
    really = f", samples read as {named(scan.really)}" if scan.really else ""
    extended = (
        f", {scan.extended_text_headers} extended text headers"
        if scan.extended_text_headers
        else ""
    )
    return (
        f"SEG-Y {scan.revision}, {scan.endian} endian, format {named(scan.format)}{really}{order}"
        f"{extended}"
    )


def _samples(scan: Scan) -> str:
    delay = scan.delay_ms
    start = " to ".join(f"{each:g}" for each in (delay if isinstance(delay, tuple) else (delay,)))
    every = f"every {scan.interval_ms:g} ms" if scan.interval_ms else "of no known interval"
    return f"{scan.samples} {every} from {start} ms"


def _traces(scan: Scan) -> str:
    counts = {
        "missing": scan.missing,
        "dead": scan.dead,
        "duplicate": scan.duplicates,
        "bad samples": scan.bad_samples,
        "null values": scan.nulls_1e30,
    }
    more = [f"{count} {name}" for name, count in counts.items() if count]
    order = {"none": "in no order", "line": "one line"}.get(
        scan.order, f"{scan.order} by {scan.order}"
    )
    return ", ".join([f"{scan.traces} {order}", *more])


def _lines(scan: Scan) -> str:
    if scan.inlines and scan.crosslines:
        places = (
            f" (bytes {scan.inline_byte} and {scan.crossline_byte})" if scan.inline_byte else ""
        )
        return (
            f"inlines {geometry.words(scan.inlines)}, crosslines "
            f"{geometry.words(scan.crosslines)}{places}"
        )
    if scan.cdp:
        place = f" (byte {scan.cdp_byte})" if scan.cdp_byte else ""
        return f"one line of traces {geometry.words(scan.cdp)}{place}"
    return "not known"
