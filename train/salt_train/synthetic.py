"""Seismic tiles with salt, drawn from nothing: for examples, tests and verification.

A tile is a stack of layers (random reflectivity along a warped depth, convolved with a Ricker
wavelet; Ricker, 1953), bent by dips, folds and faults. A salt body cuts through it: a strong
reflector along its edge, faint chaotic texture inside. Band-limited noise lies over all. Real
surveys are more varied; a score on these tiles says that a program works, not how good a model is.

``python -m salt_train.synthetic DIR --tiles N`` draws a data set that every command takes.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from salt_infer.cli import console, strict_options
from salt_infer.data import png
from salt_infer.errors import OutputExistsError
from salt_infer.masks.rle import TILE_SHAPE
from salt_train.data.dataset import Dataset

EDGE = TILE_SHAPE[0]
FAINT_SALT = 0.35  # amplitude inside salt, relative to the layers around it
SHARE_BLACK = 0.02  # tiles without any signal, as in the TGS data (80 of 4000)
SHARE_SALT = 0.6  # tiles with salt, as in the TGS data (2438 of 4000)

Field = npt.NDArray[np.float64]  # [EDGE, EDGE]
Rng = np.random.Generator

_Y, _X = np.mgrid[0:EDGE, 0:EDGE].astype(np.float64)


def draw(count: int, seed: int) -> Dataset:
    """Draw labelled tiles; the same seed gives the same tiles, whatever ``count`` is.

    Returns:
        Dataset of ``count`` tiles with ids ``synthetic-00000`` and on.
    """
    pairs = [_tile(np.random.default_rng([seed, index])) for index in range(count)]
    return Dataset(
        ids=tuple(f"synthetic-{index:05d}" for index in range(count)),
        tiles=np.stack([tile for tile, _ in pairs]),
        masks=np.stack([mask for _, mask in pairs]),
    )


def write(data: Dataset, folder: Path) -> None:
    """Write ``tiles/ID.png`` and ``masks/ID.png`` below a folder."""
    for name, images in (("tiles", data.tiles), ("masks", data.masks * 255)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for tile, pixels in zip(data.ids, images, strict=True):
            (folder / name / f"{tile}.png").write_bytes(png.encode(pixels))


def _tile(rng: Rng) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    empty = np.zeros((EDGE, EDGE), dtype=np.uint8)
    if rng.random() < SHARE_BLACK:
        return empty, empty
    wavelength = rng.uniform(4.0, 14.0)
    signal = _layers(rng, wavelength)
    mask = empty
    if rng.random() < SHARE_SALT:
        signal, mask = _with_salt(rng, signal, wavelength)
    signal += rng.uniform(0.05, 0.25) * _noise(rng, wavelength / 3)
    return _develop(rng, signal), mask


def _layers(rng: Rng, wavelength: float) -> Field:
    """Reflections of a layered underground, standard deviation about 1."""
    depth = _warped_depth(rng, wavelength)
    reach = 4 * EDGE
    samples = np.arange(-reach, reach, 0.5)
    reflectivity = rng.laplace(size=samples.size) * (rng.random(samples.size) < 0.4)
    trace = np.convolve(reflectivity, _ricker(wavelength), mode="same")
    trace /= trace.std()
    lit = np.interp(depth, samples, trace)
    return np.asarray(lit * np.exp(0.35 * _noise(rng, 20.0)))


def _ricker(wavelength: float) -> npt.NDArray[np.float64]:
    """Wavelet with a peak frequency of 1 / wavelength, sampled every half pixel."""
    phase = (np.pi * np.arange(-2 * wavelength, 2 * wavelength, 0.5) / wavelength) ** 2
    return np.asarray((1 - 2 * phase) * np.exp(-phase))


def _warped_depth(rng: Rng, wavelength: float) -> Field:
    """Geological depth of each pixel: tilted, folded, faulted."""
    dip = np.deg2rad(rng.normal(0.0, 22.0))
    depth = _Y * np.cos(dip) + _X * np.sin(dip)
    depth = depth + rng.uniform(0.0, 6.0) * _noise(rng, rng.uniform(15.0, 35.0))
    for _ in range(rng.poisson(0.7)):
        lean, offset = rng.normal(0.0, 0.4), rng.uniform(0, EDGE)
        beyond = _X + lean * (_Y - EDGE / 2) > offset
        depth = depth + beyond * rng.normal(0.0, wavelength)
    return np.asarray(depth)


def _with_salt(rng: Rng, layers: Field, wavelength: float) -> tuple[Field, npt.NDArray[np.uint8]]:
    shapes = (_below_horizon, _beside_flank, _dome, _above_base)
    shape = shapes[rng.choice(len(shapes), p=[0.3, 0.35, 0.25, 0.1])]
    inside = shape(rng)  # px to the edge, positive inside the salt
    edge_width = wavelength / 2
    phase = (np.pi * inside / (2 * edge_width)) ** 2
    edge = (1 - 2 * phase) * np.exp(-phase)
    chaos = FAINT_SALT * _noise(rng, wavelength / 2)
    blend = 1 / (1 + np.exp(-np.clip(inside, -40, 40)))
    lit_edge = rng.choice([-1.0, 1.0]) * rng.uniform(1.0, 3.0) * edge
    signal = layers * (1 - blend) + (chaos + rng.normal(0.0, 0.3)) * blend + lit_edge
    return signal, (inside > 0).astype(np.uint8)


def _curve(rng: Rng, along: Field, roughness: float) -> Field:
    """A smooth wandering offset (px) along one axis."""
    total = np.zeros_like(along)
    for order in range(1, 6):
        swing = roughness * rng.normal() / order**1.3
        total += swing * np.sin(2 * np.pi * (order * along / EDGE / 1.6 + rng.random()))
    return total


def _distance(gap: Field) -> Field:
    """A signed gap along one axis to about the shortest distance."""
    down, across = np.gradient(gap)
    return np.asarray(gap / np.sqrt(down**2 + across**2).clip(0.2))


def _below_horizon(rng: Rng) -> Field:
    tilt = rng.normal(0.0, 0.35) * (_X - EDGE / 2)
    return _distance(_Y - rng.uniform(15, 90) - tilt - _curve(rng, _X, 8.0))


def _above_base(rng: Rng) -> Field:
    return -_below_horizon(rng)


def _beside_flank(rng: Rng) -> Field:
    lean = rng.normal(0.0, 0.35) * (_Y - EDGE / 2)
    side = 1.0 if rng.random() < 0.5 else -1.0
    gap: Field = _distance(_X - rng.uniform(10, 90) - lean - _curve(rng, _Y, 6.0))
    return side * gap


def _dome(rng: Rng) -> Field:
    centre, top = rng.uniform(10, 90), rng.uniform(5, 80)
    width, power = rng.uniform(15, 45), rng.uniform(1.5, 3.0)
    flank = np.abs((_X - centre) / width) ** power * 30
    return _distance(_Y - top - flank - _curve(rng, _X, 4.0))


def _noise(rng: Rng, correlation: float) -> Field:
    """Gaussian noise with a correlation length in px, standard deviation 1."""
    size = 2 * EDGE  # twice the tile: the Fourier transform's wrap-around stays outside it
    white = np.fft.rfft2(rng.standard_normal((size, size)))
    rows, columns = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]
    low_pass = np.exp(-2 * (np.pi * correlation / 2) ** 2 * (rows**2 + columns**2))
    field = np.fft.irfft2(white * low_pass, s=(size, size))[:EDGE, :EDGE]
    return np.asarray((field - field.mean()) / field.std())


def _develop(rng: Rng, signal: Field) -> npt.NDArray[np.uint8]:
    """To grey values with the brightness and contrast that TGS tiles have."""
    grey = rng.normal(122.0, 15.0) + rng.uniform(18.0, 50.0) * signal / signal.std()
    return np.asarray(grey.clip(0, 255).round(), dtype=np.uint8)


@click.command("salt_train.synthetic", cls=strict_options.Command)
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--tiles", "count", type=click.IntRange(1, 100_000), default=200, show_default=True,
    metavar="N", help="How many.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Other tiles.")
def cli(folder: Path, count: int, seed: int) -> None:
    """Draw tiles into DIR/tiles and their masks into DIR/masks."""
    for name in ("tiles", "masks"):
        if (folder / name).exists():
            raise OutputExistsError(f"{folder / name} exists; name another folder")
    write(draw(count, seed), folder)
    click.echo(f"{count} tiles and masks -> {folder}")


if __name__ == "__main__":
    console.run(cli)
