"""A small survey with a salt dome, drawn from nothing: for examples, tests and trying things out.

Layers of random reflectivity, convolved with a Ricker wavelet, are bent up around a dome that cuts
through them: a strong reflector along its edge, faint chaotic texture inside, noise over all. Real
surveys are more varied; a score on this one says that a program works, not how good a model is.

``python -m salt_survey.synthetic DIR`` draws ``DIR/survey.sgy`` and labels of three of its lines.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from salt_infer.cli import console, strict_options
from salt_infer.data import png
from salt_infer.errors import InputError, OutputExistsError
from salt_survey.segy.create import Kind, Traces, write

SURVEY = "survey.sgy"
FIRST_INLINE, FIRST_CROSSLINE = 100, 300
BIN_M = 25.0
_TURN = np.deg2rad(12.0)  # of the lines against the coordinates
_ORIGIN = (605_800.0, 6_073_500.0)
_WAVELENGTH = 9.0  # samples
_FAINT = 0.3  # amplitude inside the salt, of that of the layers
_LOUD = 4000.0  # standard deviation of the amplitudes

Field = npt.NDArray[np.float64]  # [crosslines, samples]


@dataclasses.dataclass(frozen=True)
class Plan:
    """A survey to draw; the same plan gives the same bytes.

    Attributes:
        inlines, crosslines, samples: how many.
        seed: of all that is random.
        kind: of the file.
    """

    inlines: int = 40
    crosslines: int = 240
    samples: int = 220
    seed: int = 0
    kind: Kind = dataclasses.field(default_factory=lambda: Kind(220, 4.0, 400))

    def section(self, row: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """Amplitudes float32 [crosslines, samples] of an inline, counted from 0, and its salt,
        uint8 alike, 255 where there is some.
        """
        rng = np.random.default_rng([self.seed, 1, row])
        across, down = np.meshgrid(
            np.arange(self.crosslines, dtype=float), np.arange(self.samples, dtype=float),
            indexing="ij",
        )  # fmt: skip
        away = self._away(row, across)
        inside = self._inside(row, across, down, away)
        lit = np.interp(self._depth(row, across, down, away), *self._layers())
        blend = 1 / (1 + np.exp(-np.clip(inside, -40, 40)))
        phase = (np.pi * inside / _WAVELENGTH) ** 2
        edge = 2.5 * (1 - 2 * phase) * np.exp(-phase)
        chaos = _FAINT * _noise(rng, lit.shape, 2.5)
        signal = lit * (1 - blend) + chaos * blend + edge + 0.12 * _noise(rng, lit.shape, 1.2)
        return (_LOUD * signal).astype(np.float32), np.where(inside > 0, 255, 0).astype(np.uint8)

    def portions(self) -> Iterator[Traces]:
        """The survey's traces, an inline at a time."""
        for row in range(self.inlines):
            columns = np.arange(self.crosslines)
            x, y = _position(row, columns)
            amplitudes, _ = self.section(row)
            numbers = FIRST_CROSSLINE + columns
            yield Traces(FIRST_INLINE + row, numbers, x, y, amplitudes)

    def _away(self, row: int, across: Field) -> Field:
        """Distance from the dome's middle; 1 is its radius."""
        length = 0.22 * self.crosslines
        return np.hypot(
            (across - 0.55 * self.crosslines) / length, (row - self.inlines / 2) / (2 * length)
        )

    def _inside(self, row: int, across: Field, down: Field, away: Field) -> Field:
        """Samples below the top of the salt, negative above it; less beside a steep flank."""
        rough = 2.5 * np.sin(across / 9.0 + row / 15.0) + 1.5 * np.sin(across / 4.3 - row / 8.0)
        top = 0.35 * self.samples + 0.45 * self.samples * away**2.2 + rough
        slope = np.gradient(top, axis=0)
        return np.asarray((down - top) / np.hypot(1.0, slope))

    def _depth(self, row: int, across: Field, down: Field, away: Field) -> Field:
        """Geological depth: layers rise towards the dome, the more the deeper."""
        rise = 0.35 * down * np.exp(-(away**2))
        folds = 4.0 * np.sin(across / 31.0 + row / 40.0) + 2.0 * np.sin(across / 13.0)
        return np.asarray(down + rise + folds)

    def _layers(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Depths, and a trace through the layers, standard deviation 1."""
        rng = np.random.default_rng([self.seed, 0])
        depths = np.arange(-40.0, 2.0 * self.samples, 0.5)
        spikes = rng.laplace(size=depths.size) * (rng.random(depths.size) < 0.35)
        phase = (np.pi * np.arange(-2 * _WAVELENGTH, 2 * _WAVELENGTH, 0.5) / _WAVELENGTH) ** 2
        trace = np.convolve(spikes, (1 - 2 * phase) * np.exp(-phase), mode="same")
        return depths, trace / trace.std()


def draw(plan: Plan, folder: Path, labelled: tuple[int, ...] | None = None) -> list[Path]:
    """Write ``survey.sgy``, and of some inlines, counted from 0, ``label-ilNUMBER.png``: samples x
    crosslines, 255 where there is salt.

    Raises:
        OutputExistsError: one of them is there.
        InputError: the folder cannot be made.
    """
    rows = labelled if labelled is not None else _middle(plan.inlines)
    labels = [folder / f"label-il{FIRST_INLINE + row}.png" for row in rows]
    files = [folder / SURVEY, *labels]
    for path in files:
        if path.exists():
            raise OutputExistsError(f"{path} exists; name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(files[0], "wb") as target:
            write(target, plan.kind, plan.portions())
        for row, path in zip(rows, labels, strict=True):
            path.write_bytes(png.encode(np.ascontiguousarray(plan.section(row)[1].T)))
    except OSError as error:
        raise InputError(f"{folder} cannot be written to ({error.strerror or error})") from error
    return files


def _middle(inlines: int) -> tuple[int, ...]:
    return tuple(sorted({inlines // 4, inlines // 2, (3 * inlines) // 4}))


def _position(row: int, columns: npt.NDArray[np.int64]) -> tuple[Field, Field]:
    along, across = BIN_M * columns, BIN_M * row
    x = _ORIGIN[0] + along * np.cos(_TURN) - across * np.sin(_TURN)
    y = _ORIGIN[1] + along * np.sin(_TURN) + across * np.cos(_TURN)
    return x, y


def _noise(rng: np.random.Generator, shape: tuple[int, ...], correlation: float) -> Field:
    """Gaussian noise with a correlation length in samples, standard deviation 1."""
    white = np.fft.rfft2(rng.standard_normal(shape))
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :]
    low_pass = np.exp(-2 * (np.pi * correlation / 2) ** 2 * (rows**2 + columns**2))
    field = np.fft.irfft2(white * low_pass, s=shape)
    return np.asarray(field / field.std())


_COUNT = click.IntRange(2, 10_000)


@click.command("salt_survey.synthetic", cls=strict_options.Command)
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--inlines", type=_COUNT, default=40, show_default=True, metavar="N")
@click.option("--crosslines", type=_COUNT, default=240, show_default=True, metavar="N")
@click.option("--samples", type=_COUNT, default=220, show_default=True, metavar="N")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Another survey."
)
def cli(folder: Path, inlines: int, crosslines: int, samples: int, seed: int) -> None:
    """Draw a survey with a dome into DIR/survey.sgy, and labels of three of its inlines."""
    said = ("Drawn by salt_survey.synthetic; no place on earth", "Salt dome in layers")
    kind = Kind(samples, 4.0, 400, text=said)
    files = draw(Plan(inlines, crosslines, samples, seed, kind), folder)
    for path in files:
        click.echo(path)


if __name__ == "__main__":
    console.run(cli)
