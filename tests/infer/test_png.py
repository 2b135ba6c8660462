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

from salt_infer import png
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
    index = RAMP % colours
    palette = pngs.chunk(b"PLTE", bytes(v for i in range(colours) for v in [255 - i] * 3))
    bits = np.unpackbits(index[..., None], axis=-1)[..., 8 - depth :].reshape(101, -1)
    rows = [np.packbits(row).tobytes() for row in bits]
    decoded = png.decode(pngs.png(depth, 3, rows, before=(palette,)))
    np.testing.assert_array_equal(decoded, 255 - index)


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
    faint[3, 4], faint[5, 6] = 1, 65535
    decoded = png.decode_mask(pngs.png(16, 0, [row.tobytes() for row in faint]))
    assert decoded.dtype == np.uint8
    assert np.argwhere(decoded).tolist() == [[3, 4], [5, 6]]


def test_encode_round_trip() -> None:
    np.testing.assert_array_equal(png.decode(png.encode(RAMP)), RAMP)


@pytest.mark.parametrize("kind", pngs.bad_tiles())
def test_bad_tiles_have_a_one_line_reason(kind: str) -> None:
    data, says = pngs.bad_tiles()[kind]
    with pytest.raises(TileError, match=says) as caught:
        png.decode(data)
    assert "\n" not in str(caught.value)


def test_interlaced_and_accompanied_tiles_are_read() -> None:
    buffer = io.BytesIO()
    Image.fromarray(RAMP).save(buffer, format="PNG", dpi=(300, 300))
    np.testing.assert_array_equal(png.decode(buffer.getvalue()), RAMP)


def test_a_text_bomb_is_refused() -> None:
    text = pngs.chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(100_000_000)))
    tile = pngs.png(8, 0, [bytes(101)] * 101, before=(text,))
    with pytest.raises(TileError, match="cannot be decoded"):
        png.decode(tile)


def test_a_file_too_large_for_a_tile_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(TileError, match="too large for a tile"):
        png.decode(pngs.good_tile() + bytes(png.MAX_FILE_BYTES))


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
