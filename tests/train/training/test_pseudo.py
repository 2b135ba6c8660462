"""Pseudo-labels as they come: by a real network, exported and run over other tiles."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import math
import re
import shutil
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from salt_infer.errors import InputError
from salt_infer.masks import rle
from salt_infer.masks.coverage import coverage_class
from salt_infer.masks.table import read_column, read_rows
from salt_infer.modelfile.learnt import UNKNOWN, Learnt
from salt_infer.models import default_model
from salt_infer.system.text import named
from salt_train import synthetic
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.data.dataset import Dataset
from salt_train.data.folds import Split
from salt_train.data.held_out import HeldOut
from salt_train.errors import CheckpointError, ConfigError, DataError
from salt_train.job import job
from salt_train.job.job import Job
from salt_train.training import labeller
from salt_train.training import pseudo as pseudo_labels
from salt_train.training.keeper import LAST
from salt_train.training.pseudo import Pseudo
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer
from tests import drawing, pngs
from tests.conftest import tiny_config

DATA = drawing.draw(40, seed=2)  # what the labelling model, tiny_checkpoint, was trained on
CONFIG = tiny_config(2)
SPLIT = Split.of(DATA, CONFIG.folds, CONFIG.split_seed)
HELD_OUT = HeldOut(DATA, SPLIT, CONFIG.fold)


def renamed(data: Dataset, prefix: str) -> Dataset:
    ids = tuple(f"{prefix}-{number:03d}" for number in range(len(data)))
    return dataclasses.replace(data, ids=ids)


_DRAWN = drawing.draw(31, seed=7)
# Without the black one: there is such a tile in DATA too.
NEW = renamed(_DRAWN.subset(_DRAWN.tiles.any(axis=(1, 2))), "new")
# Tiles of the labelled set by name, with a pixel changed, and by pixels, under another name.
BY_NAME = dataclasses.replace(DATA, tiles=DATA.tiles ^ np.eye(101, dtype=np.uint8))
BY_PIXELS = renamed(DATA, "copy")


def label(images: Path, out: Path, model: Path, *more: object) -> Path:
    """A submission with its report beside it."""
    command = [
        sys.executable, "-m", "salt_infer", "--images", images, "--out", out, "--model", model,
        "--report", out.with_suffix(".json"), *more,
    ]  # fmt: skip
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    return out


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Tiles and a submission with details."""

    images: Path
    labels: Path

    def pseudo(self, fraction: float = 1.0) -> Pseudo:
        return Pseudo(self.labels, self.images, fraction)

    def load(self, fraction: float = 1.0, fold: int = 0, split: Split = SPLIT) -> Dataset:
        return self.pseudo(fraction).load(DATA, HeldOut(DATA, split, fold))

    def refused(self, **arguments: Any) -> str:
        with pytest.raises(DataError) as caught:
            self.load(**arguments)
        return str(caught.value)

    @property
    def report(self) -> Path:
        return self.labels.with_suffix(".json")

    def with_rows(
        self, rows: Mapping[str, tuple[str, float]], salt: Mapping[str, float] | None = None
    ) -> Labelled:
        """The same with other rows, as if the model had written them."""
        said = dict.fromkeys(rows, 0.5) | dict(salt or {})
        with open(self.labels, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "rle_mask", "salt", "confidence"))
            writer.writerows((name, text, said[name], sure) for name, (text, sure) in rows.items())
        self.sign()
        return self

    def sign(self, **validation: Any) -> None:
        """Bring the report up to the submission; perhaps with another origin, of a model whose
        file is gone, so that this is all that is known of it.
        """
        value = json.loads(self.report.read_text())
        value["out_sha256"] = hashlib.sha256(self.labels.read_bytes()).hexdigest()
        value["model"]["contract"]["validation"] |= validation
        value["model"]["sha256"] = "0" * 64 if validation else value["model"]["sha256"]
        self.report.write_text(json.dumps(value))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, gated_model: Path) -> Labelled:
    """New tiles and two kinds of known ones, labelled by the model."""
    folder = tmp_path_factory.mktemp("pseudo")
    for data in (NEW, BY_NAME, BY_PIXELS):
        synthetic.write(data, folder)
    # The tiny model's salt of these tiles is 0.43 to 0.49: some pass this gate.
    more = ("--details", "--gate", 0.46)
    return Labelled(
        folder / "tiles", label(folder / "tiles", folder / "sub.csv", gated_model, *more)
    )


@pytest.fixture
def labelled(everything: Labelled, tmp_path: Path) -> Labelled:
    """A copy to change."""
    for path in (everything.labels, everything.report):
        shutil.copy(path, tmp_path)
    return Labelled(everything.images, tmp_path / everything.labels.name)


def in_order(data: Dataset, ids: Sequence[str]) -> np.ndarray:
    return np.array([data.ids.index(name) for name in ids])


