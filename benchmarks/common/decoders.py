"""Libraries that decode PNG, each alone and after the checks that ``salt-infer`` makes."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import io
import zlib
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer.data import png, png_file
from salt_infer.masks import rle

Pixels = npt.NDArray[np.uint8]
Decode = Callable[[bytes], Pixels]

OURS = "salt-infer"
# ITU-R 601 in 1/65536, as Pillow rounds it.
RED, GREEN, BLUE, HALF = 19595, 38470, 7471, 1 << 15


@dataclasses.dataclass(frozen=True)
class Library:
    """Something that decodes.

    Attributes:
        package: distribution that has it.
        module: to import.
        make: given the module, what decodes a tile to grey.
    """

    package: str
    module: str
    make: Callable[[Any], Decode]


def grey(pixels: npt.NDArray[Any]) -> Pixels:
    """uint8 [H, W], [H, W, 1] or RGB [H, W, 3] -> grey [H, W]; RGB as Pillow converts it."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 1:
        return pixels[:, :, 0]
    red, green, blue = (pixels[:, :, channel].astype(np.uint32) for channel in range(3))
    return ((red * RED + green * GREEN + blue * BLUE + HALF) >> 16).astype(np.uint8)


def _pillow(module: Any) -> Decode:
    def decode(data: bytes) -> Pixels:
        with module.open(io.BytesIO(data), formats=["PNG"]) as image:
            return np.asarray(image.convert("L"))

    return decode


def _opencv(module: Any) -> Decode:
    flag = module.IMREAD_GRAYSCALE
    return lambda data: module.imdecode(np.frombuffer(data, np.uint8), flag)


def _vips(module: Any) -> Decode:
    return lambda data: grey(module.Image.pngload_buffer(data).numpy())


def _kornia(module: Any) -> Decode:
    # It takes size and kind from the caller, and is wrong about files of other kinds.
    def decode(data: bytes) -> Pixels:
        width, height, _, colour, *_ = png_file.HEADER.unpack_from(data, 16)
        mode = {0: "mono", 2: "rgb"}[colour]
        return grey(module.decode_image_png_u8(data, (height, width), mode))

    return decode


LIBRARIES = {
    "Pillow": Library("pillow", "PIL.Image", _pillow),
    "OpenCV": Library("opencv-python-headless", "cv2", _opencv),
    "imagecodecs, libpng": Library(
        "imagecodecs", "imagecodecs", lambda module: lambda data: grey(module.png_decode(data))
    ),
    "imagecodecs, libspng": Library(
        "imagecodecs", "imagecodecs", lambda module: lambda data: grey(module.spng_decode(data))
    ),
    "pyspng": Library("pyspng", "pyspng", lambda module: lambda data: grey(module.load(data))),
    "libvips": Library("pyvips", "pyvips", _vips),
    "kornia-rs": Library("kornia-rs", "kornia_rs.io", _kornia),
}


def checked(decode: Decode, size: bool, data: bytes) -> Pixels:
    """Decode after the checks of :func:`salt_infer.data.png.decode`; the one that unpacks all data
    for their ``size`` only where it is asked for.
    """
    parts = png_file.parse(data)
    parts.check(rle.TILE_SHAPE)
    plain = parts.plain()
    if size:
        parts.unpacked()
    return decode(plain)


def refuses_half(decode: Decode) -> bool:
    """Whether a file with sound checksums that ends in the middle of the image, at the end of a row
    or within one, is an error, and not a tile with black rows.
    """
    parts = png_file.parse(png.encode(np.full(rle.TILE_SHAPE, 200, np.uint8)))
    raw, row = zlib.decompress(parts.data), 1 + rle.TILE_SHAPE[1]
    cuts = (50 * row, 50 * row + row // 2)
    return all(
        _refuses(decode, parts._replace(data=zlib.compress(raw[:cut])).plain()) for cut in cuts
    )


def _refuses(decode: Decode, data: bytes) -> bool:
    try:
        decode(data)
    except Exception:  # libraries raise what they like; kornia-rs just this
        return True
    return False


def installed() -> tuple[dict[str, Decode], list[str]]:
    """What decodes, by name, and the packages that are not there."""
    ways: dict[str, Decode] = {OURS: png.decode}
    absent = []
    for name, library in LIBRARIES.items():
        try:
            decode = library.make(importlib.import_module(library.module))
        except (ImportError, OSError):  # a package without its shared library gives the latter
            absent.append(library.package)
            continue
        ways[name] = decode
        ways[f"{name}, checked"] = functools.partial(checked, decode, not refuses_half(decode))
    return ways, sorted(set(absent))


def versions() -> dict[str, str]:
    """Of the packages that are installed."""
    known = {}
    for package in sorted({library.package for library in LIBRARIES.values()}):
        try:
            known[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return known
