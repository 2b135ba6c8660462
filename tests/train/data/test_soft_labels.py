from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salt_infer.errors import InputError, LabelError
from salt_train.data.dataset import Dataset
from salt_train.data.soft_labels import SoftLabels
from salt_train.errors import DataError

IDS = ("a", "b", "c")
PROBABILITY = np.random.default_rng(0).integers(0, 256, (3, 101, 101), dtype=np.uint8)
SALT = np.array([0.25, 0.5, 1.0], np.float32)


def saved(folder: Path, **changed: Any) -> Path:
    good = {"ids": np.array(IDS), "probability": PROBABILITY, "salt": SALT, "gate": np.float32(0)}
    path = folder / "soft.npz"
    np.savez_compressed(path, **{k: v for k, v in (good | changed).items() if v is not None})
    return path


def test_some_tiles_in_their_order(tmp_path: Path) -> None:
    soft = SoftLabels.read(saved(tmp_path), ["c", "a"])
    np.testing.assert_array_equal(soft.probability, PROBABILITY[[2, 0]])
    np.testing.assert_array_equal(soft.salt, SALT[[2, 0]])
    assert soft.probability.dtype == np.uint8
    assert not soft.certain.any()


def test_labels_are_what_is_likelier(tmp_path: Path) -> None:
    masks = SoftLabels.read(saved(tmp_path), IDS).masks()
    assert masks.dtype == np.uint8
    assert not masks[:2].any()  # salt is not likelier than none
    np.testing.assert_array_equal(masks[2], PROBABILITY[2] > 127)


@pytest.mark.parametrize(
    ("gate", "says"),
    [(np.float32(0.5), "a gate of 0.5, expected one of 0"), (None, "no gate, expected one of 0")],
)
def test_pixels_below_a_gate_are_unknown(tmp_path: Path, gate: object, says: str) -> None:
    with pytest.raises(DataError, match=f"{says}.*write it with salt-infer --gate 0"):
        SoftLabels.read(saved(tmp_path, gate=gate), IDS)


def test_a_tile_that_was_not_read(tmp_path: Path) -> None:
    path = saved(tmp_path, salt=np.array([0.1, np.nan, 0.2], np.float32))
    with pytest.raises(DataError, match="could not be read: b"):
        SoftLabels.read(path, IDS)
    assert len(SoftLabels.read(path, ("a", "c")).salt) == 2


def test_no_file_another_and_a_tile_too_few(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        SoftLabels.read(tmp_path / "soft.npz", IDS)
    with pytest.raises(LabelError, match="does not have 1 of the 2 tiles: d"):
        SoftLabels.read(saved(tmp_path), ("a", "d"))
    (tmp_path / "soft.npz").write_bytes(b"PK")
    with pytest.raises(LabelError, match="cannot be read"):
        SoftLabels.read(tmp_path / "soft.npz", IDS)


def test_true_labels_beside_a_teachers(tmp_path: Path) -> None:
    """Joined data sets have both, and another digest for each change of either."""
    masks = np.zeros((2, 101, 101), np.uint8)
    masks[1, :50] = 1
    true = Dataset(("x", "y"), masks * 7, masks)
    soft = SoftLabels.read(saved(tmp_path), IDS)
    taught = Dataset(IDS, PROBABILITY, soft.masks(), soft=soft)
    both = true.joined(taught)
    assert both.soft is not None
    assert both.soft.certain.tolist() == [True, True, False, False, False]
    np.testing.assert_array_equal(both.soft.salt, [0, 1, 0.25, 0.5, 1])
    np.testing.assert_array_equal(both.soft.probability[:2], masks * 255)
    chosen = both.subset(np.array([False, True, False, True, False]))
    assert chosen.soft is not None
    np.testing.assert_array_equal(chosen.soft.salt, [1, 0.5])
    other = SoftLabels(soft.probability, np.array([0.25, 0.5, 0.9], np.float32), soft.certain)
    digests = {
        data.sha256
        for data in (taught, Dataset(IDS, PROBABILITY, soft.masks()),
                     Dataset(IDS, PROBABILITY, soft.masks(), soft=other))
    }  # fmt: skip
    assert len(digests) == 3


def test_a_teacher_without_a_judge_says_all_by_its_pixels(tmp_path: Path) -> None:
    """Their probabilities are the product of what a judge and a mask would have learnt."""
    salt = (PROBABILITY.max(axis=(1, 2)) / np.float32(255)).astype(np.float32)
    dim = (PROBABILITY * np.array([0.02, 0.4, 0.0])[:, None, None]).astype(np.uint8)
    for pixels in (PROBABILITY, dim):
        most = (pixels.max(axis=(1, 2)) / np.float32(255)).astype(np.float32)
        soft = SoftLabels.read(saved(tmp_path, probability=pixels, salt=most), IDS)
        found = soft.of_tiles_with_salt()
        product = found.probability * found.salt[:, None, None]
        np.testing.assert_allclose(product, pixels, atol=0.51)
        np.testing.assert_array_equal(found.salt, most)
        assert (found.probability.max(axis=(1, 2)) == np.where(most > 0, 255, 0)).all()
    assert (salt == 1).all()
