"""What labelled tiles for a run to train on: what it has learnt, and how it decided.

What a model has learnt reaches the next one through its labels. So one that was trained on the
tiles that a run validates on must not label for it, nor with a threshold or gate that was chosen by
them: the report that ``salt-infer`` writes beside a submission says where that comes from.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from salt_infer import models
from salt_infer.modelfile.contract import judges
from salt_infer.modelfile.learnt import Learnt
from salt_infer.modelfile.onnx_reader import learnt_of
from salt_train.checkpoints import shipped, unseen
from salt_train.data.folds import Split
from salt_train.data.held_out import HeldOut
from salt_train.errors import DataError
from salt_train.scoring.calibrate import CHOSEN_ON, OTHER_FOLDS
from salt_train.scoring.evaluate import NO_JUDGE, Decision

_EQUAL = 1e-6  # of thresholds and gates


@dataclasses.dataclass(frozen=True)
class Labeller:
    """The model that a submission is by, and the run that wrote it.

    Attributes:
        labels: the submission.
        report: of that run, as ``salt-infer --report`` writes it.
    """

    labels: Path
    report: Mapping[str, Any]

    @classmethod
    def of(cls, labels: Path) -> Self:
        """That of a submission, by the report beside it with the ending ``.json``.

        Raises:
            DataError: there is no such report.
        """
        return cls(labels, _report(labels))

    @property
    def threshold(self) -> float:
        """Which its masks were made by, 0..1."""
        return float(self._options.get("threshold", Decision().threshold))

    def may_have_seen(self, held_out: HeldOut) -> bool:
        """Whether it may have learnt of tiles that are held out, though :meth:`check` lets it
        pass: through what it started from, or as it is one that ships and learnt by another split.

        Raises:
            DataError: the report does not say what the model learnt from.
        """
        origins = self._origins()
        if self.learnt.complete:
            return bool(self.learnt.among(held_out.fresh.tiles).any())
        unknown = len(self._known(origins, held_out.split)) < len(origins)
        return unknown or any(origin.get(shipped.MAY_HAVE_SEEN) for origin in origins)

    @functools.cached_property
    def learnt(self) -> Learnt:
        """The tiles that the model has learnt from; UNKNOWN where its file is no longer where the
        run found it, and none that ships.
        """
        model = self.report.get("model")
        model = model if isinstance(model, Mapping) else {}
        digest, path = str(model.get("sha256")), Path(str(model.get("path")))
        return learnt_of(models.of_digest(digest) or path, digest)

    def check(self, sha256: str, held_out: HeldOut, soft: bool) -> None:
        """Raise DataError unless the model, or its report, says that it never saw a fold.

        Args:
            sha256: of the submission as it is.
            held_out: by the run that is to learn the labels.
            soft: whether probabilities are learnt, and not the masks.
        """
        if self.report.get("out_sha256") != sha256:
            raise DataError(
                f"{self.labels} is not the file that its report describes; run salt-infer again"
            )
        origins = self._origins()
        if not soft:
            self._check_gate()
        if held_out.fold is None:  # nothing is held out that they could have seen
            return
        split = held_out.split
        known, what = self._known(origins, split), f"{self.labels} was labelled by"
        if known or not self._ships:  # one that ships may label for any data
            unseen.check(self.learnt, known, held_out, what, "label with")
        if any(origin.get(CHOSEN_ON) != OTHER_FOLDS for origin in known):
            same = all(origin.get("split_sha256") == split.sha256 for origin in known)
            self._check_decision(soft, "was" if same else "may have been")

    @property
    def _ships(self) -> bool:
        return models.of_digest(self.report["model"].get("sha256")) is not None

    @property
    def judged(self) -> bool:
        """Whether a judge says if a tile has any salt, see
        :attr:`salt_infer.modelfile.contract.ModelContract.judged`.
        """
        return any(judges(self._contract.get("provenance")))

    @property
    def _options(self) -> Mapping[str, Any]:
        return self.report.get("options", {})  # type: ignore[no-any-return]

    @property
    def _contract(self) -> Mapping[str, Any]:
        """Of the model's file; :meth:`_origins` has looked whether it is there."""
        return self.report["model"]["contract"]  # type: ignore[no-any-return]

    def _origins(self) -> list[dict[str, Any]]:
        """What each network in the model held out; never empty."""
        value: Any = self.report
        for key in ("model", "contract", "validation"):
            value = value.get(key) if isinstance(value, Mapping) else None
        origins = value.get("members", [value]) if isinstance(value, Mapping) else None
        if not isinstance(origins, list) or not origins or not all(map(_is_origin, origins)):
            raise DataError(
                f"the report beside {self.labels} does not say which fold the labels' model held "
                "out; label with a model that salt-export wrote"
            )
        return origins

    def _known(self, origins: list[dict[str, Any]], split: Split) -> list[dict[str, Any]]:
        """Those networks that hold a run to what they held out: of a file that ships, which may
        label for any data, those that were trained with this split.
        """
        if not self._ships:
            return origins
        return [origin for origin in origins if origin["split_sha256"] == split.sha256]

    def _check_gate(self) -> None:
        """Refuse masks of tiles that the judge holds for empty: only probabilities are weighted."""
        neutral = self._neutral().gate
        if self.judged and self._options.get("gate", neutral) <= 0:
            raise DataError(
                f"{self.labels} was labelled with a gate of 0, so that it has masks where the "
                f"judge says that there is no salt; label with --gate {neutral:.3g}, or have the "
                "probabilities learnt: --pseudo-probabilities"
            )

    def _check_decision(self, soft: bool, was: str) -> None:
        """Refuse a threshold or gate that was chosen by the labels of the tiles held out here."""
        contract, used, neutral = self._contract, self._options, self._neutral()
        # A gate of 0 hides nothing, and soft labels have no other.
        checked = {"threshold": neutral.threshold} if soft else dataclasses.asdict(neutral)
        for name, value in checked.items():
            if used.get(name) == contract.get(name) and abs(used.get(name, value) - value) > _EQUAL:
                raise DataError(
                    f"{self.labels} was labelled with a {name} of {used.get(name)}, which {was} "
                    "chosen on the tiles that this run validates on; label with --threshold "
                    f"{neutral.threshold:g} --gate {0.0 if soft else neutral.gate:.3g}"
                )

    def _neutral(self) -> Decision:
        """What the networks decide by before anything is known of them, their mean."""
        known = judges(self._contract.get("provenance"))
        gates = [(Decision() if judge else NO_JUDGE).gate for judge in known]
        return Decision(gate=statistics.fmean(gates))


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
