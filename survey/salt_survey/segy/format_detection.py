"""What the samples are really in, where the header is wrong: told by their bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from salt_survey.segy.formats import FORMATS, IBM, IEEE, ibm, named, words
from salt_survey.segy.layout import Layout
from salt_survey.segy.order import Endian
from salt_survey.segy.raw import RawFile

_TRACES = 512  # that are looked at
_BYTES = 32 << 20  # at most
_WORDS = 200  # fewer prove nothing
_UNNORMALISED = 0.01  # share of IBM words; of real ones none, of IEEE's floats 8 %
# IEEE's floats of any range so many times wide have some that are no normalised IBM words.
_TELLING = 4.5
_FEW = 8  # distinct integers, of which fewer run on smoothly however they are read
_LARGE, _TINY = 1e15, 1e-25
# Shares of words that are no amplitudes: of floats in the wrong byte order, in the right one, and
# where they prove nothing.
_SWAPPED_ODD, _SOUND_ODD, _UNKNOWN_ODD = 0.2, 0.01, 0.1
_INTEGERS = 2 << 20  # bytes of integers that tell their order
_ROUGH = 0.5  # of integers in the wrong byte order at least; of noise it is 2
SMOOTHER = 2.5  # times: what integers in the right byte order are, than in the wrong one
_SIGNS = {2: 10, 10: 2, 3: 11, 11: 3, 8: 16, 16: 8, 9: 12, 12: 9}

Raw = npt.NDArray[np.uint8]  # [traces, samples x width]


def probe(file: RawFile, layout: Layout) -> Raw:
    """Samples of traces all over the file, as they are."""
    size = layout.samples * layout.width
    count = max(1, min(_TRACES, _BYTES // max(1, size), layout.traces))
    chosen = np.unique(np.linspace(0, layout.traces - 1, count).astype(np.int64))
    raw = [file.read(layout.offset(int(trace)) + layout.head, size) for trace in chosen]
    return np.stack(raw)


def swapped(raw: Raw, layout: Layout, code: int, smoother: float = SMOOTHER) -> str | None:
    """Why the samples are believed to be in the byte order that the headers are not in; None where
    nothing says so.

    Args:
        raw: of :func:`probe`.
        layout: with the byte order of the headers and the width that the file has.
        code: of the samples' format.
        smoother: so many times, at least, integers are in the other order if they are in that.
    """
    orders: tuple[Endian, Endian] = ("big", "little")
    as_headers, other = orders if layout.endian == "big" else orders[::-1]
    if layout.width == 1 or code not in FORMATS or FORMATS[code].width != layout.width:
        return None
    if code in (IBM, IEEE, 6):
        odd = [_oddest(raw, layout.width, order) for order in (as_headers, other)]
        if odd[0] > _SWAPPED_ODD and odd[1] < _SOUND_ODD:
            return f"{100 * odd[0]:.0f} % of them would be no amplitudes in the headers'"
        return None
    if raw.shape[1] < 8 * layout.width or not FORMATS[code].readable:
        return None
    if layout.width == 4 and _of_four(raw, code, as_headers)[0]:  # no integers, but in order
        return None
    thinned = raw[:: 1 + raw.size // _INTEGERS]
    return _swapped_integers(thinned, code, (as_headers, other), smoother)


def _swapped_integers(
    raw: Raw, code: int, orders: tuple[Endian, Endian], smoother: float
) -> str | None:
    if _are_few(raw, code, orders[0]):
        return None
    kinds = [FORMATS[each].kind for each in (code, _SIGNS.get(code, code))]
    rough = [
        min(_noise(words(raw, kind, order).astype(np.float64)) for kind in kinds)
        for order in orders
    ]
    if rough[0] > _ROUGH and rough[1] < rough[0] / smoother:
        return "only so do they run on smoothly"
    signed = min(kinds)  # i before u
    sizes = [words(raw, signed, order).astype(np.float64) for order in orders]
    small = _shrinks(*sizes) and rough[1] <= 1.1 * rough[0]
    if small and not _are_about_the_middle(raw, code, orders[0], sizes[1]):
        return "only so are they small, of both signs"
    return None


def _are_about_the_middle(
    raw: Raw, code: int, endian: Endian, turned: npt.NDArray[np.float64]
) -> bool:
    """Unsigned integers as near to the middle of their range as those are to 0 that the other
    order makes.
    """
    kind = FORMATS[code].kind
    if not kind.startswith("u"):
        return False
    middle = 2.0 ** (8 * FORMATS[code].width - 1)
    own = np.abs(words(raw, kind, endian).astype(np.float64) - middle)
    return bool(np.percentile(own, 95) <= np.percentile(np.abs(turned), 95))


def _are_few(raw: Raw, code: int, endian: Endian) -> bool:
    """Integers of so few values that nothing tells how they are to be read."""
    thinned = raw[:: 1 + raw.size // _INTEGERS]
    return len(np.unique(words(thinned, FORMATS[code].kind, endian))) < _FEW


def _shrinks(numbers: npt.NDArray[np.float64], turned: npt.NDArray[np.float64]) -> bool:
    """Turned round, integers are much smaller, though a tenth at least has either sign. Sound ones
    that are a multiple of 256 get smaller too, but with no sign: their last byte is 0.
    """
    signs = [np.mean(turned > 0), np.mean(turned < 0)]
    sizes = [np.percentile(np.abs(each), 95) for each in (numbers, turned)]
    return bool(min(signs) > 0.1 and sizes[1] < sizes[0] / 16)


def _noise(traces: npt.NDArray[np.float64]) -> float:
    """Squared steps from sample to sample as a multiple of the variance: 2 of noise, whatever its
    size. The greatest and the least twentieth are cut off, spikes among them.
    """
    cut = np.clip(traces, *np.percentile(traces, [5, 95]))
    variance = float(cut.var())
    return float(np.square(np.diff(cut, axis=1)).mean()) / variance if variance else np.inf


def _oddest(raw: Raw, width: int, order: Endian) -> float:
    """Share of the words that are no amplitudes in a byte order, whichever float they are."""
    if width == 8:
        return _share_odd(words(raw, "f8", order).astype(np.float64))
    bits = words(raw, "u4", order).astype(np.uint32)
    bits = bits[bits & 0xFFFFFF != 0]
    if len(np.unique(bits[: 100 * _WORDS])) < _WORDS or _are_small(bits):
        return _UNKNOWN_ODD
    return min(_share_odd(bits.view(np.float32)), _share_odd(ibm(bits)))


def really(raw: Raw, layout: Layout, endian: Endian) -> tuple[int | None, str | None]:
    """The format the samples are in if it is not the header's, and why it is believed.

    Args:
        raw: of :func:`probe`.
        layout: with the header's format and the width that the file has.
        endian: byte order of the samples.

    Returns:
        (None, None) where nothing speaks against the header.
    """
    said = layout.format
    if said not in FORMATS or FORMATS[said].width != layout.width:
        return _by_width(raw, layout, endian)
    found: tuple[int | None, str | None] = (None, None)
    if layout.width == 4:
        found = _of_four(raw, said, endian)
    return found if found[0] else _signedness(raw, said, endian)


def _by_width(raw: Raw, layout: Layout, endian: Endian) -> tuple[int | None, str | None]:
    code = {1: 8, 2: 3, 4: IBM, 8: 6}.get(layout.width)
    if code is None:
        return None, None
    found = _of_four(raw, code, endian)[0] if layout.width == 4 else None
    return found or code, f"samples of {layout.width} bytes, not {named(layout.format)}"


def _of_four(raw: Raw, said: int, endian: Endian) -> tuple[int | None, str | None]:
    bits = words(raw, "u4", endian).astype(np.uint32)
    bits = bits[bits & 0xFFFFFF != 0]
    if said not in (IBM, 2, IEEE, 10) or len(np.unique(bits[: 100 * _WORDS])) < _WORDS:
        return None, None
    loose = float(np.mean((bits >> 20) & 0xF == 0))
    small = _are_small(bits)
    if said in (IBM, IEEE) and small:
        return 2, f"the words are small integers, not {named(said)}"
    if said in (2, 10) and not small and _are_floats(bits, loose):
        return _float(loose), f"the words are floats, not {named(said)}"
    if said == IBM and loose > _UNNORMALISED and _share_odd(bits.view(np.float32)) < 0.01:
        return IEEE, f"{100 * loose:.0f} % of the words are not normalised IBM numbers"
    if said == IEEE and loose == 0 and _are_wide(bits.view(np.float32)):
        return IBM, "all words are normalised IBM numbers, of true IEEE ones 92 % are"
    return None, None


def _float(loose: float) -> int:
    return IEEE if loose > _UNNORMALISED else IBM


def _are_small(bits: npt.NDArray[np.uint32]) -> bool:
    """Nearly all words are integers of at most 24 bits, either sign, and both signs are there."""
    numbers = bits.view(np.int32).astype(np.int64)
    fits = np.abs(numbers) < 1 << 23
    return bool(np.mean(fits) > 0.95 and np.any(numbers < 0))


def _are_floats(bits: npt.NDArray[np.uint32], loose: float) -> bool:
    """As integers, hardly any word is small, which most of any amplitudes are, but for those
    without a sign; and as floats, hardly any is no amplitude.
    """
    numbers = np.abs(bits.view(np.int32).astype(np.int64))
    floats = bits.view(np.float32) if _float(loose) == IEEE else ibm(bits)
    return bool(np.mean(numbers > 1 << 28) > 0.95 and _share_odd(floats) < _SOUND_ODD)


def _are_wide(numbers: npt.NDArray[np.floating]) -> bool:
    """The range of most sizes is wide enough to tell of what words there are none."""
    low, high = np.percentile(np.abs(np.nan_to_num(numbers).astype(np.float64)), [1, 99])
    return bool(high > _TELLING * low)


def _share_odd(numbers: npt.NDArray[np.floating]) -> float:
    """Share of numbers no amplitude has; null values and what is not finite are left out."""
    size = np.abs(numbers[np.isfinite(numbers)].astype(np.float64))
    size = size[(size > 0) & (size < 1e29)]
    if not len(size):
        return 1.0
    return float(np.mean((size > _LARGE) | (size < _TINY)))


def _signedness(raw: Raw, said: int, endian: Endian) -> tuple[int | None, str | None]:
    """Read with a sign where there is none, or the reverse, amplitudes jump at their middle."""
    other = _SIGNS.get(said)
    if other is None or raw.shape[1] < 8 * FORMATS[said].width or _are_few(raw, said, endian):
        return None, None
    rough = [
        _roughness(words(raw, FORMATS[code].kind, endian).astype(np.float64))
        for code in (said, other)
    ]
    if rough[1] < rough[0] / 4:
        return other, f"the samples run on smoothly as {named(other)}, not as {named(said)}"
    return None, None


def _roughness(traces: npt.NDArray[np.float64]) -> float:
    """Sum of the squared steps from sample to sample."""
    return float(np.square(np.diff(traces, axis=1)).sum())
