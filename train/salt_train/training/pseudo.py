"""Pseudo-labels: tiles that a model has labelled, to train on beside the true ones.

Lee, "Pseudo-Label", 2013. Which models may label is told in :mod:`salt_train.training.labeller`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.data import dataset
from salt_infer.data.ids import composed
from salt_infer.data.labels import Labels
from salt_infer.data.tiles import CRC32, decode_all, others_than
from salt_infer.errors import InputError, SaltError
from salt_infer.masks.coverage import coverage_class
from salt_infer.masks.table import find_texts, read_column
from salt_infer.modelfile.learnt import Learnt
from salt_infer.system.callbacks import Tell
from salt_infer.system.text import named, shown
from salt_train.data.dataset import Dataset
from salt_train.data.held_out import HeldOut
from salt_train.data.soft_labels import SoftLabels
from salt_train.errors import ConfigError, DataError
from salt_train.settings.config import FOLD, NONE
from salt_train.training.labeller import Labeller

_DIGITS = 1e-4  # a CSV has four
_ROUNDED = 0.01  # of the pixels: so many at most are on the other side once they are uint8


@dataclasses.dataclass(frozen=True)
class Pseudo:
    """Where pseudo-labels come from.

    Attributes:
        labels: a submission that ``salt-infer --details`` wrote, its name ending in ``.csv``; the
            run's report lies beside it with the ending ``.json``. ``{fold}`` in the path stands
            for the fold's number.
        images: the tiles it speaks of: directory or zip.
        fraction: share of each coverage class that is used, surest first, above 0 to 1.
        probabilities: what the same run wrote with ``--probabilities`` and a gate of 0, an
            ``.npz``: to be learnt instead of the labels. ``{fold}`` as in ``labels``.
    """

    labels: Path
    images: Path
    fraction: float
    probabilities: Path | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError where a setting is out of range."""
        if not 0 < self.fraction <= 1:
            raise ConfigError(f"fraction is {self.fraction}, expected above 0 and at most 1")
        if self.labels.suffix.lower() != ".csv":
            raise ConfigError(
                f"pseudo-labels are {self.labels}, expected a submission that ends in .csv, its "
                "report beside it"
            )
        if self.probabilities and self.probabilities.suffix.lower() != ".npz":
            raise ConfigError(
                f"their probabilities are {self.probabilities}, expected a file that ends in .npz: "
                "a folder does not have the judge's"
            )

    def for_fold(self, fold: int | None) -> Path:
        """The submission for a run that holds out this fold, or none."""
        return _of_fold(self.labels, fold)

    def sha256(self, fold: int | None) -> str:
        """Digest of the submission.

        Raises:
            InputError: there is no such file.
            DataError: it cannot be read.
        """
        path = self.for_fold(fold)
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except FileNotFoundError as error:
            raise InputError(
                f"there is no file {path}; expected a submission by salt-infer --details"
            ) from error
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror})") from error

    def doubted(self, held_out: HeldOut) -> bool:
        """Whether the labels' model may have seen the held-out tiles, though :meth:`load` lets it
        label: through what it started from, or as it is one that ships.

        Raises:
            DataError: there is no such report.
        """
        if held_out.fold is None:
            return False
        return Labeller.of(self.for_fold(held_out.fold)).may_have_seen(held_out)

    def learnt(self, fold: int | None) -> Learnt:
        """The tiles that the labels' model has learnt from, as far as its file is at hand.

        Raises:
            DataError: there is no report of it.
        """
        return Labeller.of(self.for_fold(fold)).learnt

    def remarks(self, fold: int | None) -> list[str]:
        """What may be other than it looks, a line each.

        Raises:
            InputError: the submission or its tiles are not there.
            LabelError: the submission cannot be read.
        """
        path = self.for_fold(fold)
        with dataset.open_images(self.images) as source, Labels(path) as labels:
            used = {labels.find(tile.id) for tile in source.tiles}
            without = [name for name in labels.ids if name not in used]
        lines = []
        if without:
            lines.append(
                f"{len(without)} of {len(labels.ids)} labels in {path} have no tile in "
                f"{self.images}, and are not used ({shown(without[0])})"
            )
        if find_texts(path, CRC32) is None:
            lines.append(
                f"warning: {path} has no column {CRC32}, as salt-infer --details writes today: "
                f"whether {self.images} has the tiles that it was made of, or others of the same "
                "names, is not known"
            )
        return lines

    def load(self, data: Dataset, held_out: HeldOut, tell: Tell = lambda line: None) -> Dataset:
        """Tiles and masks to train on beside those of ``data``.

        Left out are tiles that ``data`` has, by name or by pixels: they have true labels, and
        those of the held-out fold must not be trained on. How many are, and why, is told in a line.

        Raises:
            InputError: the submission or its tiles are not there.
            DataError: the files do not fit together, the labels' model may have been trained on
                tiles that this run holds out, or no tile is left to train on.
        """
        path, sha256 = self.for_fold(held_out.fold), self.sha256(held_out.fold)
        Labeller.of(path).check(sha256, held_out, soft=self.probabilities is not None)
        labelled, confidence = self._labelled(path, held_out.fold)
        new = _is_new(labelled, data)
        chosen = _surest(confidence, coverage_class(labelled.masks), new, self.fraction)
        if not chosen.any():
            raise DataError(
                f"{path} adds no tile to train on: {len(labelled)} of {self.images} have a label "
                f"in it, {self._none_of(int(np.count_nonzero(new)))}"
            )
        if left := _left_out(new, chosen):
            tell(f"of {len(labelled)} tiles with pseudo-labels, {left}")
        return labelled.subset(chosen)

    def _none_of(self, new: int) -> str:
        """Why none is taken of so many tiles that are not labelled already."""
        if not new:
            return (
                "all of which are among the labelled tiles, by name or by pixels; give tiles that "
                "are others names of their own, and label them again"
            )
        return (
            f"{new} of these are not among the labelled tiles, and {self.fraction:g} of each "
            "coverage class of those is less than one"
        )

    def _labelled(self, path: Path, fold: int | None) -> tuple[Dataset, npt.NDArray[np.float64]]:
        """All tiles that the model has labelled, and how sure it is of each: labels that it is not
        sure of at all are not taken, but probabilities are.
        """
        try:
            confidence = read_column(path, "confidence")
            given = confidence if self.probabilities is None else _read(path)
            data, written = self._with_masks(path, given)
            self._check_pixels(data, written, path)
            sure = np.array([confidence[name] for name in written])
            if self.probabilities is None:
                return data, sure
            probabilities = _of_fold(self.probabilities, fold)
            soft = SoftLabels.read(probabilities, data.ids)
            _check_one_run(soft, probabilities, data, written, path)
            judged = Labeller.of(path).judged
            return _softened(data, sure, soft if judged else soft.of_tiles_with_salt())
        except InputError:
            raise
        except SaltError as error:
            raise DataError(str(error)) from error

    def _with_masks(self, path: Path, given: Mapping[str, float]) -> tuple[Dataset, list[str]]:
        """The tiles whose label counts for more than 0, with their masks, and what the submission
        calls each.
        """
        with dataset.open_images(self.images) as source, Labels(path) as labels:
            # A letter may be one character there and several here, as for the labels.
            rows = {tile.id: labels.find(tile.id) or "" for tile in source.tiles}
            if not any(rows.values()):
                raise DataError(
                    f"none of the {len(rows)} tiles in {self.images} is in {path}, whose first "
                    f"is {named(labels.ids[:1])} ({named([*rows][:1])} there); "
                    "give the tiles that were labelled, under the same names"
                )
            # One that could not be read may have a row all the same.
            tiles = [tile for tile in source.tiles if given.get(rows[tile.id], 0.0) > 0]
            if not tiles:
                raise DataError(f"no tile in {self.images} has a label in {path} to be sure of")
            ids = tuple(tile.id for tile in tiles)
            pixels = decode_all(self.images, source, tiles).pixels
            return Dataset(ids, pixels, labels.masks(ids)), [rows[name] for name in ids]

    def _check_pixels(self, data: Dataset, written: Sequence[str], path: Path) -> None:
        """Raise DataError where a tile is not the one that the model saw under its name, which is
        as the submission has it.
        """
        if places := others_than(path, written, data.tiles):
            others = [data.ids[place] for place in places]
            raise DataError(
                f"{len(others)} of {len(data)} tiles in {self.images} have other pixels than those "
                f"that {path} was made of ({named(others)}); give the tiles that were labelled, or "
                "label these"
            )


