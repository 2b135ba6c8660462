from __future__ import annotations

from pathlib import Path

import numpy as np

from salt_infer.data.labels import Labels
from salt_infer.masks.table import find_texts, read_column
from salt_infer.predictor import prediction as predictions
from salt_infer.system.digest import checksums
from salt_train.scoring import submission
from salt_train.scoring.evaluate import Decision, Prediction
from tests import drawing

DATA = drawing.draw(12, seed=5)
RANDOM = np.random.default_rng(1)
SURE = np.linspace(0.02, 0.98, 12, dtype=np.float32)
PREDICTION = Prediction(
    (DATA.masks * 0.5 + RANDOM.random(DATA.masks.shape) * 0.5).astype(np.float32), SURE
)


def test_it_has_what_salt_infer_would_write(tmp_path: Path) -> None:
    path, decision = tmp_path / "validation.csv", Decision(0.4, 0.6)
    path.write_text("of the run before")
    submission.write(path, PREDICTION, DATA, decision)
    masks = PREDICTION.masks(decision)
    found = predictions.Prediction(masks, PREDICTION.probability, SURE)
    with Labels(path) as rows:
        assert tuple(rows.ids) == DATA.ids
        np.testing.assert_array_equal(rows.masks(DATA.ids), masks)
    for name, expected in (("salt", SURE), ("confidence", found.confidence)):
        column = read_column(path, name)
        np.testing.assert_allclose([column[each] for each in DATA.ids], expected, atol=5e-5)
    sums = find_texts(path, "crc32")
    assert sums == dict(zip(DATA.ids, checksums(DATA.tiles), strict=True))