@pytest.mark.slow
def test_a_run_takes_new_tiles_and_validates_on_the_same(
    everything: Labelled, tmp_path: Path
) -> None:
    options = RunOptions(tmp_path, progress=False)
    alone = Trainer(CONFIG, options, DATA)
    trainer = Trainer(CONFIG, options, DATA, everything.pseudo())
    assert trainer.train_data.ids == alone.train_data.ids + NEW.ids
    np.testing.assert_array_equal(trainer.train_data.tiles[:30], alone.train_data.tiles)
    np.testing.assert_array_equal(trainer.train_data.masks[:30], alone.train_data.masks)
    np.testing.assert_array_equal(trainer.train_data.tiles[30:], NEW.tiles)
    rows = read_rows(everything.labels)
    masks = np.stack([rle.decode(rows[name]) for name in NEW.ids])
    np.testing.assert_array_equal(trainer.train_data.masks[30:], masks)
    assert 0 < np.count_nonzero(masks.any(axis=(1, 2))) < 30
    assert trainer.validation_data.ids == alone.validation_data.ids == HELD_OUT.data.ids
    np.testing.assert_array_equal(trainer.validation_data.tiles, HELD_OUT.data.tiles)
    np.testing.assert_array_equal(trainer.validation_data.masks, HELD_OUT.data.masks)
    assert trainer.split.sha256 == alone.split.sha256


def test_known_tiles_are_dropped_and_do_not_count(labelled: Labelled) -> None:
    """Of each class a half is taken; the known tiles, all surer, take no room in it."""
    rows = dict(zip(NEW.ids, rle.encode(NEW.masks), strict=True))
    known = dict(zip(BY_NAME.ids + BY_PIXELS.ids, rle.encode(DATA.masks) * 2, strict=True))
    sure = {name: 0.1 + index / 100 for index, name in enumerate(NEW.ids)}
    labelled.with_rows(
        {name: (text, sure[name]) for name, text in rows.items()}
        | {name: (text, 1.0) for name, text in known.items()}
    )
    assert set(labelled.load().ids) == set(NEW.ids)
    assert set(labelled.load(0.5).ids) == surest(NEW, sure, 0.5)


def test_known_tiles_are_known_however_their_names_are_composed(
    labelled: Labelled, tmp_path: Path
) -> None:
    """As macOS writes them; their pixels have changed, so that only the name tells."""
    accented = dataclasses.replace(DATA, ids=tuple(f"\xe9-{name}" for name in DATA.ids))
    split = dataclasses.replace(SPLIT, ids=accented.ids)
    apart = tuple(unicodedata.normalize("NFD", name) for name in accented.ids)
    assert not set(apart) & set(accented.ids)
    synthetic.write(dataclasses.replace(BY_NAME, ids=apart), tmp_path / "mac")
    labelled.with_rows(dict.fromkeys(apart, ("", 1.0)))
    pseudo = dataclasses.replace(labelled, images=tmp_path / "mac" / "tiles").pseudo()
    with pytest.raises(DataError, match="adds no tile to train on: 40 of"):
        pseudo.load(accented, HeldOut(accented, split, 0))


def test_held_out_tiles_alone_leave_nothing(labelled: Labelled, tmp_path: Path) -> None:
    images = tmp_path / "held-out"
    for data in (HELD_OUT.data, renamed(HELD_OUT.data, "copy")):
        synthetic.write(data, images)
    labelled.with_rows({path.stem: ("", 1.0) for path in (images / "tiles").iterdir()})
    says = dataclasses.replace(labelled, images=images / "tiles").refused()
    assert "adds no tile to train on: 20 of" in says
    assert "all of which are among the labelled tiles, by name or by pixels" in says
    assert "names of their own" in says


def surest(data: Dataset, sure: Mapping[str, float], fraction: float) -> set[str]:
    """The surest share of every class, one tile at a time."""
    chosen: set[str] = set()
    classes = dict(zip(data.ids, coverage_class(data.masks).tolist(), strict=True))
    for number in range(11):
        members = [name for name in data.ids if classes[name] == number]
        members.sort(key=lambda name: (-sure[name], name))
        chosen |= set(members[: int(fraction * len(members))])
    return chosen


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.7, 1.0])
def test_the_surest_of_each_class_are_taken(labelled: Labelled, fraction: float) -> None:
    random = np.random.default_rng(3)
    # Few values, so that some are equally sure; the empty ones are the surest.
    values = random.integers(1, 6, 30) / 10 + 0.4 * (coverage_class(NEW.masks) == 0)
    sure = dict(zip(NEW.ids, values.tolist(), strict=True))
    texts = dict(zip(NEW.ids, rle.encode(NEW.masks), strict=True))
    labelled.with_rows({name: (texts[name], sure[name]) for name in NEW.ids})
    loaded = labelled.load(fraction)
    assert set(loaded.ids) == surest(NEW, sure, fraction)
    order = in_order(NEW, loaded.ids)
    np.testing.assert_array_equal(loaded.tiles, NEW.tiles[order])
    np.testing.assert_array_equal(loaded.masks, NEW.masks[order])
    assert len(set(coverage_class(loaded.masks).tolist())) > 1


def test_the_models_own_confidence_is_what_counts(everything: Labelled) -> None:
    sure = read_column(everything.labels, "confidence")
    rows = read_rows(everything.labels)
    masks = np.stack([rle.decode(rows[name]) for name in NEW.ids])
    assert len(set(coverage_class(masks).tolist())) > 1
    loaded = everything.load(0.5)
    assert set(loaded.ids) == surest(dataclasses.replace(NEW, masks=masks), sure, 0.5)


