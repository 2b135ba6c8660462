from __future__ import annotations

import numpy as np
import pytest

from salt_infer import SaltModel
from salt_infer.backends.providers import ProviderRequest
from salt_train.data import second_opinion
from salt_train.data.second_opinion import Opinion
from tests import drawing


def test_tiles_are_asked_about_in_parts_like_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = drawing.draw(40, seed=3)
    tiles, masks = (dict(zip(data.ids, each, strict=True)) for each in (data.tiles, data.masks))
    del tiles[data.ids[3]], masks[data.ids[5]]
    monkeypatch.setattr(second_opinion, "_TOGETHER", 16)
    seen = Opinion.of(tiles, masks)
    both = [at for at in range(40) if at not in (3, 5)]
    model = SaltModel.load(provider=ProviderRequest("cpu"), gate=0.0, tta="none")
    expected = model.predict(data.tiles[both])
    assert seen.ids == tuple(data.ids[at] for at in both)
    np.testing.assert_array_equal(seen.labels, data.masks[both])
    assert np.mean(seen.masks != expected.masks) < 1e-3  # batches of another size may round
    np.testing.assert_allclose(seen.salt, expected.salt, atol=1e-2)


def test_large_sets_are_sampled_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    data = drawing.draw(40, seed=3)
    tiles, masks = (dict(zip(data.ids, each, strict=True)) for each in (data.tiles, data.masks))
    monkeypatch.setattr(second_opinion, "MOST", 14)
    seen = Opinion.of(tiles, masks)
    assert seen.ids == tuple(data.ids[at] for at in range(0, 40, 3))
    np.testing.assert_array_equal(seen.labels, data.masks[::3])
