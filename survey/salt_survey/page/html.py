"""The page of a survey: one HTML file that needs nothing else."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer import __version__
from salt_survey.page import axes, pictures
from salt_survey.page.axes import Axis
from salt_survey.page.look import Shown, Trial, Viewer, Volume, coverage
from salt_survey.page.training_tiles import TRAINING, TileStatistics
from salt_survey.scan import describe
from salt_survey.sections.tiling import Floats

_MAP = ((222, 222, 222), (200, 30, 30), (40, 90, 160))  # missing, dead, live
_SMALL, _HALF, _LARGE = (420, 300), (800, 480), (900, 480)
_ONE_VIEW = (
    " Each tile was shown once: a run shows its mirror image, too, unless --tta says otherwise, "
    "and finds a little more or less."
)
_LEAST = 32  # rows and columns of a map, about; a picture has up to four pixels for each

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --faint: #788; --salt: #d95f02;
  --other: #3566b0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #14181d; --other: #7aa7ee; }
}
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif;
  margin: 0 auto; max-width: 1100px; padding: 1rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin-top: 2rem; }
figure { margin: 0; } figcaption { font-size: .9rem; }
img { display: block; max-width: 100%; height: auto; border: 1px solid var(--faint); }
.sheet { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
.wide { display: grid; gap: 1.5rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); }
.wide img, .sheet img { width: 100%; image-rendering: auto; }
pre { overflow-x: auto; font-size: .85rem; }
.warning { border-left: .3rem solid var(--salt); padding-left: .7rem; }
svg { max-width: 26rem; width: 100%; }
polyline { fill: none; stroke-width: 2; } text { font-size: 10px; }
polyline.mine { stroke: var(--salt); } text.mine { fill: var(--salt); }
polyline.theirs { stroke: var(--other); stroke-dasharray: 5 3; } text.theirs { fill: var(--other); }
line.axis { stroke: var(--faint); } text.axis { fill: var(--ink); text-anchor: middle; }
"""


def page(
    viewer: Viewer,
    trials: Sequence[Trial],
    line: str,
    shown: Iterable[Shown],
    tiles: TileStatistics | None,
    volume: Volume | None,
) -> bytes:
    """Write the page.

    Args:
        viewer: of the survey.
        trials: a line in several ways; none after a run.
        line: which.
        shown: lines with what was found.
        tiles: statistics of a line's tiles.
        volume: what a run found; None before one.
    """
    name = viewer.survey.path.name
    origin = viewer.settings.origin
    parts = [
        f"<h1>{html.escape(name)}</h1>",
        *_about(viewer, origin.words if volume else origin.unadvised),
        *_sheet(trials, line, viewer),
        *_lines(shown, viewer, "" if volume else _ONE_VIEW),
        *(_volume(volume, viewer) if volume else ()),
        *_map(viewer),
        *_tiles(tiles, viewer),
        f"<footer><p>salt-survey of salt-toolkit {__version__}.</p></footer>",
    ]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{html.escape(name)}</title><style>{_STYLE}{axes.STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    ).encode("utf-8", errors="backslashreplace")


def _about(viewer: Viewer, origin: str) -> Iterator[str]:
    said = "\n".join(describe.lines(viewer.survey.path, viewer.survey.scan))
    display = html.escape(str(viewer.settings.display))
    style = ' class="warning"' if viewer.settings.origin.source == "defaults" else ""
    yield f"<p{style}>{html.escape(origin[:1].upper() + origin[1:])}.</p>"
    for warning in viewer.survey.scan.warnings:
        yield f'<p class="warning">{html.escape(warning)}</p>'
    yield f"<p>{display}, threshold {viewer.settings.threshold:g}.</p>"
    yield f"<details><summary>The survey</summary><pre>{html.escape(said)}</pre></details>"


def _sheet(trials: Sequence[Trial], line: str, viewer: Viewer) -> Iterator[str]:
    if not trials:
        return
    yield f"<h2>Which setting? {html.escape(line)}</h2>"
    yield (
        "<p>Zoom decides, then polarity; no number tells which is right without an interpreted "
        "line. Choose the picture whose orange fills the salt that you see and nothing else, and "
        "give its setting to <code>salt-survey run</code>. Where none does, none of these will "
        "do.</p>"
    )
    yield '<div class="sheet">'
    for trial in trials:
        option = f"--polarity {trial.display.polarity} --zoom {trial.display.zoom}"
        picture = pictures.jpeg(pictures.section(trial.amplitude, trial.salt), *_SMALL)
        note = f"<code>{option}</code>, {trial.share} of the recorded samples"
        yield _figure(
            _drawn(picture, f"{line} with salt as found by {option}", *_sides(viewer, 5, 4)), note
        )
    yield "</div>"