def test_tiles_in_a_zip(everything: Labelled, tmp_path: Path) -> None:
    archive = tmp_path / "tiles.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in everything.images.iterdir():
            file.write(path, f"images/{path.name}")
    zipped = dataclasses.replace(everything, images=archive).load(0.5)
    folder = everything.load(0.5)
    assert zipped.ids == folder.ids
    np.testing.assert_array_equal(zipped.tiles, folder.tiles)


def test_tiles_that_could_not_be_read_are_not_taken(tmp_path: Path, gated_model: Path) -> None:
    synthetic.write(NEW, tmp_path)
    images = tmp_path / "tiles"
    for kind, (data, _) in pngs.bad_tiles().items():
        (images / f"bad-{kind}.png").write_bytes(data)
    more = ("--details", "--on-error", "empty", "--threshold", 0.5, "--gate", 0.46)
    labels = label(images, tmp_path / "sub.csv", gated_model, *more)
    assert len(read_rows(labels)) > len(NEW)
    assert Labelled(images, labels).load().ids == NEW.ids


def test_tiles_without_a_row_are_passed_over(labelled: Labelled) -> None:
    labelled.with_rows(dict.fromkeys((*NEW.ids[:4], "elsewhere"), ("", 0.9)))
    assert labelled.load().ids == NEW.ids[:4]


def test_labels_without_a_tile_are_told(labelled: Labelled) -> None:
    assert labelled.pseudo().remarks(0) == []
    labelled.with_rows(dict.fromkeys((*NEW.ids[:4], "here", "there"), ("", 0.9)))
    unused, unchecked = labelled.pseudo().remarks(0)
    assert unused == (
        f"2 of 6 labels in {labelled.labels} have no tile in {labelled.images}, and are not used "
        "(here)"
    )
    assert unchecked.startswith(f"warning: {labelled.labels} has no column crc32")


def test_where_no_fold_is_held_out_no_label_can_tell_of_it(everything: Labelled) -> None:
    """Of whatever fold the labelling model was; the name stands for none."""
    whole = HeldOut(DATA, Split.of(DATA, 1, 0), None)
    assert everything.pseudo().load(DATA, whole).ids == everything.load().ids
    by_fold = Pseudo(Path("sub-{fold}.csv"), everything.images, 1.0)
    assert by_fold.for_fold(None) == Path("sub-none.csv")


# --- what is refused


def test_a_model_of_every_tile(labelled: Labelled) -> None:
    labelled.sign(fold=None)
    assert "a model that was trained on every tile" in labelled.refused()


def test_another_fold(labelled: Labelled) -> None:
    labelled.sign(fold=0)
    says = labelled.refused(fold=1)
    assert "held out fold 0 of split" in says
    assert "this run holds out fold 1 of split" in says
    assert "label with a model of the same fold" in says


OTHERS = [Split.of(DATA, 4, 1), Split.of(DATA, 5, 0)]


@pytest.mark.parametrize("split", OTHERS)
def test_another_split(labelled: Labelled, split: Split) -> None:
    labelled.sign(fold=0)
    says = labelled.refused(split=split)
    assert f"held out fold 0 of split '{SPLIT.sha256[:12]}'" in says
    assert f"of split '{split.sha256[:12]}': tiles that it validates on may have been" in says


@pytest.mark.parametrize("split", [SPLIT, *OTHERS])
def test_tiles_that_the_model_has_learnt_are_named(everything: Labelled, split: Split) -> None:
    """Its file says which, whatever the split."""
    learnt = set(DATA.ids) - set(HELD_OUT.data.ids)
    held_out = HeldOut(DATA, split, 1).data
    lit = held_out.tiles.any(axis=(1, 2))
    seen = [name for name, is_lit in zip(held_out.ids, lit, strict=True) if is_lit]
    seen = [name for name in seen if name in learnt]
    assert seen
    assert everything.refused(split=split, fold=1) == (
        f"{everything.labels} was labelled by a model that has learnt from {len(seen)} of the "
        f"{len(held_out)} tiles that this run holds out in fold 1 ({named(seen)}); label with a "
        "model that has not, as one of the same split and fold (it held out fold 0 of 4), or train "
        "on every tile here too, by --fold none"
    )


def test_a_model_of_other_tiles_may_label(everything: Labelled) -> None:
    """Whatever it held out."""
    data = drawing.draw(30, seed=19)
    data = data.subset(data.tiles.any(axis=(1, 2)))
    pseudo = everything.pseudo()
    held_out = HeldOut(data, Split.of(data, 3, 0), 2)
    assert not pseudo.doubted(held_out)
    own, taken = {tile.tobytes() for tile in data.tiles}, pseudo.load(data, held_out)
    assert len(taken)
    assert not [tile for tile in taken.tiles if tile.tobytes() in own]


@pytest.fixture(params=["cpu", "cuda"])
def shipped_labels(request: pytest.FixtureRequest, labelled: Labelled) -> Labelled:
    """As if a file that ships had labelled, threshold and gate its own."""
    value = json.loads(labelled.report.read_text())
    content = default_model(request.param).read_bytes()
    value["model"]["sha256"] = hashlib.sha256(content).hexdigest()
    for name in ("threshold", "gate"):
        value["options"][name] = value["model"]["contract"][name] = 0.35
    labelled.report.write_text(json.dumps(value))
    return labelled


