from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shipped

from salt_infer import SaltModel, read_tiles
from salt_infer.models import default_model
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.scoring import evaluate
from tests.conftest import ROOT


@pytest.mark.slow
def test_the_checkpoint_computes_what_ships(tmp_path: Path) -> None:
    checkpoints.save(shipped.checkpoint(), tmp_path / "a.pth")
    loaded = checkpoints.load(tmp_path / "a.pth")
    file = SaltModel.load(default_model("cuda"), provider="cpu", gate=0.0, tta="none")
    assert (loaded.decision.threshold, loaded.decision.gate) == (0.5, 0.55)
    assert loaded.learnt.complete
    _, tiles = read_tiles(ROOT / "examples" / "tiles")
    found = file.predict(tiles[:8])
    model = checkpoints.build_model(loaded).eval()
    views = evaluate.predict_views(model, tiles[:8], "none").merged("none")
    assert np.abs(found.salt - views.salt).max() < 0.01
    assert np.abs(found.probability - views.probability).max() < 0.02
