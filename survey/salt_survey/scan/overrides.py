"""What the user says of a survey, and how that goes with a scan of it."""

from __future__ import annotations

import dataclasses

from salt_survey.errors import SurveyError
from salt_survey.scan.record import MOST_MS, LinesFrom, Scan, check_inside
from salt_survey.segy.order import Endian


@dataclasses.dataclass(frozen=True)
class Overrides:
    """What the user says of a survey, whatever its headers say; None where he says nothing.

    Attributes:
        inline_byte, crossline_byte, x_byte, y_byte: where in the trace header, counted from 1.
        line_width: bytes of a line number, 4 or 2.
        format: code of the samples' format.
        endian: byte order.
        sample_endian: of the samples, where it is another.
        interval_ms, delay_ms: of the samples.
        lines_from: what numbers the lines.
        allow_truncated: leave out a trace that is cut.

    Raises:
        SurveyError: line numbers reach over the end of the trace header, or are not to be used; two
            numbers are at one byte; an interval or delay is no number.
    """

    inline_byte: int | None = None
    crossline_byte: int | None = None
    x_byte: int | None = None
    y_byte: int | None = None
    line_width: int | None = None
    format: int | None = None
    endian: Endian | None = None
    sample_endian: Endian | None = None
    interval_ms: float | None = None
    delay_ms: float | None = None
    lines_from: LinesFrom | None = None
    allow_truncated: bool = False

    def __post_init__(self) -> None:
        if self.inline_byte is not None and self.lines_from in ("coordinates", "traces"):
            raise SurveyError(
                f"--lines-from {self.lines_from} takes no line numbers out of headers, and "
                f"--inline-byte {self.inline_byte} names some; give one of the two"
            )
        for one, other in (("inline_byte", "crossline_byte"), ("x_byte", "y_byte")):
            if getattr(self, one) is not None and getattr(self, one) == getattr(self, other):
                names = " and ".join(name.replace("_byte", "") for name in (one, other))
                raise SurveyError(
                    f"{names} are both said to be at byte {getattr(self, one)} of the trace "
                    "header, expected a byte of its own for each"
                )
        for name in ("interval_ms", "delay_ms"):
            value = getattr(self, name)
            if value is not None and not abs(value) <= MOST_MS:  # of NaN this is wrong, too
                option = f"--{name.replace('_', '-')}"
                raise SurveyError(f"{option} is {value:g}, expected at most {MOST_MS:g} ms")
        check_inside(self.line_width or 4, self.inline_byte, self.crossline_byte)

    def against(self, scan: Scan) -> list[str]:
        """What there is to say where these, or a scan that was edited, contradict the scan's bytes
        of the line numbers; a line each.
        """
        if scan.inline_byte is None or self.inline_byte is not None:
            return []
        bytes_ = f"bytes {scan.inline_byte} and {scan.crossline_byte}"
        if self.lines_from in ("coordinates", "traces"):
            return [
                f"--lines-from {self.lines_from} holds, the scan's line numbers at {bytes_} do not"
            ]
        if scan.lines_from != "headers":
            return [
                f"the scan has line numbers at {bytes_} and says lines_from {scan.lines_from}: the "
                "bytes hold (--lines-from to decide)"
            ]
        return []

    def over(self, scan: Scan) -> Overrides:
        """These, and where they say nothing, what a scan decided; of the lines nothing, as long as
        it has questions, or has numbers of another width, which goes with their bytes, or these say
        that something else numbers them.
        """
        delay = scan.delay_ms
        mine_alone = self.inline_byte is not None or self.crossline_byte is not None
        otherwise = self.lines_from in ("coordinates", "traces")
        width = self.line_width or (4 if mine_alone else scan.line_width)
        lines = not scan.questions and width == scan.line_width
        by_bytes = (self.inline_byte or scan.inline_byte) is not None  # say more than a scan's rest
        decided = Overrides(
            inline_byte=scan.inline_byte if lines and not otherwise else None,
            crossline_byte=(
                scan.crossline_byte or scan.cdp_byte if lines and not otherwise else None
            ),
            x_byte=scan.x_byte,
            y_byte=scan.y_byte,
            line_width=width if lines else None,
            format=scan.reading,
            endian=scan.endian,
            sample_endian=scan.sample_endian,
            interval_ms=scan.interval_ms or None,
            delay_ms=None if isinstance(delay, tuple) else delay,
            lines_from=scan.lines_from if lines and not by_bytes else None,
        )
        mine = {k: v for k, v in dataclasses.asdict(self).items() if v is not None}
        mine["allow_truncated"] = self.allow_truncated or scan.allow_truncated
        return dataclasses.replace(decided, **mine)