def test_what_ships_may_label_tiles_that_it_may_have_seen(
    shipped_labels: Labelled, everything: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If its file does not name the tiles it learnt from: that is told, as where a run starts from
    it. Nor were its threshold and gate chosen on this run's tiles, as far as is known.
    """
    expected = len(everything.load())
    other = Split.of(DATA, 5, 0)
    held_out = HeldOut(DATA, other, 2)
    assert not shipped_labels.pseudo().doubted(held_out)  # it does, and they are others
    assert len(shipped_labels.load(split=other, fold=2)) == expected
    monkeypatch.setattr(labeller, "learnt_of", lambda *_: UNKNOWN)
    assert shipped_labels.pseudo().doubted(held_out)
    assert len(shipped_labels.load(split=other, fold=2)) == expected
    known = Learnt.of(held_out.data.tiles[:3])
    monkeypatch.setattr(labeller, "learnt_of", lambda *_: known)
    assert shipped_labels.pseudo().doubted(held_out)
    assert len(shipped_labels.load(split=other, fold=2)) == expected


def test_what_ships_has_seen_the_other_folds_of_its_own_split(
    shipped_labels: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labeller, "learnt_of", lambda *_: UNKNOWN)
    assert not shipped_labels.pseudo().doubted(HELD_OUT)
    assert "held out fold 0 of split" in shipped_labels.refused(fold=1)
    assert "which was chosen on the tiles that this run validates on" in shipped_labels.refused()


def test_the_trainer_asks_too(everything: Labelled, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, fold=2)
    with pytest.raises(DataError, match="tiles that this run holds out in fold 2"):
        Trainer(config, RunOptions(tmp_path, progress=False), DATA, everything.pseudo())


@pytest.mark.parametrize("soft", [False, True])
def test_other_tiles_of_the_same_names(
    soft: bool, everything: Labelled, taught: Pseudo, tmp_path: Path
) -> None:
    """Another survey numbers its tiles alike: the labels would be learnt for other pictures."""
    pseudo = taught if soft else everything.pseudo()
    other = dataclasses.replace(NEW, tiles=np.roll(NEW.tiles, 1, axis=0))
    same = np.all(other.tiles == NEW.tiles, axis=(1, 2))
    assert not same.any()
    synthetic.write(other, tmp_path)
    with pytest.raises(DataError) as caught:
        dataclasses.replace(pseudo, images=tmp_path / "tiles").load(DATA, HELD_OUT)
    assert str(caught.value) == (
        f"{len(NEW)} of {len(NEW)} tiles in {tmp_path / 'tiles'} have other pixels than those that "
        f"{pseudo.labels} was made of ({named(NEW.ids)}); give the tiles that were "
        "labelled, or label these"
    )


def test_tiles_may_be_written_otherwise(everything: Labelled, tmp_path: Path) -> None:
    """Only their pixels count: as RGB, with another compression."""
    for path in everything.images.iterdir():
        Image.open(path).convert("RGB").save(tmp_path / path.name, compress_level=1)
    again = dataclasses.replace(everything, images=tmp_path).load()
    assert again.sha256 == everything.load().sha256


def test_a_submission_that_was_changed(labelled: Labelled) -> None:
    labelled.labels.write_bytes(labelled.labels.read_bytes() + b"more,,0.5,0.5\n")
    assert "is not the file that its report describes; run salt-infer again" in labelled.refused()


def test_a_report_of_a_run_without_output(labelled: Labelled) -> None:
    value = json.loads(labelled.report.read_text()) | {"out": None, "out_sha256": ""}
    labelled.report.write_text(json.dumps(value))
    assert "is not the file that its report describes" in labelled.refused()


def test_an_epoch_chosen_on_the_held_out_tiles(labelled: Labelled) -> None:
    labelled.sign(selected_on_its_own_fold=True)
    assert "whose epoch was chosen by its score on the tiles" in labelled.refused()


@pytest.mark.parametrize("name", ["threshold", "gate"])
def test_a_decision_chosen_on_the_held_out_tiles(labelled: Labelled, name: str) -> None:
    value = json.loads(labelled.report.read_text())
    value["options"][name] = value["model"]["contract"][name] = 0.35
    labelled.report.write_text(json.dumps(value))
    says = labelled.refused()
    assert f"labelled with a {name} of 0.35, which was chosen on the tiles that this run" in says
    assert says.endswith("label with --threshold 0.5 --gate 0.556")
    labelled.sign(decision_chosen_on="other folds")
    assert len(labelled.load()) == len(NEW)


def decided(labelled: Labelled, judges: list[object], **decision: float) -> Labelled:
    """The same by a model whose own decision this is, of networks with a judge or without."""
    value = json.loads(labelled.report.read_text())
    value["options"] |= decision
    value["model"]["contract"] |= decision
    value["model"]["contract"]["provenance"]["networks"] = judges
    labelled.report.write_text(json.dumps(value))
    return labelled


@pytest.mark.parametrize(
    ("networks", "gate"),
    [
        ([{"judge": True}], 0.5555556),
        ([{"judge": False}], 0.5),
        ([{"judge": True}, {"judge": False}], 0.5277778),
        ("none", 0.5555556),
    ],
)
def test_what_is_neutral_depends_on_the_judge(
    labelled: Labelled, networks: Any, gate: float
) -> None:
    assert len(decided(labelled, networks, threshold=0.5, gate=gate).load()) == len(NEW)
    says = decided(labelled, networks, threshold=0.45, gate=0.35).refused()
    assert says.endswith(f"label with --threshold 0.5 --gate {gate:.3g}")


def test_probabilities_are_asked_for_with_a_gate_that_they_take(
    taught: Pseudo, tmp_path: Path
) -> None:
    labels = tmp_path / "sub.csv"
    shutil.copy(taught.labels, labels)
    shutil.copy(taught.labels.with_suffix(".json"), tmp_path)
    copied = dataclasses.replace(taught, labels=labels)
    decided(Labelled(taught.images, labels), [{"judge": True}], threshold=0.35)
    with pytest.raises(DataError, match=r"a threshold of 0\.35.* --threshold 0\.5 --gate 0$"):
        copied.load(DATA, HELD_OUT)


@pytest.mark.parametrize("fold", [0, None])
def test_a_gate_of_0_is_for_probabilities_alone(labelled: Labelled, fold: int | None) -> None:
    """As labels, they would teach salt where the model sees none."""
    decided(labelled, [{"judge": True}], threshold=0.5, gate=0.0)
    with pytest.raises(DataError, match=r"a gate of 0, .* --gate 0\.556, or .*probabilities$"):
        labelled.pseudo().load(DATA, HeldOut(DATA, SPLIT, fold))
    # Where there is no judge to ask, it is a choice like any other.
    decided(labelled, [{"judge": False}], threshold=0.5, gate=0.5)
    value = json.loads(labelled.report.read_text())
    value["options"]["gate"] = 0.0
    labelled.report.write_text(json.dumps(value))
    assert len(labelled.pseudo().load(DATA, HeldOut(DATA, SPLIT, fold)))


def test_a_gate_of_0_hides_nothing_of_probabilities(taught: Pseudo, tmp_path: Path) -> None:
    labels = tmp_path / "sub.csv"
    shutil.copy(taught.labels, labels)
    shutil.copy(taught.labels.with_suffix(".json"), tmp_path)
    decided(Labelled(taught.images, labels), [{"judge": True}], threshold=0.5, gate=0.0)
    assert len(dataclasses.replace(taught, labels=labels).load(DATA, HELD_OUT)) == len(NEW)


@pytest.mark.slow
def test_labels_of_a_model_that_may_have_seen_the_tiles(
    labelled: Labelled, data_folder: Path, tmp_path: Path
) -> None:
    assert not labelled.pseudo().doubted(HELD_OUT)
    labelled.sign(start_may_have_seen_fold=True)
    assert labelled.pseudo().doubted(HELD_OUT)
    assert not labelled.pseudo().doubted(
        HeldOut(DATA, SPLIT, None)
    )  # there is nothing to have seen
    opening, *_, summary = train(data_folder, tmp_path / "run", labelled.pseudo())
    assert "warning: what this run started from, or what labelled for it, may have" in opening
    assert "with flip TTA, whose tiles the weights it started from or what labelled" in summary
    assert checkpoints.load(tmp_path / "run" / LAST).scores["start_may_have_seen_fold"] is True


def test_a_share_is_not_lost_to_rounding() -> None:
    sure, same = np.arange(100.0), np.zeros(100, int)
    for percent in range(1, 101):
        chosen = pseudo_labels._surest(sure, same, same == 0, percent / 100)
        assert np.count_nonzero(chosen) == percent


def test_no_report(labelled: Labelled) -> None:
    labelled.report.unlink()
    says = labelled.refused()
    assert "sub.json, which says which model labelled sub.csv, cannot be read" in says
    assert "salt-infer --details --out sub.csv --report sub.json" in says


@pytest.mark.parametrize("text", ["", "{", "\xff", "[" * 100_000, "1" * 5000])
def test_a_report_that_is_no_json(labelled: Labelled, text: str) -> None:
    labelled.report.write_bytes(text.encode("latin-1"))
    assert "cannot be read" in labelled.refused()


@pytest.mark.parametrize("text", ["[]", "null", '"out_sha256"', "1", "{}"])
def test_json_that_is_no_report(labelled: Labelled, text: str) -> None:
    labelled.report.write_text(text)
    says = labelled.refused()
    assert "is not a report of salt-infer" in says or "is not the file" in says


@pytest.mark.parametrize("options", [None, [], {"threshold": None}, {"gate": "0.5"}])
def test_a_report_whose_decision_is_none(labelled: Labelled, options: object) -> None:
    report = json.loads(labelled.report.read_text())
    labelled.report.write_text(json.dumps(report | {"options": options}))
    assert "is not a report of salt-infer" in labelled.refused()


ORIGIN = {"split_sha256": SPLIT.sha256, "fold": 0}
CONTRACTS = [None, [], "contract", {}, {"validation": None}, {"validation": "fold"}]
VALIDATIONS: list[Any] = [
    {}, {"fold": 0}, {"split_sha256": SPLIT.sha256}, {"members": []}, {"members": None},
    {"members": ORIGIN}, {"members": [ORIGIN, None]}, {"members": [ORIGIN, {}]},
    ORIGIN | {"members": []},
]  # fmt: skip


@pytest.mark.parametrize(
    "model",
    [None, [], "model", 7, {}]
    + [{"contract": contract} for contract in CONTRACTS]
    + [{"contract": {"validation": validation}} for validation in VALIDATIONS],
)
def test_a_report_that_does_not_say_what_was_held_out(labelled: Labelled, model: object) -> None:
    value = json.loads(labelled.report.read_text())
    labelled.report.write_text(json.dumps(value | {"model": model}))
    assert "does not say which fold the labels' model held out" in labelled.refused()
    del value["model"]
    labelled.report.write_text(json.dumps(value))
    assert "does not say which fold the labels' model held out" in labelled.refused()


@pytest.mark.parametrize("seen", [["a"], {"a": 1}, None, "x\n" * 40, 1.5])
def test_an_origin_of_another_kind(labelled: Labelled, seen: object) -> None:
    for field in ("split_sha256", "fold"):
        labelled.sign(**(ORIGIN | {field: seen}))
        says = labelled.refused()
        assert re.search("may have been trained on|trained on every tile", says)
        assert "\n" not in says


def test_every_network_of_an_ensemble_must_have_held_out_the_fold(labelled: Labelled) -> None:
    labelled.sign(members=[ORIGIN, ORIGIN | {"epoch": 3}])
    assert labelled.load().ids == NEW.ids
    labelled.sign(members=[ORIGIN, ORIGIN | {"fold": 3}])
    assert "held out fold 3" in labelled.refused()


def test_a_submission_without_details(tmp_path: Path, gated_model: Path) -> None:
    synthetic.write(NEW, tmp_path)
    labels = label(tmp_path / "tiles", tmp_path / "sub.csv", gated_model, "--gate", 0.46)
    says = Labelled(tmp_path / "tiles", labels).refused()
    assert "sub.csv has no column confidence; write it with salt-infer --details" in says


@pytest.mark.parametrize("text", ["1 2 3", "0 5", "10201 2", "x"])
def test_a_malformed_mask_is_named(labelled: Labelled, text: str) -> None:
    labelled.with_rows({NEW.ids[0]: ("1 2", 0.5), NEW.ids[3]: (text, 0.5)})
    assert f"sub.csv: label of {NEW.ids[3]}: " in labelled.refused()


def test_a_malformed_file_is_named(labelled: Labelled) -> None:
    labelled.labels.write_bytes(labelled.labels.read_bytes() + b"\n")
    labelled.sign()
    assert "0 columns, expected id,rle_mask,salt,confidence" in labelled.refused()


def test_a_tile_that_has_become_bad(labelled: Labelled, tmp_path: Path) -> None:
    images = tmp_path / "tiles"
    shutil.copytree(labelled.images, images)
    (images / f"{NEW.ids[5]}.png").write_bytes(b"")
    says = dataclasses.replace(labelled, images=images).refused()
    assert f"{NEW.ids[5]}: empty file" in says


def test_tiles_of_quite_other_names(labelled: Labelled, tmp_path: Path) -> None:
    images = tmp_path / "tiles"
    shutil.copytree(labelled.images, images)
    for path in images.iterdir():
        path.rename(path.with_name(f"other-{path.name}"))
    says = dataclasses.replace(labelled, images=images).refused()
    assert f" tiles in {images} is in {labelled.labels}, whose first is " in says
    assert re.search(r"first is \S+ \(other-\S+ there\); give the tiles that were labelled", says)


@pytest.mark.parametrize("sure", [0.0, float("nan"), -1.0])
def test_labels_that_nobody_is_sure_of(labelled: Labelled, sure: float) -> None:
    labelled.with_rows(dict.fromkeys(NEW.ids, ("1 2", sure)))
    assert "to be sure of" in labelled.refused()


@pytest.mark.parametrize("fraction", [0.5, 1.0])
def test_what_is_left_out_is_told(labelled: Labelled, fraction: float) -> None:
    said: list[str] = []
    learnt = labelled.pseudo(fraction).load(DATA, HELD_OUT, said.append)
    (line,) = said
    total, known, *less = (int(number) for number in re.findall(r"\b\d+\b", line))
    assert line.startswith(f"of {total} tiles with pseudo-labels, {known} are among the labelled")
    assert len(learnt) == total - known - sum(less)
    assert len(less) == (fraction < 1)
    assert line.endswith(": these are not learnt")


def test_a_share_of_nothing(labelled: Labelled) -> None:
    assert "and 0.01 of each coverage class of those is less than one" in labelled.refused(
        fraction=0.01
    )


def test_no_tiles(labelled: Labelled, tmp_path: Path) -> None:
    missing = dataclasses.replace(labelled, images=tmp_path / "missing")
    with pytest.raises(InputError, match="missing does not exist"):
        missing.load()
    missing = dataclasses.replace(labelled, labels=tmp_path / "missing.csv")
    with pytest.raises(InputError, match=r"there is no file .*missing\.csv"):
        missing.load()
    other = tmp_path / "other"
    synthetic.write(renamed(NEW, "other"), other)
    assert (
        "none of the 30 tiles in" in dataclasses.replace(labelled, images=other / "tiles").refused()
    )


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.01, float("nan"), float("inf")])
def test_shares_that_are_none(fraction: float) -> None:
    with pytest.raises(ConfigError, match="expected above 0 and at most 1"):
        Pseudo(Path("sub.csv"), Path("tiles"), fraction)


@pytest.mark.parametrize("name", ["sub.json", "sub", "", "sub.csv.gz"])
def test_labels_of_another_kind(name: str) -> None:
    with pytest.raises(ConfigError, match=r"expected a submission that ends in \.csv"):
        Pseudo(Path(name), Path("tiles"), 0.5)


def test_a_submission_for_each_fold(everything: Labelled, tmp_path: Path) -> None:
    for fold in (0, 1):
        folder = tmp_path / f"run-{fold}"
        folder.mkdir()
        mine = Labelled(everything.images, folder / f"sub-{fold}.csv")
        shutil.copy(everything.labels, mine.labels)
        shutil.copy(everything.report, mine.report)
        mine.with_rows({NEW.ids[fold]: ("", 0.5)})
        mine.sign(fold=fold)
    pattern = Labelled(everything.images, tmp_path / "run-{fold}" / "sub-{fold}.csv")
    for fold in (0, 1):
        assert pattern.load(fold=fold).ids == (NEW.ids[fold],)
    assert pattern.pseudo().sha256(0) != pattern.pseudo().sha256(1)
    with pytest.raises(
        InputError, match=r"there is no file .*run-2/sub-2\.csv; expected a submiss"
    ):
        pattern.load(fold=2)


# --- probabilities instead of labels


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, gated_model: Path) -> Pseudo:
    """New tiles, each with its labels and the probabilities that they were made of."""
    folder = tmp_path_factory.mktemp("taught")
    synthetic.write(NEW, folder)
    soft = folder / "soft.npz"
    labels = label(
        folder / "tiles", folder / "sub.csv", gated_model,
        "--details", "--gate", 0, "--threshold", 0.5, "--probabilities", soft,
    )  # fmt: skip
    return Pseudo(labels, folder / "tiles", 1.0, soft)


@pytest.mark.slow
def test_a_teacher_without_a_judge_is_learnt_as_it_is(
    judgeless_model: Path, tmp_path: Path
) -> None:
    """Its pixels' probabilities, and not these times the largest of them."""
    synthetic.write(NEW, tmp_path)
    soft, tiles = tmp_path / "soft.npz", tmp_path / "tiles"
    label(
        tiles, tmp_path / "sub.csv", judgeless_model,
        "--details", "--gate", 0, "--threshold", 0.5, "--probabilities", soft,
    )  # fmt: skip
    taught = Pseudo(tmp_path / "sub.csv", tiles, 1.0, soft).load(DATA, HELD_OUT)
    assert taught.soft is not None
    with np.load(soft) as written:
        place = [written["ids"].tolist().index(name) for name in taught.ids]
        pixels = written["probability"][place].astype(np.float32)
    product = taught.soft.probability * taught.soft.salt[:, None, None]
    np.testing.assert_allclose(product, pixels, atol=1.01)
    assert pixels.max() > 10


def as_labels(taught: Pseudo, folder: Path) -> Pseudo:
    """The same masks, as if they had been drawn with the neutral gate."""
    folder.mkdir()
    for path in (taught.labels, taught.labels.with_suffix(".json")):
        shutil.copy(path, folder)
    labels = folder / taught.labels.name
    decided(Labelled(taught.images, labels), [{"judge": True}], threshold=0.5, gate=5 / 9)
    return Pseudo(labels, taught.images, 1.0)


def test_a_teachers_probabilities_are_learnt_beside_true_labels(
    taught: Pseudo, tmp_path: Path
) -> None:
    trainer = Trainer(CONFIG, RunOptions(tmp_path, progress=False), DATA, taught)
    found, assumed = trainer.train_data.soft, 30
    assert found is not None
    assert trainer.train_data.ids[assumed:] == NEW.ids
    assert found.certain.tolist() == [True] * assumed + [False] * len(NEW)
    assert taught.probabilities is not None
    with np.load(taught.probabilities) as written:
        np.testing.assert_array_equal(found.probability[assumed:], written["probability"])
        np.testing.assert_array_equal(found.salt[assumed:], written["salt"])
    hard = as_labels(taught, tmp_path / "hard").load(DATA, HELD_OUT)
    assert trainer.config.pseudo_sha256 != hard.sha256
    assert trainer.validation_data.soft is None


def test_where_the_teacher_is_sure_of_no_salt_it_is_learnt_and_first(
    taught: Pseudo, tmp_path: Path
) -> None:
    """Its masks there, which a gate of 0 lets pass, are nothing to be sure of: 0.0000 in the
    table, as of a tile that could not be read, which is left out.
    """
    assert taught.probabilities is not None
    none, *others, unread = NEW.ids
    rows = {name: (text, 0.3) for name, text in read_rows(taught.labels).items()}
    for path in (taught.labels, taught.labels.with_suffix(".json")):
        shutil.copy(path, tmp_path)
    labelled = Labelled(taught.images, tmp_path / taught.labels.name)
    labelled.with_rows(
        rows | {none: (rows[none][0], 0.0)},
        salt=dict.fromkeys(others, 0.45) | {none: 0.0, unread: math.nan},
    )
    with np.load(taught.probabilities) as written:
        salt = np.where(written["ids"] == none, np.float32(1e-5), np.float32(0.45))
        soft = tmp_path / "soft.npz"
        np.savez_compressed(soft, **{**written, "salt": salt})
    pseudo = dataclasses.replace(labelled.pseudo(), probabilities=soft)
    assert pseudo.load(DATA, HELD_OUT).ids == (none, *others)
    surest = dataclasses.replace(pseudo, fraction=1.5 / len(NEW)).load(DATA, HELD_OUT)
    assert surest.ids == (none,)
    assert surest.soft is not None
    assert surest.soft.salt.tolist() == pytest.approx([1e-5])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("probability", r"labels for \d+\.\d% of the pixels"),
        ("salt", rf"probabilities of salt for {len(NEW)} of {len(NEW)} tiles"),
    ],
)
def test_probabilities_of_another_run(name: str, says: str, taught: Pseudo, tmp_path: Path) -> None:
    """Labels and report are right, and what is learnt would be of something else."""
    assert taught.probabilities is not None
    with np.load(taught.probabilities) as written:
        arrays = dict(written)
    most = 255 if name == "probability" else 1
    arrays[name] = most - arrays[name]
    other = tmp_path / "other.npz"
    np.savez_compressed(other, **arrays)
    with pytest.raises(DataError, match=rf"other\.npz has other {says} than .*sub\.csv; write"):
        dataclasses.replace(taught, probabilities=other).load(DATA, HELD_OUT)


