from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salt_infer.data.labels import Labels
from salt_infer.job import write_masks
from salt_infer.masks import rle
from tests.infer.finished import finished


def test_masks_are_images_of_0_and_255_that_serve_as_labels(tmp_path: Path) -> None:
    group = finished(0, ["a", "c d"], ["1 2 102 1", ""], bad=["b"])
    write_masks.write(tmp_path, group.entries(empty=True))
    assert sorted(os.listdir(tmp_path)) == ["a.png", "b.png", "c d.png"]
    with Image.open(tmp_path / "a.png") as image:
        assert (image.mode, image.size) == ("L", (101, 101))
        pixels = np.asarray(image)
    np.testing.assert_array_equal(pixels, rle.decode("1 2 102 1") * 255)
    with Labels(tmp_path) as labels:
        assert rle.encode(labels.masks(["a", "b", "c d"])) == ["1 2 102 1", "", ""]


def test_a_file_is_never_written_twice(tmp_path: Path) -> None:
    """Names that differ in case alone are one file on some systems."""
    (tmp_path / "a.png").write_text("other")
    with pytest.raises(FileExistsError):
        write_masks.write(tmp_path, finished(0, ["a"], [""]).entries(empty=False))
