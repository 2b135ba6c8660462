from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from salt_infer.data import png, png_file
from salt_infer.errors import TileError
from tests import pngs

RAMP = np.array(pngs.ramp(), np.uint8)


def rgb_rows(channels: list[np.ndarray]) -> list[bytes]:
    stacked = np.stack(channels, axis=-1).astype(np.uint8)
    return [row.tobytes() for row in stacked]


def test_grey() -> None:
    np.testing.assert_array_equal(png.decode(pngs.good_tile()), RAMP)


def test_rgb_with_equal_channels_is_exact() -> None:
    np.testing.assert_array_equal(png.decode(pngs.png(8, 2, rgb_rows([RAMP] * 3))), RAMP)


def test_rgb_becomes_luma() -> None:
    zero = np.zeros_like(RAMP)
    red = png.decode(pngs.png(8, 2, rgb_rows([RAMP, zero, zero])))
    np.testing.assert_allclose(red, 0.299 * RAMP, atol=0.51)


def test_alpha_is_dropped() -> None:
    alpha = np.zeros_like(RAMP)
    np.testing.assert_array_equal(png.decode(pngs.png(8, 6, rgb_rows([RAMP] * 3 + [alpha]))), RAMP)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palette(depth: int) -> None:
    colours = min(2**depth, 256)
    index = (RAMP.astype(int) % colours).astype(np.uint8)
    palette = pngs.chunk(b"PLTE", bytes(v for i in range(colours) for v in [255 - i] * 3))
    bits = np.unpackbits(index[..., None], axis=-1)[..., 8 - depth :].reshape(101, -1)
    rows = [np.packbits(row).tobytes() for row in bits]
    decoded = png.decode(pngs.png(depth, 3, rows, before=(palette,)))
    np.testing.assert_array_equal(decoded, 255 - index)


@pytest.mark.parametrize(
    ("palettes", "says"),
    [
        ([], "a palette of 0 bytes"),
        ([bytes(10)], "a palette of 10 bytes"),
        ([bytes(3 * 257)], "expected 3 each for 1 to 256 colours"),
        ([bytes(3)] * 2, "2 palettes"),
        ([bytes(3 * 255)], "colour 255 of a palette of 255"),
    ],
)
def test_colours_that_a_palette_lacks_are_not_made_up(palettes: list[bytes], says: str) -> None:
    before = tuple(pngs.chunk(b"PLTE", palette) for palette in palettes)
    tile = pngs.png(8, 3, [bytes(row) for row in pngs.ramp()], before=before)
    with pytest.raises(TileError, match=says):
        png.decode(tile)


def test_what_no_decoder_may_pass_over() -> None:
    rows = [bytes(row) for row in pngs.ramp()]
    for name, shown in [(b"ABCD", "ABCD"), (b"\n[2J", "0a5b324a")]:
        with pytest.raises(TileError, match=f"chunk {shown}, which no decoder may pass over"):
            png.decode(pngs.png(8, 0, rows, before=(pngs.chunk(name, b""),)))


def test_one_bit() -> None:
    bits = RAMP % 2
    decoded = png.decode(pngs.png(1, 0, [np.packbits(row).tobytes() for row in bits]))
    np.testing.assert_array_equal(decoded, bits * 255)


def test_sixteen_bits_are_scaled_with_rounding() -> None:
    values = (np.arange(101 * 101, dtype=np.int64) * 65535 // 10200).reshape(101, 101)
    decoded = png.decode(pngs.png(16, 0, [row.astype(">u2").tobytes() for row in values]))
    np.testing.assert_array_equal(decoded, np.rint(values * 255 / 65535))
    assert decoded[0, 0] == 0
    assert decoded[-1, -1] == 255


def test_masks_are_whatever_is_above_zero() -> None:
    faint = np.zeros((101, 101), ">u2")
    faint[3, 4] = faint[5, 6] = 1
    decoded = png.decode_mask(pngs.png(16, 0, [row.tobytes() for row in faint]))
    assert decoded.dtype == np.uint8
    assert np.argwhere(decoded).tolist() == [[3, 4], [5, 6]]


def test_a_tile_is_no_mask() -> None:
    with pytest.raises(TileError, match="has 256 grey levels, expected a mask"):
        png.decode_mask(pngs.good_tile())


def test_two_greys_without_black_are_no_mask() -> None:
    pixels = np.full((101, 101), 10, np.uint8)
    pixels[0] = 20
    with pytest.raises(TileError, match="has the values 10 and 20, expected 0 and another"):
        png.decode_mask(png.encode(pixels))
    assert png.decode_mask(png.encode(np.full_like(pixels, 20))).all()  # nothing but salt


@pytest.mark.parametrize("first", [0, 1])
def test_of_numbers_of_classes_it_is_told_how_to_choose(first: int) -> None:
    classes = np.repeat(np.uint8([[first], [2], [1]]), [1, 50, 50], axis=0)
    pixels = np.ascontiguousarray(np.broadcast_to(classes, (101, 101)))
    with pytest.raises(TileError, match=r"of numbers of classes save .*\(mask == 2\) \* 255"):
        png.decode_mask(png.encode(pixels))
    colours = np.stack([pixels * np.uint8(100)] * 2 + [pixels], axis=2)
    if first == 0:
        with pytest.raises(TileError, match=r"has 3 colours, .*; of numbers of classes save"):
            png.decode_mask(pngs.png(8, 2, [row.tobytes() for row in colours]))
    greys = np.uint8([0, 128, 255])[np.indices(pixels.shape)[0] % 3]
    with pytest.raises(TileError, match="draw it without smoothing"):
        png.decode_mask(png.encode(greys))


def test_the_values_of_an_image() -> None:
    assert png.values(png.encode(np.eye(101, dtype=np.uint8) * 7)) == (0, 7)


def test_encode_round_trip() -> None:
    np.testing.assert_array_equal(png.decode(png.encode(RAMP)), RAMP)


@pytest.mark.parametrize("kind", pngs.bad_tiles())
def test_bad_tiles_have_a_one_line_reason(kind: str) -> None:
    data, says = pngs.bad_tiles()[kind]
    with pytest.raises(TileError, match=says) as caught:
        png.decode(data)
    assert "\n" not in str(caught.value)


def test_interlaced_tiles_are_read() -> None:
    passes = [
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
        (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
    ]  # fmt: skip
    rows = [row.tobytes() for x, y, dx, dy in passes for row in RAMP[y::dy, x::dx]]
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    head = pngs.SIGNATURE + pngs.header(101, 101, 8, 0, interlace=1)
    tile = head + pngs.chunk(b"IDAT", data) + pngs.chunk(b"IEND", b"")
    np.testing.assert_array_equal(png.decode(tile), RAMP)
    short = head + pngs.chunk(b"IDAT", zlib.compress(b"\0" * 9000)) + pngs.chunk(b"IEND", b"")
    with pytest.raises(TileError, match="image data ends at byte 9000"):
        png.decode(short)


def test_what_makes_no_pixels_is_passed_over() -> None:
    """Text that would unpack to 100 MB, transparency, an animation's control: all unread."""
    extras = (
        pngs.chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(100_000_000))),
        pngs.chunk(b"tRNS", b"\0\7"),
        pngs.chunk(b"acTL", b""),
    )
    tile = pngs.png(8, 0, [bytes(row) for row in pngs.ramp()], before=extras)
    np.testing.assert_array_equal(png.decode(tile), RAMP)


