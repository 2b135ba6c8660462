"""Synthetic tiles with masks that are wrong in every way that a mask can be wrong."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from salt_infer.masks import rle
from salt_report.common.reading import LabelledTiles
from salt_train import synthetic
from tests import drawing


def spoilt(truth: np.ndarray, seed: int) -> np.ndarray:
    """Predictions: right, shifted, cut, emptied, filled, or invented, by chance."""
    random = np.random.default_rng(seed)
    masks = truth.copy()
    for mask in masks:
        kind = random.choice(["right", "shifted", "cut", "emptied", "filled", "invented"])
        if kind == "shifted":
            mask[:] = np.roll(mask, random.integers(1, 20), axis=random.integers(2))
        elif kind == "cut":
            mask[random.integers(101) :] = 0
        elif kind == "emptied":
            mask[:] = 0
        elif kind == "filled":
            mask[:] = 1
        elif kind == "invented":
            mask[:] = 0
            mask[random.integers(90) :, random.integers(90) :] = 1
    return masks


def write_rows(
    path: Path, ids: Sequence[str], masks: np.ndarray, salt: Sequence[float] | None = None
) -> Path:
    """A submission, with the judge's column where that is given."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "rle_mask", *(["salt", "confidence"] if salt is not None else [])])
        for place, (name, text) in enumerate(zip(ids, rle.encode(masks), strict=True)):
            writer.writerow([name, text, *([salt[place], 0.5] if salt is not None else [])])
    return path


@pytest.fixture(scope="session")
def drawn() -> LabelledTiles:
    """60 tiles: synthetic ones, and by hand what is rare among these."""
    data = drawing.draw(60, seed=11)
    tiles, masks = data.tiles.copy(), data.masks.copy()
    tiles[0], masks[0] = 0, 0  # black
    masks[1] = 0
    masks[1, :, 30:60] = 1  # vertical
    masks[2] = 0
    masks[2, 100, 90:] = 1  # tiny, and at the border
    masks[3] = 1
    masks[3, 0, :50] = 0  # nearly full
    tiles[5], masks[5] = tiles[4], masks[4]  # twins
    tiles[7], masks[7] = tiles[6], 1 - masks[6]  # twins that disagree
    return LabelledTiles(data.ids, tiles, masks)


@pytest.fixture(scope="session")
def predicted(drawn: LabelledTiles) -> np.ndarray:
    return spoilt(drawn.masks, seed=1)


@pytest.fixture(scope="session")
def folder(
    drawn: LabelledTiles, predicted: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """images/, masks/, labels.csv, sub.csv (with the judge), other.csv, p.npz, depths.csv,
    split.csv of the tiles drawn.
    """
    root = tmp_path_factory.mktemp("report")
    synthetic.write(synthetic.Dataset(drawn.ids, drawn.tiles, drawn.masks), root)
    (root / "tiles").rename(root / "images")
    random = np.random.default_rng(5)
    salt = np.clip(drawn.masks.any(axis=(1, 2)) * 0.5 + random.uniform(0, 0.6, 60), 0, 1).round(4)
    write_rows(root / "labels.csv", drawn.ids, drawn.masks)
    write_rows(root / "sub.csv", drawn.ids, predicted, salt.tolist())
    write_rows(root / "other.csv", drawn.ids, spoilt(drawn.masks, seed=2))
    probability = np.clip(predicted * 0.7 + random.uniform(0, 0.4, predicted.shape), 0, 1)
    np.savez_compressed(
        root / "p.npz", ids=np.array(drawn.ids), probability=probability.astype(np.float16),
        salt=salt.astype(np.float32),
    )  # fmt: skip
    depths = [f"{name},{100 + 7 * place}\n" for place, name in enumerate(drawn.ids)]
    (root / "depths.csv").write_text("id,z\n" + "".join(depths))
    rows = zip(drawn.ids, drawn.classes.tolist(), strict=True)
    folds = [f"{name},{place % 4},{number}\n" for place, (name, number) in enumerate(rows)]
    (root / "split.csv").write_text("id,fold,coverage_class\n" + "".join(folds))
    return root
