"""Pseudo-labels: tiles that a model has labelled, to train on beside the true ones.

Lee, "Pseudo-Label", 2013. What the labelling model has learnt reaches the new one through its
labels. So a model that was trained on the tiles that a run validates on must not label for it: the
report that ``salt-infer`` writes says where a submission comes from, and is asked for.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer.data import dataset
from salt_infer.data.labels import Labels, read_column
from salt_infer.errors import InputError, SaltError
from salt_infer.masks.coverage import coverage_class
from salt_train.checkpoints import shipped
from salt_train.data.dataset import Dataset, read_tiles
from salt_train.data.folds import Split
from salt_train.data.soft_labels import SoftLabels
from salt_train.errors import ConfigError, DataError
from salt_train.scoring.calibrate import CHOSEN_ON, OTHER_FOLDS
from salt_train.scoring.evaluate import NO_JUDGE, Decision
from salt_train.settings.config import FOLD, NONE

_EQUAL = 1e-6  # of thresholds and gates
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

    def doubted(self, split: Split, fold: int | None) -> bool:
        """Whether the labels' model may have seen the held-out tiles: through what it started from,
        as its report says, or as it is one that ships and learnt by another split.

        Raises:
            DataError: there is no such report.
        """
        if fold is None:
            return False
        path = self.for_fold(fold)
        report = _report(path)
        origins = _origins(path, report)
        unknown = len(_known(origins, report, split)) < len(origins)
        return unknown or any(origin.get(shipped.MAY_HAVE_SEEN) for origin in origins)

    def load(self, data: Dataset, split: Split, fold: int | None) -> Dataset:
        """Tiles and masks to train on beside those of ``data``.

        Left out are tiles that ``data`` has, by name or by pixels: they have true labels, and
        those of the held-out fold must not be trained on.

        Raises:
            InputError: the submission or its tiles are not there.
            DataError: the files do not fit together, the labels' model may have been trained on
                tiles that this run holds out, or no tile is left to train on.
        """
        path = self.for_fold(fold)
        _check_origin(path, self.sha256(fold), split, fold, soft=self.probabilities is not None)
        labelled, confidence = self._labelled(path, fold)
        new = _is_new(labelled, data)
        chosen = _surest(confidence, coverage_class(labelled.masks), new, self.fraction)
        if not chosen.any():
            raise DataError(
                f"{path} adds no tile to train on: {len(labelled)} of {self.images} have a label "
                f"in it, {self._none_of(int(np.count_nonzero(new)))}"
            )
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
            with dataset.open_images(self.images) as source, Labels(path) as labels:
                # A letter may be one character there and several here, as for the labels.
                rows = {tile.id: labels.find(tile.id) or "" for tile in source.tiles}
                # One that could not be read may have a row all the same.
                tiles = [tile for tile in source.tiles if given.get(rows[tile.id], 0.0) > 0]
                if not tiles:
                    raise DataError(f"no tile in {self.images} has a label in {path} to be sure of")
                ids = tuple(tile.id for tile in tiles)
                data = Dataset(ids, read_tiles(source, tiles), labels.masks(ids))
            sure = np.array([confidence[rows[name]] for name in ids])
            if self.probabilities:
                data, sure = _softened(data, sure, path, _of_fold(self.probabilities, fold))
        except InputError:
            raise
        except SaltError as error:
            raise DataError(str(error)) from error
        return data, sure


def _read(labels: Path) -> dict[str, float]:
    """1 for each tile that the model could read, 0 for others."""
    return {name: not math.isnan(salt) for name, salt in read_column(labels, "salt").items()}


def _softened(
    data: Dataset, sure: npt.NDArray[np.float64], labels: Path, probabilities: Path
) -> tuple[Dataset, npt.NDArray[np.float64]]:
    """The same tiles with the probabilities that their labels were made of, and how sure of them
    the model is: with its gate at 0, it has drawn masks where it is sure that there is no salt.

    Raises:
        InputError: there is no such file.
        LabelError: it is damaged, or lacks a tile.
        DataError: the labels were not made of them.
    """
    soft = SoftLabels.read(probabilities, data.ids)
    used = _report(labels).get("options", {}).get("threshold", Decision().threshold)
    other = float(np.mean((soft.probability > used * 255) != data.masks))
    if other > _ROUNDED:
        raise DataError(
            f"{probabilities} has other labels than {labels} for {other:.1%} of the pixels; write "
            "both in one run: salt-infer --gate 0 --details --out FILE.csv --report FILE.json "
            "--probabilities FILE.npz"
        )
    masks = soft.masks()
    return (
        dataclasses.replace(data, masks=masks, soft=soft),
        np.where(masks.any(axis=(1, 2)), sure, 1.0 - soft.salt),
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
    names = set(data.ids)
    new = np.array([name not in names for name in pseudo.ids], dtype=bool)
    return np.asarray(new & ~pseudo.pixels_in(data))


def _check_origin(path: Path, sha256: str, split: Split, fold: int | None, soft: bool) -> None:
    """Raise DataError unless the report beside says that the labels' model never saw the fold."""
    report = _report(path)
    if report.get("out_sha256") != sha256:
        raise DataError(f"{path} is not the file that its report describes; run salt-infer again")
    origins = _origins(path, report)
    if not soft:
        _check_gate(path, report)
    if fold is None:  # nothing is held out that they could have seen
        return
    known = _known(origins, report, split)
    for origin in known:
        split.check_unseen(origin, fold, f"{path} was labelled by", "label with")
    if any(origin.get(CHOSEN_ON) != OTHER_FOLDS for origin in known):
        _check_decision(path, report, soft)