def _left_out(new: npt.NDArray[np.bool_], chosen: npt.NDArray[np.bool_]) -> str:
    """How many tiles are not learnt, and why; bool [N] each."""
    known, less = np.count_nonzero(~new), np.count_nonzero(new & ~chosen)
    parts = []
    if known:
        parts.append(f"{known} are among the labelled tiles, by name or by pixels")
    if less:
        parts.append(f"{less} are not in the surest share of their coverage class")
    return f"{' and '.join(parts)}: these are not learnt" if parts else ""


def _read(labels: Path) -> dict[str, float]:
    """1 for each tile that the model could read, 0 for others."""
    return {name: not math.isnan(salt) for name, salt in read_column(labels, "salt").items()}


def _softened(
    data: Dataset, sure: npt.NDArray[np.float64], soft: SoftLabels
) -> tuple[Dataset, npt.NDArray[np.float64]]:
    """The same tiles with the probabilities that their labels were made of, and how sure of them
    the model is: with its gate at 0, it has drawn masks where it is sure that there is no salt.
    """
    masks = soft.masks()
    return (
        dataclasses.replace(data, masks=masks, soft=soft),
        np.where(masks.any(axis=(1, 2)), sure, 1.0 - soft.salt),
    )


def _check_one_run(
    soft: SoftLabels, path: Path, data: Dataset, written: Sequence[str], labels: Path
) -> None:
    """Raise DataError unless probabilities are of the run that wrote the labels: only of these the
    report says which model they are by.
    """
    used, said = Labeller.of(labels).threshold, read_column(labels, "salt")
    pixels = float(np.mean((soft.probability > used * 255) != data.masks))
    apart = np.abs(soft.salt - np.array([said[name] for name in written]))
    tiles = np.count_nonzero(apart > _DIGITS)
    if pixels <= _ROUNDED and not tiles:
        return
    other = f"labels for {pixels:.1%} of the pixels"
    if tiles:
        other = f"probabilities of salt for {tiles} of {len(data)} tiles"
    raise DataError(
        f"{path} has other {other} than {labels}; write both in one run: salt-infer --gate 0 "
        "--details --out FILE.csv --report FILE.json --probabilities FILE.npz"
    )


def _of_fold(path: Path, fold: int | None) -> Path:
    return Path(str(path).replace(FOLD, NONE if fold is None else str(fold)))


def _surest(
    confidence: npt.NDArray[np.float64],
    classes: npt.NDArray[np.int64],
    among: npt.NDArray[np.bool_],
    fraction: float,
) -> npt.NDArray[np.bool_]:
    """The surest share of each class among some tiles, rounded down: bool [N]. Classes differ in
    how sure a model can be of them; the surest of all would be the empty ones.
    """
    chosen = np.zeros(len(confidence), dtype=bool)
    for number in np.unique(classes):
        members = np.flatnonzero(among & (classes == number))
        order = members[np.argsort(-confidence[members], kind="stable")]
        chosen[order[: math.floor(fraction * len(members) + 1e-9)]] = True  # .29 of 100 are 29
    return chosen


def _is_new(pseudo: Dataset, data: Dataset) -> npt.NDArray[np.bool_]:
    """Which tiles ``data`` does not have: bool [N]."""
    names = set(map(composed, data.ids))
    new = np.array([composed(name) not in names for name in pseudo.ids], dtype=bool)
    return np.asarray(new & ~pseudo.pixels_in(data))
