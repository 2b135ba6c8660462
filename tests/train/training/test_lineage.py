from __future__ import annotations

from pathlib import Path

import numpy as np

from salt_infer.modelfile.learnt import UNKNOWN, Learnt
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import shipped
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.checkpoints.weights import Start
from salt_train.data.folds import Split
from salt_train.data.held_out import HeldOut
from salt_train.training.lineage import Lineage
from tests import drawing
from tests.conftest import tiny_config

DATA = drawing.draw(40, seed=2)
SPLIT = Split.of(DATA, 4, 0)
TRAIN, HELD_OUT = DATA.subset(SPLIT.fold != 0), HeldOut(DATA, SPLIT, 0)
OTHER = Learnt.of(drawing.draw(9, seed=4).tiles)


def left(learnt: Learnt, **scores: object) -> Checkpoint:
    return Checkpoint(tiny_config(1), 1, {"start_sha256": "ab", **scores}, {}, learnt=learnt)


def test_of_a_run_of_its_own_it_is_the_tiles_to_train_on() -> None:
    found = Lineage.of(TRAIN, HELD_OUT, None)
    assert found.to_json() == {"start_sha256": ""}
    assert (found.learnt.among(TRAIN.tiles) == TRAIN.tiles.any(axis=(1, 2))).all()
    assert not found.learnt.among(HELD_OUT.data.tiles).any()


def test_what_it_starts_from_is_joined(tiny_checkpoint: Path) -> None:
    first = checkpoints.load(tiny_checkpoint)
    found = Lineage(OTHER).started(Start(first, "a.pth", ""))
    assert found.learnt.to_text() == OTHER.joined(first.learnt).to_text()
    assert found.to_json() == {"start_sha256": first.sha256}
    doubted = Lineage(OTHER).started(Start(left(UNKNOWN), "a.pth", "warning: ..."))
    assert not doubted.learnt.complete
    assert doubted.to_json()["start_may_have_seen_fold"] is True


def test_a_resumed_run_knows_what_its_checkpoint_did() -> None:
    """Though what labelled for it is gone by now."""
    whole = TRAIN.learnt.joined(OTHER)
    found = Lineage(TRAIN.learnt.joined(UNKNOWN)).resumed(left(whole, score_of_start=0.5))
    assert found.learnt.to_text() == whole.to_text()
    assert found.to_json() == {"start_sha256": "ab", "score_of_start": 0.5}
    older = Lineage(TRAIN.learnt).resumed(left(UNKNOWN))
    assert not older.learnt.complete
    assert np.array_equal(older.learnt.fingerprints, TRAIN.learnt.fingerprints)


def test_a_doubt_is_told_with_the_number_where_that_is_known() -> None:
    assert not Lineage(TRAIN.learnt).doubt(HELD_OUT)
    seen = Lineage(TRAIN.learnt.joined(HELD_OUT.data.learnt), doubted=True)
    count = np.count_nonzero(HELD_OUT.data.tiles.any(axis=(1, 2)))
    assert f"has learnt from {count} of the 10 tiles that are held out" in seen.doubt(HELD_OUT)
    assert not seen.doubt(HeldOut(DATA, SPLIT, None))
    unknown = Lineage(TRAIN.learnt.joined(UNKNOWN), doubted=True)
    assert unknown.doubt(HELD_OUT) == shipped.DOUBTED