def _lines(shown: Iterable[Shown], viewer: Viewer, more: str) -> Iterator[str]:
    yield (
        f"<h2>Lines</h2><p>{html.escape(str(viewer.settings.display))}. First the amplitudes, "
        f"then with the probability of salt in orange.{more}</p>"
    )
    yield '<div class="wide">'
    for each in shown:
        both = (
            (each.name, pictures.section(each.amplitude)),
            (f"{each.name} with salt", pictures.section(each.amplitude, each.salt)),
        )
        note = f"{each.name}: salt is {each.share} of its recorded samples"
        drawn = (
            _drawn(pictures.jpeg(picture, *_HALF), alt, *_sides(viewer, 10, 6))
            for alt, picture in both
        )
        yield _figure(f'<div class="pair">{"".join(drawn)}</div>', note)
    yield "</div>"


def _volume(volume: Volume, viewer: Viewer) -> Iterator[str]:
    yield "<h2>The volume</h2>"
    if volume.share:
        yield f"<p>salt: {volume.share}</p>"
    if volume.ran:
        yield f'<p class="warning">Only {volume.ran} were run: of the rest nothing is known.</p>'
    yield '<div class="sheet">'
    for time, values in volume.slices:
        yield _heat(values, 1.0, f"probability of salt at {time:g} ms", viewer)
    most = float(np.nanmax(volume.thickness)) if np.isfinite(volume.thickness).any() else 0.0
    caption = f"thickness of salt, as far as it was recorded, darkest {most:g} ms"
    yield _heat(volume.thickness, most, caption, viewer)
    if volume.disagreement is not None:
        note = "greatest disagreement of inline and crossline sections"
        yield _heat(volume.disagreement, 1.0, note, viewer)
    yield f"</div><p>{_directions(viewer)}</p>"


def _map(viewer: Viewer) -> Iterator[str]:
    kinds = coverage(viewer.survey)
    missing, dead, live = (int(np.count_nonzero(kinds == kind)) for kind in range(3))
    kinds = _tall(kinds)
    picture = pictures.png(pictures.classes(kinds, _MAP), *_LARGE)
    yield "<h2>Traces</h2>"
    yield _figure(
        _drawn(picture, "map of the traces", *_lines_of(viewer, 6)),
        f"{live} live (blue), {dead} dead (red), {missing} missing (grey). {_directions(viewer)}",
    )


def _directions(viewer: Viewer) -> str:
    survey = viewer.survey
    return (
        f"Inlines {survey.inlines[0]} to {survey.inlines[-1]} run from top to bottom, crosslines "
        f"{survey.crosslines[0]} to {survey.crosslines[-1]} from left to right."
    )


def _tiles(tiles: TileStatistics | None, viewer: Viewer) -> Iterator[str]:
    yield "<h2>Tiles beside those of training</h2>"
    if tiles is None:
        yield "<p>No tile of the line has a signal.</p>"
        return
    zoom = viewer.settings.display.zoom.along(viewer.direction)
    yield (
        f"<p>The tiles of a line at zoom {zoom}, as the model is shown them, and those that it was "
        "trained on. Spectra that match are no proof that the zoom is right.</p>"
    )
    yield '<div class="sheet">'
    for title, across, mine, theirs in (
        ("grey levels", "black to white", tiles.grey, TRAINING.grey),
        ("down a tile", "0 to 0.5 cycles a pixel, down", tiles.vertical, TRAINING.vertical),
        ("across a tile", "0 to 0.5 cycles a pixel, across", tiles.horizontal, TRAINING.horizontal),
    ):
        yield "<figure>" + pictures.curves(
            f"{title} of this survey's tiles and of the training's", across,
            (("this survey", "mine", mine), ("training", "theirs", theirs)),
        ) + "</figure>"  # fmt: skip
    yield "</div>"


def _heat(values: Floats, most: float, note: str, viewer: Viewer) -> str:
    picture = pictures.png(pictures.heat(_tall(values), most), *_SMALL)
    return _figure(_drawn(picture, note, *_lines_of(viewer, 4)), note)


def _tall(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A map with its few rows or columns repeated: a line of pixels is hard to see, and the numbers
    beside it need room.
    """
    rows, columns = (math.ceil(_LEAST / count) for count in values.shape)
    return np.repeat(np.repeat(values, rows, axis=0), columns, axis=1)


def _sides(viewer: Viewer, down: int, across: int) -> tuple[Axis, Axis]:
    """Of a section: times down, and the numbers of its traces; about so many ticks each."""
    survey = viewer.survey
    name, numbers = "inline", survey.inlines
    if viewer.direction == "inline":
        name, numbers = "trace" if survey.scan.is_line else "crossline", survey.crosslines
    return Axis("ms", survey.times_ms, down), Axis(name, numbers, across)


def _lines_of(viewer: Viewer, most: int) -> tuple[Axis, Axis]:
    """Of a map: inlines down, and crosslines."""
    survey = viewer.survey
    return Axis("inline", survey.inlines, most), Axis("crossline", survey.crosslines, most)


def _drawn(source: str, alt: str, down: Axis, across: Axis) -> str:
    return axes.framed(f'<img src="{source}" alt="{html.escape(alt)}">', down, across)


def _figure(drawn: str, note: str) -> str:
    return f"<figure>{drawn}<figcaption>{note}</figcaption></figure>"