def test_image_data_in_many_chunks() -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (101, 101), np.uint8)
    Image.fromarray(noise).save(buffer, format="PNG")
    tile = buffer.getvalue()
    start = tile.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", tile, start)
    body = tile[start + 8 : start + 8 + length]
    parts = b"".join(pngs.chunk(b"IDAT", body[i : i + 97]) for i in range(0, len(body), 97))
    np.testing.assert_array_equal(
        png.decode(tile[:start] + parts + tile[start + 12 + length :]), noise
    )


@pytest.mark.parametrize("size", [(64, 64), (50_000, 50_000), (101, 101)])
def test_a_second_header_is_refused(size: tuple[int, int]) -> None:
    second = pngs.header(*size, 8, 0)
    tile = pngs.png(8, 0, [bytes(101)] * 101, before=(second,))
    with pytest.raises(TileError, match="expected one IHDR"):
        png.decode(tile)


def test_chunks_before_the_header_are_refused() -> None:
    tile = pngs.good_tile()
    text = pngs.chunk(b"tEXt", b"a\0b")
    with pytest.raises(TileError, match="first chunk is not IHDR"):
        png.decode(tile[:8] + text + tile[8:])


def test_a_file_too_large_for_a_tile_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(TileError, match="too large for a tile"):
        png.decode(pngs.good_tile() + bytes(png_file.MAX_FILE_BYTES))


@pytest.mark.parametrize("length", [0, 2**31 - 1, 2**32 - 1])
def test_absurd_chunk_lengths(length: int) -> None:
    tile = bytearray(pngs.good_tile())
    tile[33:37] = struct.pack(">I", length)
    with pytest.raises(TileError, match=r"truncated|checksum"):
        png.decode(bytes(tile))


def test_truncation_at_every_byte() -> None:
    tile = pngs.png(8, 0, [bytes(101)] * 101)
    for end in range(len(tile)):
        with pytest.raises(TileError):
            png.decode(tile[:end])


@given(st.integers(0, 10**6), st.integers(0, 7))
def test_a_flipped_bit_never_passes_as_another_tile(position: int, bit: int) -> None:
    tile = bytearray(pngs.good_tile())
    tile[position % len(tile)] ^= 1 << bit
    with pytest.raises(TileError), warnings.catch_warnings():
        png.decode(bytes(tile))


@given(st.binary(max_size=200))
def test_rubbish(data: bytes) -> None:
    for prefix in (b"", pngs.SIGNATURE, pngs.good_tile()[:33]):
        with pytest.raises(TileError):
            png.decode(prefix + data)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\xff\xd8\xff\xe0", "a JPEG"), (b"II*\0", "a TIFF"), (b"GIF89a", "a GIF"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "a WebP"), (b"\0\0\0\x18ftypheic", "a HEIC or AVIF"),
        (b"\0\0\0\x20ftypavif", "a HEIC or AVIF"),
    ],
)  # fmt: skip
def test_another_picture_by_the_name_of_a_png_is_told_to_be_one(start: bytes, what: str) -> None:
    says = f"not a PNG: starts with .*; it is {what}, whatever its name: save it as PNG"
    for decode in (png.decode, png.decode_mask):
        with pytest.raises(TileError, match=says):
            decode(start + bytes(100))
