from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from salt_infer.masks.orientation import are_partial
from salt_train import synthetic
from salt_train.data import dataset, folds, second_opinion
from salt_train.data.data_checks import check
from salt_train.data.second_opinion import BOUNDED, ENOUGH, Opinion
from salt_train.data.tile_orientation import examine
from tests import drawing

Images = dict[str, npt.NDArray[np.uint8]]
Way = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]

FLIPPED: Way = lambda images: images[:, ::-1]  # noqa: E731
EXCHANGED: Way = lambda images: images.transpose(0, 2, 1)  # noqa: E731
# What was done to tiles and masks, whether dark and bright were exchanged, and what is told.
# Mirrored from left to right a tile is as good.
WAYS: list[tuple[Way, bool, str]] = [
    (FLIPPED, False, ": upside down, masks too"),
    (EXCHANGED, False, ": with rows and columns exchanged, masks too"),
    (lambda images: EXCHANGED(FLIPPED(images)), False, ": with a quarter turn to the left, "),
    (EXCHANGED, True, ": with rows and columns exchanged and with dark and bright exchanged, "),
]


def turned(images: Images, way: Way) -> Images:
    changed = np.ascontiguousarray(way(np.stack([*images.values()])))
    return dict(zip(images, changed, strict=True))


def of(data: synthetic.Dataset) -> tuple[Images, Images]:
    return (
        dict(zip(data.ids, data.tiles, strict=True)),
        dict(zip(data.ids, data.masks.astype(np.uint8), strict=True)),
    )


@pytest.fixture(scope="module")
def drawn() -> tuple[Images, Images]:
    """Tiles, and what the shipped model finds in them for labels."""
    tiles, _ = of(drawing.draw(90, seed=3))
    found = second_opinion.masks_in(np.stack([*tiles.values()]))
    return tiles, dict(zip(tiles, found.astype(np.uint8), strict=True))


@pytest.mark.slow
def test_tiles_that_lie_as_they_should(drawn: tuple[Images, Images]) -> None:
    tiles, masks = drawn
    assert are_partial(np.stack([*masks.values()])).sum() >= ENOUGH
    assert examine(Opinion.of(tiles, masks), tiles) == ""


@pytest.mark.parametrize(("way", "inverted", "told"), WAYS)
@pytest.mark.slow
def test_tiles_that_lie_another_way_round(
    drawn: tuple[Images, Images], way: Way, inverted: bool, told: str
) -> None:
    tiles, masks = (turned(images, way) for images in drawn)
    if inverted:
        tiles = {name: 255 - tile for name, tile in tiles.items()}
    said = examine(Opinion.of(tiles, masks), tiles)
    assert told in said
    assert "instead of 0." in said


def test_where_only_the_sign_differs_that_is_said(drawn: tuple[Images, Images]) -> None:
    tiles, masks = drawn
    inverted = {name: 255 - tile for name, tile in tiles.items()}
    said = examine(Opinion.of(inverted, masks), inverted)
    assert said.startswith("amplitudes seem to have the other sign")
    assert "with dark and bright exchanged, it has a mean IoU of 1.00" in said


@pytest.mark.slow
def test_of_tiles_that_the_model_does_not_know_nothing_is_said() -> None:
    """Whichever of seven ways is best is so by chance; tiles that overlap make it look sure."""
    random = np.random.default_rng(2)
    section = random.integers(0, 256, (120, 120), np.uint8)
    label = np.zeros(section.shape, np.uint8)
    label[30:80, 20:70] = 1
    places = [(row, column) for row in range(6) for column in range(6)]
    for tile in (section, np.sort(section, axis=0), np.sort(section, axis=1)):
        tiles, masks = (
            {f"{at}": image[at[0] : at[0] + 101, at[1] : at[1] + 101] for at in places}
            for image in (tile, label)
        )
        assert examine(Opinion.of(tiles, masks), tiles) == ""


def test_of_few_tiles_nothing_is_said(drawn: tuple[Images, Images]) -> None:
    tiles, masks = (turned(images, EXCHANGED) for images in drawn)
    bounded = [name for name, mask in masks.items() if are_partial(mask[None])[0]]
    few = {name: masks[name] for name in bounded[: ENOUGH - 1]}
    assert examine(Opinion.of(tiles, few), tiles) == ""


@pytest.mark.slow
def test_a_check_tells_of_it_and_finds_no_fault(
    drawn: tuple[Images, Images], tmp_path: Path
) -> None:
    tiles, masks = (turned(images, EXCHANGED) for images in drawn)
    data = synthetic.Dataset(tuple(tiles), np.stack([*tiles.values()]), np.stack([*masks.values()]))
    synthetic.write(data, tmp_path)
    (tmp_path / "tiles").rename(tmp_path / "images")
    report = check(tmp_path)
    assert report.ok
    assert "rows are time, downwards" in report.tiles_lie
    assert report.tiles_lie in report.to_text().splitlines()


@pytest.mark.slow
def test_of_real_tiles_each_way_is_told_apart(tgs: Path) -> None:
    data = dataset.load(tgs)
    split = folds.Split.of(data, 10, 0)
    for fold, (way, inverted, told) in enumerate(WAYS):  # the first was not learnt from
        tiles, masks = of(data.subset(split.fold == fold))
        assert examine(Opinion.of(tiles, masks), tiles) == ""
        tiles, masks = turned(tiles, way), turned(masks, way)
        if inverted:
            tiles = {name: 255 - tile for name, tile in tiles.items()}
        said = examine(Opinion.of(tiles, masks), tiles)
        assert told in said, (fold, said)
        assert f"over {BOUNDED} tiles" in said
