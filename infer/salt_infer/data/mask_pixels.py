"""Which pixels of a picture are salt, whatever way it says so: by grey, colour or transparency."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer.errors import TileError

_ADVICE = "write 0 and 255 as 8-bit grey"
_SMOOTH = "draw it without smoothing, and save it without loss"
_CLASSES = 16  # greys below are numbers of classes rather than what smoothing makes
_OF_CLASSES = "of numbers of classes save the one of salt alone, such as (mask == 2) * 255"


def salt(
    colours: npt.NDArray[Any], transparency: npt.NDArray[np.uint8] | None
) -> npt.NDArray[np.uint8]:
    """1 where any channel of a pixel is above 0 and the pixel is to be seen; uint8 [H, W].

    Where one colour is everywhere, transparency alone is the mask. Otherwise it must not hide
    salt: what is stored and what is seen would be two masks.

    Args:
        colours: [H, W, C], unsigned.
        transparency: uint8 [H, W], 0 where nothing is to be seen; None where all is.

    Raises:
        TileError: there are more than two kinds of pixels, or two of which none is black; or
            transparency says otherwise than colours.
    """
    drawn: npt.NDArray[np.bool_] = np.asarray(colours.any(axis=2))
    if transparency is None:
        _check_kinds(colours, drawn)
        return drawn.astype(np.uint8)
    seen = drawn & (transparency > 0)
    _check_transparency(colours, transparency, seen, drawn)
    shown = np.where(seen[:, :, None], np.dstack([colours, transparency]), 0)
    _check_kinds(shown, seen)
    return seen.astype(np.uint8)


def check_palette(indices: npt.NDArray[np.uint8], colours: npt.NDArray[np.uint8]) -> None:
    """A palette must tell apart what the file does: salt may be a number whose colour is black.

    Args:
        indices: uint8 [H, W], numbers of colours.
        colours: uint8 [H, W, 3], what the palette makes of them.

    Raises:
        TileError: it makes one colour of several numbers.
    """
    used = np.unique(indices)
    if len(used) > 1 and (colours == colours[0, 0]).all():
        raise TileError(
            f"has the palette's numbers {used[0]} and {used[1]}, both of the colour "
            f"{_told(colours[0, 0])}: which is salt is not to be seen; {_ADVICE}"
        )


def _check_kinds(pixels: npt.NDArray[Any], salt: npt.NDArray[np.bool_]) -> None:
    flat = pixels.reshape(-1, pixels.shape[2])
    # Sorting rows is slow, and masks are grey as a rule.
    kinds = np.unique(flat)[:, None] if flat.shape[1] == 1 else np.unique(flat, axis=0)
    what = "grey levels" if pixels.shape[2] == 1 else "colours"
    classes = _OF_CLASSES if flat.shape[1] == 1 and kinds[-1, 0] < _CLASSES else ""
    if len(kinds) > 2:
        # Few colours may be classes or the rims of one.
        few = f"; {_OF_CLASSES}" if len(kinds) < _CLASSES else ""
        advice = classes or f"{_SMOOTH}{few}"
        raise TileError(f"has {len(kinds)} {what}, expected a mask of at most two: {advice}")
    if len(kinds) == 2 and salt.all():
        one, other = (_told(kind) for kind in kinds)
        advice = f": {classes}" if classes else ""
        raise TileError(f"has the values {one} and {other}, expected 0 and another{advice}")


def _check_transparency(
    colours: npt.NDArray[Any],
    transparency: npt.NDArray[np.uint8],
    seen: npt.NDArray[np.bool_],
    drawn: npt.NDArray[np.bool_],
) -> None:
    varies = bool((transparency != transparency[0, 0]).any())
    if not drawn.any():
        if varies:
            raise TileError(f"is black everywhere, and only its transparency differs; {_ADVICE}")
        return
    if (colours == colours[0, 0]).all():
        return
    if hidden := int(np.count_nonzero(drawn & ~seen)):
        raise TileError(
            f"has {hidden} transparent pixels that hide a colour: they may be salt or not; "
            f"{_ADVICE}, without transparency"
        )


def _told(kind: npt.NDArray[Any]) -> str:
    return str(kind[0]) if len(kind) == 1 else f"({', '.join(map(str, kind))})"