def _known(
    origins: list[dict[str, Any]], report: dict[str, Any], split: Split
) -> list[dict[str, Any]]:
    """Those networks of which it can be told what they have learnt. A file that ships was trained
    elsewhere, and does not name its tiles: with another split they may be these or none of these,
    as where a run starts from it.
    """
    if not shipped.ships(report["model"].get("sha256")):
        return origins
    return [origin for origin in origins if origin["split_sha256"] == split.sha256]


def _check_gate(path: Path, report: dict[str, Any]) -> None:
    """Refuse masks of tiles that the judge holds for empty, as only probabilities are weighted."""
    contract = report["model"]["contract"]
    neutral = _neutral(contract).gate
    if any(_judges(contract)) and report.get("options", {}).get("gate", neutral) <= 0:
        raise DataError(
            f"{path} was labelled with a gate of 0, so that it has masks where the judge says that "
            f"there is no salt; label with --gate {neutral:.3g}, or have the probabilities learnt: "
            "--pseudo-probabilities"
        )


def _check_decision(path: Path, report: dict[str, Any], soft: bool) -> None:
    """Refuse a threshold or gate that was chosen by the labels of the tiles held out here."""
    contract, used = report["model"]["contract"], report.get("options", {})
    neutral = _neutral(contract)
    checked = {"threshold": neutral.threshold} if soft else dataclasses.asdict(neutral)
    for name, value in checked.items():  # a gate of 0 hides nothing, and soft labels have no other
        if used.get(name) == contract.get(name) and abs(used.get(name, value) - value) > _EQUAL:
            raise DataError(
                f"{path} was labelled with a {name} of {used.get(name)}, which was chosen on the "
                f"tiles that this run validates on; label with --threshold {neutral.threshold:g} "
                f"--gate {0.0 if soft else neutral.gate:.3g}"
            )


def _neutral(contract: dict[str, Any]) -> Decision:
    """What a file's networks decide by before anything is known of them, their mean."""
    gates = [(Decision() if judge else NO_JUDGE).gate for judge in _judges(contract)]
    return Decision(gate=statistics.fmean(gates))


def _judges(contract: dict[str, Any]) -> list[bool]:
    """Whether each network of a file has a judge; those that it does not describe, as older files
    do not, are taken for one that has.
    """
    provenance = contract.get("provenance")
    networks = provenance.get("networks") if isinstance(provenance, dict) else None
    listed = networks if isinstance(networks, list) else []
    known = [each for each in listed if isinstance(each, dict)] or [{}]
    return [bool(each.get("judge", True)) for each in known]


def _origins(path: Path, report: dict[str, Any]) -> list[dict[str, Any]]:
    """What each network in the labels' model held out; never empty."""
    value: Any = report
    for key in ("model", "contract", "validation"):
        value = value.get(key) if isinstance(value, dict) else None
    origins = value.get("members", [value]) if isinstance(value, dict) else None
    if not isinstance(origins, list) or not origins or not all(map(_is_origin, origins)):
        raise DataError(
            f"the report beside {path} does not say which fold the labels' model held out; label "
            "with a model that salt-export wrote"
        )
    return origins


def _is_origin(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() >= {"split_sha256", "fold"}


def _report(path: Path) -> dict[str, Any]:
    beside = path.with_suffix(".json")
    try:
        value = json.loads(beside.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{beside}, which says which model labelled {path.name}, cannot be read ({error}); "
            f"write both: salt-infer --details --out {path.name} --report {beside.name}"
        ) from error
    if not isinstance(value, dict) or not _has_decision(value.get("options", {})):
        raise DataError(f"{beside} is not a report of salt-infer")
    return value


def _has_decision(options: Any) -> bool:
    """Whether threshold and gate are numbers, where they are there."""
    return isinstance(options, dict) and all(
        isinstance(options.get(name, neutral), int | float)
        for name, neutral in dataclasses.asdict(Decision()).items()
    )
