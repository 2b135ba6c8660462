from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from salt_infer.masks.coverage import coverage_class
from salt_train import synthetic
from salt_train.data import dataset, folds
from salt_train.data.data_checks import check
from salt_train.data.label_doubts import examine
from salt_train.data.second_opinion import Opinion
from tests import drawing

FULL = np.ones((101, 101), np.uint8)
NONE = np.zeros_like(FULL)
TOP, FOOT = NONE.copy(), NONE.copy()
TOP[:40] = FOOT[70:] = 1


def of(*seen: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], float]) -> Opinion:
    """Of labels, and what the model says of their tiles."""
    labels, masks, salt = zip(*seen, strict=True)
    ids = tuple(f"t{number}" for number in range(len(seen)))
    return Opinion(ids, np.stack(labels), np.stack(masks) != 0, np.array(salt, np.float32))


def test_labels_are_doubted_where_the_model_is_sure_of_something_else() -> None:
    opinion = of(
        (NONE, FOOT, 0.97), (TOP, NONE, 0.01), (TOP, TOP, 0.02), (TOP, FOOT, 0.99),
        (NONE, NONE, 0.99), (NONE, FOOT, 0.9), (TOP, TOP, 0.99), (FULL, TOP, 1.0),
    )  # fmt: skip
    seen = examine(opinion)
    assert seen.details == {
        "t0": "no salt, the model finds 31%",
        "t1": "40% salt, the model finds none",
        "t2": "40% salt, the model finds none",
        "t3": "40% salt, the model finds 31% elsewhere (IoU 0.00)",
    }
    assert seen.said.startswith("the shipped model is sure of something else in 4 of 8 tiles: it")


def test_few_doubts_are_not_laid_to_the_model() -> None:
    seen = examine(of((NONE, FOOT, 0.97), *[(TOP, TOP, 0.99)] * 30))
    assert [*seen.details] == ["t0"]
    assert seen.said == "the shipped model is sure of something else in 1 of 31 tiles"


@pytest.mark.slow
def test_tiles_that_are_taken_for_empty_are_doubted_in_a_check(tmp_path: Path) -> None:
    """What ``--missing-as-empty`` makes of a set of which some masks were forgotten."""
    data = drawing.draw(60, seed=3)
    tiles, masks = (dict(zip(data.ids, each, strict=True)) for each in (data.tiles, data.masks))
    opinion = Opinion.of(tiles, masks)
    sure = (opinion.salt > 0.99) & (opinion.labels.mean((1, 2)) > 0.2)
    forgotten = [opinion.ids[at] for at in np.flatnonzero(sure)[:3]]
    synthetic.write(data, tmp_path)
    for name in forgotten:
        (tmp_path / "masks" / f"{name}.png").unlink()
    report = check(tmp_path, missing_as_empty=True)
    found = {finding.kind: finding for finding in report.findings}
    assert report.ok
    assert found["assumed"].ids == tuple(forgotten)
    assert {*forgotten} <= {*found["doubtful"].ids}
    at = found["doubtful"].ids.index(forgotten[0])
    assert found["doubtful"].details[at].startswith("no salt, the model finds ")
    assert report.doubts in report.to_text()
    count = len(found["doubtful"].ids)
    assert report.to_text().splitlines()[-1].startswith(f"sound, but {count} labels are doubted (")


@pytest.mark.slow
def test_how_many_mistakes_are_found_in_real_tiles(tgs: Path) -> None:
    """In the fold that the shipped model has not seen, with true labels and with wrong ones."""
    data = dataset.load(tgs)
    if len(data.ids) != 3594:
        pytest.skip(f"fold 0 of {len(data.ids)} tiles is another than that of 3594")
    unseen = folds.assign(data.ids, coverage_class(data.masks), 10, 0) == 0
    ids, tiles, masks = ([*np.array(each)[unseen]] for each in (data.ids, data.tiles, data.masks))
    seen = Opinion.of(dict(zip(ids, tiles, strict=True)), dict(zip(ids, masks, strict=True)))
    true, share = seen.labels, seen.labels.mean((1, 2))
    assert len(seen.ids) == 360
    assert examine(seen).details == {}
    salt, empty = np.flatnonzero(share >= 0.05), np.flatnonzero(share == 0)

    def doubted(changed: npt.NDArray[np.intp], wrong: npt.NDArray[np.uint8]) -> float:
        labels = true.copy()
        labels[changed] = wrong
        found = examine(seen._replace(labels=labels)).details
        assert {*found} <= {seen.ids[at] for at in changed}
        return len(found) / len(changed)

    assert doubted(salt, NONE) == pytest.approx(5 / 6, abs=0.02)
    others = true[np.resize(np.flatnonzero(share > 0.1), len(empty))]
    assert doubted(empty, others) == pytest.approx(5 / 8, abs=0.02)
    assert doubted(salt, true[np.roll(salt, 1)]) == pytest.approx(3 / 7, abs=0.02)
