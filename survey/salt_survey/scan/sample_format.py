"""What samples are read in: the format and byte order of the headers, of their bits, or the user's.

What the user says holds, and is held against the bits too: a survey that is read wrongly has no
salt, and looks like one that has none.
"""

from __future__ import annotations

import dataclasses

from salt_survey.scan.findings import Said
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import Scan
from salt_survey.segy import format_detection
from salt_survey.segy.formats import FORMATS, named
from salt_survey.segy.layout import Layout
from salt_survey.segy.order import Endian

_SMOOTHER_IF_GIVEN = 1.4  # a warning needs less proof than reading otherwise


def find(
    raw: format_detection.Raw, layout: Layout, overrides: Overrides, said: Said
) -> tuple[int, Endian]:
    """Format and byte order of the samples, with a warning where they are not the headers', or
    seem to be others than the user says.

    Args:
        raw: of :func:`salt_survey.segy.format_detection.probe`.
        layout: with what the headers say.
        overrides: what the user says.
        said: takes the warnings, and a fault where samples cannot have the format that is given.
    """
    order = _order(raw, layout, overrides, said)
    return _code(raw, layout, order, overrides, said), order


def check_scan(
    raw: format_detection.Raw, layout: Layout, known: Scan, order: Endian, said: Said
) -> None:
    """Hold what a scan says against the samples: a file of the same size may be another, or the
    scan was edited.

    Args:
        raw: of :func:`salt_survey.segy.format_detection.probe`.
        layout: with what the headers say.
        known: the scan.
        order: byte order of the samples.
        said: takes a fault where the samples are not what the scan says, and a warning where the
            header alone is not, unless the scan has one.
    """
    read = dataclasses.replace(layout, format=known.reading, endian=order)
    found, why = format_detection.really(raw, read, order)
    swapped = format_detection.swapped(raw, read, known.reading)
    says = (
        f"the scan says format {named(known.reading)}, {order} endian, the header of the file "
        f"{named(layout.format)}"
    )
    if known.of_kind("given"):
        return  # by one who was told, and who knows better
    if found is not None or swapped is not None:
        really = f"in {named(found)}: {why}" if found is not None else f"not: {swapped}"
        said.faults.append(
            f"{says}, and the samples are {really}; the scan is of another file, so scan this one "
            "(--format and --sample-endian to decide)"
        )
    elif known.reading != layout.format and not known.of_kind("header"):
        said.warn("scan", f"{says}; samples are read as the scan says (--format to decide)")


def _order(raw: format_detection.Raw, layout: Layout, overrides: Overrides, said: Said) -> Endian:
    given = overrides.sample_endian
    order = given or layout.endian
    read = dataclasses.replace(layout, endian=order)
    smoother = format_detection.SMOOTHER if given is None else _SMOOTHER_IF_GIVEN
    why = format_detection.swapped(raw, read, overrides.format or layout.format, smoother)
    if why is None:
        return order
    other: Endian = "little" if order == "big" else "big"
    if given is not None:
        said.warn(
            "given",
            f"the samples are read {given} endian, as --sample-endian says, and seem to be {other} "
            "endian; leave it out, unless you know better",
        )
        return given
    said.warnings.append(
        f"the headers are {order} endian, the samples {other} endian: {why}; read so "
        f"(--sample-endian {order} to decide)"
    )
    return other


def _code(
    raw: format_detection.Raw, layout: Layout, order: Endian, overrides: Overrides, said: Said
) -> int:
    given = overrides.format
    if given is not None and FORMATS[given].width != layout.width:
        said.faults.append(
            f"--format {named(given)} has {FORMATS[given].width} bytes a sample, the file has "
            f"{layout.width}; leave it out, or give one of that many"
        )
        return given
    code = given or layout.format
    found, why = format_detection.really(raw, dataclasses.replace(layout, format=code), order)
    if found is None:
        return code
    if given is not None:
        said.warn(
            "given",
            f"the samples are read in format {named(given)}, as --format says, and seem to be in "
            f"{named(found)}: {why}; leave it out, unless you know better",
        )
        return given
    said.warn(
        "header",
        f"the header says format {named(code)}, the samples are in {named(found)}: {why}; read so "
        f"(--format {found} or --format {code} to decide)",
    )
    return found