def test_probabilities_in_a_folder_lack_the_judges(taught: Pseudo, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a file that ends in \.npz: a folder"):
        dataclasses.replace(taught, probabilities=tmp_path)


def test_probabilities_of_each_fold(taught: Pseudo, tmp_path: Path) -> None:
    pattern = tmp_path / "soft-{fold}.npz"
    assert taught.probabilities is not None
    shutil.copy(taught.probabilities, tmp_path / "soft-0.npz")
    loaded = dataclasses.replace(taught, probabilities=pattern).load(DATA, HELD_OUT)
    assert loaded.sha256 == taught.load(DATA, HELD_OUT).sha256


@pytest.mark.slow
def test_a_student_of_probabilities(taught: Pseudo, data_folder: Path, tmp_path: Path) -> None:
    opening, *_ = train(data_folder, tmp_path, taught)
    assert f"30 tiles and {len(NEW)} with pseudo-labels to train on" in opening
    rows = checkpoints.load(tmp_path / LAST).history
    assert all(np.isfinite(row["loss"]) for row in rows)
    hard = as_labels(taught, tmp_path / "hard")
    refused(data_folder, tmp_path, hard, "pseudo_sha256 was")


# --- the whole way, through a run and its checkpoint


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    synthetic.write(DATA, folder)
    (folder / "tiles").rename(folder / "images")
    return folder


def train(data: Path, out: Path, pseudo: Pseudo | None, resume: bool = False) -> list[str]:
    said: list[str] = []
    options = RunOptions(out, progress=False)
    said.append(job.run(Job(data, CONFIG, options, resume=resume, pseudo=pseudo, say=said.append)))
    return said


@pytest.mark.slow
def test_a_run_knows_its_pseudo_labels(
    labelled: Labelled, data_folder: Path, tmp_path: Path, gated_model: Path
) -> None:
    out, pseudo = tmp_path / "run", labelled.pseudo(0.5)
    added = len(labelled.load(0.5))
    opening, *_ = train(data_folder, out, pseudo)
    assert f"30 tiles and {added} with pseudo-labels to train on, 10 to validate on" in opening
    done = checkpoints.load(out / LAST)
    digest = labelled.load(0.5).sha256
    assert (done.config.pseudo_sha256, done.config.pseudo_fraction) == (digest, 0.5)
    assert done.scores["tiles"] == 10
    assert "is finished" in train(data_folder, out, pseudo, resume=True)[0]
    refused(data_folder, out, labelled.pseudo(0.6), r"pseudo_fraction was 0\.5 and is now 0\.6")
    refused(data_folder, out, None, f"pseudo_sha256 was {digest} and is now empty;")
    more = ("--details", "--gate", 1, "--overwrite")
    label(labelled.images, labelled.labels, gated_model, *more)
    other = labelled.load(0.5).sha256
    refused(data_folder, out, pseudo, f"pseudo_sha256 was {digest} and is now {other}")
    kept = checkpoints.load(out / LAST)
    assert (kept.config, kept.scores) == (done.config, done.scores)


def refused(data: Path, out: Path, pseudo: Pseudo | None, says: str) -> None:
    with pytest.raises(CheckpointError, match=says):
        train(data, out, pseudo, resume=True)


@pytest.mark.slow
def test_a_run_without_them_is_not_resumed_with_them(
    everything: Labelled, data_folder: Path, tmp_path: Path
) -> None:
    train(data_folder, tmp_path, None)
    assert checkpoints.load(tmp_path / LAST).config.pseudo_sha256 == ""
    refused(data_folder, tmp_path, everything.pseudo(), "pseudo_sha256 was empty and is now")
